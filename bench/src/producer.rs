//! Records into Kafka with the settings of ingest's producer, and nothing else of ingest.
//!
//! The records of a request share one receipt, which counts the reports and wakes the request after the last one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use local::error::Error;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};
use schema::{SCHEMA_VERSION, SCHEMA_VERSION_HEADER, TRACEPARENT_HEADER};
use tokio::sync::Notify;

/// Those of ingest, word for word: see `ingest --help` and its producer's defaults.
const SETTINGS: &[(&str, &str)] = &[
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("compression.type", "lz4"),
    ("linger.ms", "5"),
    ("message.timeout.ms", "4000"),
    ("message.max.bytes", "1000000"),
    ("queue.buffering.max.messages", "100000"),
    ("queue.buffering.max.kbytes", "131072"),
    ("reconnect.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "1000"),
    ("statistics.interval.ms", "1000"),
];
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
/// Longer than `message.timeout.ms`, after which every record has its report.
const DEADLINE: Duration = Duration::from_secs(10);

/// A client for one topic.
pub struct Producer {
    client: ThreadedProducer<Reports>,
    topic: String,
    headers: OwnedHeaders,
}

/// Counts the reports about the records of one request.
#[derive(Debug)]
pub struct Receipt {
    /// Reports not in yet, plus one until somebody waits.
    outstanding: AtomicUsize,
    failed: AtomicBool,
    done: Notify,
}

impl Producer {
    /// Makes the client; it connects in the background.
    ///
    /// # Errors
    /// When librdkafka does not take the settings.
    pub fn new(bootstrap_servers: &str, topic: &str) -> Result<Producer, Error> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap_servers);
        for (name, value) in SETTINGS {
            config.set(*name, *value);
        }
        let client = config.create_with_context(Reports).map_err(Error::kafka("make a producer"))?;
        let headers = OwnedHeaders::new_with_capacity(2)
            .insert(Header { key: SCHEMA_VERSION_HEADER, value: Some(SCHEMA_VERSION) })
            .insert(Header { key: TRACEPARENT_HEADER, value: Some(TRACEPARENT) });
        Ok(Producer { client, topic: topic.to_owned(), headers })
    }

    /// Hands over the record of one event.
    ///
    /// # Errors
    /// When the queue is full, which up to 100,000 unacknowledged records don't fill.
    pub fn send(&self, key: &str, value: &[u8], receipt: &Arc<Receipt>) -> Result<(), Error> {
        receipt.outstanding.fetch_add(1, Ordering::Relaxed);
        let record = BaseRecord::with_opaque_to(&self.topic, Arc::clone(receipt)).key(key).payload(value);
        let sent = self.client.send(record.headers(self.headers.clone()));
        sent.map_err(|(error, _record)| Error::kafka("take a record")(error))
    }
}

impl Receipt {
    /// A receipt for no records yet.
    pub fn new() -> Arc<Receipt> {
        let outstanding = AtomicUsize::new(1);
        Arc::new(Receipt { outstanding, failed: AtomicBool::new(false), done: Notify::new() })
    }

    /// Waits for the reports about all records; call it once, when no record will be added.
    ///
    /// # Errors
    /// When one was not acknowledged.
    pub async fn acknowledged(&self) -> Result<(), Error> {
        self.settle();
        let what = "Kafka's acknowledgements".to_owned();
        let late = Error::Late { what, seconds: DEADLINE.as_secs() };
        tokio::time::timeout(DEADLINE, self.done.notified()).await.map_err(|_| late)?;
        if self.failed.load(Ordering::Relaxed) {
            let code = rdkafka::error::RDKafkaErrorCode::MessageTimedOut;
            return Err(Error::kafka("acknowledge every record")(KafkaError::MessageProduction(code)));
        }
        Ok(())
    }

    fn settle(&self) {
        if self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.done.notify_one();
        }
    }
}

struct Reports;

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Arc<Receipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Arc<Receipt>) {
        if result.is_err() {
            receipt.failed.store(true, Ordering::Relaxed);
        }
        receipt.settle();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use crate::producer::Receipt;

    #[test]
    fn a_receipt_waits_for_all_records_and_remembers_a_failure() {
        let receipt = Receipt::new();
        receipt.outstanding.store(3, std::sync::atomic::Ordering::Relaxed);
        receipt.settle();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let mut waiting = Box::pin(receipt.acknowledged());
        assert!(waiting.as_mut().now_or_never().is_none());
        receipt.failed.store(true, std::sync::atomic::Ordering::Relaxed);
        receipt.settle();
        assert!(waiting.as_mut().now_or_never().unwrap().is_err());
    }
}
