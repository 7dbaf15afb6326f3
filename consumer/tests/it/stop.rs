//! The end of a process: what it holds is finished, or left for the next one.

use std::time::{Duration, Instant};

use local::testing::eventually;

use crate::child::Process;
use crate::events::events;
use crate::scene::{PATIENCE, Scene, execute, stop};

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_writes_and_commits_what_was_read() {
    let scene = Scene::new().await;
    // The batch stays open for so long, and offsets are sent so seldom, that only the stop can do either.
    let lazy = ["--batch-wait-ms", "10000", "--kafka-property", "auto.commit.interval.ms=3600000"];
    let process = Process::start(&scene, &lazy).await;
    scene.produce(&events(100)).await;
    eventually("a batch is open", PATIENCE, || async {
        (process.metric("consumer_oldest_unwritten_seconds").await > 0.0).then_some(())
    })
    .await;
    assert_eq!((scene.rows().await, scene.committed()), (0, 0));
    assert!(process.terminate());
    let rows = scene.rows().await;
    assert!(rows > 0);
    assert_eq!(scene.committed(), rows);

    let next = scene.start(&[]).await;
    scene.wait_for_rows(100).await;
    stop(next).await;
    assert_eq!(scene.committed(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_database_is_stuck_ends_in_time_and_commits_nothing() {
    let scene = Scene::new().await;
    let process = Process::start(&scene, &["--shutdown-grace-seconds", "5"]).await;
    let mut owner = scene.owner().await;
    execute(&mut owner, "begin; lock table prompt_telemetry in share row exclusive mode").await;
    scene.produce(&events(100)).await;
    scene.wait_for_blocked_writer().await;
    let begun = Instant::now();
    assert!(process.terminate(), "it exits with 0");
    assert!(begun.elapsed() < Duration::from_secs(10), "the grace period was 5 s");
    assert_eq!(scene.committed(), 0);

    execute(&mut owner, "commit").await;
    let next = scene.start(&[]).await;
    scene.wait_for_rows(100).await;
    scene.wait_for_committed(100).await;
    scene.assert_aggregates_equal_the_rows().await;
    stop(next).await;
}
