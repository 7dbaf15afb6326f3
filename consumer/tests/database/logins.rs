//! The services' own logins try what is not theirs, and nobody makes the numbers say what the rows don't.

use crate::access::{INSERT, STRANGER, administrator};
use crate::oracle::differences;
use crate::session::{attempt, connect, migrated, number, refusal, run};

/// What no service's login has any business with, whatever group it is in.
const NOBODYS: [&str; 26] = [
    "select * from prompt_telemetry",
    "select prompt_id from prompt_telemetry",
    "select session_id from prompt_telemetry",
    "select id, prompt_telemetry from prompt_telemetry",
    "copy prompt_telemetry to stdout",
    "copy (select session_id from prompt_telemetry) to stdout",
    "update prompt_telemetry set prompt_id = 'q'",
    "delete from prompt_telemetry",
    "truncate prompt_telemetry",
    "create index mine on prompt_telemetry (id)",
    "select * from prompt_slice",
    "insert into prompt_slice select * from prompt_slice",
    "update prompt_overall set impressions = 1",
    "delete from prompt_pending",
    "select * from _sqlx_migrations",
    "delete from _sqlx_migrations",
    "select rebuild_prompt_aggregate()",
    "select recount_prompt_days('-infinity', 'infinity')",
    "alter table prompt_telemetry disable trigger all",
    "alter table prompt_telemetry disable row level security",
    "drop view prompt_performance",
    "create table mine (id int)",
    "create function mine() returns int language sql as 'select 1'",
    "create role mine",
    "set role telemetry_owner",
    "alter role current_user superuser",
];

#[tokio::test]
async fn the_logins_of_the_services_are_refused_whatever_is_not_theirs() {
    let database = migrated().await;
    run(&mut connect(&database.owner_url()).await, INSERT).await.unwrap();
    let mut consumer = connect(&database.consumer_url()).await;
    let mut ingest = connect(&database.ingest_url()).await;
    let views = ["select * from prompt_performance", "select * from prompt_performance_by_slice"];
    let consumers = NOBODYS.iter().chain(&views);
    let ingests = NOBODYS.iter().chain(&[
        "select id from prompt_telemetry",
        INSERT,
        "copy prompt_telemetry from stdin",
    ]);
    for sql in consumers {
        let error = run(&mut consumer, sql).await.expect_err(sql);
        assert_eq!(refusal(&error).code(), "42501", "the consumer: {sql}: {error}");
    }
    for sql in ingests {
        let error = run(&mut ingest, sql).await.expect_err(sql);
        assert_eq!(refusal(&error).code(), "42501", "ingest: {sql}: {error}");
    }
    let mut superuser = connect(&database.superuser_url()).await;
    assert_eq!(differences(&mut superuser).await, Vec::<String>::new());
    assert_eq!(number(&mut superuser, "select count(*) from prompt_telemetry").await, 1);
}

#[tokio::test]
async fn nobody_makes_the_triggers_count_rows_that_are_not_there() {
    let database = migrated().await;
    let mut superuser = administrator(&database).await;
    // A table of one's own, even a temporary one, with our trigger on it, would forge every number.
    let forge = "create temporary table forged (like prompt_telemetry); \
         create trigger forged after insert on forged referencing new table as inserted \
         for each statement execute function public.";
    for role in
        ["anon", "service_role", "telemetry_writer", "telemetry_reader", STRANGER, "telemetry_consumer"]
    {
        for function in ["append_inserted_prompt_telemetry()", "subtract_deleted_prompt_telemetry()"] {
            let sql = format!("{forge}{function}");
            assert_eq!(attempt(&mut superuser, role, &sql).await, "42501", "{role}: {function}");
        }
    }
}
