//! What intake waits for beside a connection: each wait has its reason in readiness and ends when its cause does.

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::{Value, json};

use crate::faults::Broker;
use crate::intake::{EVENT, problem};

fn event() -> Value {
    json!({ "eventType": "impression", "promptId": "p", "sessionId": "s" })
}

#[tokio::test]
async fn a_topic_that_is_gone_is_noticed_without_an_event_and_its_return_too() {
    let broker = Broker::start();
    let intake = broker.intake(&[]).await;
    let gone = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    broker.cluster.topic_error(&broker.topic, gone).unwrap();
    // This broker creates no topic on request, so the wait goes on.
    intake.until_waiting_for("could not be created").await;
    problem(intake.send(EVENT, &event()).await, 503, "kafka_unavailable").await;
    broker.cluster.topic_error(&broker.topic, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).unwrap();
    intake.until_ready().await;
    assert_eq!(intake.send(EVENT, &event()).await.status(), 202);
}

#[tokio::test]
async fn a_client_that_gets_no_producer_id_is_not_ready_until_it_gets_one() {
    let broker = Broker::start();
    let refusals = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED; 1_000];
    broker.refuse(RDKafkaApiKey::InitProducerId, &refusals);
    let intake = broker.intake_unready(&[]).await;
    intake.until_waiting_for("producer id").await;
    broker.cluster.clear_request_errors(RDKafkaApiKey::InitProducerId);
    intake.until_ready().await;
    assert_eq!(intake.send(EVENT, &event()).await.status(), 202);
}

#[tokio::test]
async fn when_nothing_is_acknowledged_readiness_says_why_and_the_first_success_ends_it() {
    let broker = Broker::start();
    let arguments = ["--kafka-property=message.timeout.ms=800", "--request-deadline-ms=1000"];
    let intake = broker.intake(&arguments).await;
    broker.refuse(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 10_000]);
    local::testing::eventually(
        "readiness says that nothing is acknowledged",
        crate::intake::DEADLINE,
        async || {
            problem(intake.send(EVENT, &event()).await, 503, "unacknowledged").await;
            let (status, said) = intake.readiness().await;
            (status == 503 && said.contains("acknowledged no event")).then_some(())
        },
    )
    .await;
    broker.cluster.clear_request_errors(RDKafkaApiKey::Produce);
    assert_eq!(intake.send(EVENT, &event()).await.status(), 202);
    assert_eq!(intake.readiness().await.0, 200);
}
