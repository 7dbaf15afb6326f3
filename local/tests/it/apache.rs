//! Real Apache Kafka: what it acknowledged is there after a kill, on one node and with one of three nodes gone.

use std::time::Duration;

use local::kafka::{Apache, Data};
use local::testing;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;

const DEADLINE: Duration = Duration::from_secs(60);

async fn make_topic(servers: &str, topic: &str, replication: i32) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
    let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(replication));
    let topic = topic.set("min.insync.replicas", if replication > 1 { "2" } else { "1" });
    let answer = admin.create_topics([&topic], &AdminOptions::new()).await.unwrap();
    assert!(answer[0].is_ok(), "{answer:?}");
}

async fn produce(servers: &str, topic: &str, records: u32) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("enable.idempotence", "true")
        .create()
        .unwrap();
    let sends = (0..records).map(|number| {
        let record = FutureRecord::to(topic).key("session").payload("{}").partition(0);
        let producer = &producer;
        async move {
            let sent = producer.send(record, Timeout::After(DEADLINE)).await;
            sent.unwrap_or_else(|(error, _)| panic!("record {number}: {error}"));
        }
    });
    futures::future::join_all(sends).await;
}

/// The high watermark: how many records the partition's leader has committed.
async fn records(servers: &str, topic: &str) -> i64 {
    let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
    let topic = topic.to_owned();
    let asking = move || client.fetch_watermarks(&topic, 0, DEADLINE).unwrap().1;
    tokio::task::spawn_blocking(asking).await.unwrap()
}

/// `local test` says in its last lines that these tests were not made when the broker is the embedded one.
fn without_apache() -> bool {
    !testing::broker_is_apache()
}

#[tokio::test]
async fn one_node_has_its_records_after_a_kill() {
    if without_apache() {
        return;
    }
    let mut kafka = Apache::start("test-kafka-single", 1, Data::Temporary).await.unwrap();
    let servers = kafka.bootstrap_servers().to_owned();
    make_topic(&servers, "kept", 1).await;
    produce(&servers, "kept", 1000).await;
    kafka.nodes()[0].kill9().await;
    assert!(!kafka.nodes()[0].runs());
    kafka.start_again().await.unwrap();
    assert_eq!(records(&servers, "kept").await, 1000);
    produce(&servers, "kept", 1).await;
    assert_eq!(records(&servers, "kept").await, 1001);
}

#[tokio::test]
async fn three_nodes_replicate_and_outlive_one_of_them() {
    if without_apache() {
        return;
    }
    let mut kafka = Apache::start("test-kafka-trio", 3, Data::Temporary).await.unwrap();
    let servers = kafka.bootstrap_servers().to_owned();
    make_topic(&servers, "kept", 3).await;
    produce(&servers, "kept", 100).await;
    kafka.nodes()[0].kill9().await;
    produce(&servers, "kept", 100).await;
    kafka.start_again().await.unwrap();
    assert_eq!(records(&servers, "kept").await, 200);
    kafka.stop().await;
    assert!(kafka.nodes().iter_mut().all(|node| !node.runs()));
}

#[tokio::test]
async fn a_paused_node_is_silent_until_it_is_resumed() {
    if without_apache() {
        return;
    }
    let mut kafka = Apache::start("test-kafka-paused", 1, Data::Temporary).await.unwrap();
    let servers = kafka.bootstrap_servers().to_owned();
    make_topic(&servers, "kept", 1).await;
    kafka.nodes()[0].pause();
    let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &servers).create().unwrap();
    let asking = move || client.fetch_metadata(Some("kept"), Duration::from_secs(1)).is_err();
    assert!(tokio::task::spawn_blocking(asking).await.unwrap(), "a paused broker answers");
    kafka.nodes()[0].resume();
    produce(&servers, "kept", 1).await;
    assert_eq!(records(&servers, "kept").await, 1);
}

#[tokio::test]
async fn a_topic_comes_to_be_on_either_broker() {
    let topic = testing::topic();
    testing::create_topic(&topic, 3).await;
    let servers = testing::bootstrap_servers();
    produce(&servers, &topic, 10).await;
    assert_eq!(records(&servers, &topic).await, 10);
}
