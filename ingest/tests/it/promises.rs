//! A `202` and the topic agree, however the broker behaves: whatever was promised is there.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use local::random::Random;
use local::testing::eventually;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::faults::Broker;
use crate::intake::{BATCH, DEADLINE, EVENT, Intake, problem};
use crate::topic;

/// What librdkafka tries again by itself, what it gives up at once, and what makes it begin a new sequence.
const ERRORS: [RDKafkaRespErr; 8] = [
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR,
];

fn event() -> (Uuid, Value) {
    let id = Uuid::now_v7();
    (id, json!({ "id": id, "eventType": "impression", "promptId": "p", "sessionId": id }))
}

/// Sends single events and batches of three, eight requests at once; answers with the ids that got a `202` and the other
/// statuses.
async fn send(intake: &Intake, requests: usize) -> (Vec<Uuid>, Vec<u16>) {
    let sends = (0..requests).map(|number| async move {
        let events: Vec<(Uuid, Value)> = (0..if number % 2 == 0 { 1 } else { 3 }).map(|_| event()).collect();
        let (ids, mut events): (Vec<Uuid>, Vec<Value>) = events.into_iter().unzip();
        let answer = match events.len() {
            1 => intake.send(EVENT, &events.remove(0)).await,
            _ => intake.send(BATCH, &json!({ "events": events })).await,
        };
        (ids, answer.status().as_u16())
    });
    let answers: Vec<_> = stream::iter(sends).buffer_unordered(8).collect().await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, status)| *status == 202);
    (
        taken.into_iter().flat_map(|(ids, _)| ids).collect(),
        refused.into_iter().map(|(_, status)| status).collect(),
    )
}

async fn ids_on_the_topic(broker: &Broker) -> HashSet<Uuid> {
    let records = topic::records(&broker.cluster.bootstrap_servers(), &broker.topic).await;
    records.iter().map(|record| record.value["id"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn whatever_errors_the_broker_mixes_in_no_202_is_sent_for_a_record_that_is_not_on_the_topic() {
    let broker = Broker::start();
    let arguments = ["--kafka-property=message.timeout.ms=1500", "--request-deadline-ms=2000"];
    let intake = broker.intake(&arguments).await;
    let (mut random, mut promised, mut refused) = (Random::new(11), Vec::new(), Vec::new());
    for _ in 0..5 {
        // A client that failed for good is replaced within a second; until then everything is refused.
        broker.cluster.clear_request_errors(RDKafkaApiKey::Produce);
        let (taken, _) = eventually("events are taken again", DEADLINE, async || {
            let answer = send(&intake, 1).await;
            (!answer.0.is_empty()).then_some(answer)
        })
        .await;
        promised.extend(taken);
        let errors: Vec<_> = (0..20).map(|_| *random.pick(&ERRORS)).collect();
        broker.refuse(RDKafkaApiKey::Produce, &errors);
        let (taken, statuses) = send(&intake, 30).await;
        promised.extend(taken);
        refused.extend(statuses);
    }
    assert!(!promised.is_empty() && !refused.is_empty(), "{} and {}", promised.len(), refused.len());
    assert!(refused.iter().all(|status| *status == 503), "{refused:?}");
    broker.cluster.clear_request_errors(RDKafkaApiKey::Produce);
    let stored = ids_on_the_topic(&broker).await;
    let broken: Vec<_> = promised.iter().filter(|id| !stored.contains(id)).collect();
    assert!(broken.is_empty(), "promised and not there: {broken:?}");
}

#[tokio::test]
async fn too_few_replicas_for_as_long_as_it_may_take_are_a_503_and_enough_again_a_202() {
    let broker = Broker::start();
    let arguments = ["--kafka-property=message.timeout.ms=800", "--request-deadline-ms=1000"];
    let intake = broker.intake(&arguments).await;
    let refusals = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 1_000];
    broker.refuse(RDKafkaApiKey::Produce, &refusals);
    problem(intake.send(EVENT, &event().1).await, 503, "unacknowledged").await;
    broker.cluster.clear_request_errors(RDKafkaApiKey::Produce);
    let (taken, refused) = send(&intake, 20).await;
    assert_eq!((taken.len(), refused), (40, Vec::new()));
    let stored = ids_on_the_topic(&broker).await;
    assert!(taken.iter().all(|id| stored.contains(id)));
}

#[tokio::test]
async fn a_broker_that_is_slow_but_not_too_slow_is_waited_for() {
    let broker = Broker::start();
    let intake = broker.intake(&[]).await;
    let delay = Duration::from_millis(300);
    broker.delay(delay);
    let begun = Instant::now();
    let (taken, refused) = send(&intake, 8).await;
    // Sooner would have been without the broker's word.
    assert!(begun.elapsed() >= delay, "{:?}", begun.elapsed());
    assert_eq!((taken.len(), refused), (16, Vec::new()));
    broker.delay(Duration::ZERO);
    let stored = ids_on_the_topic(&broker).await;
    assert!(taken.iter().all(|id| stored.contains(id)));
}
