//! Records that can never be stored go to a topic of their own, as they were, with the reason in their headers.
//!
//! A letter counts only once the broker has acknowledged it, and is sent until it has. Knows nothing of events.

use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use service::kafka::{ClientSettings, KafkaArgs, Rule, SettingsError};
use tokio_util::sync::CancellationToken;

use crate::backoff::{Backoff, GaveUp};
use crate::batch::DeadLetter;
use crate::health::{Health, Wait};
use crate::topics::Alarm;
use crate::{clock, logging, metrics};

/// Why the record is here: a stable word.
pub const REASON: &str = "dead-letter-reason";
/// Why the record is here: a sentence.
pub const ERROR: &str = "dead-letter-error";
/// The topic it came from.
pub const TOPIC: &str = "dead-letter-topic";
/// The partition it came from.
pub const PARTITION: &str = "dead-letter-partition";
/// Its offset there.
pub const OFFSET: &str = "dead-letter-offset";
/// When it was sent here; Unix milliseconds.
pub const AT: &str = "dead-letter-at";
/// Present when the record was too large for the topic; holds the bytes its value had.
pub const TRUNCATED: &str = "dead-letter-truncated";

/// As much of a value as any topic takes.
const CUT: usize = 64 * 1024;
/// The longest sentence kept.
const LONGEST_ERROR: usize = 4 * 1024;

/// Sends to the dead-letter topic.
pub(crate) struct DeadLetters {
    producer: FutureProducer<Quiet>,
    topic: String,
    health: Arc<Health>,
    missing_topic: Alarm,
    abandon: CancellationToken,
}

/// How much of a record is sent. Less than all only when the broker finds it too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Whole,
    /// Key, headers and the beginning of the value.
    Cut,
    /// Only what we say of it.
    Bare,
}

impl DeadLetters {
    /// A producer for the letters of `kafka`'s topic. `missing_topic` is raised when their topic is unknown.
    ///
    /// # Errors
    /// When a property is refused.
    pub(crate) fn new(
        kafka: &KafkaArgs,
        health: Arc<Health>,
        missing_topic: Alarm,
        abandon: CancellationToken,
    ) -> Result<Self, SettingsError> {
        let config = settings().config(kafka)?;
        let producer = FutureProducer::from_config_and_context(&config, Quiet)?;
        Ok(Self { producer, topic: kafka.dead_letter_topic(), health, missing_topic, abandon })
    }

    /// Returns when every letter is acknowledged, however long that takes.
    ///
    /// # Errors
    /// When it had to give up.
    pub(crate) async fn send(&self, letters: Vec<DeadLetter>) -> Result<(), GaveUp> {
        // All at once first; whichever fails goes by itself, so that no letter suffers for its neighbour's size.
        let sent: Vec<_> = letters.iter().map(|letter| self.post(letter, Size::Whole)).collect();
        for (sent, letter) in sent.into_iter().zip(&letters) {
            if let Err(error) = self.finish(sent).await? {
                self.send_alone(letter, error).await?;
            }
            metrics::dead_lettered(letter.reason);
        }
        Ok(())
    }

    /// Sends the letter again, after this error, until it is acknowledged.
    async fn send_alone(&self, letter: &DeadLetter, mut error: KafkaError) -> Result<(), GaveUp> {
        let mut size = Size::Whole;
        let mut backoff = Backoff::new();
        loop {
            if is_too_large(&error) && size != Size::Bare {
                size = if size == Size::Whole { Size::Cut } else { Size::Bare };
            } else {
                self.wait_for_topic(&error);
                backoff.wait(&self.abandon).await?;
            }
            match self.finish(self.post(letter, size)).await? {
                Ok(()) => {
                    self.health.goes_on(Wait::DeadLetterTopic);
                    return Ok(());
                }
                Err(again) => error = again,
            }
        }
    }

    fn wait_for_topic(&self, error: &KafkaError) {
        self.health.waits(Wait::DeadLetterTopic, &format!("{}: {error}", self.topic));
        if is_unknown(error) {
            self.missing_topic.raise();
        }
    }

    /// Queues the letter; the answer comes with the future.
    fn post(&self, letter: &DeadLetter, size: Size) -> impl Future<Output = KafkaResult<()>> + use<> {
        let record = &letter.record;
        let value = record.payload().map(|value| &value[..value.len().min(CUT)]);
        let (key, value, headers) = match size {
            Size::Whole => (record.key(), record.payload(), record.headers().cloned()),
            Size::Cut => (record.key(), value, record.headers().cloned()),
            Size::Bare => (None, None, None),
        };
        let mut message =
            FutureRecord::to(&self.topic).headers(describe(letter, size, headers.unwrap_or_default()));
        message.key = key;
        message.payload = value;
        let queued = self.producer.send_result(message).map_err(|(error, _)| error);
        async move {
            match queued?.await {
                Ok(delivered) => delivered.map(drop).map_err(|(error, _)| error),
                Err(_) => Err(KafkaError::Canceled),
            }
        }
    }

    async fn finish(&self, sent: impl Future<Output = KafkaResult<()>>) -> Result<KafkaResult<()>, GaveUp> {
        tokio::select! {
            sent = sent => {
                self.health.turned();
                Ok(sent)
            }
            () = self.abandon.cancelled() => Err(GaveUp),
        }
    }
}

/// The settings of the client that sends dead letters.
pub(crate) fn settings() -> ClientSettings {
    let defaults = [
        ("acks", "all"),
        ("message.timeout.ms", "20000"),
        ("linger.ms", "5"),
        ("compression.type", "lz4"),
        // The broker alone judges what is too large.
        ("message.max.bytes", "100000000"),
        ("queue.buffering.max.kbytes", "131072"),
        // How soon a topic that was deleted is found again.
        ("topic.metadata.refresh.interval.ms", "10000"),
    ];
    let counts = "a dead letter counts when every in-sync replica has it (acks=all)";
    ClientSettings::producer("prompt-telemetry-consumer-dead-letters").with(defaults).promising([
        Rule::is("acks", "-1", counts),
        Rule::is("delivery.report.only.error", "false", counts),
        Rule::within(
            "topic.metadata.refresh.interval.ms",
            1..=300_000,
            "a topic that was deleted must be found again",
        ),
        Rule::unset("transactional.id", "a letter in a transaction that nobody commits is never read"),
        Rule::within(
            "message.timeout.ms",
            1..=50_000,
            "a letter that is not acknowledged must be sent again before the consumer counts as stuck",
        ),
    ])
}

/// The record's own headers, and ours behind them.
fn describe(letter: &DeadLetter, size: Size, mut headers: OwnedHeaders) -> OwnedHeaders {
    let record = &letter.record;
    let end = letter.error.floor_char_boundary(LONGEST_ERROR);
    let ours = [
        (REASON, letter.reason.to_owned()),
        (ERROR, letter.error[..end].to_owned()),
        (TOPIC, record.topic().to_owned()),
        (PARTITION, record.partition().to_string()),
        (OFFSET, record.offset().to_string()),
        (AT, clock::unix_milliseconds().to_string()),
    ];
    let truncated =
        (size != Size::Whole).then(|| (TRUNCATED, record.payload().map_or(0, <[u8]>::len).to_string()));
    for (key, value) in ours.into_iter().chain(truncated) {
        headers = headers.insert(Header { key, value: Some(&value) });
    }
    headers
}

fn is_too_large(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge)
    )
}

fn is_unknown(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)
    )
}

/// Says no more than the tries themselves do.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        logging::librdkafka(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "dead-letter producer");
    }
}
