//! Why a command on dead letters ended early, with what to do about it.

use std::io;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use service::kafka::SettingsError;
use thiserror::Error;

use crate::letters::plain;

/// Why a command did not do all that it was told.
#[derive(Debug, Error)]
pub enum LettersError {
    /// A setting of Kafka's cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// No broker answered in time.
    #[error(
        "Kafka at {servers} does not answer ({reason}); check --kafka-bootstrap-servers and --kafka-property"
    )]
    Unreachable {
        /// The bootstrap servers tried.
        servers: String,
        /// What the client said last.
        reason: String,
    },
    /// There is no such topic, or this login may not see it.
    #[error(
        "there is no topic {topic} that this login may read ({reason}); check --kafka-topic (the events' topic, without \
         .dead-letter), and that a consumer has run once"
    )]
    NoTopic {
        /// The dead-letter topic.
        topic: String,
        /// What Kafka said.
        reason: RDKafkaErrorCode,
    },
    /// The topic has fewer partitions.
    #[error("{topic} has no partition {partition}; its partitions are 0 to {last}")]
    NoPartition {
        /// The dead-letter topic.
        topic: String,
        /// The one asked for.
        partition: i32,
        /// The highest one.
        last: i32,
    },
    /// The partition holds other offsets.
    #[error(
        "offset {offset} is out of range: partition {partition} of {topic} {held}; `list` tells what is there"
    )]
    OutOfRange {
        /// The dead-letter topic.
        topic: String,
        /// The partition asked for.
        partition: i32,
        /// The offset asked for.
        offset: i64,
        /// What it holds, in words.
        held: String,
    },
    /// Reading or removing took too long, or was refused.
    #[error("Kafka did not {what} ({reason}); it is safe to try again")]
    Failed {
        /// What was asked, in words.
        what: &'static str,
        /// What the client said.
        reason: String,
    },
    /// Not all letters were acknowledged by the topic.
    #[error(
        "replayed {}, then Kafka refused one or did not answer: {reason}; repeat the command, events that are sent \
         twice count once", plain::letters(*sent)
    )]
    NotReplayed {
        /// Letters that were acknowledged.
        sent: u64,
        /// What the client said.
        reason: KafkaError,
    },
    /// Some letters cannot be replayed, for reasons told one by one.
    #[error("not replayed: {}, for the reasons above; `show` has all of each", plain::letters(*.0))]
    Skipped(u64),
    /// The result could not be written.
    #[error("the result cannot be written: {0}")]
    Output(#[from] io::Error),
}
