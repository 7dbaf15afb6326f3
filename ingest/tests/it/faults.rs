//! A broker that is away, slow or refuses: what the sender is told, and that all is well again without a restart.

use std::time::Duration;

use local::testing::eventually;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::{Value, json};

use crate::intake::{BATCH, DEADLINE, EVENT, Intake, problem};
use crate::topic;

/// A broker of the test's own, which can be told to misbehave, with the topics that it cannot create on request.
pub(crate) struct Broker {
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
    pub(crate) topic: String,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let (cluster, topic) = (MockCluster::new(1).unwrap(), local::testing::topic());
        for topic in [&topic, &format!("{topic}.dead-letter")] {
            cluster.create_topic(topic, 3, 1).unwrap();
        }
        Self { cluster, topic }
    }

    /// Intake on this broker, which need not be there yet.
    pub(crate) async fn intake_unready(&self, arguments: &[&str]) -> Intake {
        Intake::start_unready(&self.cluster.bootstrap_servers(), self.topic.clone(), arguments).await
    }

    /// Intake on this broker, ready.
    pub(crate) async fn intake(&self, arguments: &[&str]) -> Intake {
        let intake = self.intake_unready(arguments).await;
        intake.until_ready().await;
        intake
    }

    pub(crate) fn refuse(&self, request: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
        self.cluster.request_errors(request, errors);
    }

    pub(crate) fn delay(&self, delay: Duration) {
        self.cluster.broker_round_trip_time(1, delay).unwrap();
    }
}

fn event() -> Value {
    json!({ "eventType": "impression", "promptId": "p", "sessionId": "s" })
}

fn batch(count: usize) -> Value {
    json!({ "events": vec![event(); count] })
}

async fn until_accepted(intake: &Intake) {
    eventually("events are taken again", DEADLINE, async || {
        (intake.send(EVENT, &event()).await.status() == 202).then_some(())
    })
    .await;
}

#[tokio::test]
async fn intake_starts_without_kafka_and_is_ready_when_kafka_is() {
    let broker = Broker::start();
    broker.cluster.broker_down(1).unwrap();
    let intake = broker.intake_unready(&[]).await;
    assert_eq!(intake.readiness().await.0, 503);
    let live = intake.client.get(format!("http://{}/livez", intake.admin)).send().await.unwrap();
    assert_eq!(live.status(), 200);
    problem(intake.send(EVENT, &event()).await, 503, "kafka_unavailable").await;
    problem(intake.send(BATCH, &batch(2)).await, 503, "kafka_unavailable").await;

    broker.cluster.broker_up(1).unwrap();
    intake.until_ready().await;
    until_accepted(&intake).await;
}

#[tokio::test]
async fn a_broker_that_goes_away_is_noticed_and_its_return_too() {
    let broker = Broker::start();
    let intake = broker.intake(&[]).await;
    until_accepted(&intake).await;
    broker.cluster.broker_down(1).unwrap();
    eventually("the loss is noticed", DEADLINE, async || (intake.readiness().await.0 == 503).then_some(()))
        .await;
    problem(intake.send(EVENT, &event()).await, 503, "kafka_unavailable").await;
    broker.cluster.broker_up(1).unwrap();
    intake.until_ready().await;
    until_accepted(&intake).await;
}

#[tokio::test]
async fn a_broker_that_is_too_slow_is_a_503_by_the_deadline_and_all_is_well_afterwards() {
    let broker = Broker::start();
    let arguments = ["--request-deadline-ms=600", "--kafka-property=message.timeout.ms=500"];
    let intake = broker.intake(&arguments).await;
    until_accepted(&intake).await;
    broker.delay(Duration::from_secs(3));
    problem(intake.send(EVENT, &event()).await, 503, "unacknowledged").await;
    problem(intake.send(BATCH, &batch(100)).await, 503, "unacknowledged").await;
    broker.delay(Duration::ZERO);
    until_accepted(&intake).await;
}

#[tokio::test]
async fn an_error_that_passes_is_retried_and_never_seen_by_the_sender() {
    let broker = Broker::start();
    let intake = broker.intake(&[]).await;
    let passing = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
    ];
    broker.refuse(RDKafkaApiKey::Produce, &passing);
    assert_eq!(intake.send(BATCH, &batch(10)).await.status(), 202);
}

#[tokio::test]
async fn a_record_that_the_broker_refuses_is_a_503_and_the_next_one_is_taken() {
    let broker = Broker::start();
    let intake = broker.intake(&[]).await;
    until_accepted(&intake).await;
    let refusal = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED];
    broker.refuse(RDKafkaApiKey::Produce, &refusal);
    problem(intake.send(EVENT, &event()).await, 503, "unacknowledged").await;
    until_accepted(&intake).await;
}

#[tokio::test]
async fn a_record_that_the_topic_has_no_room_for_is_a_413_which_no_retry_helps() {
    let broker = Broker::start();
    let intake = broker.intake(&[]).await;
    until_accepted(&intake).await;
    let refusal = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE];
    broker.refuse(RDKafkaApiKey::Produce, &refusal);
    problem(intake.send(EVENT, &event()).await, 413, "record_too_large").await;
    until_accepted(&intake).await;
}

#[tokio::test]
async fn a_client_that_failed_for_good_is_replaced() {
    let broker = Broker::start();
    // Without a producer id an idempotent client gives up for ever.
    let fatal = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED];
    broker.refuse(RDKafkaApiKey::InitProducerId, &fatal);
    let intake = broker.intake(&[]).await;
    until_accepted(&intake).await;
}

#[tokio::test]
async fn a_full_queue_is_a_503_at_once_and_empties_again() {
    let broker = Broker::start();
    let arguments = [
        "--kafka-property=queue.buffering.max.messages=1000",
        "--kafka-property=message.timeout.ms=1500",
        "--request-deadline-ms=2000",
    ];
    let intake = broker.intake(&arguments).await;
    until_accepted(&intake).await;
    broker.delay(Duration::from_secs(5));
    let batches = futures::future::join_all((0..3).map(|_| async {
        let response = intake.send(BATCH, &batch(800)).await;
        assert_eq!(response.status(), 503);
        response.json::<ingest::error::Problem>().await.unwrap().code
    }));
    let mut codes = batches.await;
    codes.sort();
    assert_eq!(codes, ["queue_full", "queue_full", "unacknowledged"]);
    broker.delay(Duration::ZERO);
    until_accepted(&intake).await;
}

#[tokio::test]
async fn a_batch_that_finds_no_room_for_all_of_its_events_sends_none() {
    let broker = Broker::start();
    let intake = broker.intake(&["--kafka-property=queue.buffering.max.messages=1000"]).await;
    broker.delay(Duration::from_secs(1));
    let batch = batch(300);
    let answers = futures::future::join_all((0..4).map(|_| intake.send(BATCH, &batch))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 202, 202, 503]);
    broker.delay(Duration::ZERO);
    until_accepted(&intake).await;
    let records = topic::records(&broker.cluster.bootstrap_servers(), &broker.topic).await;
    assert_eq!(records.len(), 3 * 300 + 1);
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_turned_away_at_once() {
    let broker = Broker::start();
    let arguments = [
        "--max-requests-in-flight=2",
        "--kafka-property=message.timeout.ms=1500",
        "--request-deadline-ms=2000",
    ];
    let intake = broker.intake(&arguments).await;
    until_accepted(&intake).await;
    broker.delay(Duration::from_secs(5));
    let requests = futures::future::join_all((0..10).map(|_| async {
        intake.send(EVENT, &event()).await.json::<ingest::error::Problem>().await.unwrap().code
    }));
    let codes = requests.await;
    assert_eq!(codes.iter().filter(|code| *code == "overloaded").count(), 8, "{codes:?}");
    broker.delay(Duration::ZERO);
    until_accepted(&intake).await;
}
