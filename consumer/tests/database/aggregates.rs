//! The aggregates equal the rows: after every way of inserting, changing and giving up, and at every moment
//! between.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use local::testing::TestDatabase;
use proptest::collection::vec;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use crate::oracle::differences;
use crate::sequence::{Step, any_step, step, take};
use crate::session::{column, connect, migrated, number, refusal, run};

async fn work(url: &str, steps: &[Step]) {
    let mut writer = connect(url).await;
    for step in steps {
        match take(&mut writer, step).await {
            Ok(()) => {}
            // Two that change the same rows in different orders: one of them is undone, as in any database.
            Err(error) if refusal(&error).code() == "40P01" => run(&mut writer, "rollback").await.unwrap(),
            Err(error) => panic!("{step:?}: {error}"),
        }
    }
}

/// Compares twice in one snapshot, again and again until `done`: what others commit between changes neither answer.
async fn watch_snapshots(url: &str, done: &AtomicBool) -> Vec<String> {
    let mut owner = connect(url).await;
    let mut found = Vec::new();
    while found.is_empty() && !done.load(Ordering::SeqCst) {
        run(&mut owner, "begin isolation level repeatable read").await.unwrap();
        found.extend(differences(&mut owner).await);
        found.extend(differences(&mut owner).await);
        run(&mut owner, "commit").await.unwrap();
    }
    found
}

/// Compares again and again until `done`, and once more after it.
async fn watch(url: &str, done: &AtomicBool) -> Vec<String> {
    let mut owner = connect(url).await;
    loop {
        let last = done.load(Ordering::SeqCst);
        let found = differences(&mut owner).await;
        if last || !found.is_empty() {
            return found;
        }
    }
}

/// Runs both lists of steps at once on an emptied table; gives the differences, those after a rebuild too,
/// and how many rows there are then.
async fn two_writers(database: &TestDatabase, one: &[Step], other: &[Step]) -> (Vec<String>, i64) {
    let mut owner = connect(&database.owner_url()).await;
    run(&mut owner, "truncate prompt_telemetry").await.unwrap();
    let done = AtomicBool::new(false);
    let (consumer, reader) = (database.consumer_url(), database.owner_url());
    let writing = async {
        tokio::join!(work(&consumer, one), work(&consumer, other));
        done.store(true, Ordering::SeqCst);
    };
    let ((), mut found) = tokio::join!(writing, watch(&reader, &done));
    // Counting everything anew has its own copy of the arithmetic, and must come to the same.
    run(&mut owner, "select rebuild_prompt_aggregate()").await.unwrap();
    found.extend(differences(&mut owner).await);
    (found, number(&mut owner, "select count(*) from prompt_telemetry").await)
}

#[test]
fn whatever_two_writers_do_the_views_equal_the_rows_at_every_moment() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(migrated());
    let config = Config { cases: 40, failure_persistence: None, max_shrink_iters: 50, ..Config::default() };
    let stored = AtomicI64::new(0);
    let outcome = TestRunner::new(config).run(&(vec(step(), 1..12), vec(step(), 1..12)), |(one, other)| {
        let (found, rows) = runtime.block_on(two_writers(&database, &one, &other));
        stored.fetch_add(rows, Ordering::SeqCst);
        proptest::prop_assert!(found.is_empty(), "{found:#?}");
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert!(stored.into_inner() > 1000, "hardly anything was stored, so nothing was compared");
}

const ZONES: [&str; 5] = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"];
/// Where the counts differ from the events or from each other, by the product's own comparison.
const OWN_COMPARISON: &str = "select d::text from prompt_day_differences('-infinity', 'infinity') d \
                              union all select d::text from prompt_sum_differences() d";

/// Runs both lists of steps at once as the owner, from an empty table in `zone`, with all hours kept at first.
async fn two_owners(database: &TestDatabase, zone: &str, one: &[Step], other: &[Step]) -> Vec<String> {
    let mut owner = connect(&database.owner_url()).await;
    let begin = format!(
        "truncate prompt_telemetry; select set_prompt_time_zone('{zone}'); \
         update prompt_setting set hour_from = '-infinity', day_until = '-infinity'"
    );
    run(&mut owner, &begin).await.unwrap();
    let done = AtomicBool::new(false);
    let url = database.owner_url();
    let writing = async {
        tokio::join!(work(&url, one), work(&url, other));
        done.store(true, Ordering::SeqCst);
    };
    let ((), mut found, in_snapshots) =
        tokio::join!(writing, watch(&url, &done), watch_snapshots(&url, &done));
    found.extend(in_snapshots);
    found.extend(column(&mut owner, OWN_COMPARISON).await);
    run(&mut owner, "select fold_prompt_pending()").await.unwrap();
    found.extend(differences(&mut owner).await);
    found.extend(column(&mut owner, OWN_COMPARISON).await);
    let empty = "select 'of no event: ' || s::text from prompt_slice s \
                 where impressions + selections + completions + skips + feedbacks <= 0";
    found.extend(column(&mut owner, empty).await);
    run(&mut owner, "select rebuild_prompt_aggregate()").await.unwrap();
    found.extend(differences(&mut owner).await);
    found
}

#[test]
fn whatever_changes_the_rows_every_hour_and_day_of_five_zones_equals_them_at_every_moment() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(migrated());
    let config = Config { cases: 50, failure_persistence: None, max_shrink_iters: 50, ..Config::default() };
    let steps = || vec(any_step(), 1..14);
    let outcome =
        TestRunner::new(config).run(&(select(ZONES.to_vec()), steps(), steps()), |(zone, one, other)| {
            let found = runtime.block_on(two_owners(&database, zone, &one, &other));
            proptest::prop_assert!(found.is_empty(), "{zone}: {found:#?}");
            Ok(())
        });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[tokio::test]
async fn a_plain_insert_of_an_event_shows_in_the_views() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    let insert =
        "insert into prompt_telemetry (event_type, prompt_id, session_id) values ('selection', 'p', 's')";
    run(&mut owner, insert).await.unwrap();
    let defaults = "select count(*) from prompt_telemetry where id is not null and \"timestamp\" = received_at \
                    and received_at = created_at and created_at between now() - interval '1 hour' and now()";
    assert_eq!(number(&mut owner, defaults).await, 1);
    let view = "select (p.prompt_id, impressions, selections, completions, selection_rate, avg_entropy_delta, \
                avg_dwell_time_ms, last_surfaced = t.\"timestamp\")::text from prompt_performance p, prompt_telemetry t";
    assert_eq!(column(&mut owner, view).await, ["(p,0,1,0,0,,,t)"]);
}

#[tokio::test]
async fn an_event_stored_twice_counts_once() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    let insert = "insert into prompt_telemetry (id, event_type, prompt_id, session_id) values \
                  ('00000000-0000-8000-8000-000000000001', 'impression', 'p', 's')";
    run(&mut owner, insert).await.unwrap();
    run(&mut owner, &format!("{insert} on conflict do nothing")).await.unwrap();
    assert_eq!(refusal(&run(&mut owner, insert).await.unwrap_err()).code(), "23505");
    assert_eq!(number(&mut owner, "select impressions from prompt_performance").await, 1);
}

#[tokio::test]
async fn averages_are_over_completions_only_and_rounded_half_away_from_zero() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    run(
        &mut owner,
        "insert into prompt_telemetry (event_type, prompt_id, session_id, outcome_entropy_delta, \
         outcome_dwell_time_ms) values \
         ('completion', 'up', 's', 0.0001, 1), ('completion', 'up', 's', 0.0002, 2), ('completion', 'up', 's', null, null), \
         ('skip', 'up', 's', 1, 1000), ('selection', 'up', 's', 1, 1000), \
         ('completion', 'down', 's', -0.0001, 0), ('completion', 'down', 's', -0.0002, 0), \
         ('completion', 'zero', 's', 0, 0), ('selection', 'none', 's', null, null), ('impression', 'none', 's', 1, 1)",
    )
    .await
    .unwrap();
    let rates = "insert into prompt_telemetry (event_type, prompt_id, session_id) \
                 select case when n = 0 then 'selection' else 'impression' end, 'rate', 's' from generate_series(0, 20000) n";
    run(&mut owner, rates).await.unwrap();
    let view = "select (prompt_id, selection_rate, avg_entropy_delta, avg_dwell_time_ms)::text \
                from prompt_performance order by prompt_id";
    let expected = ["(down,0,-0.0002,0)", "(none,1,,)", "(rate,0.0001,,)", "(up,0,0.0002,2)", "(zero,0,0,0)"];
    assert_eq!(column(&mut owner, view).await, expected);
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_the_owner_changes_or_deletes_is_counted_anew() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    let rows = "insert into prompt_telemetry (event_type, prompt_id, session_id, \"timestamp\") \
                select 'impression', 'p' || n % 3, 's', '2020-01-01 00:00:00+00'::timestamptz + n * interval '1 day' \
                from generate_series(0, 29) n";
    for change in [
        "delete from prompt_telemetry where \"timestamp\" < '2020-01-10 00:00:00+00'",
        "delete from prompt_telemetry where \"timestamp\" > '2020-01-10 00:00:00+00'",
        "delete from prompt_telemetry where prompt_id = 'p0'",
        "update prompt_telemetry set prompt_id = 'q', event_type = 'selection' where prompt_id = 'p1'",
        "insert into prompt_telemetry (id, event_type, prompt_id, session_id) \
         select id, 'selection', 'q', 's' from prompt_telemetry \
         on conflict (id) do update set event_type = excluded.event_type, prompt_id = excluded.prompt_id",
        "merge into prompt_telemetry using (select id as old from prompt_telemetry limit 7) as old on id = old \
         when matched then delete",
        "truncate prompt_telemetry",
    ] {
        run(&mut owner, &format!("truncate prompt_telemetry; {rows}")).await.unwrap();
        assert_eq!(number(&mut owner, "select sum(impressions)::bigint from prompt_performance").await, 30);
        run(&mut owner, change).await.unwrap();
        assert_eq!(differences(&mut owner).await, Vec::<String>::new(), "{change}");
    }
    assert_eq!(number(&mut owner, "select count(*) from prompt_performance").await, 0);
}

/// The counts are made wrong beforehand, so that counting anew would show.
#[tokio::test]
async fn a_statement_that_changes_no_row_counts_nothing_anew_and_keeps_no_writer_out() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    let insert =
        "insert into prompt_telemetry (event_type, prompt_id, session_id) values ('impression', 'p', 's')";
    run(&mut owner, insert).await.unwrap();
    run(&mut owner, "select fold_prompt_pending()").await.unwrap();
    run(&mut owner, "update prompt_overall set impressions = 100").await.unwrap();
    let upsert = format!("{insert} on conflict (id) do update set prompt_id = 'q'");
    let both = format!("with old as (delete from prompt_telemetry where false returning 1) {insert}");
    for (statement, impressions) in [
        ("delete from prompt_telemetry where \"timestamp\" < '2001-01-01'", 100),
        ("update prompt_telemetry set prompt_id = 'q' where false", 100),
        (
            "merge into prompt_telemetry using (select gen_random_uuid() as new) as new on id = new when matched then delete",
            100,
        ),
        (
            "insert into prompt_telemetry select * from prompt_telemetry \
          on conflict (id) do update set prompt_id = 'q' where false",
            100,
        ),
        (&upsert, 101),
        (&both, 101),
    ] {
        run(&mut owner, &format!("begin; {statement}")).await.unwrap();
        let locks = "select mode from pg_locks where relation = 'prompt_telemetry'::regclass \
                     and pid = pg_backend_pid() and mode not in ('AccessShareLock', 'RowExclusiveLock')";
        assert_eq!(column(&mut owner, locks).await, Vec::<String>::new(), "{statement}");
        let counted = number(&mut owner, "select impressions from prompt_performance").await;
        assert_eq!(counted, impressions, "{statement}");
        run(&mut owner, "rollback").await.unwrap();
    }
}

#[tokio::test]
async fn counts_that_are_loaded_or_inserted_by_hand_are_left_out() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    run(
        &mut owner,
        "insert into prompt_aggregate (prompt_id, shard, impressions, selections, completions, entropy_delta_count, \
         entropy_delta_micros, dwell_time_count, dwell_time_ms, last_surfaced) values ('p', 3, 1, 1, 1, 1, 1, 1, 1, now())",
    )
    .await
    .unwrap();
    run(
        &mut owner,
        "insert into prompt_pending (size, groups) values (1, array[row(current_date, now(), 'p', '', '', now(), \
         1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)::prompt_group])",
    )
    .await
    .unwrap();
    for table in ["prompt_hour", "prompt_day", "prompt_slice", "prompt_overall"] {
        let insert = format!(
            "insert into {table} select (jsonb_populate_record(null::{table}, jsonb_object_agg(attname, 1) || \
             '{{\"day\": \"2020-01-01\", \"hour\": \"2020-01-01\", \"last_surfaced\": \"2020-01-01\"}}')).* \
             from pg_attribute where attrelid = '{table}'::regclass and attnum > 0"
        );
        run(&mut owner, &insert).await.unwrap();
        assert_eq!(number(&mut owner, &format!("select count(*) from {table}")).await, 0, "{table}");
    }
    let mut sink = owner.copy_in_raw("copy prompt_total from stdin").await.unwrap();
    sink.send("p\t3\t1\t1\t1\t1\t1\t1\t1\t2020-01-01\n".as_bytes()).await.unwrap();
    sink.finish().await.unwrap();
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_rebuild_mends_what_was_written_past_the_trigger() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    run(
        &mut owner,
        "alter table prompt_telemetry disable trigger user; \
         insert into prompt_telemetry (event_type, prompt_id, session_id, context_lens_id) values \
         ('impression', 'p', 's', null), ('impression', 'p', 's', ''), ('impression', 'p', 's', null); \
         alter table prompt_telemetry enable trigger user",
    )
    .await
    .unwrap();
    assert!(!differences(&mut owner).await.is_empty());
    run(&mut owner, "select rebuild_prompt_aggregate()").await.unwrap();
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
    assert_eq!(number(&mut owner, "select count(*) from prompt_slice").await, 2);
}

#[tokio::test]
async fn the_views_never_read_the_raw_rows() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    for view in [
        "prompt_performance",
        "prompt_performance_by_slice",
        "prompt_counts",
        "prompt_counts_by_day",
        "prompt_counts_by_hour",
        "prompt_calendar",
    ] {
        let tables = format!(
            "select distinct refobjid::regclass::text from pg_depend join pg_rewrite on pg_rewrite.oid = objid \
             where ev_class = '{view}'::regclass and refclassid = 'pg_class'::regclass and refobjid <> ev_class"
        );
        let tables = column(&mut owner, &tables).await;
        assert!(!tables.is_empty() && !tables.contains(&"prompt_telemetry".to_owned()), "{view}: {tables:?}");
    }
}
