//! A database so slow that a batch does not fit the deadline of a write.

use local::testing::eventually;

use crate::child::Process;
use crate::events::events;
use crate::scene::{PATIENCE, Scene, execute};

/// 200 rows a second at the most.
const SLOW: &str = "
    create function slow() returns trigger language plpgsql as
        $$ begin perform pg_sleep(0.005); return null; end $$;
    create trigger slow after insert on prompt_telemetry for each row execute function slow()";

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_takes_longer_than_a_write_may_is_stored_in_smaller_writes() {
    let scene = Scene::new().await;
    let mut owner = scene.owner().await;
    execute(&mut owner, SLOW).await;
    // Three seconds' worth of rows in one batch, and one second for a write. By INSERT and by COPY.
    let process = Process::start(
        &scene,
        &["--write-timeout-seconds", "1", "--batch-records", "2000", "--batch-wait-ms", "10000"],
    )
    .await;
    scene.produce(&events(2_000)).await;
    scene.wait_for_rows(2_000).await;
    scene.wait_for_committed(2_000).await;
    assert!(process.metric("consumer_writes_retried_total").await >= 1.0);
    assert_eq!(process.ask("/readyz").await.0, 200);

    execute(&mut owner, "drop trigger slow on prompt_telemetry").await;
    scene.produce(&events(2_000)).await;
    eventually("the rest is stored", PATIENCE, || async { (scene.rows().await == 4_000).then_some(()) })
        .await;
    scene.wait_for_committed(4_000).await;
    scene.assert_aggregates_equal_the_rows().await;
    scene.dead_letters(0).await;
    assert!(process.terminate());
}
