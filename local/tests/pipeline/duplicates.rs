//! However often an event arrives, it counts once.

use local::{comparison, group, replay, sample};
use serde_json::{Value, json};

use crate::oracle::assert_aggregates_equal_rows;
use crate::scene::{Scene, event};

#[tokio::test(flavor = "multi_thread")]
async fn an_id_counts_once_in_one_request_in_two_requests_and_when_kafka_delivers_again() {
    let mut scene = Scene::start("duplicates").await;
    let shown = event("impression", "twice");
    let clicked = event("selection", "twice");
    scene.accept(&[shown.clone(), clicked.clone(), shown.clone()]).await;
    scene.settled(2).await;
    scene.accept(&[clicked.clone(), event("impression", "once")]).await;
    // The first stored wins, whatever a later one says.
    let mut changed = shown.clone();
    changed["promptId"] = json!("another");
    assert_eq!(scene.post_event(&changed).await.status(), 202);
    scene.settled(3).await;
    let before = scene.api.performance("").await.unwrap();
    assert_eq!(before.total, 2);

    scene.consumer.stop().await.unwrap();
    let kafka = scene.kafka.clone();
    tokio::task::spawn_blocking(move || group::rewind(&kafka)).await.unwrap().unwrap();
    scene.consumer.start_again().await.unwrap();
    scene.settled(3).await;
    assert_eq!(scene.api.performance("").await.unwrap().prompts, before.prompts);
    let consumed = scene.metric(&scene.consumer, "consumer_events_consumed_total").await;
    let duplicates = scene.metric(&scene.consumer, "consumer_events_duplicate_total").await;
    assert_eq!((consumed, duplicates), (6.0, 6.0), "everything was read again and nothing was new");
    assert_aggregates_equal_rows(&mut scene.sql().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_an_id_that_is_sent_again_is_the_same_event() {
    let scene = Scene::start("derived").await;
    let mut anonymous = event("impression", "anonymous");
    anonymous["id"] = Value::Null;
    let first: Value = scene.post_event(&anonymous).await.json().await.unwrap();
    let again: Value = scene.post_event(&anonymous).await.json().await.unwrap();
    assert_eq!(first["id"], again["id"]);
    scene.settled(1).await;
    assert_eq!(scene.stats("anonymous").await.impressions, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_replay_of_the_sample_changes_nothing() {
    let scene = Scene::start("replay").await;
    let happenings = sample::read().unwrap();
    for _ in 0..2 {
        replay::run(scene.ingest.url(), &happenings, |_| {}).await.unwrap();
        scene.settled(20_115).await;
        let differences = comparison::run(&scene.api, &happenings).await.unwrap();
        assert!(differences.is_empty(), "{differences:#?}");
    }
    assert_aggregates_equal_rows(&mut scene.sql().await).await;
}
