//! Several writers at once over the same prompts, beside folds, deletes and rebuilds: inserts never wait, and whoever must
//! wait counts right afterwards.

use std::sync::Arc;

use sqlx::Connection;
use tokio::sync::Barrier;

use crate::oracle::differences;
use crate::session::{column, connect, migrated, number, refusal, run, until_waiting};

fn insert(prompts: &[&str]) -> String {
    let rows: Vec<_> = prompts.iter().map(|prompt| format!("('impression', '{prompt}', 's')")).collect();
    format!("insert into prompt_telemetry (event_type, prompt_id, session_id) values {}", rows.join(", "))
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
async fn no_number_of_open_transactions_and_no_fold_keeps_a_writer_waiting() {
    let database = migrated().await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut writer = connect(&database.consumer_url()).await;
        run(&mut writer, &format!("begin; {}", insert(&["p"]))).await.unwrap();
        open.push(writer);
    }
    let mut folder = connect(&database.consumer_url()).await;
    run(&mut folder, "begin; select fold_prompt_pending()").await.unwrap();
    for writer in &mut open {
        // A wait would end in an error: nobody commits before.
        run(writer, &insert(&["p"])).await.unwrap();
    }
    for writer in &mut open {
        run(writer, "commit").await.unwrap();
    }
    run(&mut folder, "commit; select fold_prompt_pending()").await.unwrap();
    let mut owner = connect(&database.owner_url()).await;
    assert_eq!(number(&mut owner, "select impressions from prompt_performance").await, 40);
    assert_eq!(number(&mut owner, "select count(*) from prompt_pending").await, 0);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn one_folds_at_a_time_and_the_others_are_told_so() {
    let database = migrated().await;
    let mut first = connect(&database.consumer_url()).await;
    let mut second = connect(&database.consumer_url()).await;
    run(&mut first, &insert(&["p", "q"])).await.unwrap();
    run(&mut first, "begin").await.unwrap();
    let fold = "select coalesce(fold_prompt_pending(), -1)";
    assert_eq!(number(&mut first, fold).await, 2);
    assert_eq!(number(&mut second, fold).await, -1);
    assert_eq!(column(&mut second, "select coalesce(keep_prompt_days()::text, 'busy')").await, ["busy"]);
    run(&mut first, "rollback").await.unwrap();
    assert_eq!(number(&mut second, fold).await, 2);
    let mut owner = connect(&database.owner_url()).await;
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_consumer_the_writers_fold_and_little_stays_pending() {
    let database = migrated().await;
    let mut writer = connect(&database.consumer_url()).await;
    let many = format!("do $$ begin for n in 1..2000 loop {}; end loop; end $$", insert(&["p"]));
    let mut owner = connect(&database.owner_url()).await;
    // In one transaction and in many, and never under repeatable read, where a fold of somebody else would break it.
    run(&mut writer, &many).await.unwrap();
    assert!(number(&mut owner, "select count(*) from prompt_pending").await < 600);
    for _ in 0..900 {
        run(&mut writer, &insert(&["q"])).await.unwrap();
    }
    assert!(number(&mut owner, "select count(*) from prompt_pending").await < 600);
    run(&mut owner, "select fold_prompt_pending()").await.unwrap();
    run(&mut writer, &format!("begin isolation level repeatable read; {many}; commit")).await.unwrap();
    assert_eq!(number(&mut owner, "select count(*) from prompt_pending").await, 2000);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

/// Somebody's transaction folded, because it found much pending, and then stands idle.
#[tokio::test]
async fn beside_an_idle_transaction_that_folded_events_are_stored_and_the_numbers_exact() {
    let database = migrated().await;
    let mut idle = connect(&database.owner_url()).await;
    run(&mut idle, &insert(&["p"])).await.unwrap();
    run(&mut idle, &format!("begin; select fold_prompt_pending(); {}", insert(&["q"]))).await.unwrap();
    let mut writer = connect(&database.consumer_url()).await;
    let mut owner = connect(&database.owner_url()).await;
    for _ in 0..400 {
        run(&mut writer, &insert(&["p"])).await.unwrap();
    }
    assert_eq!(number(&mut owner, "select count(*) from prompt_pending").await, 401);
    assert_eq!(number(&mut owner, "select impressions from prompt_performance").await, 401);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
    run(&mut idle, "commit").await.unwrap();
    run(&mut writer, "select fold_prompt_pending()").await.unwrap();
    assert_eq!(number(&mut owner, "select count(*) from prompt_pending").await, 0);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

/// Each removes the newest event that the other one still sees.
#[tokio::test]
async fn two_deletes_at_once_do_not_trust_each_others_rows() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    let rows = "insert into prompt_telemetry (event_type, prompt_id, session_id, \"timestamp\") select 'impression', 'p', \
                's' || n, '2026-03-29 10:00:00+00'::timestamptz + n * interval '1 minute' from generate_series(1, 5) n";
    for (first_goes, second_goes) in [("s5", "s4"), ("s4", "s5")] {
        run(&mut owner, &format!("truncate prompt_telemetry; {rows}")).await.unwrap();
        let mut first = connect(&database.owner_url()).await;
        let mut second = connect(&database.owner_url()).await;
        let delete = |session| format!("delete from prompt_telemetry where session_id = '{session}'");
        run(&mut first, &format!("begin; {}", delete(first_goes))).await.unwrap();
        let waiting = tokio::spawn(async move { run(&mut second, &delete(second_goes)).await });
        until_waiting(&database, "advisory", 1).await;
        // Inserts go on, before and after the newest.
        let mut writer = connect(&database.consumer_url()).await;
        run(&mut writer, &rows.replace("'s' ||", "'t' ||").replace("10:00", "09:00")).await.unwrap();
        run(&mut first, "commit").await.unwrap();
        waiting.await.unwrap().unwrap();
        assert_eq!(differences(&mut owner).await, Vec::<String>::new());
        let newest = "select count(*) from prompt_performance where last_surfaced = '2026-03-29 10:03:00+00'";
        assert_eq!(number(&mut owner, newest).await, 1);
    }
}

#[tokio::test]
async fn a_stale_snapshot_fails_rather_than_counting_wrong() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    let mut stale = connect(&database.owner_url()).await;
    run(&mut owner, &format!("{}; {}", insert(&["p"]), insert(&["p"]))).await.unwrap();
    let begin = "begin isolation level repeatable read; select count(*) from prompt_telemetry";
    run(&mut stale, begin).await.unwrap();
    run(&mut owner, "select fold_prompt_pending()").await.unwrap();
    let error = run(&mut stale, "delete from prompt_telemetry").await.unwrap_err();
    assert_eq!(refusal(&error).code(), "40001", "{error}");
    run(&mut stale, "rollback").await.unwrap();

    // A zone of before the transaction began would cut hours wrongly.
    run(&mut owner, "select keep_prompt_days()").await.unwrap();
    run(&mut stale, begin).await.unwrap();
    run(&mut owner, "select set_prompt_time_zone('Asia/Kathmandu')").await.unwrap();
    let error = run(&mut stale, &insert(&["p"])).await.unwrap_err();
    assert_eq!(refusal(&error).code(), "40001", "{error}");
    run(&mut stale, "rollback").await.unwrap();
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_rebuild_waits_for_no_writer_and_misses_nothing_of_an_open_one() {
    let database = migrated().await;
    let mut writer = connect(&database.consumer_url()).await;
    let mut owner = connect(&database.owner_url()).await;
    run(&mut writer, &insert(&["p", "q"])).await.unwrap();
    run(&mut writer, &format!("begin; {}", insert(&["p"]))).await.unwrap();
    run(&mut owner, "select rebuild_prompt_aggregate()").await.unwrap();
    run(&mut writer, &format!("{}; commit", insert(&["q"]))).await.unwrap();
    run(&mut owner, "select fold_prompt_pending()").await.unwrap();
    assert_eq!(number(&mut owner, "select sum(impressions)::bigint from prompt_performance").await, 4);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}
