//! Listens to what librdkafka says: reports about records, the state of connections, errors.
//!
//! A connection counts as up when the statistics, once a second, show it in that state; that statistics arrive says
//! nothing. "All brokers down" is believed at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use serde::Deserialize;

use crate::metrics;
use crate::producer::classify;
use crate::producer::receipt::Receipt;

/// What is known of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    up: AtomicBool,
}

impl Cluster {
    /// Whether a connection to any broker is up.
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    fn set_up(&self, up: bool) {
        if self.up.swap(up, Ordering::AcqRel) != up {
            if up {
                tracing::info!("connected to Kafka");
            } else {
                tracing::warn!("no connection to Kafka is up: events are refused until one is");
            }
        }
    }
}

/// The listener. Each client has its own; all tell the same [`Cluster`].
pub(crate) struct Watch {
    cluster: Arc<Cluster>,
}

impl Watch {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster }
    }
}

/// The little that we read of librdkafka's statistics.
#[derive(Deserialize)]
struct Statistics {
    msg_cnt: u64,
    msg_size: u64,
    brokers: HashMap<String, Broker>,
}

#[derive(Deserialize)]
struct Broker {
    state: String,
}

impl ClientContext for Watch {
    fn stats_raw(&self, statistics: &[u8]) {
        match serde_json::from_slice::<Statistics>(statistics) {
            Ok(statistics) => {
                let up = statistics.brokers.values().filter(|broker| is_up(&broker.state)).count();
                metrics::producer_queue(statistics.msg_cnt, statistics.msg_size);
                metrics::brokers_up(up);
                self.cluster.set_up(up > 0);
            }
            Err(error) => tracing::error!(%error, "the Kafka client's statistics cannot be read"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.cluster.set_up(false),
            _ => tracing::debug!(%error, reason, "Kafka client"),
        }
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => {
                tracing::warn!(target: "librdkafka", facility, "{message}");
            }
            RDKafkaLogLevel::Warning => tracing::info!(target: "librdkafka", facility, "{message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", facility, "{message}");
            }
        }
    }
}

impl ProducerContext for Watch {
    type DeliveryOpaque = Arc<Receipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Arc<Receipt>) {
        receipt.report(result.as_ref().map(|_| ()).map_err(|(error, _)| classify(error)));
    }
}

fn is_up(state: &str) -> bool {
    matches!(state, "UP" | "UPDATE")
}
