//! How many records of a partition are not stored yet.
//!
//! The offsets alone do not tell. The markers that end a transaction, and records of one that was aborted, take offsets
//! that no consumer is ever given; counted by offsets, a partition that ends with one would never be done. So a partition
//! whose end was reached, and of which all that was read is stored, has no lag.

use std::collections::BTreeMap;

use rdkafka::statistics::Partition;

/// Offsets of one partition as Kafka's client last reported them; negative where unknown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offsets {
    partition: i32,
    /// One behind the newest record, those of open transactions included: they wait to be stored too.
    end: i64,
    /// One behind the newest record that is not held back by an open transaction.
    readable: i64,
    stored: i64,
    committed: i64,
    begin: i64,
}

impl From<&Partition> for Offsets {
    fn from(partition: &Partition) -> Self {
        Self {
            partition: partition.partition,
            end: partition.hi_offset,
            readable: partition.ls_offset,
            stored: partition.stored_offset,
            committed: partition.committed_offset,
            begin: partition.lo_offset,
        }
    }
}

/// Which partitions were read to their end, each with the offset that was to be read next then; `None` when nothing of it
/// was read under this assignment.
#[derive(Debug, Default)]
pub(crate) struct Ends(BTreeMap<i32, Option<i64>>);

impl Ends {
    /// The partition has no record for us beyond those before `next`.
    pub(crate) fn reach(&mut self, partition: i32, next: Option<i64>) {
        self.0.insert(partition, next);
    }

    /// What was fetched may have been thrown away: nothing is known.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    /// The partition's lag, when `next` is what is to be read next now. `None` until Kafka has told its offsets.
    /// librdkafka's own `consumer_lag` counts from what was committed, up to a second behind, and knows none before the
    /// first commit.
    pub(crate) fn lag(&self, offsets: &Offsets, next: Option<i64>) -> Option<i64> {
        let nothing_since = self.0.get(&offsets.partition) == Some(&next);
        let held_back = (0..offsets.end).contains(&offsets.readable);
        if nothing_since && !held_back && next.is_none_or(|next| offsets.stored >= next) {
            return Some(0);
        }
        let known = |offset: &i64| *offset >= 0;
        let end = Some(offsets.end).filter(known)?;
        let done = [offsets.stored, offsets.committed, offsets.begin].into_iter().find(known)?;
        Some((end - done).max(0))
    }
}

impl Offsets {
    /// Which partition's.
    pub(crate) fn partition(&self) -> i32 {
        self.partition
    }
}

#[cfg(test)]
mod tests {
    use super::{Ends, Offsets};

    const UNKNOWN: i64 = -1_001;

    fn offsets(stored: i64, committed: i64, end: i64) -> Offsets {
        Offsets { partition: 3, end, readable: end, stored, committed, begin: 0 }
    }

    #[test]
    fn it_is_counted_from_what_is_stored_or_committed_or_the_beginning() {
        let ends = Ends::default();
        assert_eq!(ends.lag(&offsets(7, 5, 10), Some(9)), Some(3));
        assert_eq!(ends.lag(&offsets(UNKNOWN, 5, 10), None), Some(5));
        assert_eq!(ends.lag(&offsets(UNKNOWN, UNKNOWN, 10), None), Some(10));
        assert_eq!(ends.lag(&offsets(UNKNOWN, UNKNOWN, UNKNOWN), None), None);
    }

    #[test]
    fn markers_at_the_end_are_no_lag_once_all_before_them_is_stored() {
        let mut ends = Ends::default();
        ends.reach(3, Some(9));
        assert_eq!(ends.lag(&offsets(7, 7, 10), Some(9)), Some(3), "two records are not stored");
        assert_eq!(ends.lag(&offsets(9, 7, 10), Some(9)), Some(0));
        assert_eq!(ends.lag(&offsets(9, 9, 13), Some(12)), Some(4), "more was read since");
        let held_back = Offsets { readable: 9, ..offsets(9, 9, 13) };
        assert_eq!(ends.lag(&held_back, Some(9)), Some(4), "a transaction is open");
        ends.forget();
        assert_eq!(ends.lag(&offsets(9, 9, 10), Some(9)), Some(1), "not known to be the end");
    }

    #[test]
    fn a_restart_behind_markers_is_no_lag_although_nothing_was_read() {
        let mut ends = Ends::default();
        ends.reach(3, None);
        assert_eq!(ends.lag(&offsets(UNKNOWN, 9, 10), None), Some(0));
        assert_eq!(ends.lag(&offsets(UNKNOWN, 9, 12), Some(11)), Some(3));
    }
}
