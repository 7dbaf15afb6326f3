//! Too many dead letters at once: the consumer waits and says why, loses nothing, and goes on by itself.

use local::testing::eventually;

use crate::child::Process;
use crate::events::events;
use crate::scene::{PATIENCE, Scene, execute, stop};

/// Every fifth event is refused for as long as this holds. The sequence counts the refusals: no rollback takes its numbers
/// back. (The server's statistics show the rollbacks late, or not at all where nothing else happened.)
const REFUSE: &str = "create sequence refusals; grant usage on sequence refusals to telemetry_writer; \
                      alter table prompt_telemetry add constraint half \
                      check (event_type <> 'skip' or nextval('refusals') is null)";
const ALLOW: &str = "alter table prompt_telemetry drop constraint half";
/// A thousand records are one batch, and what it holds is tried again every second.
const EAGER: [&str; 6] =
    ["--batch-records", "1000", "--batch-wait-ms", "2000", "--dead-letter-retry-seconds", "1"];

/// A consumer with an open breaker: 200 of 1,000 events are refused.
async fn tripped() -> (Scene, Process) {
    tripped_with(&EAGER).await
}

async fn tripped_with(more: &[&str]) -> (Scene, Process) {
    let scene = Scene::new().await;
    execute(&mut scene.owner().await, REFUSE).await;
    let process = Process::start(&scene, more).await;
    scene.produce(&events(1_000)).await;
    wait_open(&process).await;
    (scene, process)
}

async fn wait_open(process: &Process) {
    eventually("the breaker is open", PATIENCE, || async {
        (process.metric("consumer_dead_letter_breaker_open").await == 1.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_says_why_and_goes_on_when_the_cause_is_gone() {
    let (scene, process) = tripped().await;
    let (status, why) = process.ask("/readyz").await;
    assert_eq!(status, 503);
    for wanted in ["dead letters", "10 %", "refused_by_database", "23514", "--dead-letter-limit off"] {
        assert!(why.contains(wanted), "{wanted}: {why}");
    }
    // It tries again and again, and stays open. Each try is refused more than a hundred times.
    let refusals = "select last_value from refusals";
    let before = scene.count(refusals).await;
    eventually("it was tried again three times", PATIENCE, || async {
        (scene.count(refusals).await > before + 300).then_some(())
    })
    .await;
    wait_open(&process).await;
    assert_eq!(process.ask("/livez").await.0, 200);
    assert_eq!((scene.committed(), process.metric("consumer_rebalances_total").await), (0, 1.0));
    scene.dead_letters(0).await;
    // What is good is stored before the batch is judged, and only what is held counts as in flight.
    scene.wait_for_rows(800).await;
    for (name, wanted) in [
        ("consumer_events_consumed_total", 1_000.0),
        ("consumer_events_inserted_total", 800.0),
        ("consumer_events_in_flight", 200.0),
    ] {
        assert_eq!(process.metric(name).await, wanted, "{name}");
    }

    execute(&mut scene.owner().await, ALLOW).await;
    scene.wait_for_rows(1_000).await;
    scene.wait_for_committed(1_000).await;
    scene.dead_letters(0).await;
    scene.assert_aggregates_equal_the_rows().await;
    assert_eq!(process.metric("consumer_dead_letter_breaker_open").await, 0.0);
    assert_eq!(process.ask("/readyz").await.0, 200);
    for (name, wanted) in [
        ("consumer_events_consumed_total", 1_000.0),
        ("consumer_events_inserted_total", 1_000.0),
        ("consumer_events_duplicate_total", 0.0),
        ("consumer_events_in_flight", 0.0),
    ] {
        assert_eq!(process.metric(name).await, wanted, "{name}");
    }
    assert!(process.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_never_get_better_hold_it_open_until_the_limit_is_lifted() {
    let scene = Scene::new().await;
    let process = Process::start(&scene, &EAGER).await;
    let mut records = events(500);
    records.extend((0..500).map(|_| "no json".to_owned()));
    scene.produce(&records).await;
    wait_open(&process).await;
    assert!(process.ask("/readyz").await.1.contains("500 not_json"));
    scene.dead_letters(0).await;
    // A stop does not wait for what will not come, and leaves everything to the next start.
    let begun = std::time::Instant::now();
    assert!(process.terminate());
    assert!(begun.elapsed() < std::time::Duration::from_secs(15), "the grace period is 25 s");
    assert_eq!(scene.committed(), 0);

    let lifted = scene.start(&["--dead-letter-limit", "off"]).await;
    scene.wait_for_committed(1_000).await;
    assert_eq!(scene.dead_letters(500).await.len(), 500);
    assert_eq!(scene.rows().await, 500);
    stop(lifted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_below_the_limit_and_a_few_bad_records_are_dead_lettered_at_once() {
    let scene = Scene::new().await;
    let consumer = scene.start(&EAGER).await;
    let bad = || "no json".to_owned();
    scene.produce(&[bad(), bad(), events(1).remove(0)]).await;
    assert_eq!(scene.dead_letters(2).await.len(), 2);
    let mut records = events(950);
    records.extend((0..50).map(|_| bad()));
    scene.produce(&records).await;
    assert_eq!(scene.dead_letters(52).await.len(), 52);
    scene.wait_for_committed(1_003).await;
    assert_eq!(scene.rows().await, 951);
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_go_to_another_one_are_held_there_and_not_here() {
    let (scene, process) = tripped().await;
    // Half of what it holds goes to the second one, which judges it anew; the first one reads its own half again.
    let second = Process::start_unready(&scene, &EAGER);
    wait_open(&second).await;
    eventually("the first one gave back what it held", PATIENCE, || async {
        (process.metric("consumer_events_given_back_total").await > 0.0).then_some(())
    })
    .await;
    wait_open(&process).await;
    assert_eq!(scene.committed(), 0);
    scene.dead_letters(0).await;

    execute(&mut scene.owner().await, ALLOW).await;
    scene.wait_for_rows(1_000).await;
    scene.wait_for_committed(1_000).await;
    scene.dead_letters(0).await;
    scene.assert_aggregates_equal_the_rows().await;
    for process in [&process, &second] {
        let metric = |name| process.metric(name);
        let settled = metric("consumer_events_inserted_total").await
            + metric("consumer_events_duplicate_total").await
            + metric("consumer_events_given_back_total").await;
        assert_eq!(metric("consumer_events_consumed_total").await, settled);
    }
    assert!(process.terminate() && second.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_batch_does_not_wait_for_the_next_try_when_its_partitions_are_taken() {
    let patient =
        ["--batch-records", "1000", "--batch-wait-ms", "2000", "--dead-letter-retry-seconds", "3600"];
    let (scene, process) = tripped_with(&patient).await;
    let second = Process::start_unready(&scene, &patient);
    wait_open(&second).await;
    eventually("the first one gave back what it held", PATIENCE, || async {
        (process.metric("consumer_events_given_back_total").await > 0.0).then_some(())
    })
    .await;
    // It reads and judges the partitions that it has now.
    eventually("the first one holds another batch", PATIENCE, || async {
        (process.metric("consumer_events_consumed_total").await > 1_000.0).then_some(())
    })
    .await;
    assert!(process.terminate() && second.terminate());
}
