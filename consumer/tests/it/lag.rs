//! The lag counts records that can be stored, not offsets.

use std::time::Duration;

use local::testing::bootstrap_servers;
use local::testing::eventually;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::child::Process;
use crate::events::events;
use crate::scene::{PATIENCE, Scene};

/// Sends the events in a transaction that is still open.
fn begin(scene: &Scene, events: &[String]) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers())
        .set("transactional.id", uuid::Uuid::new_v4().to_string())
        .create()
        .unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    for event in events {
        let headers = OwnedHeaders::new().insert(Header { key: "schema-version", value: Some("1") });
        let record = BaseRecord::to(&scene.topic).key("k").payload(event).headers(headers);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    producer
}

async fn wait_for_lag(process: &Process, wanted: f64) {
    eventually(&format!("the lag is {wanted}"), PATIENCE, || async {
        (process.metric("consumer_lag_records").await == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_marks_of_transactions_and_what_was_aborted_are_no_lag() {
    let scene = Scene::new().await;
    let process = Process::start(&scene, &[]).await;
    // An open transaction holds records back that wait to be stored.
    let kept = begin(&scene, &events(5));
    wait_for_lag(&process, 5.0).await;
    kept.commit_transaction(PATIENCE).unwrap();
    scene.wait_for_rows(5).await;
    wait_for_lag(&process, 0.0).await;

    begin(&scene, &events(7)).abort_transaction(PATIENCE).unwrap();
    // Eight offsets without a record; the lag is looked at after the next statistics.
    scene.produce(&events(1)).await;
    scene.wait_for_rows(6).await;
    wait_for_lag(&process, 0.0).await;
    assert!(process.terminate());

    // A restart finds nothing to read behind the committed offsets.
    let again = Process::start(&scene, &[]).await;
    tokio::time::timeout(Duration::from_secs(60), async {
        wait_for_lag(&again, 0.0).await;
        assert_eq!(again.metric("consumer_events_consumed_total").await, 0.0);
    })
    .await
    .unwrap();
    scene.dead_letters(0).await;
    assert!(again.terminate());
}
