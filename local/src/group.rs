//! How far a consumer group is, how much there is to read, and how to send the group back to the start.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::services::Kafka;

const TIMEOUT: Duration = Duration::from_secs(5);

/// How many records of the topic the group has not committed yet. Blocks the thread while Kafka answers.
///
/// # Errors
/// When Kafka does not answer.
pub fn lag(kafka: &Kafka) -> Result<i64, KafkaError> {
    let client = client(kafka)?;
    let mut lag = 0;
    for partition in client.committed_offsets(partitions(&client, kafka)?, TIMEOUT)?.elements() {
        let (low, high) = client.fetch_watermarks(&kafka.topic, partition.partition(), TIMEOUT)?;
        lag += match partition.offset() {
            Offset::Offset(next) => high - next,
            _ => high - low,
        };
    }
    Ok(lag)
}

/// How many records `topic` has. Blocks the thread while Kafka answers.
///
/// # Errors
/// When Kafka does not answer.
pub fn records(kafka: &Kafka, topic: &str) -> Result<i64, KafkaError> {
    let client = client(kafka)?;
    let metadata = client.fetch_metadata(Some(topic), TIMEOUT)?;
    let mut records = 0;
    for partition in metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions) {
        let (low, high) = client.fetch_watermarks(topic, partition.id(), TIMEOUT)?;
        records += high - low;
    }
    Ok(records)
}

/// Sets the group's offsets to zero, so that every record is delivered again. Its members must be stopped. Blocks the
/// thread while Kafka answers.
///
/// # Errors
/// When Kafka does not answer, or the group still has members.
pub fn rewind(kafka: &Kafka) -> Result<(), KafkaError> {
    let client = client(kafka)?;
    let mut start = partitions(&client, kafka)?;
    start.set_all_offsets(Offset::Offset(0))?;
    client.commit(&start, CommitMode::Sync)
}

fn client(kafka: &Kafka) -> Result<BaseConsumer, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", &kafka.bootstrap_servers)
        .set("group.id", &kafka.group)
        .create()
}

fn partitions(client: &BaseConsumer, kafka: &Kafka) -> Result<TopicPartitionList, KafkaError> {
    let metadata = client.fetch_metadata(Some(&kafka.topic), TIMEOUT)?;
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions) {
        list.add_partition(&kafka.topic, partition.id());
    }
    Ok(list)
}
