//! Every metric of the consumer, each as a function; no other module holds a metric's name.
//!
//! The counters make a ledger of the process: consumed = inserted + duplicate + dead-lettered + in flight (+ given back,
//! which is what an open breaker held until its partitions went to another process). A write whose
//! answer was lost on the way is tried again and then finds its rows stored: they count as duplicates.

use std::time::Duration;

use ::metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use service::metrics::Metrics;

use crate::clock;

const CONSUMED: &str = "consumer_events_consumed_total";
const INSERTED: &str = "consumer_events_inserted_total";
const DUPLICATE: &str = "consumer_events_duplicate_total";
const DEAD_LETTERED: &str = "consumer_events_dead_lettered_total";
const GIVEN_BACK: &str = "consumer_events_given_back_total";
const BREAKER: &str = "consumer_dead_letter_breaker_open";
const IN_FLIGHT: &str = "consumer_events_in_flight";
const BATCH_ROWS: &str = "consumer_batch_rows";
const BATCH_WRITE: &str = "consumer_batch_write_seconds";
const COMMITTED: &str = "consumer_received_to_committed_seconds";
const LAG: &str = "consumer_lag_records";
const OLDEST: &str = "consumer_oldest_unwritten_seconds";
const PAUSED: &str = "consumer_reading_paused";
const OVERTAKEN: &str = "consumer_batches_overtaken_total";
const IN_VAIN: &str = "consumer_copies_in_vain_total";
const RETRIED: &str = "consumer_writes_retried_total";
const REBALANCED: &str = "consumer_rebalances_total";
const WAITING: &str = "consumer_waiting";
const OFFSETS_LOST: &str = "consumer_offset_resets_total";
const PENDING: &str = "consumer_pending_groups";
const PENDING_OLDEST: &str = "consumer_pending_oldest_seconds";
const FOLDED: &str = "consumer_groups_folded_total";
const LAST_FOLD: &str = "consumer_last_fold_timestamp_seconds";
const LAST_UPKEEP: &str = "consumer_last_upkeep_timestamp_seconds";
const UPKEEP_FAILED: &str = "consumer_upkeep_failures_total";

const ROWS: &[f64] =
    &[1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0, 50_000.0, 100_000.0];
const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0,
    86_400.0,
];

/// Starts recording, with all counters at zero so that rates can be told from the first event on.
pub(crate) fn install() -> Metrics {
    let metrics = Metrics::install(&[(BATCH_ROWS, ROWS), (BATCH_WRITE, SECONDS), (COMMITTED, SECONDS)]);
    describe_counter!(CONSUMED, "Records handed to the writer.");
    describe_counter!(INSERTED, "Events that became a new row.");
    describe_counter!(DUPLICATE, "Events whose id was stored, or stood in the batch, before.");
    describe_counter!(DEAD_LETTERED, "Records moved to the dead-letter topic, by reason.");
    describe_counter!(
        GIVEN_BACK,
        "Records that went back with their partitions while the breaker held them."
    );
    describe_gauge!(
        BREAKER,
        "1 while too many records would be dead-lettered and the consumer waits; else 0."
    );
    describe_gauge!(IN_FLIGHT, "Records with the writer.");
    describe_histogram!(BATCH_ROWS, "Rows of a batch.");
    describe_histogram!(BATCH_WRITE, "Seconds from a batch's hand-over to its commit, retries included.");
    describe_histogram!(COMMITTED, "Seconds from an event's receipt by intake to its commit.");
    describe_gauge!(
        LAG,
        "Records of a partition that are not stored yet, for the partitions of this process."
    );
    describe_gauge!(
        OLDEST,
        "Seconds since the receipt of the oldest event that was read and is not stored yet."
    );
    describe_gauge!(PAUSED, "1 while nothing is read because the writer is far behind; else 0.");
    describe_counter!(OVERTAKEN, "Batches in which another writer stored an event first.");
    describe_counter!(IN_VAIN, "Batches copied without asking that held an event which was stored.");
    describe_counter!(RETRIED, "Writes that failed through no fault of their rows and were tried again.");
    describe_counter!(REBALANCED, "Partition assignments received.");
    describe_gauge!(
        WAITING,
        "1 while the consumer waits for this and is therefore not ready; else 0. /readyz has the reason."
    );
    describe_counter!(
        OFFSETS_LOST,
        "Partitions reset because Kafka no longer had the next record: events were lost."
    );
    describe_upkeep();
    for name in
        [CONSUMED, INSERTED, DUPLICATE, GIVEN_BACK, OVERTAKEN, IN_VAIN, RETRIED, REBALANCED, OFFSETS_LOST]
    {
        counter!(name).absolute(0);
    }
    gauge!(BREAKER).set(0.0);
    gauge!(IN_FLIGHT).set(0.0);
    gauge!(PAUSED).set(0.0);
    gauge!(OLDEST).set(0.0);
    metrics
}

fn describe_upkeep() {
    describe_gauge!(
        PENDING,
        "Groups of counts that statements appended and that the last look found not folded yet."
    );
    describe_gauge!(
        PENDING_OLDEST,
        "Seconds since the oldest of those groups was appended; 0 when there are none."
    );
    describe_counter!(FOLDED, "Groups of counts that this process folded into the sums.");
    describe_gauge!(LAST_FOLD, "Unix time of the last fold by this process; 0 before the first.");
    describe_gauge!(
        LAST_UPKEEP,
        "Unix time when this process last looked for days that are over; 0 before the first."
    );
    describe_counter!(UPKEEP_FAILED, "Turns of folding and upkeep that failed and were tried again.");
    counter!(FOLDED).absolute(0);
    counter!(UPKEEP_FAILED).absolute(0);
    for name in [PENDING, PENDING_OLDEST, LAST_FOLD, LAST_UPKEEP] {
        gauge!(name).set(0.0);
    }
}

/// What was pending before a fold.
pub(crate) fn pending(groups: i64, oldest_seconds: f64) {
    gauge!(PENDING).set(groups as f64);
    gauge!(PENDING_OLDEST).set(oldest_seconds.max(0.0));
}

/// This process folded so many groups.
pub(crate) fn folded(groups: u64) {
    counter!(FOLDED).increment(groups);
    gauge!(LAST_FOLD).set(clock::unix_milliseconds() as f64 / 1_000.0);
}

/// This process looked for days that are over.
pub(crate) fn days_kept() {
    gauge!(LAST_UPKEEP).set(clock::unix_milliseconds() as f64 / 1_000.0);
}

/// A turn of folding and upkeep failed.
pub(crate) fn upkeep_failed() {
    counter!(UPKEEP_FAILED).increment(1);
}

/// Records went to the writer.
pub(crate) fn consumed(records: usize) {
    counter!(CONSUMED).increment(records as u64);
    gauge!(IN_FLIGHT).increment(records as f64);
}

/// Records came back from the writer, all accounted for.
pub(crate) fn settled(records: usize) {
    gauge!(IN_FLIGHT).decrement(records as f64);
}

/// A batch of `rows` is in the database; the ages are those of its rows, in milliseconds.
pub(crate) fn written(
    rows: usize,
    took: Duration,
    inserted: u64,
    duplicates: u64,
    ages: impl Iterator<Item = i64>,
) {
    counter!(INSERTED).increment(inserted);
    counter!(DUPLICATE).increment(duplicates);
    histogram!(BATCH_ROWS).record(rows as f64);
    histogram!(BATCH_WRITE).record(took);
    let committed = histogram!(COMMITTED);
    for age in ages {
        committed.record(age.max(0) as f64 / 1_000.0);
    }
}

/// Rows that were refused at first are in the database after all.
pub(crate) fn written_late(inserted: u64, duplicates: u64) {
    counter!(INSERTED).increment(inserted);
    counter!(DUPLICATE).increment(duplicates);
}

/// Too many records would be dead-lettered, or no longer.
pub(crate) fn breaker_open(open: bool) {
    gauge!(BREAKER).set(f64::from(u8::from(open)));
}

/// Records that were held by the breaker belong to another process now.
pub(crate) fn given_back(records: usize) {
    counter!(GIVEN_BACK).increment(records as u64);
}

/// A record was acknowledged by the dead-letter topic.
pub(crate) fn dead_lettered(reason: &'static str) {
    counter!(DEAD_LETTERED, "reason" => reason).increment(1);
}

/// Reading waits for the writer, or no longer.
pub(crate) fn reading_paused(paused: bool) {
    gauge!(PAUSED).set(f64::from(u8::from(paused)));
}

/// Another writer came first.
pub(crate) fn overtaken() {
    counter!(OVERTAKEN).increment(1);
}

/// A batch that was copied without asking held an event that was stored.
pub(crate) fn copied_in_vain() {
    counter!(IN_VAIN).increment(1);
}

/// A write is tried again.
pub(crate) fn write_retried() {
    counter!(RETRIED).increment(1);
}

/// Partitions were assigned.
pub(crate) fn rebalanced() {
    counter!(REBALANCED).increment(1);
}

/// Kafka had deleted records that were not read yet.
pub(crate) fn offsets_lost() {
    counter!(OFFSETS_LOST).increment(1);
}

/// The consumer waits for something, or no longer.
pub(crate) fn waiting(what: &'static str, waits: bool) {
    gauge!(WAITING, "what" => what).set(f64::from(u8::from(waits)));
}

/// Records of one partition that are not stored yet.
pub(crate) fn lag(partition: i32, records: i64) {
    gauge!(LAG, "partition" => partition.to_string()).set(records as f64);
}

/// The age of the oldest event that was read and is not stored; zero when there is none.
pub(crate) fn oldest_unwritten(milliseconds: i64) {
    gauge!(OLDEST).set(milliseconds.max(0) as f64 / 1_000.0);
}
