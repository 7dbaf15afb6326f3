//! Hands events to Kafka and says when Kafka has them safe. Knows nothing of HTTP.
//!
//! A request's events are gathered in a [`Submission`] and handed over together: there is room for all of them, or none
//! is sent. Each record carries a pointer to the [`Receipt`], which counts the reports and wakes the request after the
//! last one. Nothing here waits for room: a full queue, or a cluster without a working connection, is an error at once.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use schema::{Event, SCHEMA_VERSION, SCHEMA_VERSION_HEADER, TRACEPARENT_HEADER};
use service::kafka::{self, KafkaArgs, SettingsError};
use service::topics;
use service::trace::Traceparent;
use thiserror::Error;

use crate::producer::cluster::Cluster;
use crate::producer::receipt::Receipt;
use crate::producer::room::Room;
use crate::producer::watch::Watch;

mod cluster;
mod receipt;
mod room;
mod settings;
mod watch;

/// Why events are not safe.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProduceError {
    /// No broker can be reached, or the topic is not there.
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
    limits: QueueLimits,
    cluster: Arc<Cluster>,
    topic: String,
}

#[derive(Clone)]
struct Client {
    inner: Arc<ThreadedProducer<Watch>>,
    room: Arc<Room>,
    since: Instant,
}

/// Makes every Kafka client that intake has, as it would be made to run, and drops it. Nothing is connected to.
///
/// # Errors
/// Returns the first setting that cannot work.
pub fn check(kafka: &KafkaArgs, request_deadline: Duration) -> Result<(), SettingsError> {
    settings::settings(request_deadline).check(kafka)?;
    topics::client_settings().check(kafka)
}

impl Producer {
    /// Makes the client; it connects in the background.
    ///
    /// # Errors
    /// A property that librdkafka does not take, or one that breaks what a `202` promises.
    pub fn new(kafka: &KafkaArgs, request_deadline: Duration) -> Result<Self, SettingsError> {
        let mut config = settings::settings(request_deadline).config(kafka)?;
        let limits = QueueLimits::take_over(&mut config)?;
        let cluster = Arc::new(Cluster::new());
        let client = connect(&config, &limits, &cluster)?;
        let topic = kafka.kafka_topic.clone();
        Ok(Self { client: RwLock::new(client), config, limits, cluster, topic })
    }

    /// The events' topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Says whether the topic is there; if not, why. Until it is known to be there every event is refused, since a
    /// record would only time out.
    pub fn topic_is(&self, found: Result<(), String>) {
        self.cluster.topic(found);
    }

    /// Asks Kafka whether the topic is there. The client itself learns from the answer, too. Blocks the thread, for
    /// `deadline` at most.
    ///
    /// # Errors
    /// Returns the client's error if no broker answers.
    pub fn look_for_topic(&self, deadline: Duration) -> KafkaResult<bool> {
        topics::is_there(self.current().inner.client(), &self.topic, deadline)
    }

    /// Waits until a record failed in a way that makes one doubt that the topic is there.
    pub async fn doubted(&self) {
        self.cluster.doubt.notified().await;
    }

    /// Whether an event would be taken now, and acknowledged.
    ///
    /// # Errors
    /// Returns what is waited for, as one sentence.
    pub fn ready(&self) -> Result<(), String> {
        self.cluster.ready(Instant::now())
    }

    /// Replaces a client that has failed for good: an idempotent client whose sequence is broken refuses everything from
    /// then on. At most one new client a second. Call it every second.
    pub fn keep_working(&self) {
        if self.current().inner.client().fatal_error().is_none() {
            return;
        }
        let mut kept = self.client.write().unwrap_or_else(PoisonError::into_inner);
        let Some((code, reason)) = kept.inner.client().fatal_error() else { return };
        if kept.since.elapsed() < Duration::from_secs(1) {
            return;
        }
        tracing::warn!(%code, reason, "the Kafka client has failed for good; a new one takes its place");
        match connect(&self.config, &self.limits, &self.cluster) {
            Ok(fresh) => {
                let failed = std::mem::replace(&mut *kept, fresh);
                // Dropping the last handle of a client waits for its threads.
                std::thread::spawn(move || drop(failed));
            }
            Err(error) => tracing::error!(error = kafka::reason(&error), "no new Kafka client can be made"),
        }
    }

    /// Begins to gather the events of one request.
    ///
    /// # Errors
    /// [`ProduceError::Unavailable`].
    pub fn begin(&self, trace: &Traceparent) -> Result<Submission<'_>, ProduceError> {
        if !self.cluster.is_usable() {
            return Err(ProduceError::Unavailable);
        }
        let headers = OwnedHeaders::new_with_capacity(2)
            .insert(Header { key: SCHEMA_VERSION_HEADER, value: Some(SCHEMA_VERSION) })
            .insert(Header { key: TRACEPARENT_HEADER, value: Some(trace.as_str()) });
        Ok(Submission { client: self.current(), topic: &self.topic, headers, records: Records::default() })
    }

    /// Waits until the queue is empty, `patience` at most. Blocks the thread.
    pub fn flush(&self, patience: Duration) {
        let client = self.current().inner;
        if client.flush(patience).is_err() {
            tracing::warn!(records = client.in_flight_count(), "stopping with unacknowledged records");
        }
    }

    fn current(&self) -> Client {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How much may wait for Kafka, as librdkafka's own settings say it. We keep to the limits ourselves: librdkafka finds out
/// record by record, after half of a batch was handed over.
#[derive(Clone, Copy, Debug)]
struct QueueLimits {
    records: usize,
    bytes: usize,
}

impl QueueLimits {
    /// Reads the limits, and lifts librdkafka's.
    fn take_over(config: &mut ClientConfig) -> KafkaResult<Self> {
        let native = config.create_native_config()?;
        let number = |name: &str| native.get(name).map(|value| value.parse().unwrap_or(usize::MAX));
        let records = number("queue.buffering.max.messages")?;
        let bytes = number("queue.buffering.max.kbytes")?.saturating_mul(1024);
        config.set("queue.buffering.max.messages", "0"); // no limit
        config.set("queue.buffering.max.kbytes", i32::MAX.to_string());
        Ok(Self { records, bytes })
    }
}

fn connect(config: &ClientConfig, limits: &QueueLimits, cluster: &Arc<Cluster>) -> KafkaResult<Client> {
    let inner = config.create_with_context(Watch::new(Arc::clone(cluster)))?;
    let room = Room::new(limits.records, limits.bytes);
    Ok(Client { inner: Arc::new(inner), room, since: Instant::now() })
}

/// The events of one request, to be handed over together.
pub struct Submission<'a> {
    client: Client,
    topic: &'a str,
    headers: OwnedHeaders,
    records: Records,
}

/// Keys and values one behind the other, with where each ends.
#[derive(Default)]
struct Records {
    bytes: Vec<u8>,
    ends: Vec<(usize, usize)>,
    value: Vec<u8>,
}

impl Records {
    fn add(&mut self, event: &Event<'_>) {
        schema::encode(event, &mut self.value);
        self.bytes.extend_from_slice(event.session_id.as_bytes());
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(&self.value);
        self.ends.push((key_end, self.bytes.len()));
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(key_end, end)| {
            let record = (&self.bytes[start..key_end], &self.bytes[key_end..end]);
            start = end;
            record
        })
    }
}

impl Submission<'_> {
    /// Adds one event. Nothing is sent yet.
    pub fn add(&mut self, event: &Event<'_>) {
        self.records.add(event);
    }

    /// Hands all events over, or none. librdkafka copies them.
    ///
    /// # Errors
    /// [`ProduceError::QueueFull`]; [`ProduceError::TooLarge`] or [`ProduceError::Refused`] if the client refuses a
    /// record for what its topic is.
    pub fn hand_over(self) -> Result<Pending, ProduceError> {
        let Self { client, topic, headers, records } = self;
        let place =
            client.room.take(records.ends.len(), records.bytes.len()).ok_or(ProduceError::QueueFull)?;
        let receipt = Receipt::new(place);
        for (key, value) in records.iter() {
            let record = BaseRecord::with_opaque_to(topic, receipt.expect_report())
                .key(key)
                .payload(value)
                .headers(headers.clone());
            // A refused record gives its pointer to the receipt back; the receipt is of no use any more then.
            client.inner.send(record).map_err(|(error, _record)| classify(&error))?;
        }
        Ok(Pending(receipt))
    }
}

/// The events of one request on their way.
pub struct Pending(Arc<Receipt>);

impl Pending {
    /// Waits for Kafka's reports about all events.
    ///
    /// # Errors
    /// [`ProduceError::Deadline`], or the first report's [`ProduceError::TooLarge`] or [`ProduceError::Refused`].
    pub async fn acknowledged(self, deadline: Duration) -> Result<(), ProduceError> {
        tokio::time::timeout(deadline, self.0.complete()).await.map_err(|_| ProduceError::Deadline)?
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
