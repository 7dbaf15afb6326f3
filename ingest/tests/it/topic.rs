//! Reads back what intake put on its topic.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

/// A record of the topic.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) partition: i32,
}

/// All records of the topic, in the order of their offsets within a partition.
pub(crate) async fn records(bootstrap_servers: &str, topic: &str) -> Vec<Record> {
    let (servers, topic) = (bootstrap_servers.to_owned(), topic.to_owned());
    tokio::task::spawn_blocking(move || read(&servers, &topic)).await.unwrap()
}

fn read(bootstrap_servers: &str, topic: &str) -> Vec<Record> {
    let patience = Duration::from_secs(20);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("group.id", topic)
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), patience).unwrap();
    let partitions = metadata.topics()[0].partitions().iter().map(rdkafka::metadata::MetadataPartition::id);
    let mut assignment = TopicPartitionList::new();
    let mut wanted = 0;
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, patience).unwrap();
        wanted += high - low;
        assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&assignment).unwrap();

    let start = Instant::now();
    let mut records = Vec::new();
    while (records.len() as i64) < wanted {
        assert!(start.elapsed() < patience, "read {} of {wanted} records", records.len());
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            records.push(record(&message.unwrap()));
        }
    }
    records
}

fn record(message: &impl Message) -> Record {
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Record {
        key: text(message.key()),
        value: serde_json::from_slice(message.payload().unwrap_or_default()).unwrap(),
        headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
        partition: message.partition(),
    }
}
