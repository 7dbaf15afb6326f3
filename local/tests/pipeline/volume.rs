//! Many events at once.

use futures::{StreamExt, stream};
use local::testing::broker_is_apache;
use serde_json::{Value, json};

use crate::oracle::assert_aggregates_equal_rows;
use crate::scene::{Scene, event};

const EVENTS: usize = 100_000;
const BATCH: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_events_end_as_a_hundred_thousand_rows_and_the_ledgers_add_up() {
    if !broker_is_apache() {
        eprintln!(
            "NOT TESTED: the embedded broker forgets beyond 5 MiB a partition; this needs Apache Kafka"
        );
        return;
    }
    let scene = Scene::start("volume").await;
    let batches = (0..EVENTS / BATCH).map(|batch| {
        let events: Vec<Value> = (0..BATCH).map(|place| numbered(batch * BATCH + place)).collect();
        let scene = &scene;
        async move { scene.accept(&events).await }
    });
    stream::iter(batches).buffer_unordered(4).collect::<Vec<()>>().await;
    scene.settled(EVENTS as i64).await;
    assert_aggregates_equal_rows(&mut scene.sql().await).await;

    let events = EVENTS as f64;
    let received = scene.metric(&scene.ingest, "ingest_events_received_total").await;
    let accepted = scene.metric(&scene.ingest, "ingest_events_accepted_total").await;
    assert_eq!((received, accepted), (events, events));
    let consumed = scene.metric(&scene.consumer, "consumer_events_consumed_total").await;
    let inserted = scene.metric(&scene.consumer, "consumer_events_inserted_total").await;
    assert_eq!((consumed, inserted), (events, events));
}

fn numbered(number: usize) -> Value {
    let kind = ["impression", "impression", "impression", "selection", "completion"][number % 5];
    let mut event = event(kind, &format!("prompt-{}", number % 66));
    event["sessionId"] = json!(format!("session-{}", number % 1_000));
    event["context"] = json!({"lensId": format!("lens-{}", number % 6), "entropy": 0.5});
    if kind == "completion" {
        event["outcome"] =
            json!({"dwellTimeMs": number % 10_000, "entropyDelta": (number % 200) as f64 / 100.0 - 1.0});
    }
    event
}
