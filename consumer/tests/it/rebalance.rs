//! Processes that die and partitions that move: every event is counted once all the same.

use local::testing::eventually;

use crate::child::Process;
use crate::events::events;
use crate::scene::{PATIENCE, Scene, execute, stop, wait_ready};
use consumer::server::Consumer;

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_the_rows_and_their_offsets_changes_no_count() {
    let scene = Scene::new().await;
    let killed = Process::start(&scene, &["--kafka-property", "auto.commit.interval.ms=3600000"]).await;
    scene.produce(&events(1_000)).await;
    scene.wait_for_rows(1_000).await;
    assert_eq!(scene.committed(), 0);
    killed.kill();

    let next = Process::start(&scene, &[]).await;
    scene.wait_for_committed(1_000).await;
    assert_eq!(next.metric("consumer_events_duplicate_total").await, 1_000.0);
    assert_eq!(scene.rows().await, 1_000);
    scene.assert_aggregates_equal_the_rows().await;
    assert!(next.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_move_again_and_again_lose_and_double_nothing() {
    let scene = Scene::new().await;
    let small = ["--batch-records", "200", "--batch-wait-ms", "5"];
    let steady = scene.start(&small).await;
    let events = events(20_000);
    for (round, some) in events.chunks(4_000).enumerate() {
        let (produced, moved) = tokio::join!(scene.produce(some), async {
            let other = Consumer::start(scene.config(&small)).await.unwrap();
            wait_ready(&other).await;
            other
        });
        let () = produced;
        // Every other one goes while it is at work, without a word.
        if round % 2 == 0 { stop(moved).await } else { drop(moved) }
    }
    scene.wait_for_rows(20_000).await;
    scene.wait_for_committed(20_000).await;
    scene.assert_aggregates_equal_the_rows().await;
    scene.dead_letters(0).await;
    stop(steady).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_was_taken_away_is_not_committed() {
    let scene = Scene::new().await;
    let slow = scene.start(&[]).await;
    let mut owner = scene.owner().await;
    // Rows cannot be inserted, but can be asked for.
    execute(&mut owner, "begin; lock table prompt_telemetry in share row exclusive mode").await;
    scene.produce(&events(1_000)).await;
    scene.wait_for_blocked_writer().await;

    // Its partitions go to another one while its write hangs; that one dies without having done anything.
    let other = Process::start(&scene, &[]).await;
    let writers = "select count(*) from pg_stat_activity where datname = current_database()
        and application_name = 'prompt-telemetry-consumer' and wait_event_type = 'Lock'";
    eventually("both write", PATIENCE, || async { (scene.count(writers).await == 2).then_some(()) }).await;
    other.kill();
    assert_eq!(scene.committed(), 0);

    execute(&mut owner, "commit").await;
    scene.wait_for_rows(1_000).await;
    scene.wait_for_committed(1_000).await;
    scene.assert_aggregates_equal_the_rows().await;
    stop(slow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_was_paused_when_it_was_taken_is_read_on_when_it_comes_back() {
    let scene = Scene::new().await;
    let first = Process::start(&scene, &["--batch-records", "10"]).await;
    let mut owner = scene.owner().await;
    execute(&mut owner, "begin; lock table prompt_telemetry in share row exclusive mode").await;
    // More than both batches hold, on every partition.
    scene.produce(&events(1_000)).await;
    eventually("reading pauses", PATIENCE, || async {
        (first.metric("consumer_reading_paused").await == 1.0).then_some(())
    })
    .await;

    // All partitions are taken, and some come back at once.
    let other = Process::start(&scene, &[]).await;
    eventually("the first one has partitions again", PATIENCE, || async {
        (first.metric("consumer_rebalances_total").await >= 2.0).then_some(())
    })
    .await;
    execute(&mut owner, "commit").await;

    scene.wait_for_rows(1_000).await;
    scene.wait_for_committed(1_000).await;
    scene.assert_aggregates_equal_the_rows().await;
    assert!(first.terminate());
    assert!(other.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_is_stuck_for_long_keeps_its_partitions() {
    let scene = Scene::new().await;
    // Kafka takes partitions from whoever does not poll for 6 s. More is on the topic than both batches hold.
    let impatient =
        ["--kafka-property=max.poll.interval.ms=6000", "--kafka-property=session.timeout.ms=6000"];
    let process = Process::start(&scene, &[&["--batch-records", "10"], &impatient[..]].concat()).await;
    let mut owner = scene.owner().await;
    execute(&mut owner, "begin; lock table prompt_telemetry in share row exclusive mode").await;
    scene.produce(&events(1_000)).await;
    scene.wait_for_blocked_writer().await;
    eventually("three times Kafka's patience is over", PATIENCE, || async {
        (process.metric("consumer_oldest_unwritten_seconds").await > 18.0).then_some(())
    })
    .await;
    execute(&mut owner, "commit").await;
    scene.wait_for_rows(1_000).await;
    scene.wait_for_committed(1_000).await;
    assert_eq!(process.metric("consumer_rebalances_total").await, 1.0);
    assert_eq!(process.metric("consumer_events_consumed_total").await, 1_000.0);
    assert!(process.terminate());
}
