//! What the consumer says of itself: alive while its loop turns, ready while Kafka and Postgres are there.
//!
//! The flow reports what it sees and this keeps the last word of each, with one log line per change. Knows nothing of
//! how they are reached.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the loop may stand still. Everything it does has a deadline well below.
const STANDSTILL: Duration = Duration::from_secs(60);
/// Kafka's statistics come every second; older ones say nothing.
const STALE: Duration = Duration::from_secs(30);

/// The state as last seen.
pub(crate) struct Health {
    start: Instant,
    /// Milliseconds from `start` to the last turn.
    turned: AtomicU64,
    stopping: AtomicBool,
    joined: AtomicBool,
    kafka: Mutex<View>,
    postgres: Mutex<View>,
    /// Why nothing is dead-lettered or committed at present.
    breaker: Mutex<Option<String>>,
}

/// What was seen of a neighbour, and when. `None`: nothing yet.
#[derive(Default)]
struct View {
    seen: Option<(Instant, Result<(), String>)>,
}

impl Health {
    /// Nothing seen yet: alive, not ready.
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            turned: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            joined: AtomicBool::new(false),
            kafka: Mutex::default(),
            postgres: Mutex::default(),
            breaker: Mutex::default(),
        }
    }

    /// The loop polled, or tried a write.
    pub(crate) fn turned(&self) {
        self.turned.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// From now on not ready.
    pub(crate) fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// The group gave this process its share of partitions, which may be none.
    pub(crate) fn joined(&self) {
        self.joined.store(true, Ordering::Relaxed);
    }

    /// A broker is connected, or none is.
    pub(crate) fn kafka(&self, connected: bool) {
        let seen = if connected { Ok(()) } else { Err("no broker is connected".to_owned()) };
        match self.kafka.lock().unwrap_or_else(PoisonError::into_inner).change(seen) {
            Some(Ok(())) => tracing::info!("Kafka is there"),
            // Until the group is joined, connections are only just being made.
            Some(Err(error)) if self.joined.load(Ordering::Relaxed) => {
                tracing::warn!(error, "Kafka is away; waiting for it");
            }
            Some(Err(_)) | None => {}
        }
    }

    /// Kafka cannot be used, for the reason given.
    pub(crate) fn kafka_is_down(&self, error: &str) {
        if self.kafka.lock().unwrap_or_else(PoisonError::into_inner).change(Err(error.to_owned())).is_some() {
            tracing::warn!(error, "Kafka is away; waiting for it");
        }
    }

    /// The database took something.
    pub(crate) fn postgres_is_up(&self) {
        if self.postgres.lock().unwrap_or_else(PoisonError::into_inner).change(Ok(())).is_some() {
            tracing::info!("Postgres is there");
        }
    }

    /// The database took nothing, for the reason given.
    pub(crate) fn postgres_is_down(&self, error: &str) {
        if self
            .postgres
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .change(Err(error.to_owned()))
            .is_some()
        {
            tracing::warn!(error, "Postgres takes no writes; trying again until it does");
        }
    }

    /// Too many records would be dead-lettered, for the reason given; `None`: no longer.
    pub(crate) fn breaker(&self, reason: Option<String>) {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*breaker, &reason) {
            (None, Some(reason)) => tracing::error!(reason, "the dead-letter breaker is open"),
            (Some(_), None) => tracing::info!("the dead-letter breaker is closed; going on"),
            _ => {}
        }
        *breaker = reason;
    }
}

impl View {
    /// Notes what is seen now; returns it when it is news.
    fn change(&mut self, now: Result<(), String>) -> Option<&Result<(), String>> {
        let news = self.seen.as_ref().is_none_or(|(_, before)| *before != now);
        let (_, seen) = self.seen.insert((Instant::now(), now));
        news.then_some(&*seen)
    }

    fn verdict(&self, name: &str, stale: Option<Duration>) -> Result<(), String> {
        match &self.seen {
            None => Err(format!("{name} was not reached yet")),
            Some((at, _)) if stale.is_some_and(|stale| at.elapsed() > stale) => {
                Err(format!("nothing was heard of {name} for {} s", at.elapsed().as_secs()))
            }
            Some((_, Ok(()))) => Ok(()),
            Some((_, Err(error))) => Err(format!("{name}: {error}")),
        }
    }
}

impl service::admin::Health for Health {
    fn live(&self) -> Result<(), String> {
        let turned = Duration::from_millis(self.turned.load(Ordering::Relaxed));
        let still = self.start.elapsed().saturating_sub(turned);
        if still > STANDSTILL {
            return Err(format!("the loop has stood still for {} s", still.as_secs()));
        }
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err("stopping".to_owned());
        }
        self.kafka.lock().unwrap_or_else(PoisonError::into_inner).verdict("Kafka", Some(STALE))?;
        if !self.joined.load(Ordering::Relaxed) {
            return Err("Kafka: waiting for the group to share out the partitions".to_owned());
        }
        self.postgres.lock().unwrap_or_else(PoisonError::into_inner).verdict("Postgres", None)?;
        match &*self.breaker.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(reason) => Err(format!("dead letters: {reason}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Health;
    use service::admin::Health as _;

    #[test]
    fn it_is_ready_only_while_both_neighbours_are_there_and_it_is_not_stopping() {
        let health = Health::new();
        assert!(health.live().is_ok() && health.ready().is_err());
        health.kafka(true);
        health.postgres_is_up();
        assert!(health.ready().unwrap_err().contains("group"));
        health.joined();
        health.ready().unwrap();
        health.postgres_is_down("away");
        assert_eq!(health.ready().unwrap_err(), "Postgres: away");
        health.postgres_is_up();
        health.kafka(false);
        assert!(health.ready().unwrap_err().starts_with("Kafka"));
        health.kafka(true);
        health.breaker(Some("too many".to_owned()));
        assert_eq!(health.ready().unwrap_err(), "dead letters: too many");
        health.live().unwrap();
        health.breaker(None);
        health.ready().unwrap();
        health.stopping();
        assert_eq!(health.ready().unwrap_err(), "stopping");
        health.live().unwrap();
    }
}
