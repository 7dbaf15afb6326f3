//! One bad record among ten thousand costs little more than none.

use crate::child::Process;
use crate::events::events;
use crate::scene::{Scene, execute};

const RECORDS: usize = 10_000;
const ROUNDS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_record_among_ten_thousand_costs_at_most_twice_again_a_clean_batch() {
    let scene = Scene::new().await;
    let refuse = "alter table prompt_telemetry add constraint not_this_one check (session_id <> 'bad')";
    execute(&mut scene.owner().await, refuse).await;
    // A batch is closed when it has all of a round's records, and not before.
    let process = Process::start(&scene, &["--batch-records", "10000", "--batch-wait-ms", "10000"]).await;
    let (mut clean, mut dirty) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        clean.push(seconds(&scene, &process, None).await);
        // At the beginning, in the middle and at the end of what is sent.
        let bad = round * (RECORDS - 1) / (ROUNDS - 1);
        dirty.push(seconds(&scene, &process, Some(bad)).await);
    }
    let rows = (2 * ROUNDS * RECORDS - ROUNDS) as i64;
    assert_eq!(scene.rows().await, rows);
    scene.dead_letters(ROUNDS).await;
    scene.wait_for_committed((2 * ROUNDS * RECORDS) as i64).await;
    scene.assert_aggregates_equal_the_rows().await;
    eprintln!("seconds from hand-over to commit: clean {clean:.3?}, with one bad record {dirty:.3?}");
    let (clean, dirty) = (median(clean), median(dirty));
    assert!(dirty < 3.0 * clean, "{dirty:.3} s with one bad record, {clean:.3} s without");
    assert!(process.terminate());
}

/// How long one batch of ten thousand takes from its hand-over to its commit, one bad record in it or none.
async fn seconds(scene: &Scene, process: &Process, bad: Option<usize>) -> f64 {
    const TIMES: &str = "consumer_batch_write_seconds_sum";
    let (before, stored) = (process.metric(TIMES).await, scene.rows().await);
    let mut records = events(RECORDS);
    if let Some(place) = bad {
        records[place] = records[place].replace(&format!("\"s-{place}\""), "\"bad\"");
    }
    scene.produce(&records).await;
    scene.wait_for_rows(stored + (RECORDS - usize::from(bad.is_some())) as i64).await;
    let batches = process.metric("consumer_batch_write_seconds_count");
    local::testing::eventually("the batch is accounted for", crate::scene::PATIENCE, || async {
        (process.metric("consumer_events_in_flight").await == 0.0).then_some(())
    })
    .await;
    assert_eq!(batches.await * RECORDS as f64, process.metric("consumer_events_consumed_total").await);
    process.metric(TIMES).await - before
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
