//! The events that go to the database together, as rows ready for COPY, with what is needed to account for each.
//!
//! Pure: records are pushed in, the clock is handed in. Knows neither Kafka's connection nor the database's.

mod shares;

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::time::{Duration, Instant};

use rdkafka::message::{BorrowedMessage, Message, OwnedMessage};
use schema::Event;
use uuid::Uuid;

use crate::copy;
use crate::decode::{self, Poison};
use crate::record::{Archive, Kept, header_bytes};

/// What headers are taken to weigh when rdkafka cannot read one of them: as much as brokers take in one record, unless
/// told otherwise.
const UNREADABLE_HEADERS: usize = 1 << 20;

/// When a batch is closed; whichever comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Records.
    pub(crate) records: usize,
    /// Bytes of memory that rows and records take.
    pub(crate) bytes: usize,
    /// Time since it was opened.
    pub(crate) wait: Duration,
}

/// A record that can never be stored, and why.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    /// The record, untouched.
    pub(crate) record: OwnedMessage,
    /// A stable word.
    pub(crate) reason: &'static str,
    /// A sentence.
    pub(crate) error: String,
}

impl DeadLetter {
    /// The reason of a record whose row the database refused.
    pub(crate) const REFUSED: &str = "refused_by_database";
}

/// Rows, and the records they came from. Empty ones are reused: their memory is kept.
#[derive(Default)]
pub(crate) struct Batch {
    /// Which assignment of partitions the records came from.
    pub(crate) generation: u64,
    opened: Option<Instant>,
    records: usize,
    /// How many of the records are accounted for already, while others are held.
    settled: usize,
    rows: Vec<u8>,
    /// The rows, by their number as they came, in the order in which they are shared out.
    order: Vec<usize>,
    /// Where each row ends in `rows`, and the id, prompt, record and time of receipt of each.
    ends: Vec<usize>,
    ids: Vec<Uuid>,
    prompts: Vec<u64>,
    hasher: RandomState,
    kept: Vec<Kept>,
    received: Vec<i64>,
    oldest: Option<i64>,
    seen: HashSet<Uuid>,
    archive: Archive,
    poisoned: Vec<DeadLetter>,
    poisoned_bytes: usize,
    next_offsets: BTreeMap<i32, i64>,
}

impl Batch {
    /// Takes a record in, whatever it holds. A batch's time begins with the `opened` of its first record.
    pub(crate) fn push(&mut self, message: &BorrowedMessage<'_>, opened: Instant) {
        self.opened.get_or_insert(opened);
        self.records += 1;
        self.next_offsets.insert(message.partition(), message.offset() + 1);
        match decode::decode(message) {
            Ok(event) => self.push_event(&event, message),
            Err(poison) => self.push_poison(&poison, message),
        }
    }

    fn push_event(&mut self, event: &Event<'_>, message: &BorrowedMessage<'_>) {
        if !self.seen.insert(event.id) {
            return; // the first one wins
        }
        copy::append_row(event, &mut self.rows);
        self.order.push(self.ends.len());
        self.ends.push(self.rows.len());
        self.ids.push(event.id);
        self.prompts.push(self.hasher.hash_one(event.prompt_id.as_bytes()));
        self.received.push(event.received_at);
        self.oldest = Some(self.oldest.map_or(event.received_at, |oldest| oldest.min(event.received_at)));
        self.kept.push(self.archive.keep(message));
    }

    fn push_poison(&mut self, poison: &Poison, message: &BorrowedMessage<'_>) {
        let (record, error) = (message.detach(), poison.to_string());
        let headers = match poison {
            Poison::HeaderNameNotUtf8 => UNREADABLE_HEADERS,
            Poison::NoEvent(_) => header_bytes(record.headers()),
        };
        let bytes = [record.key(), record.payload()].map(|bytes| bytes.map_or(0, <[u8]>::len));
        self.poisoned_bytes += bytes.iter().sum::<usize>() + headers + error.len() + size_of::<DeadLetter>();
        self.poisoned.push(DeadLetter { record, reason: poison.code(), error });
    }

    /// Whether it has room for no further record.
    pub(crate) fn is_full(&self, limits: &Limits) -> bool {
        let bytes = self.rows.len() + self.archive.len() + self.poisoned_bytes;
        self.records >= limits.records || bytes >= limits.bytes
    }

    /// How long it may still stay open; zero when it is due, `None` when it is empty.
    pub(crate) fn time_left(&self, limits: &Limits, now: Instant) -> Option<Duration> {
        let opened = self.opened?;
        let left = if self.is_full(limits) { Duration::ZERO } else { limits.wait };
        Some(left.saturating_sub(now.saturating_duration_since(opened)))
    }

    /// Records taken in, poisoned ones and duplicates included.
    pub(crate) fn records(&self) -> usize {
        self.records
    }

    /// Records that are not accounted for yet.
    pub(crate) fn in_flight(&self) -> usize {
        self.records - self.settled
    }

    /// All but `held` records are accounted for. Returns how many were not before.
    pub(crate) fn settle_all_but(&mut self, held: usize) -> usize {
        let before = std::mem::replace(&mut self.settled, self.records - held);
        self.settled - before
    }

    /// Rows: as many as there are different events.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Records whose event had come before in this batch.
    pub(crate) fn duplicates(&self) -> usize {
        self.records - self.ids.len() - self.poisoned.len()
    }

    /// Puts the rows in an order in which they can be written in so many equal shares, each with prompts of its own, and
    /// returns the shares. Rows keep their place from then on.
    pub(crate) fn share_out(&mut self, shares: usize) -> Vec<Range<usize>> {
        shares::share_out(&mut self.order, &self.prompts, shares)
    }

    /// The ids of some rows.
    pub(crate) fn ids(&self, rows: Range<usize>) -> Vec<Uuid> {
        self.order[rows].iter().map(|row| self.ids[*row]).collect()
    }

    /// The COPY bytes of a row.
    pub(crate) fn row(&self, row: usize) -> &[u8] {
        let row = self.order[row];
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.rows[start..self.ends[row]]
    }

    /// When intake received the rows' events; Unix milliseconds.
    pub(crate) fn received(&self) -> &[i64] {
        &self.received
    }

    /// When intake received the oldest of them.
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.oldest
    }

    /// The records that hold no event.
    pub(crate) fn poisoned(&self) -> &[DeadLetter] {
        &self.poisoned
    }

    /// The records that hold no event, no longer the batch's.
    pub(crate) fn take_poisoned(&mut self) -> Vec<DeadLetter> {
        std::mem::take(&mut self.poisoned)
    }

    /// The record of a row that the database refused.
    pub(crate) fn dead_letter(&self, row: usize, topic: &str, error: String) -> DeadLetter {
        let record = self.archive.restore(self.kept[self.order[row]], topic);
        DeadLetter { record, reason: DeadLetter::REFUSED, error }
    }

    /// Partition and offset from which to read on once all of this is safe.
    pub(crate) fn next_offsets(&self) -> impl Iterator<Item = (i32, i64)> {
        self.next_offsets.iter().map(|(&partition, &offset)| (partition, offset))
    }

    /// The offset from which to read the partition on, if any of it was taken in.
    pub(crate) fn next_offset(&self, partition: i32) -> Option<i64> {
        self.next_offsets.get(&partition).copied()
    }

    /// Empties it for records of `generation`.
    pub(crate) fn reset(&mut self, generation: u64) {
        self.generation = generation;
        self.opened = None;
        self.records = 0;
        self.settled = 0;
        self.rows.clear();
        self.order.clear();
        self.ends.clear();
        self.ids.clear();
        self.prompts.clear();
        self.kept.clear();
        self.received.clear();
        self.oldest = None;
        self.seen.clear();
        self.archive.clear();
        self.poisoned.clear();
        self.poisoned_bytes = 0;
        self.next_offsets.clear();
    }
}
