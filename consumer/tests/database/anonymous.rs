//! What `anon`, who is anybody, can do to the numbers: add events that could have been, and no others.

use sqlx::PgConnection;

use crate::access::{INSERT, administrator};
use crate::oracle::differences;
use crate::session::{attempt, column, connect, migrated, number, run};

const REFUSED: &str = "42501";

fn insert(column: &str, value: &str) -> String {
    format!(
        "insert into prompt_telemetry (event_type, prompt_id, session_id, {column}) \
         values ('impression', 'p', 's', {value})"
    )
}

async fn as_anon(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    run(connection, "set role anon").await.unwrap();
    let outcome = run(connection, sql).await;
    run(connection, "reset role").await.unwrap();
    outcome
}

#[tokio::test]
async fn anon_sets_nothing_that_the_server_knows_better() {
    let database = migrated().await;
    let mut superuser = administrator(&database).await;
    for (column, value, outcome) in [
        ("received_at", "now()", REFUSED),
        ("created_at", "now()", REFUSED),
        ("\"timestamp\"", "'2099-06-01'", REFUSED),
        ("\"timestamp\"", "now() + interval '25 hours'", REFUSED),
        ("\"timestamp\"", "now() + interval '23 hours'", "ok"),
        ("\"timestamp\"", "'2020-01-01'", "ok"),
        ("\"timestamp\"", "default", "ok"),
        ("id", "'00000000-0000-0000-0000-000000000000'", REFUSED),
        ("id", "'ffffffff-ffff-ffff-ffff-ffffffffffff'", REFUSED),
        ("id", "gen_random_uuid()", "ok"),
    ] {
        let sql = insert(column, value);
        assert_eq!(attempt(&mut superuser, "anon", &sql).await, outcome, "{sql}");
    }
}

#[tokio::test]
async fn every_column_that_an_event_has_is_anons_to_set() {
    let database = migrated().await;
    let mut superuser = administrator(&database).await;
    let others = column(
        &mut superuser,
        "select attname::text from pg_attribute where attrelid = 'prompt_telemetry'::regclass and attnum > 0 \
         and not attisdropped and not has_column_privilege('anon', attrelid, attnum, 'insert') order by 1",
    )
    .await;
    assert_eq!(others, ["created_at", "received_at"]);
}

#[tokio::test]
async fn the_bounds_are_anons_alone() {
    let database = migrated().await;
    let mut superuser = administrator(&database).await;
    for role in ["telemetry_writer", "telemetry_owner"] {
        for (column, value) in [
            ("\"timestamp\"", "'2099-06-01'"),
            ("received_at", "'2020-01-01'"),
            ("id", "'00000000-0000-0000-0000-000000000000'"),
        ] {
            let sql = insert(column, value);
            assert_eq!(attempt(&mut superuser, role, &sql).await, "ok", "{role}: {sql}");
        }
    }
}

/// As PostgREST does it for an upsert that ignores duplicates, and for an insert that returns the new row's id.
#[tokio::test]
async fn a_repeat_does_nothing_however_it_is_put() {
    let database = migrated().await;
    let mut superuser = administrator(&database).await;
    let event = insert("id", "'00000000-0000-8000-8000-000000000001'");
    let two = format!("{event}, ('impression', 'p', 's', '00000000-0000-8000-8000-000000000002')");
    for (sql, rows) in [
        (format!("{event} on conflict (id) do nothing"), 1),
        (format!("{event} on conflict (id) do nothing"), 1),
        (format!("{event} on conflict do nothing"), 1),
        (format!("{event} on conflict on constraint prompt_telemetry_pkey do nothing"), 1),
        (format!("{two} on conflict (id) do nothing returning id"), 2),
        (format!("{two} on conflict (id) do nothing returning 1"), 2),
        (format!("begin isolation level repeatable read; {event} on conflict (id) do nothing; commit"), 2),
        (format!("{INSERT} returning id"), 3),
    ] {
        as_anon(&mut superuser, &sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(number(&mut superuser, "select count(*) from prompt_telemetry").await, rows, "{sql}");
    }
    let change = format!("{event} on conflict (id) do update set prompt_id = 'q'");
    assert_eq!(attempt(&mut superuser, "anon", &change).await, REFUSED);
    assert_eq!(differences(&mut superuser).await, Vec::<String>::new());
}

#[tokio::test]
async fn anon_sees_no_stored_event_and_asking_costs_no_scan() {
    let database = migrated().await;
    let mut superuser = administrator(&database).await;
    run(&mut superuser, INSERT).await.unwrap();
    run(&mut superuser, &format!("begin; set local role anon; {INSERT}")).await.unwrap();
    assert_eq!(number(&mut superuser, "select count(id) from prompt_telemetry").await, 0);
    assert_eq!(number(&mut superuser, "select count(*) from prompt_telemetry").await, 0);
    let plan = column(&mut superuser, "explain (costs off) select id from prompt_telemetry").await;
    assert_eq!(plan[0], "Tid Scan on prompt_telemetry", "{plan:#?}");
    run(&mut superuser, "commit").await.unwrap();
    let mut owner = connect(&database.owner_url()).await;
    assert_eq!(number(&mut owner, "select count(*) from prompt_telemetry").await, 2);
}
