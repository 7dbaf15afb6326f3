//! The consumer keeps the counts: it folds what anybody stored, one process at a time, and says when it cannot.

use local::testing::eventually;

use crate::child::Process;
use crate::events::events;
use crate::scene::{PATIENCE, Scene, execute, stop, wait_ready, wait_unready};

const INSERT: &str =
    "insert into prompt_telemetry (event_type, prompt_id, session_id) values ('skip', 'p', 's')";

async fn until_folded(scene: &Scene) {
    eventually("nothing is pending", PATIENCE, || async {
        (scene.count("select count(*) from prompt_pending").await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_consumer_and_what_others_store_is_folded_and_days_get_their_settings() {
    let scene = Scene::new().await;
    let consumer = Process::start(&scene, &[]).await;
    scene.produce(&events(500)).await;
    scene.wait_for_rows(500).await;
    until_folded(&scene).await;
    execute(&mut scene.owner().await, INSERT).await;
    until_folded(&scene).await;
    assert!(scene.count("select count(*) from prompt_hour").await > 0);
    assert_eq!(scene.count("select count(*) from prompt_setting").await, 1);
    scene.assert_aggregates_equal_the_rows().await;
    for metric in ["consumer_groups_folded_total", "consumer_last_fold_timestamp_seconds"] {
        eventually(metric, PATIENCE, || async { (consumer.metric(metric).await > 0.0).then_some(()) }).await;
    }
    assert!(consumer.metric("consumer_last_upkeep_timestamp_seconds").await > 0.0);
    assert!(consumer.terminate());
}

/// A transaction that holds the lock of the sums stands idle meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn beside_a_transaction_that_holds_the_lock_events_are_stored_and_what_waits_shows() {
    let scene = Scene::new().await;
    let mut idle = scene.owner().await;
    execute(&mut idle, INSERT).await;
    execute(&mut idle, "begin; delete from prompt_telemetry").await;
    let consumer = Process::start(&scene, &[]).await;
    scene.produce(&events(300)).await;
    // The deleted one is still there for others.
    scene.wait_for_rows(301).await;
    scene.assert_aggregates_equal_the_rows().await;
    for metric in ["consumer_pending_groups", "consumer_pending_oldest_seconds"] {
        eventually(metric, PATIENCE, || async { (consumer.metric(metric).await > 0.0).then_some(()) }).await;
    }
    execute(&mut idle, "commit").await;
    until_folded(&scene).await;
    eventually("nothing shows as pending", PATIENCE, || async {
        (consumer.metric("consumer_pending_groups").await == 0.0).then_some(())
    })
    .await;
    scene.assert_aggregates_equal_the_rows().await;
    assert!(consumer.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_killed_again_and_again_while_it_folds_harms_nothing() {
    let scene = Scene::new().await;
    for _ in 0..3 {
        let consumer = Process::start(&scene, &[]).await;
        scene.produce(&events(2_000)).await;
        eventually("a fold", PATIENCE, || async {
            (consumer.metric("consumer_groups_folded_total").await > 0.0).then_some(())
        })
        .await;
        consumer.kill();
        scene.assert_aggregates_equal_the_rows().await;
    }
    let consumer = scene.start(&[]).await;
    scene.wait_for_rows(6_000).await;
    until_folded(&scene).await;
    scene.assert_aggregates_equal_the_rows().await;
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lets_nobody_fold_stores_events_and_the_readiness_says_why() {
    let scene = Scene::new().await;
    let mut owner = scene.owner().await;
    let signature = "function fold_prompt_pending()";
    execute(&mut owner, &format!("revoke execute on {signature} from telemetry_upkeep")).await;
    let consumer = scene.start(&[]).await;
    scene.produce(&events(300)).await;
    scene.wait_for_rows(300).await;
    scene.assert_aggregates_equal_the_rows().await;
    wait_unready(&consumer, "grant telemetry_upkeep").await;
    execute(&mut owner, &format!("grant execute on {signature} to telemetry_upkeep")).await;
    wait_ready(&consumer).await;
    until_folded(&scene).await;
    stop(consumer).await;
}
