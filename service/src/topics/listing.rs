//! Asks Kafka which topics there are, and when it does not answer, tells what its client complained of meanwhile.
//!
//! That question is the first that a service asks, so a wrong certificate, password or port shows here. Knows nothing of
//! what the topics should be.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::metadata::Metadata;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

use crate::kafka::KafkaArgs;
use crate::topics::TopicError;

/// Time for the client to hand over what it has to complain of.
const LISTEN: Duration = Duration::from_millis(100);

/// A topic as metadata shows it.
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) partitions: usize,
    pub(crate) replication: usize,
}

/// Asks for all topics: asking for one by its name would make brokers that create topics on demand do so. A topic that the
/// login may not describe is not shown. The call blocks, so it has a thread of its own.
pub(crate) async fn list(args: &KafkaArgs, deadline: Duration) -> Result<Vec<Found>, TopicError> {
    let config = args.client_config("prompt-telemetry-topics", &[]);
    let client: BaseProducer<Complaints> =
        config.create_with_context(Complaints::default()).map_err(TopicError::Settings)?;
    let servers = args.kafka_bootstrap_servers.clone();
    let ask = move || {
        let answer = client.client().fetch_metadata(None, deadline);
        answer.map(|metadata| found(&metadata)).map_err(|source| {
            client.poll(LISTEN);
            TopicError::Unreachable { servers, source: source.into(), complaint: client.context().last() }
        })
    };
    tokio::task::spawn_blocking(ask).await.expect("asking for metadata does not panic")
}

fn found(metadata: &Metadata) -> Vec<Found> {
    let topics = metadata.topics().iter().filter(|topic| topic.error().is_none()).map(|topic| Found {
        name: topic.name().to_owned(),
        partitions: topic.partitions().len(),
        replication: topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0),
    });
    topics.collect()
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
