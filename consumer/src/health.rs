//! What the consumer says about itself: alive while its loop turns, ready while it waits for nothing.
//!
//! Every wait that can last is listed in [`Wait`]. Whoever waits says so here with the reason, and says so again when the
//! wait is over. This keeps the reasons for the readiness and the metric, and writes one log line for each change. It does
//! not know how Kafka and Postgres are reached.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics;

/// How long the loop may stand still. Everything it does has a deadline well below.
const STANDSTILL: Duration = Duration::from_secs(60);
/// Kafka's statistics come every second; older ones say nothing.
const STALE: Duration = Duration::from_secs(30);

/// Everything that the consumer may have to wait for, in the order in which the readiness names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wait {
    /// A broker that answers.
    Kafka,
    /// The group's answer which partitions are ours.
    Group,
    /// A topic that is missing.
    Topic,
    /// The right to read the topic or to be in the group.
    Rights,
    /// A database that takes writes.
    Postgres,
    /// A dead-letter topic that takes letters.
    DeadLetterTopic,
    /// The breaker: too many records would be dead-lettered.
    Breaker,
    /// A database that lets the counts be folded.
    Upkeep,
}

impl Wait {
    const ALL: [Self; 8] = [
        Self::Kafka,
        Self::Group,
        Self::Topic,
        Self::Rights,
        Self::Postgres,
        Self::DeadLetterTopic,
        Self::Breaker,
        Self::Upkeep,
    ];

    /// The value of the metric's label.
    fn label(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Group => "group",
            Self::Topic => "topic",
            Self::Rights => "rights",
            Self::Postgres => "postgres",
            Self::DeadLetterTopic => "dead_letter_topic",
            Self::Breaker => "breaker",
            Self::Upkeep => "upkeep",
        }
    }

    /// What the readiness puts in front of the reason.
    fn name(self) -> &'static str {
        match self {
            Self::Kafka | Self::Group => "Kafka",
            Self::Topic => "Kafka's topics",
            Self::Rights => "Kafka's rights",
            Self::Postgres => "Postgres",
            Self::DeadLetterTopic => "the dead-letter topic",
            Self::Breaker => "dead letters",
            Self::Upkeep => "upkeep",
        }
    }

    fn log_begin(self, reason: &str) {
        match self {
            Self::Kafka => tracing::warn!(error = reason, "Kafka is away; waiting for it"),
            Self::Group => {}
            Self::Topic => tracing::warn!(error = reason, "a topic is missing; waiting for it"),
            Self::Rights => tracing::warn!(error = reason, "Kafka denies reading; waiting for the rights"),
            Self::Postgres => {
                tracing::warn!(error = reason, "Postgres takes no writes; trying again until it does");
            }
            Self::DeadLetterTopic => {
                tracing::warn!(
                    error = reason,
                    "the dead-letter topic takes no letters; trying again until it does"
                );
            }
            Self::Breaker => tracing::error!(reason, "the dead-letter breaker is open"),
            Self::Upkeep => {
                tracing::warn!(error = reason, "the counts cannot be folded; trying again until they can");
            }
        }
    }

    fn log_end(self) {
        match self {
            Self::Kafka => tracing::info!("Kafka is there"),
            Self::Group => tracing::info!("the group has assigned the partitions"),
            Self::Topic => tracing::info!("the topics are there"),
            Self::Rights => tracing::info!("Kafka allows reading again"),
            Self::Postgres => tracing::info!("Postgres is there"),
            Self::DeadLetterTopic => tracing::info!("the dead-letter topic takes letters"),
            Self::Breaker => tracing::info!("the dead-letter breaker is closed; going on"),
            Self::Upkeep => tracing::info!("the counts are folded again"),
        }
    }
}

/// The state as last seen.
pub(crate) struct Health {
    start: Instant,
    /// Milliseconds from `start` to the last turn.
    turned: AtomicU64,
    /// Milliseconds from `start` to Kafka's last statistics.
    heard: AtomicU64,
    stopping: AtomicBool,
    waits: Mutex<BTreeMap<Wait, String>>,
}

impl Health {
    /// Nothing seen yet: alive, not ready.
    pub(crate) fn new() -> Self {
        let waits = BTreeMap::from([
            (Wait::Kafka, "it was not reached yet".to_owned()),
            (Wait::Group, "waiting for the group to assign partitions".to_owned()),
            (Wait::Postgres, "it was not reached yet".to_owned()),
        ]);
        for wait in Wait::ALL {
            metrics::waiting(wait.label(), waits.contains_key(&wait));
        }
        Self {
            start: Instant::now(),
            turned: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            waits: Mutex::new(waits),
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

    /// Kafka's client reported its connections: a broker is connected, or none is.
    pub(crate) fn kafka(&self, connected: bool) {
        self.heard.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
        if connected {
            self.goes_on(Wait::Kafka);
        } else if !self.waits_for_any(&[Wait::Group]) {
            self.waits(Wait::Kafka, "no broker is connected");
        }
        // Until the group is joined, connections are only just being made; the wait since the start goes on.
    }

    /// From now on this is waited for, for the reason given.
    pub(crate) fn waits(&self, wait: Wait, reason: &str) {
        let before = self.lock().insert(wait, reason.to_owned());
        if before.as_deref() != Some(reason) {
            metrics::waiting(wait.label(), true);
            wait.log_begin(reason);
        }
    }

    /// This is not waited for, or no longer.
    pub(crate) fn goes_on(&self, wait: Wait) {
        if self.lock().remove(&wait).is_some() {
            metrics::waiting(wait.label(), false);
            wait.log_end();
        }
    }

    /// Whether a batch that is with the writer can be expected back soon.
    pub(crate) fn writes(&self) -> bool {
        !self.waits_for_any(&[Wait::Postgres, Wait::DeadLetterTopic, Wait::Breaker])
    }

    fn waits_for_any(&self, some: &[Wait]) -> bool {
        let waits = self.lock();
        some.iter().any(|wait| waits.contains_key(wait))
    }

    fn since(&self, moment: &AtomicU64) -> Duration {
        self.start.elapsed().saturating_sub(Duration::from_millis(moment.load(Ordering::Relaxed)))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Wait, String>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl service::admin::Health for Health {
    fn live(&self) -> Result<(), String> {
        let still = self.since(&self.turned);
        if still > STANDSTILL {
            return Err(format!("the loop has stood still for {} s", still.as_secs()));
        }
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err("stopping".to_owned());
        }
        if let Some((wait, reason)) = self.lock().first_key_value() {
            return Err(format!("{}: {reason}", wait.name()));
        }
        let silent = self.since(&self.heard);
        if silent > STALE {
            return Err(format!("Kafka: nothing was heard of it for {} s", silent.as_secs()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, Wait};
    use service::admin::Health as _;

    #[test]
    fn it_is_ready_only_while_both_neighbours_are_there_and_it_is_not_stopping() {
        let health = Health::new();
        assert!(health.live().is_ok() && health.ready().is_err());
        health.kafka(true);
        health.goes_on(Wait::Postgres);
        assert!(health.ready().unwrap_err().contains("group"));
        health.goes_on(Wait::Group);
        health.ready().unwrap();
        health.waits(Wait::Postgres, "away");
        assert_eq!(health.ready().unwrap_err(), "Postgres: away");
        health.goes_on(Wait::Postgres);
        health.kafka(false);
        assert!(health.ready().unwrap_err().starts_with("Kafka"));
        health.kafka(true);
        health.waits(Wait::Breaker, "too many");
        assert_eq!(health.ready().unwrap_err(), "dead letters: too many");
        health.live().unwrap();
        health.goes_on(Wait::Breaker);
        health.ready().unwrap();
        health.stopping();
        assert_eq!(health.ready().unwrap_err(), "stopping");
        health.live().unwrap();
    }

    #[test]
    fn every_wait_makes_it_unready_with_its_reason_and_ends() {
        let health = Health::new();
        health.kafka(true);
        health.goes_on(Wait::Group);
        health.goes_on(Wait::Postgres);
        for wait in Wait::ALL {
            health.waits(wait, "why");
            assert_eq!(health.ready().unwrap_err(), format!("{}: why", wait.name()));
            health.goes_on(wait);
            health.ready().unwrap();
        }
    }

    #[test]
    fn a_writer_that_waits_is_not_expected_back_soon() {
        let health = Health::new();
        health.goes_on(Wait::Postgres);
        assert!(health.writes());
        for wait in [Wait::Postgres, Wait::DeadLetterTopic, Wait::Breaker] {
            health.waits(wait, "why");
            assert!(!health.writes());
            health.goes_on(wait);
        }
        health.waits(Wait::Topic, "why");
        assert!(health.writes());
    }
}
