//! Listens to what librdkafka says: reports about records, the state of connections, errors.
//!
//! A connection counts as up when the statistics, once a second, show it in that state, and when it is one to a broker
//! at the address that the cluster advertises: records are sent nowhere else. "All brokers down" is believed at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use serde::Deserialize;

use crate::metrics;
use crate::producer::cluster::{Cluster, Link};
use crate::producer::receipt::Receipt;
use crate::producer::{ProduceError, classify};

/// The listener. Each client has its own, with the number that the [`Cluster`] gave it.
pub(crate) struct Watch {
    cluster: Arc<Cluster>,
    client: u64,
    history: History,
}

/// What this client has seen so far. It forgets its bootstrap servers once one of them has named the brokers, so a single
/// look cannot tell wrong addresses from an outage.
#[derive(Default)]
struct History {
    brokers_named: AtomicBool,
    broker_up: AtomicBool,
}

impl Watch {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        let client = cluster.next_client();
        Self { cluster, client, history: History::default() }
    }
}

/// The little that we read of librdkafka's statistics.
#[derive(Deserialize)]
struct Statistics {
    msg_cnt: u64,
    msg_size: u64,
    brokers: HashMap<String, Broker>,
    eos: Option<Idempotence>,
}

#[derive(Deserialize)]
struct Broker {
    /// Negative for a bootstrap server that no broker calls its own address.
    nodeid: i32,
    state: String,
}

#[derive(Deserialize)]
struct Idempotence {
    idemp_state: String,
}

impl Statistics {
    /// Brokers with a working connection at the address that they advertise.
    fn brokers_up(&self) -> usize {
        self.brokers.values().filter(|broker| broker.nodeid >= 0 && broker.is_up()).count()
    }

    fn link(&self, history: &History) -> Link {
        let brokers_up = self.brokers_up();
        let named = self.brokers.values().any(|broker| broker.nodeid >= 0);
        history.brokers_named.fetch_or(named, Ordering::Relaxed);
        history.broker_up.fetch_or(brokers_up > 0, Ordering::Relaxed);
        // Other states come and go while records are sent.
        let waits_for_id = ["Init", "RequestPID", "WaitTransport", "WaitPID", "FatalError"];
        if brokers_up == 0 {
            let any = self.brokers.values().any(Broker::is_up);
            return if any || history.only_named() { Link::Bootstrap } else { Link::Down };
        }
        match &self.eos {
            Some(eos) if waits_for_id.contains(&eos.idemp_state.as_str()) => Link::NoProducerId,
            _ => Link::Up,
        }
    }
}

impl History {
    /// A bootstrap server has named the brokers, and none of them was ever reached.
    fn only_named(&self) -> bool {
        self.brokers_named.load(Ordering::Relaxed) && !self.broker_up.load(Ordering::Relaxed)
    }
}

impl Broker {
    fn is_up(&self) -> bool {
        matches!(self.state.as_str(), "UP" | "UPDATE")
    }
}

impl ClientContext for Watch {
    fn stats_raw(&self, statistics: &[u8]) {
        match serde_json::from_slice::<Statistics>(statistics) {
            Ok(statistics) => {
                metrics::producer_queue(statistics.msg_cnt, statistics.msg_size);
                metrics::brokers_up(statistics.brokers_up());
                self.cluster.linked(self.client, statistics.link(&self.history));
            }
            Err(error) => tracing::error!(%error, "the Kafka client's statistics cannot be read"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) if !self.history.only_named() => {
                self.cluster.linked(self.client, Link::Down);
            }
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
        let outcome = result.as_ref().map(drop).map_err(|(error, _)| error);
        if let Err(error) = outcome {
            self.note(error);
        } else {
            self.cluster.acknowledged();
        }
        receipt.report(outcome.map_err(classify));
    }
}

impl Watch {
    fn note(&self, error: &KafkaError) {
        use RDKafkaErrorCode::{UnknownPartition, UnknownTopic, UnknownTopicOrPartition};
        if let Some(UnknownPartition | UnknownTopic | UnknownTopicOrPartition) = error.rdkafka_error_code() {
            self.cluster.doubt.notify_one();
        }
        match classify(error) {
            // A fault of that record.
            ProduceError::TooLarge => {}
            failure => self.cluster.failed(failure, Instant::now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{History, Link, Statistics};

    fn link(brokers: &serde_json::Value, state: &str) -> Link {
        link_after(&History::default(), brokers, state)
    }

    fn link_after(history: &History, brokers: &serde_json::Value, state: &str) -> Link {
        let statistics = json!({
            "msg_cnt": 0, "msg_size": 0, "brokers": brokers, "eos": { "idemp_state": state },
        });
        serde_json::from_value::<Statistics>(statistics).unwrap().link(history)
    }

    #[test]
    fn only_a_broker_at_its_advertised_address_counts() {
        let bootstrap = json!({ "nodeid": -1, "state": "UP" });
        let unreachable = json!({ "nodeid": 1, "state": "TRY_CONNECT" });
        let up = json!({ "nodeid": 2, "state": "UP" });
        assert_eq!(link(&json!({}), "Assigned"), Link::Down);
        assert_eq!(link(&json!({ "b": { "nodeid": -1, "state": "DOWN" } }), "Assigned"), Link::Down);
        assert_eq!(link(&json!({ "a": bootstrap, "b": unreachable }), "Assigned"), Link::Bootstrap);
        assert_eq!(link(&json!({ "a": bootstrap, "b": unreachable, "c": up }), "Assigned"), Link::Up);
    }

    #[test]
    fn brokers_that_were_never_reached_have_wrong_addresses_and_those_that_were_are_away() {
        let history = History::default();
        let link =
            |state: &str| link_after(&history, &json!({ "b": { "nodeid": 1, "state": state } }), "Assigned");
        assert_eq!(link("TRY_CONNECT"), Link::Bootstrap);
        assert_eq!(link("UP"), Link::Up);
        assert_eq!(link("TRY_CONNECT"), Link::Down);
    }

    #[test]
    fn a_client_without_a_producer_id_cannot_send() {
        let brokers = json!({ "a": { "nodeid": 1, "state": "UP" } });
        for state in ["Init", "RequestPID", "WaitTransport", "WaitPID", "FatalError"] {
            assert_eq!(link(&brokers, state), Link::NoProducerId, "{state}");
        }
        for state in ["Assigned", "DrainReset", "DrainBump"] {
            assert_eq!(link(&brokers, state), Link::Up, "{state}");
        }
    }
}
