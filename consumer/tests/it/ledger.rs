//! The metrics add up, and the lag is what is left.

use local::testing::eventually;
use uuid::Uuid;

use crate::child::Process;
use crate::events::{event, events};
use crate::scene::{PATIENCE, Scene, execute};

#[tokio::test(flavor = "multi_thread")]
async fn consumed_is_inserted_and_duplicate_and_dead_lettered_and_in_flight() {
    let scene = Scene::new().await;
    let process = Process::start(&scene, &[]).await;
    let first = events(1_000);
    scene.produce(&first).await;
    scene.wait_for_rows(1_000).await;
    let broken = event(Uuid::now_v7(), 0).replace("prompt-0", "");
    scene.produce(first.iter().take(300).chain([&broken, &broken])).await;
    scene.wait_for_committed(1_302).await;
    scene.dead_letters(2).await;

    for (name, wanted) in [
        ("consumer_events_consumed_total", 1_302.0),
        ("consumer_events_inserted_total", 1_000.0),
        ("consumer_events_duplicate_total", 300.0),
        ("consumer_events_dead_lettered_total", 2.0),
        ("consumer_events_in_flight", 0.0),
        ("consumer_received_to_committed_seconds_count", 1_300.0),
        ("consumer_batch_rows_sum", 1_300.0),
    ] {
        assert_eq!(process.metric(name).await, wanted, "{name}");
    }
    assert!(process.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_and_the_oldest_events_age_show_what_waits_and_go_back_to_zero() {
    let scene = Scene::new().await;
    let process = Process::start(&scene, &["--batch-records", "50"]).await;
    let mut owner = scene.owner().await;
    execute(&mut owner, "begin; lock table prompt_telemetry in share row exclusive mode").await;
    scene.produce(&events(500)).await;
    eventually("all of it is lag", PATIENCE, || async {
        let waiting = process.metric("consumer_lag_records").await == 500.0
            && process.metric("consumer_events_in_flight").await >= 1.0
            && process.metric("consumer_oldest_unwritten_seconds").await > 0.0;
        waiting.then_some(())
    })
    .await;
    execute(&mut owner, "commit").await;
    eventually("nothing waits any more", PATIENCE, || async {
        let settled = process.metric("consumer_lag_records").await == 0.0
            && process.metric("consumer_events_in_flight").await == 0.0
            && process.metric("consumer_oldest_unwritten_seconds").await == 0.0;
        settled.then_some(())
    })
    .await;
    assert_eq!(scene.rows().await, 500);
    assert!(process.terminate());
}
