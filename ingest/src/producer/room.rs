//! How many records, and how many bytes, may wait for Kafka at once. A request gets room for all of its records or none.
//!
//! Full means an answer at once, before anything was handed over: nobody waits for room.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Memory of a record beside its key and value: librdkafka's own account of it, and its headers.
pub(crate) const RECORD_OVERHEAD: usize = 512;

/// The room of one client. A new client has a room of its own, since the old one may never report about its records.
#[derive(Debug)]
pub(crate) struct Room {
    most: Load,
    taken: Mutex<Load>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    records: usize,
    bytes: usize,
}

impl Room {
    /// Room for so many records and bytes.
    pub(crate) fn new(records: usize, bytes: usize) -> Arc<Self> {
        Arc::new(Self { most: Load { records, bytes }, taken: Mutex::default() })
    }

    /// Takes room for the records of a request, whose keys and values have so many bytes. What is larger than the whole
    /// room is let in when there is nothing else.
    pub(crate) fn take(self: &Arc<Self>, records: usize, bytes: usize) -> Option<Place> {
        let load = Load { records, bytes: bytes + records * RECORD_OVERHEAD };
        let mut taken = self.taken();
        let after = Load { records: taken.records + load.records, bytes: taken.bytes + load.bytes };
        let fits = after.records <= self.most.records && after.bytes <= self.most.bytes;
        if !fits && *taken != Load::default() {
            return None;
        }
        *taken = after;
        Some(Place { room: Arc::clone(self), load })
    }

    fn taken(&self) -> MutexGuard<'_, Load> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    room: Arc<Room>,
    load: Load,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        taken.records -= self.load.records;
        taken.bytes -= self.load.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::{RECORD_OVERHEAD, Room};

    #[test]
    fn there_is_room_for_all_or_for_none_and_it_comes_back() {
        let room = Room::new(10, 100_000);
        let first = room.take(8, 1_000).unwrap();
        assert!(room.take(3, 0).is_none());
        let second = room.take(2, 0).unwrap();
        assert!(room.take(1, 0).is_none());
        drop(first);
        assert!(room.take(8, 0).is_some());
        drop(second);
        assert!(room.take(10, 0).is_some());
    }

    #[test]
    fn bytes_count_as_well_as_records_and_each_record_has_some_beside_its_value() {
        let room = Room::new(1_000, 10_000);
        let _first = room.take(1, 9_000 - RECORD_OVERHEAD).unwrap();
        assert!(room.take(1, 1_001 - RECORD_OVERHEAD).is_none());
        assert!(room.take(1, 1_000 - RECORD_OVERHEAD).is_some());
    }

    #[test]
    fn what_is_larger_than_the_room_goes_alone() {
        let room = Room::new(1_000, 10_000);
        let alone = room.take(10, 20_000).unwrap();
        assert!(room.take(1, 0).is_none());
        drop(alone);
        let _small = room.take(1, 0).unwrap();
        assert!(room.take(10, 20_000).is_none());
    }
}
