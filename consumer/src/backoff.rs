//! Waiting between tries: longer each time, never the same for two processes, and not a moment longer than allowed.

use std::time::Duration;

use thiserror::Error;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// There was no time left to try again. Nothing is lost: what was not finished is read again by the next process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("stopped before the work was done; the next start reads it again")]
pub(crate) struct GaveUp;

/// The waits of one piece of work.
pub(crate) struct Backoff(Duration);

impl Backoff {
    /// Begins with the shortest wait.
    pub(crate) fn new() -> Self {
        Self(FIRST)
    }

    /// Waits, and doubles the next wait.
    ///
    /// # Errors
    /// As soon as `abandon` is cancelled.
    pub(crate) async fn wait(&mut self, abandon: &CancellationToken) -> Result<(), GaveUp> {
        let wait = self.0 / 2 + jitter(self.0 / 2);
        self.0 = (self.0 * 2).min(LONGEST);
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = abandon.cancelled() => Err(GaveUp),
        }
    }
}

/// A random part of `most`.
pub(crate) fn jitter(most: Duration) -> Duration {
    let (random, _) = Uuid::new_v4().as_u64_pair();
    most.mul_f64((random >> 32) as f64 / f64::from(u32::MAX))
}
