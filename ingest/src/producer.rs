//! Hands events to Kafka and tells when Kafka has them safe. Knows nothing of HTTP.
//!
//! A request's events make one [`Submission`] with one future, however many there are: each record carries a pointer to
//! the submission's [`Receipt`], which counts the reports and wakes the request after the last one. Nothing here waits
//! for room: a full queue, or a cluster without a working connection, is an error at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use schema::{Event, SCHEMA_VERSION, SCHEMA_VERSION_HEADER, TRACEPARENT_HEADER};
use service::kafka::{self, KafkaArgs};
use service::trace::Traceparent;
use thiserror::Error;

use crate::config::ConfigError;
use crate::producer::receipt::Receipt;
use crate::producer::watch::{Cluster, Watch};

mod receipt;
mod settings;
mod watch;

/// Why events are not safe.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProduceError {
    /// No broker connection is up, or the topics are not there yet.
    #[error("no broker can be reached")]
    Unavailable,
    /// The local queue has no room.
    #[error("the local queue is full")]
    QueueFull,
    /// A record is larger than the client or the topic takes.
    #[error("a record is too large")]
    TooLarge,
    /// Not all reports were in by the deadline.
    #[error("not everything was acknowledged in time")]
    Deadline,
    /// Kafka refused a record, or gave it up.
    #[error("Kafka refused a record: {0}")]
    Refused(RDKafkaErrorCode),
}

/// A client for one topic.
pub struct Producer {
    client: RwLock<Client>,
    config: ClientConfig,
    cluster: Arc<Cluster>,
    topics_exist: AtomicBool,
    topic: String,
}

#[derive(Clone)]
struct Client {
    inner: Arc<ThreadedProducer<Watch>>,
    since: Instant,
}

/// Whether a client could be made with these settings.
///
/// # Errors
/// As [`Producer::new`].
pub fn check(kafka: &KafkaArgs, request_deadline: Duration) -> Result<(), ConfigError> {
    settings::checked(kafka, request_deadline).map(drop)
}

impl Producer {
    /// Makes the client; it connects in the background.
    ///
    /// # Errors
    /// A property that librdkafka does not take, or one that breaks what a `202` promises.
    pub fn new(kafka: &KafkaArgs, request_deadline: Duration) -> Result<Self, ConfigError> {
        let config = settings::checked(kafka, request_deadline)?;
        let cluster = Arc::new(Cluster::default());
        let client = connect(&config, &cluster).map_err(|error| {
            ConfigError(format!("the Kafka settings are not usable: {}", kafka::reason(&error)))
        })?;
        let topic = kafka.kafka_topic.clone();
        Ok(Self { client: RwLock::new(client), config, cluster, topics_exist: AtomicBool::new(false), topic })
    }

    /// From now on the topics are known to exist; before, every event is refused, since a broker might create a topic on
    /// demand that is weaker than promised.
    pub fn topics_exist(&self) {
        self.topics_exist.store(true, Ordering::Release);
    }

    /// Whether an event would be taken now.
    ///
    /// # Errors
    /// What is missing, as one sentence.
    pub fn ready(&self) -> Result<(), String> {
        if !self.topics_exist.load(Ordering::Acquire) {
            return Err("the topics are not known to exist yet".to_owned());
        }
        if !self.cluster.is_up() {
            return Err("no connection to a Kafka broker is up".to_owned());
        }
        Ok(())
    }

    /// Begins to hand over the events of one request.
    ///
    /// # Errors
    /// [`ProduceError::Unavailable`].
    pub fn begin(&self, trace: &Traceparent) -> Result<Submission<'_>, ProduceError> {
        self.ready().map_err(|_| ProduceError::Unavailable)?;
        let client = self.working_client().ok_or(ProduceError::Unavailable)?;
        let headers = OwnedHeaders::new_with_capacity(2)
            .insert(Header { key: SCHEMA_VERSION_HEADER, value: Some(SCHEMA_VERSION) })
            .insert(Header { key: TRACEPARENT_HEADER, value: Some(trace.as_str()) });
        Ok(Submission {
            client,
            topic: &self.topic,
            headers,
            receipt: Receipt::new(),
            value: Vec::with_capacity(1024),
        })
    }

    /// Waits until the queue is empty, `patience` at most. Blocks the thread.
    pub fn flush(&self, patience: Duration) {
        let client = self.current();
        if client.flush(patience).is_err() {
            tracing::warn!(records = client.in_flight_count(), "stopping with unacknowledged records");
        }
    }

    fn current(&self) -> Arc<ThreadedProducer<Watch>> {
        Arc::clone(&self.client.read().unwrap_or_else(PoisonError::into_inner).inner)
    }

    /// The client, or a new one in place of one that has failed for good: an idempotent client whose sequence is broken
    /// refuses everything from then on. At most one new one a second.
    fn working_client(&self) -> Option<Arc<ThreadedProducer<Watch>>> {
        let client = self.current();
        if client.client().fatal_error().is_none() {
            return Some(client);
        }
        let mut kept = self.client.write().unwrap_or_else(PoisonError::into_inner);
        let (code, reason) = match kept.inner.client().fatal_error() {
            Some(failure) if kept.since.elapsed() >= Duration::from_secs(1) => failure,
            Some(_) => return None,
            None => return Some(Arc::clone(&kept.inner)), // another request was first
        };
        tracing::warn!(%code, reason, "the Kafka client has failed for good; a new one takes its place");
        let fresh = connect(&self.config, &self.cluster).inspect_err(|error| {
            tracing::error!(error = kafka::reason(error), "no new Kafka client can be made");
        });
        let failed = std::mem::replace(&mut *kept, fresh.ok()?);
        // Dropping the last handle of a client waits for its threads.
        std::thread::spawn(move || drop((client, failed)));
        Some(Arc::clone(&kept.inner))
    }
}

fn connect(config: &ClientConfig, cluster: &Arc<Cluster>) -> KafkaResult<Client> {
    let inner = config.create_with_context(Watch::new(Arc::clone(cluster)))?;
    Ok(Client { inner: Arc::new(inner), since: Instant::now() })
}

/// The events of one request on their way.
pub struct Submission<'a> {
    client: Arc<ThreadedProducer<Watch>>,
    topic: &'a str,
    headers: OwnedHeaders,
    receipt: Arc<Receipt>,
    value: Vec<u8>,
}

impl Submission<'_> {
    /// Hands over one event. librdkafka copies it; it is on its way even if a later one fails.
    ///
    /// # Errors
    /// [`ProduceError::QueueFull`], [`ProduceError::TooLarge`], [`ProduceError::Refused`].
    pub fn add(&mut self, event: &Event<'_>) -> Result<(), ProduceError> {
        schema::encode(event, &mut self.value);
        let record = BaseRecord::with_opaque_to(self.topic, self.receipt.expect_report())
            .key(&*event.session_id)
            .payload(&self.value)
            .headers(self.headers.clone());
        // A refused record gives its pointer to the receipt back; the receipt is of no use any more then.
        self.client.send(record).map_err(|(error, _record)| classify(&error))
    }

    /// Waits for Kafka's reports about all events.
    ///
    /// # Errors
    /// [`ProduceError::Deadline`], or the first report's [`ProduceError::TooLarge`] or [`ProduceError::Refused`].
    pub async fn acknowledged(self, deadline: Duration) -> Result<(), ProduceError> {
        let receipt = self.receipt;
        tokio::time::timeout(deadline, receipt.complete()).await.map_err(|_| ProduceError::Deadline)?
    }
}

fn classify(error: &KafkaError) -> ProduceError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => ProduceError::QueueFull,
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => ProduceError::TooLarge,
        Some(RDKafkaErrorCode::MessageTimedOut) => ProduceError::Deadline,
        Some(code) => ProduceError::Refused(code),
        None => ProduceError::Refused(RDKafkaErrorCode::Unknown),
    }
}
