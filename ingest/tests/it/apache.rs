//! Topics and addresses on a real Apache Kafka, which deletes topics, makes them on demand, and advertises where it is.

use std::time::Duration;

use local::kafka::Apache;
use local::port;
use local::testing::{self, eventually};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::intake::{EVENT, Intake};

const PATIENCE: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn event() -> Value {
    json!({ "eventType": "impression", "promptId": "p", "sessionId": "s" })
}

struct Administrator(AdminClient<DefaultClientContext>);

impl Administrator {
    fn of(kafka: &Apache) -> Self {
        Self(ClientConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).create().unwrap())
    }

    async fn delete(&self, topic: &str) {
        let answer = self.0.delete_topics(&[topic], &AdminOptions::new()).await.unwrap();
        assert!(answer[0].is_ok(), "{answer:?}");
    }

    async fn setting(&self, topic: &str, name: &str) -> String {
        let asked = [ResourceSpecifier::Topic(topic)];
        let mut answer = self.0.describe_configs(&asked, &AdminOptions::new()).await.unwrap();
        let settings = answer.remove(0).unwrap();
        settings.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default()
    }

    /// Partitions, and the copies of the first, once the topic is there. All topics are asked for, so that nothing is created.
    async fn shape(&self, topic: &str) -> (usize, usize) {
        eventually("the topic is there", PATIENCE, async || {
            let metadata = self.0.inner().fetch_metadata(None, PATIENCE).ok()?;
            let topic = metadata.topics().iter().find(|found| found.name() == topic)?;
            Some((topic.partitions().len(), topic.partitions().first()?.replicas().len()))
        })
        .await
    }
}

async fn until_accepted(intake: &Intake) {
    eventually("events are taken", PATIENCE, async || {
        (intake.send(EVENT, &event()).await.status() == 202).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_topic_is_made_again_as_promised_and_never_by_the_broker() {
    if !testing::broker_is_apache() {
        return;
    }
    let demand = [("auto.create.topics.enable", "true"), ("num.partitions", "1")];
    let kafka = Apache::start_configured("test-ingest-demand", 1, &demand).await.unwrap();
    let administrator = Administrator::of(&kafka);
    let topic = testing::topic();
    let intake =
        Intake::start_unready(kafka.bootstrap_servers(), topic.clone(), &["--kafka-partitions=5"]).await;
    intake.until_ready().await;
    until_accepted(&intake).await;
    // With events coming, whose metadata requests a broker would take for a wish; then in silence.
    for is_busy in [true, false] {
        administrator.delete(&topic).await;
        if is_busy {
            for _ in 0..20 {
                intake.send(EVENT, &event()).await;
            }
        }
        assert_eq!(administrator.shape(&topic).await, (5, 1), "busy: {is_busy}");
        until_accepted(&intake).await;
        intake.until_ready().await;
        assert_eq!(administrator.setting(&topic, "retention.ms").await, (7 * DAY_MS).to_string());
        assert_eq!(administrator.setting(&topic, "unclean.leader.election.enable").await, "false");
    }
    intake.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_advertises_an_address_where_nobody_is_makes_intake_wait_until_somebody_is() {
    if !testing::broker_is_apache() {
        return;
    }
    let advertised = port::free();
    let listeners = format!("PLAINTEXT://127.0.0.1:{advertised}");
    let listeners = [("advertised.listeners", listeners.as_str())];
    let kafka = Apache::start_configured("test-ingest-advertised", 1, &listeners);
    let kafka = kafka.await.unwrap();
    let intake = Intake::start_unready(kafka.bootstrap_servers(), testing::topic(), &[]).await;
    intake.until_waiting_for("advertised.listeners").await;

    let listener = TcpListener::bind(("127.0.0.1", advertised)).await.unwrap();
    let broker = kafka.bootstrap_servers().to_owned();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&broker).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    intake.until_ready().await;
    until_accepted(&intake).await;
    intake.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_get_three_copies_where_there_are_three_brokers() {
    if !testing::broker_is_apache() {
        return;
    }
    let kafka = Apache::start_configured("test-ingest-three", 3, &[]).await.unwrap();
    let administrator = Administrator::of(&kafka);
    for (topic, arguments, copies, least) in
        [(testing::topic(), &[][..], 3, "2"), (testing::topic(), &["--kafka-replication=2"][..], 2, "1")]
    {
        let intake = Intake::start_unready(kafka.bootstrap_servers(), topic.clone(), arguments).await;
        intake.until_ready().await;
        assert_eq!(administrator.shape(&topic).await, (3, copies));
        assert_eq!(administrator.setting(&topic, "min.insync.replicas").await, least);
        intake.stop().await;
    }
}
