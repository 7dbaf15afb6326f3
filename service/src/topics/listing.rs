//! Asks Kafka how our topics are, and reports what the client complained of when no broker answers.
//!
//! That question is the first that a service asks, so a wrong certificate, password or port shows here. Knows nothing of
//! what the topics should be.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

use crate::kafka::{KafkaArgs, SettingsError};
use crate::topics::{self, TopicError};

/// Time for the client to hand over what it has to complain of.
const LISTEN: Duration = Duration::from_millis(100);

/// A topic as metadata shows it.
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) partitions: usize,
    pub(crate) replication: usize,
}

/// What metadata shows.
pub(crate) struct Seen {
    /// Brokers that are up.
    pub(crate) brokers: usize,
    /// Those of the topics asked for that exist and that the login may describe.
    pub(crate) found: Vec<Found>,
}

/// Asks for the topics. The client is one whose questions make no broker create a topic. The call blocks, so it has a
/// thread of its own.
pub(crate) async fn list(
    args: &KafkaArgs,
    topics: &[String],
    deadline: Duration,
) -> Result<Seen, TopicError> {
    let config = topics::client_settings().config(args)?;
    let client: BaseProducer<Complaints> =
        config.create_with_context(Complaints::default()).map_err(SettingsError::from)?;
    let (servers, topics) = (args.kafka_bootstrap_servers.clone(), topics.to_vec());
    let ask = move || {
        let mut seen = Seen { brokers: 0, found: Vec::new() };
        for topic in &topics {
            let answer = client.client().fetch_metadata(Some(topic), deadline).map_err(|source| {
                client.poll(LISTEN);
                let (servers, complaint) = (servers.clone(), client.context().last());
                TopicError::Unreachable { servers, source: source.into(), complaint }
            })?;
            seen.brokers = answer.brokers().len();
            seen.found.extend(answer.topics().iter().filter(|topic| topics::shows(topic)).map(found));
        }
        Ok(seen)
    };
    tokio::task::spawn_blocking(ask).await.expect("asking for metadata does not panic")
}

fn found(topic: &MetadataTopic) -> Found {
    Found {
        name: topic.name().to_owned(),
        partitions: topic.partitions().len(),
        replication: topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0),
    }
}

/// The client's last complaint that says why, in its own words.
#[derive(Default)]
struct Complaints(Mutex<Option<String>>);

impl Complaints {
    /// With a separator in front, or nothing.
    fn last(&self) -> String {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|words| format!("; {words}")).unwrap_or_default()
    }
}

impl ClientContext for Complaints {
    fn error(&self, error: KafkaError, reason: &str) {
        // That all brokers are down follows from what was said before of each.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            // What follows is how long it took, which would make every repetition news.
            let words = reason.rsplit_once(" (after ").map_or(reason, |(words, _)| words);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(words.to_owned());
        }
    }
}

impl ProducerContext for Complaints {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}
