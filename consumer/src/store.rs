//! Brings batches into Postgres. Returns when every row is stored or refused for good.
//!
//! The rows of a large batch are shared out to several connections: a server process works on one statement at a time, on
//! one core. Knows nothing of Kafka; what becomes of refused rows and of offsets is the pipeline's.

mod columns;
mod fault;
mod lane;
mod pace;
mod session;
mod trust;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use service::database::Database;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::GaveUp;
use crate::batch::Batch;
use crate::health::Health;
use crate::store::lane::Lane;

/// How often an idle consumer looks whether the database would take a write.
const PROBE: Duration = Duration::from_secs(5);
/// Fewer rows than this are not worth a connection of their own. Measured with shares in the order of the rows: with 36,000
/// events a second on two cores that did everything else too, two connections cost PostgreSQL 1.5 µs an event more than
/// one, and the slowest events waited twice as long. A backlog comes in the largest batches, and has the second core to
/// itself: without a second connection one consumer stores a fifth fewer rows a second. In the same runs, 8,000 differed in
/// nothing from 4,000 that stood out from the noise.
const SHARE_FROM: usize = 4_000;

/// Writes to one database over a few connections.
pub(crate) struct Store {
    lanes: Vec<Lane>,
    next_probe: Instant,
}

/// What became of a batch's rows.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Rows that are new in the table.
    pub(crate) inserted: u64,
    /// Rows whose id was stored before.
    pub(crate) duplicates: u64,
    /// Rows that the database will never take, and its words.
    pub(crate) refused: Vec<(usize, String)>,
}

impl Store {
    /// Connects nowhere yet. `writers` connections are opened when there is enough for each. Each try of a write may take
    /// `deadline`.
    pub(crate) fn new(
        database: &Database,
        writers: usize,
        deadline: Duration,
        health: &Arc<Health>,
        abandon: &CancellationToken,
    ) -> Self {
        let lane = |_| Lane::new(database, deadline, Arc::clone(health), abandon.clone());
        Self { lanes: (0..writers).map(lane).collect(), next_probe: Instant::now() }
    }

    /// Looks now and then whether the database would take a write, while there is nothing to write: for the readiness.
    pub(crate) async fn watch(&mut self) -> Infallible {
        loop {
            tokio::time::sleep_until(self.next_probe).await;
            self.lanes[0].probe().await;
            self.next_probe = Instant::now() + PROBE;
        }
    }

    /// Stores the batch's rows. Returns when each is in the table or refused for good, however long that takes.
    ///
    /// # Errors
    /// When it had to give up; some rows may be in, which whoever comes next finds by asking.
    pub(crate) async fn write(&mut self, batch: &mut Batch) -> Result<Written, GaveUp> {
        self.next_probe = Instant::now() + PROBE;
        // No two rows of a batch have the same id, so the lanes are never in each other's way.
        let shares = batch.share_out(shares(batch.len(), self.lanes.len()));
        let batch = &*batch;
        let writing = self.lanes.iter_mut().zip(shares).map(|(lane, rows)| lane.write(batch, rows));
        Ok(try_join_all(writing).await?.into_iter().fold(Written::default(), Written::and))
    }

    /// Tries rows again that were refused before. Ends early when more than `bearable` of them are refused again: then the
    /// others are not tried, and count as refused with the words of before.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub(crate) async fn write_again(
        &mut self,
        batch: &Batch,
        refused: Vec<(usize, String)>,
        bearable: usize,
    ) -> Result<Written, GaveUp> {
        self.next_probe = Instant::now() + PROBE;
        self.lanes[0].write_again(batch, refused, bearable).await
    }
}

impl Written {
    fn and(mut self, other: Self) -> Self {
        self.inserted += other.inserted;
        self.duplicates += other.duplicates;
        self.refused.extend(other.refused);
        self
    }
}

/// How many connections share `rows`: all, or fewer, so that each is worth it.
fn shares(rows: usize, writers: usize) -> usize {
    (rows / SHARE_FROM).clamp(1, writers)
}

#[cfg(test)]
mod tests {
    use super::{SHARE_FROM, shares};

    #[test]
    fn few_rows_are_one_writers_work_and_many_are_never_shared_by_more_than_there_are() {
        assert_eq!(shares(0, 4), 1);
        assert_eq!(shares(2 * SHARE_FROM - 1, 4), 1);
        assert_eq!(shares(2 * SHARE_FROM, 4), 2);
        assert_eq!(shares(10 * SHARE_FROM, 4), 4);
    }
}
