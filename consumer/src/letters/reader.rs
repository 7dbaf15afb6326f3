//! Reads the dead-letter topic from its beginning to where it ended when reading began, partition by partition.
//!
//! The partitions are assigned, not subscribed to: no group is joined and no offset committed. Knows nothing of what a
//! letter means.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataPartition;
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use service::kafka::{ClientSettings, KafkaArgs, Rule, SettingsError};

use crate::letters::error::LettersError;
use crate::letters::letter::Letter;
use crate::logging;

/// How long one question to Kafka may take.
pub(crate) const QUESTION: Duration = Duration::from_secs(5);
/// How long reading may stand still.
const SILENCE: Duration = Duration::from_secs(30);

/// What lies in one partition: from `low` up to, not including, `high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The partition.
    pub(crate) partition: i32,
    /// The first offset that is kept.
    pub(crate) low: i64,
    /// The offset of the next letter to come.
    pub(crate) high: i64,
}

/// The dead-letter topic, open for reading.
pub(crate) struct Reader {
    consumer: BaseConsumer<LastWords>,
    topic: String,
    /// What is still to be read, in order; the first one is being read when it is assigned.
    spans: VecDeque<Span>,
    assigned: Option<i32>,
}

impl Reader {
    /// Looks what there is.
    ///
    /// # Errors
    /// When Kafka does not answer, or has no such topic.
    pub(crate) fn open(kafka: &KafkaArgs) -> Result<Self, LettersError> {
        let config = settings().config(kafka)?;
        let context = LastWords::default();
        let consumer =
            BaseConsumer::from_config_and_context(&config, context).map_err(SettingsError::from)?;
        let mut reader =
            Self { consumer, topic: kafka.dead_letter_topic(), spans: VecDeque::new(), assigned: None };
        let unreachable = |error: KafkaError, reader: &Self| LettersError::Unreachable {
            servers: kafka.kafka_bootstrap_servers.clone(),
            reason: reader.last_words(&error),
        };
        for partition in reader.partitions().map_err(|error| unreachable(error, &reader))?? {
            let marks = reader.consumer.fetch_watermarks(&reader.topic, partition, QUESTION);
            let (low, high) = marks.map_err(|error| unreachable(error, &reader))?;
            reader.spans.push_back(Span { partition, low, high });
        }
        Ok(reader)
    }

    /// The topic's name.
    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// What lies in this partition.
    ///
    /// # Errors
    /// When the topic has no such partition.
    pub(crate) fn span(&self, partition: i32) -> Result<Span, LettersError> {
        let found = self.spans.iter().find(|span| span.partition == partition);
        found.copied().ok_or_else(|| LettersError::NoPartition {
            topic: self.topic.clone(),
            partition,
            last: self.spans.back().map_or(0, |span| span.partition),
        })
    }

    /// From now on reads this and nothing else.
    pub(crate) fn narrow(&mut self, span: Span) {
        self.spans = VecDeque::from([span]);
        self.assigned = None;
    }

    /// The next letter; `None` at the end.
    ///
    /// # Errors
    /// When Kafka says nothing for half a minute, or refuses.
    pub(crate) fn next(&mut self) -> Result<Option<Letter>, LettersError> {
        while let Some(&span) = self.spans.front() {
            if span.low < span.high
                && let Some(letter) = self.next_of(span)?
            {
                // Where to read on; the end is the end as it was.
                self.spans[0].low = letter.offset + 1;
                return Ok(Some(letter));
            }
            self.spans.pop_front();
        }
        Ok(None)
    }

    fn next_of(&mut self, span: Span) -> Result<Option<Letter>, LettersError> {
        let failed = |reason: String| LettersError::Failed { what: "hand out the dead letters", reason };
        if self.assigned != Some(span.partition) {
            let mut only = TopicPartitionList::new();
            let added = only.add_partition_offset(&self.topic, span.partition, Offset::Offset(span.low));
            added.and_then(|()| self.consumer.assign(&only)).map_err(|error| failed(error.to_string()))?;
            self.assigned = Some(span.partition);
        }
        let begun = Instant::now();
        while begun.elapsed() < SILENCE {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) if message.partition() == span.partition => {
                    let inside = message.offset() < span.high;
                    return Ok(inside.then(|| Letter::read(&message)));
                }
                // Behind the last letter, where nothing but marks of transactions may stand.
                Some(Err(KafkaError::PartitionEOF(partition))) if partition == span.partition => {
                    return Ok(None);
                }
                Some(Err(error)) if is_final(&error) => return Err(failed(error.to_string())),
                Some(Err(error)) => self.consumer.context().note(&error.to_string()),
                Some(Ok(_)) | None => {}
            }
        }
        let silence = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
        Err(failed(self.last_words(&silence)))
    }

    /// The topic's partitions. Asks for this topic alone; a consumer's question creates none.
    fn partitions(&self) -> Result<Result<Vec<i32>, LettersError>, KafkaError> {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), QUESTION)?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == self.topic);
        let missing = |reason| Ok(Err(LettersError::NoTopic { topic: self.topic.clone(), reason }));
        let Some(topic) = topic else { return missing(RDKafkaErrorCode::UnknownTopicOrPartition) };
        if let Some(error) = topic.error() {
            return missing(error.into());
        }
        let mut partitions: Vec<_> = topic.partitions().iter().map(MetadataPartition::id).collect();
        partitions.sort_unstable();
        if partitions.is_empty() {
            return missing(RDKafkaErrorCode::UnknownTopicOrPartition);
        }
        Ok(Ok(partitions))
    }

    /// The client's own error, or what it noted before, which says more than "timed out".
    fn last_words(&self, error: &KafkaError) -> String {
        let noted = self.consumer.context().noted();
        noted.map_or_else(|| error.to_string(), |noted| format!("{error}: {noted}"))
    }
}

/// The settings of the client that reads letters. A group must be named for partitions to be assigned, but it is never
/// joined.
pub(crate) fn settings() -> ClientSettings {
    let defaults = [
        ("group.id", "prompt-telemetry-dead-letters"),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        // What retention took away since reading began is skipped.
        ("auto.offset.reset", "earliest"),
        ("enable.partition.eof", "true"),
        ("queued.max.messages.kbytes", "32768"),
        ("fetch.wait.max.ms", "100"),
    ];
    let beside = "these commands work beside the running consumer and move no offset";
    ClientSettings::consumer("prompt-telemetry-dead-letters").with(defaults).promising([
        Rule::unset("group.id", beside),
        Rule::is("enable.auto.commit", "false", beside),
        Rule::is("enable.auto.offset.store", "false", beside),
        Rule::is("auto.offset.reset", "smallest", "all letters must be read (earliest)"),
        Rule::is("enable.partition.eof", "true", "reading ends where the letters end"),
        Rule::is("isolation.level", "read_committed", "a letter that its sender took back does not count"),
    ])
}

/// Whether trying longer is in vain.
fn is_final(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{Authentication, TopicAuthorizationFailed, UnknownTopicOrPartition};
    matches!(error, KafkaError::MessageConsumptionFatal(_))
        || matches!(
            error.rdkafka_error_code(),
            Some(TopicAuthorizationFailed | UnknownTopicOrPartition | Authentication)
        )
}

/// Keeps what librdkafka said last, for the error that ends a wait.
#[derive(Default)]
struct LastWords(Mutex<Option<String>>);

impl LastWords {
    fn note(&self, words: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(words.to_owned());
    }

    fn noted(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for LastWords {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" {
            self.note(message);
        }
        logging::aside(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka");
    }
}

impl ConsumerContext for LastWords {}
