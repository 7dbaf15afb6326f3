//! Sees to it that both topics exist: at the start, and whenever somebody finds one of them gone.
//!
//! Kafka's client only says that a topic is unknown, and then goes on waiting for it. So whoever hears that calls
//! [`Alarm::raise`], and the topics are looked for, and made as they should be, until they are there.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use service::kafka::KafkaArgs;
use service::topics;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::health::{Health, Wait};

/// How long one question to Kafka about its topics may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long to wait after a look before the next one: each takes a client of its own.
const REST: Duration = Duration::from_secs(5);

/// Says that a topic is gone.
#[derive(Clone, Default)]
pub(crate) struct Alarm(Arc<Signal>);

#[derive(Default)]
struct Signal {
    raise: Notify,
    raised: AtomicBool,
}

impl Alarm {
    /// Has the topics looked for. Cheap, and harmless when they are there.
    pub(crate) fn raise(&self) {
        self.0.raised.store(true, Ordering::Release);
        self.0.raise.notify_one();
    }

    /// Whether the topics are being looked for, and were not found yet.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.raised.load(Ordering::Acquire)
    }

    async fn wait(&self) {
        self.0.raise.notified().await;
    }

    fn end(&self) {
        self.0.raised.store(false, Ordering::Release);
    }
}

/// The topics of one consumer.
pub(crate) struct Topics {
    kafka: KafkaArgs,
    health: Arc<Health>,
    alarm: Alarm,
    stop: CancellationToken,
}

impl Topics {
    /// Asks nothing yet.
    pub(crate) fn new(kafka: KafkaArgs, health: Arc<Health>, alarm: Alarm, stop: CancellationToken) -> Self {
        Self { kafka, health, alarm, stop }
    }

    /// Waits until both topics are there for the first time. Returns false when stopped before that.
    pub(crate) async fn wait(&self) -> bool {
        self.ensure(Wait::Kafka).await
    }

    /// Looks for the topics after each alarm.
    pub(crate) async fn watch(&self) -> Infallible {
        loop {
            self.alarm.wait().await;
            if !self.ensure(Wait::Topic).await {
                std::future::pending::<()>().await;
            }
            self.alarm.end();
            self.health.goes_on(Wait::Topic);
            tokio::time::sleep(REST).await;
        }
    }

    async fn ensure(&self, wait: Wait) -> bool {
        let mut backoff = Backoff::new();
        loop {
            let ensured = tokio::select! {
                ensured = topics::ensure_topics(&self.kafka, DEADLINE) => ensured,
                () = self.stop.cancelled() => return false,
            };
            self.health.turned();
            match ensured {
                Ok(()) => return true,
                Err(error) => self.health.waits(wait, &error.to_string()),
            }
            if backoff.wait(&self.stop).await.is_err() {
                return false;
            }
        }
    }
}
