//! Keeps the consumer from emptying the topic into the dead-letter topic when something else than the records is wrong.
//!
//! A batch is judged after its rows were written and before any of its letters is sent. While the breaker is open
//! nothing is dead-lettered and nothing committed; the rows that were refused are tried again now and then. Knows
//! nothing of Kafka: whether a batch is still ours is told by the source.

mod share;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::backoff::GaveUp;
use crate::batch::{Batch, DeadLetter};
use crate::breaker::share::{Count, Share};
use crate::health::{Health, Wait};
use crate::metrics;
use crate::store::Store;

/// A row that the database refused, and its words.
pub(crate) type Refused = (usize, String);

/// What may become a dead letter, and when that is tried again.
pub(crate) struct Breaker {
    /// The largest share in percent; `None` lets everything through.
    limit: Option<u32>,
    retry: Duration,
    share: Share,
    open: bool,
    health: Arc<Health>,
    stop: CancellationToken,
}

impl Breaker {
    /// Closed. `stop` ends the waiting, since a held batch cannot be finished within a grace period.
    pub(crate) fn new(
        limit: Option<u32>,
        retry: Duration,
        health: Arc<Health>,
        stop: CancellationToken,
    ) -> Self {
        Self { limit, retry, share: Share::default(), open: false, health, stop }
    }

    /// Whether the letters of this batch may be sent. If not, the breaker is open from now on, and says why.
    pub(crate) fn lets_pass(&mut self, batch: &Batch, refused: &[Refused]) -> bool {
        let letters = batch.poisoned().len() + refused.len();
        let count = Count { records: batch.records() as u64, letters: letters as u64 };
        let Some(limit) = self.limit else { return true };
        let Err(found) = self.share.pass(Instant::now(), count, u64::from(limit)) else {
            if std::mem::take(&mut self.open) {
                metrics::breaker_open(false);
                self.health.goes_on(Wait::Breaker);
            }
            return true;
        };
        self.open = true;
        metrics::breaker_open(true);
        self.health.waits(Wait::Breaker, &reason(found, limit, self.retry, batch.poisoned(), refused));
        false
    }

    /// Waits until the next try, with an eye on the database.
    ///
    /// # Errors
    /// When the consumer is to stop: the batch is left to the next start.
    pub(crate) async fn wait(&self, store: &mut Store) -> Result<(), GaveUp> {
        tokio::select! {
            () = tokio::time::sleep(self.retry) => Ok(()),
            () = self.stop.cancelled() => Err(GaveUp),
            never = store.watch() => match never {},
        }
    }

    /// How many of the batch's rows may stay refused for it to pass; there is no point in trying more than one beyond.
    pub(crate) fn bearable(&self, batch: &Batch) -> usize {
        let allowed = self.limit.map_or(usize::MAX, |limit| batch.records() * limit as usize / 100);
        allowed.saturating_sub(batch.poisoned().len())
    }
}

/// One sentence for the log and the readiness.
fn reason(found: Count, limit: u32, retry: Duration, poisoned: &[DeadLetter], refused: &[Refused]) -> String {
    let mut reasons: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    let bad = poisoned.iter().map(|letter| (letter.reason, letter.error.as_str()));
    let bad = bad.chain(refused.iter().map(|(_, error)| (DeadLetter::REFUSED, error.as_str())));
    for (reason, error) in bad {
        reasons.entry(reason).or_insert((0, error)).0 += 1;
    }
    let reasons: Vec<_> = reasons
        .iter()
        .map(|(reason, (count, error))| format!("{count} {reason}, such as \"{}\"", beginning(error)))
        .collect();
    format!(
        "{} of {} records would be dead-lettered, more than {limit} % ({}); nothing is dead-lettered or committed until \
         that is mended, tried every {} s; to let them go, restart with --dead-letter-limit off",
        found.letters,
        found.records,
        reasons.join("; "),
        retry.as_secs(),
    )
}

fn beginning(error: &str) -> &str {
    &error[..error.floor_char_boundary(200)]
}
