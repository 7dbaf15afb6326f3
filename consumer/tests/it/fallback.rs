//! INSERT in place of COPY: when another writer comes in between, and for a login that may not COPY.

use consumer::server::Consumer;
use uuid::Uuid;

use crate::child::Process;
use crate::events::{Stored, any_events, event, events};
use crate::scene::{Scene, execute, stop};

const ROWS: &str = "select * from prompt_telemetry order by id";
/// 2,000 records, enough for COPY, are a batch, however slowly they come.
const ONE_BATCH: [&str; 4] = ["--batch-records", "2000", "--batch-wait-ms", "10000"];

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_may_not_copy_stores_the_same_rows_column_by_column() {
    let scene = Scene::new().await;
    let other = Scene::new().await;
    let mut superuser = scene.superuser().await;
    let login = format!("slow_{}", Uuid::new_v4().simple());
    let create =
        format!("create role {login} login password '{}' in role telemetry_writer", local::testing::PASSWORD);
    execute(&mut superuser, &create).await;
    let events = any_events(2_000);
    scene.produce(&events).await;

    let copying = scene.start(&ONE_BATCH).await;
    let mut config = scene.config_as(&other.database.url_as(&login), &ONE_BATCH);
    config.group = login.clone();
    let inserting = Consumer::start(config).await.unwrap();
    scene.wait_for_rows(2_000).await;
    other.wait_for_rows(2_000).await;
    other.assert_aggregates_equal_the_rows().await;

    let copied: Vec<Stored> = sqlx::query_as(ROWS).fetch_all(&mut superuser).await.unwrap();
    let inserted: Vec<Stored> = sqlx::query_as(ROWS).fetch_all(&mut other.superuser().await).await.unwrap();
    for (copied, inserted) in copied.iter().zip(&inserted) {
        assert_eq!(copied, inserted);
    }
    assert_eq!(copied.len(), inserted.len());

    // Read again, they are found to be stored.
    stop(inserting).await;
    let mut config = scene.config_as(&other.database.url_as(&login), &[]);
    config.group = format!("{login}-again");
    let again = Consumer::start(config).await.unwrap();
    let more = self::events(10);
    scene.produce(&more).await;
    other.wait_for_rows(2_010).await;
    other.assert_aggregates_equal_the_rows().await;
    stop(again).await;
    stop(copying).await;
    drop(other);
    execute(&mut superuser, &format!("drop role {login}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_comes_in_between_is_stepped_around() {
    let scene = Scene::new().await;
    let process = Process::start(&scene, &ONE_BATCH).await;
    let contested = Uuid::now_v7();
    let mut other = scene.owner().await;
    // Not committed yet: whoever asks does not see it, whoever inserts must wait for it.
    let insert = format!(
        "begin; insert into prompt_telemetry (id, event_type, prompt_id, session_id) values ('{contested}', 'skip', 'theirs', 's')"
    );
    execute(&mut other, &insert).await;
    let mut mine = events(1_999);
    mine.insert(50, event(contested, 0));
    scene.produce(&mine).await;
    scene.wait_for_blocked_writer().await;
    execute(&mut other, "commit").await;

    scene.wait_for_rows(2_000).await;
    scene.wait_for_committed(2_000).await;
    assert_eq!(process.metric("consumer_batches_overtaken_total").await, 1.0);
    assert_eq!(process.metric("consumer_events_duplicate_total").await, 1.0);
    assert_eq!(scene.count("select count(*) from prompt_telemetry where prompt_id = 'theirs'").await, 1);
    scene.assert_aggregates_equal_the_rows().await;
    scene.dead_letters(0).await;
    assert!(process.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_among_batches_that_nobody_asked_about_is_counted_once() {
    let scene = Scene::new().await;
    // The fewest rows that are worth a COPY, over one connection; batches that are closed by nothing but their size.
    let process = Process::start(&scene, &["--batch-records", "1000", "--batch-wait-ms", "10000"]).await;
    let clean = events(8_000);
    scene.produce(&clean).await;
    scene.wait_for_rows(8_000).await;
    let mut mine = events(999);
    mine.insert(10, clean[0].clone());
    scene.produce(&mine).await;

    scene.wait_for_rows(8_999).await;
    scene.wait_for_committed(9_000).await;
    assert_eq!(process.metric("consumer_copies_in_vain_total").await, 1.0);
    assert_eq!(process.metric("consumer_batches_overtaken_total").await, 0.0);
    assert_eq!(process.metric("consumer_events_duplicate_total").await, 1.0);
    scene.assert_aggregates_equal_the_rows().await;
    scene.dead_letters(0).await;
    assert!(process.terminate());
}
