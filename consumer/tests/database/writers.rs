//! Several writers at once over the same prompts: they stay apart, and only one beyond the sixteenth waits.

use std::sync::Arc;

use sqlx::{Connection, PgConnection};
use tokio::sync::Barrier;

use crate::oracle::differences;
use crate::session::{column, connect, migrated, number, run, until_waiting};

fn insert(prompts: &[&str]) -> String {
    let rows: Vec<_> = prompts.iter().map(|prompt| format!("('impression', '{prompt}', 's')")).collect();
    format!("insert into prompt_telemetry (event_type, prompt_id, session_id) values {}", rows.join(", "))
}

async fn shards(owner: &mut PgConnection) -> Vec<String> {
    column(owner, "select distinct shard::text from prompt_aggregate order by 1").await
}

#[tokio::test]
async fn a_lone_writer_makes_one_row_per_prompt() {
    let database = migrated().await;
    let mut writer = connect(&database.consumer_url()).await;
    for _ in 0..5 {
        run(&mut writer, &insert(&["p", "q"])).await.unwrap();
    }
    run(&mut writer, &format!("begin; {}; {}; commit", insert(&["p"]), insert(&["q", "p"]))).await.unwrap();
    let mut owner = connect(&database.owner_url()).await;
    assert_eq!(number(&mut owner, "select count(*) from prompt_aggregate").await, 2);
    assert_eq!(shards(&mut owner).await, ["0"]);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_writer_finishes_while_another_one_with_the_same_prompt_is_still_open() {
    let database = migrated().await;
    let mut slow = connect(&database.consumer_url()).await;
    let mut quick = connect(&database.consumer_url()).await;
    run(&mut slow, &format!("begin; {}", insert(&["p"]))).await.unwrap();
    // A wait for the other would end in an error: it ends only below.
    run(&mut quick, &insert(&["p"])).await.unwrap();
    let mut owner = connect(&database.owner_url()).await;
    assert_eq!(number(&mut owner, "select impressions from prompt_performance").await, 1);
    run(&mut slow, "commit").await.unwrap();
    assert_eq!(number(&mut owner, "select impressions from prompt_performance").await, 2);
    assert_eq!(shards(&mut owner).await, ["0", "1"]);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

/// Each of four transactions writes the same prompts in another order, a statement at a time; none goes on
/// before all have written. Whoever waited for another's row would wait for ever.
#[tokio::test]
async fn four_writers_in_different_orders_neither_wait_nor_deadlock() {
    const ROUNDS: usize = 5;
    const ORDERS: [[&str; 4]; 4] =
        [["a", "b", "c", "d"], ["d", "c", "b", "a"], ["b", "d", "a", "c"], ["c", "a", "d", "b"]];
    let database = migrated().await;
    let together = Arc::new(Barrier::new(ORDERS.len()));
    let mut writers = Vec::new();
    for order in ORDERS {
        let mut writer = connect(&database.consumer_url()).await;
        let together = Arc::clone(&together);
        writers.push(tokio::spawn(async move {
            let mut outcomes = Vec::new();
            for _ in 0..ROUNDS {
                run(&mut writer, "begin").await.unwrap();
                for prompt in order {
                    outcomes.push(run(&mut writer, &insert(&[prompt])).await);
                    together.wait().await;
                }
                outcomes.push(run(&mut writer, "commit").await);
            }
            writer.close().await.unwrap();
            outcomes
        }));
    }
    for writer in writers {
        for outcome in writer.await.unwrap() {
            outcome.unwrap();
        }
    }
    let mut owner = connect(&database.owner_url()).await;
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(number(&mut owner, deadlocks).await, 0);
    let written = i64::try_from(ROUNDS * ORDERS.len() * 4).unwrap();
    assert_eq!(number(&mut owner, "select sum(impressions)::bigint from prompt_performance").await, written);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_transaction_may_go_on_in_another_shard() {
    let database = migrated().await;
    let mut first = connect(&database.consumer_url()).await;
    let mut second = connect(&database.consumer_url()).await;
    let mut third = connect(&database.consumer_url()).await;
    run(&mut first, &format!("begin; {}", insert(&["p"]))).await.unwrap();
    run(&mut second, &format!("begin; {}", insert(&["p"]))).await.unwrap();
    run(&mut first, "commit").await.unwrap();
    // Shard 0 is free again, and before the one it holds.
    run(&mut second, &insert(&["p"])).await.unwrap();
    run(&mut third, &insert(&["p"])).await.unwrap();
    run(&mut second, "commit").await.unwrap();
    let mut owner = connect(&database.owner_url()).await;
    let sums = "select shard || ':' || impressions from prompt_aggregate order by shard";
    assert_eq!(column(&mut owner, sums).await, ["0:2", "1:1", "2:1"]);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn undoing_a_savepoint_gives_its_shard_back() {
    let database = migrated().await;
    let mut first = connect(&database.consumer_url()).await;
    let mut second = connect(&database.consumer_url()).await;
    let undone = format!("begin; savepoint s; {}; rollback to s", insert(&["p"]));
    run(&mut first, &undone).await.unwrap();
    run(&mut second, &insert(&["p"])).await.unwrap();
    run(&mut first, &format!("{}; commit", insert(&["p"]))).await.unwrap();
    let mut owner = connect(&database.owner_url()).await;
    assert_eq!(shards(&mut owner).await, ["0"]);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_seventeenth_writer_waits_for_one_of_sixteen() {
    let database = migrated().await;
    let mut open = Vec::new();
    for _ in 0..16 {
        let mut writer = connect(&database.consumer_url()).await;
        run(&mut writer, &format!("begin; {}", insert(&["p"]))).await.unwrap();
        open.push(writer);
    }
    let mut late = connect(&database.consumer_url()).await;
    let late = tokio::spawn(async move { run(&mut late, &insert(&["p"])).await });
    until_waiting(&database, "advisory", 1).await;
    // Those that hold a shard never wait, however full it is.
    for writer in &mut open {
        run(writer, &insert(&["p"])).await.unwrap();
    }
    for writer in &mut open {
        run(writer, "commit").await.unwrap();
    }
    late.await.unwrap().unwrap();
    let mut owner = connect(&database.owner_url()).await;
    assert_eq!(number(&mut owner, "select impressions from prompt_performance").await, 33);
    assert_eq!(number(&mut owner, "select count(*) from prompt_aggregate").await, 16);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_rebuild_waits_for_open_writers_and_counts_what_they_wrote() {
    let database = migrated().await;
    let mut writer = connect(&database.consumer_url()).await;
    let mut owner = connect(&database.owner_url()).await;
    run(&mut writer, &insert(&["p", "q"])).await.unwrap();
    run(&mut writer, &format!("begin; {}", insert(&["p"]))).await.unwrap();
    let rebuild = tokio::spawn(async move {
        run(&mut owner, "select rebuild_prompt_aggregate()").await.unwrap();
        owner
    });
    until_waiting(&database, "relation", 1).await;
    // The open transaction goes on: it has its table lock already.
    run(&mut writer, &format!("{}; commit", insert(&["q"]))).await.unwrap();
    let mut owner = rebuild.await.unwrap();
    assert_eq!(number(&mut owner, "select sum(impressions)::bigint from prompt_performance").await, 4);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}
