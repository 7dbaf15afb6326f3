//! Who may do what, also where a platform's default grants gave everybody everything beforehand.

use consumer::migrate::migrate;
use local::testing::TestDatabase;
use sqlx::PgConnection;

use crate::oracle::differences;
use crate::session::{attempt, column, connect, migrated, number, refusal, run};

/// A login that is a member of nothing.
pub(crate) const STRANGER: &str = "telemetry_test_stranger";

/// Grants on new objects as Supabase sets them up.
const PERMISSIVE: &str = "
    alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
    alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
    alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
    grant all on schema public to anon, authenticated, service_role";

/// Every right that one of our roles has on anything in `public`, beyond what it owns.
const RIGHTS: &str = "
    with grantee as (select unnest(array[
        'anon', 'authenticated', 'service_role', 'telemetry_writer', 'telemetry_reader', 'telemetry_upkeep',
        'telemetry_test_stranger'])
        as role),
    relation as (select oid, relname, relkind from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'p', 'f')),
    rights as (
        select role || ' ' || privilege || ' ' || relname as held from grantee, relation,
            unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) privilege
        where has_table_privilege(role, oid, privilege)
        union all
        select role || ' ' || privilege || ' ' || relname || '.' || attname from grantee, relation
            join pg_attribute on attrelid = oid and attnum > 0 and not attisdropped,
            unnest(array['select', 'insert', 'update', 'references']) privilege
        where has_column_privilege(role, oid, attnum, privilege) and not has_table_privilege(role, oid, privilege)
        union all
        select role || ' use sequence ' || relname from grantee, pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'S'
            and has_sequence_privilege(role, pg_class.oid, 'usage, select, update')
        union all
        select role || ' execute ' || proname from grantee, pg_proc
        where pronamespace = 'public'::regnamespace and has_function_privilege(role, pg_proc.oid, 'execute')
        union all
        select role || ' create in public' from grantee where has_schema_privilege(role, 'public', 'create'))
    select held from rights order by held collate \"C\"";

/// All there is; whatever else turns up is a leak.
const GRANTED: [&str; 40] = [
    "anon insert prompt_telemetry.context_active_moments",
    "anon insert prompt_telemetry.context_active_topics",
    "anon insert prompt_telemetry.context_entropy",
    "anon insert prompt_telemetry.context_interaction_count",
    "anon insert prompt_telemetry.context_lens_id",
    "anon insert prompt_telemetry.context_stage",
    "anon insert prompt_telemetry.event_type",
    "anon insert prompt_telemetry.id",
    "anon insert prompt_telemetry.outcome_dwell_time_ms",
    "anon insert prompt_telemetry.outcome_entropy_delta",
    "anon insert prompt_telemetry.outcome_follow_up_prompt_id",
    "anon insert prompt_telemetry.prompt_id",
    "anon insert prompt_telemetry.scoring_base_weight",
    "anon insert prompt_telemetry.scoring_final_score",
    "anon insert prompt_telemetry.scoring_lens_weight",
    "anon insert prompt_telemetry.scoring_moment_boost",
    "anon insert prompt_telemetry.scoring_rank",
    "anon insert prompt_telemetry.scoring_stage_match",
    "anon insert prompt_telemetry.scoring_topic_weight",
    "anon insert prompt_telemetry.session_id",
    "anon insert prompt_telemetry.timestamp",
    "anon select prompt_telemetry.id",
    "service_role select prompt_calendar",
    "service_role select prompt_counts",
    "service_role select prompt_counts_by_day",
    "service_role select prompt_counts_by_hour",
    "service_role select prompt_performance",
    "service_role select prompt_performance_by_slice",
    "service_role select prompt_telemetry",
    "telemetry_reader select prompt_calendar",
    "telemetry_reader select prompt_counts",
    "telemetry_reader select prompt_counts_by_day",
    "telemetry_reader select prompt_counts_by_hour",
    "telemetry_reader select prompt_performance",
    "telemetry_reader select prompt_performance_by_slice",
    "telemetry_upkeep execute fold_prompt_pending",
    "telemetry_upkeep execute keep_prompt_days",
    "telemetry_upkeep execute prompt_pending_state",
    "telemetry_writer insert prompt_telemetry",
    "telemetry_writer select prompt_telemetry.id",
];

pub(crate) const INSERT: &str =
    "insert into prompt_telemetry (event_type, prompt_id, session_id) values ('impression', 'p', 's')";

/// The superuser's connection, with every role there is to test, on a cluster that other tests use too.
pub(crate) async fn administrator(database: &TestDatabase) -> PgConnection {
    let mut superuser = connect(&database.superuser_url()).await;
    for role in ["anon", "authenticated", "service_role", STRANGER] {
        let create = format!(
            "do $$ begin create role {role} nologin; exception when duplicate_object or unique_violation then null; \
             end $$"
        );
        run(&mut superuser, &create).await.unwrap();
    }
    superuser
}

#[tokio::test]
async fn nobody_has_a_right_that_was_not_granted() {
    let database = migrated().await;
    let mut superuser = administrator(&database).await;
    assert_eq!(column(&mut superuser, RIGHTS).await, GRANTED);
}

#[tokio::test]
async fn permissive_default_grants_leak_nothing() {
    let database = TestDatabase::create().await;
    let mut superuser = administrator(&database).await;
    let mut owner = connect(&database.owner_url()).await;
    run(&mut owner, PERMISSIVE).await.unwrap();
    run(&mut owner, "create table neighbour (id int)").await.unwrap();
    let leaks = number(
        &mut superuser,
        "select count(*) from information_schema.role_table_grants \
        where table_name = 'neighbour' and grantee = 'anon'",
    )
    .await;
    assert!(leaks > 0, "the default grants are not in force, so this test shows nothing");
    run(&mut owner, "drop table neighbour").await.unwrap();

    migrate(&database.owner_url()).await.unwrap();
    assert_eq!(column(&mut superuser, RIGHTS).await, GRANTED);
}

#[tokio::test]
async fn anon_may_insert_and_nothing_else() {
    let database = migrated().await;
    let mut superuser = administrator(&database).await;
    let refused = [
        "select * from prompt_telemetry",
        "select prompt_id from prompt_telemetry",
        "select * from prompt_performance",
        "select * from prompt_performance_by_slice",
        "select * from prompt_aggregate",
        "select * from prompt_total",
        "select * from prompt_pending",
        "select * from prompt_hour",
        "select * from prompt_slice",
        "select * from prompt_setting",
        "select * from _sqlx_migrations",
        "update prompt_telemetry set prompt_id = 'q'",
        "delete from prompt_telemetry",
        "truncate prompt_telemetry",
        "truncate prompt_aggregate",
        "truncate prompt_total",
        "insert into prompt_aggregate select * from prompt_aggregate",
        "delete from _sqlx_migrations",
        "select rebuild_prompt_aggregate()",
        "select fold_prompt_pending()",
        "select keep_prompt_days()",
        "select set_prompt_time_zone('UTC')",
        "select prompt_pending_state()",
        "create table mine (id int)",
        "alter table prompt_telemetry disable trigger all",
        "insert into prompt_telemetry (event_type, prompt_id, session_id) values ('skip', 'p', 's') returning prompt_id",
    ];
    for role in ["anon", STRANGER] {
        for sql in refused {
            assert_eq!(attempt(&mut superuser, role, sql).await, "42501", "{role}: {sql}");
        }
    }
    assert_eq!(attempt(&mut superuser, STRANGER, INSERT).await, "42501");
    assert_eq!(attempt(&mut superuser, "anon", &format!("{INSERT} on conflict do nothing")).await, "ok");

    run(&mut superuser, &format!("set role anon; {INSERT}; reset role")).await.unwrap();
    assert_eq!(
        number(&mut superuser, "select impressions from prompt_performance where prompt_id = 'p'").await,
        1
    );
    assert_eq!(differences(&mut superuser).await, Vec::<String>::new());
}

#[tokio::test]
async fn service_role_reads_everything_but_the_sums_and_writes_nothing() {
    let database = migrated().await;
    let mut superuser = administrator(&database).await;
    run(&mut superuser, INSERT).await.unwrap();
    for view in ["prompt_telemetry", "prompt_performance", "prompt_performance_by_slice"] {
        run(&mut superuser, "set role service_role").await.unwrap();
        assert_eq!(number(&mut superuser, &format!("select count(*) from {view}")).await, 1, "{view}");
        run(&mut superuser, "reset role").await.unwrap();
    }
    for sql in [
        INSERT,
        "update prompt_telemetry set prompt_id = 'q'",
        "delete from prompt_telemetry",
        "truncate prompt_telemetry",
        "select * from prompt_aggregate",
        "select * from prompt_total",
        "select * from prompt_pending",
        "select * from prompt_hour",
        "select * from prompt_slice",
        "select * from prompt_setting",
        "select rebuild_prompt_aggregate()",
    ] {
        assert_eq!(attempt(&mut superuser, "service_role", sql).await, "42501", "{sql}");
    }
}

#[tokio::test]
async fn a_writer_without_bypassrls_inserts_and_asks_for_ids_only() {
    let database = migrated().await;
    let mut superuser = administrator(&database).await;
    run(&mut superuser, INSERT).await.unwrap();
    let role = "telemetry_writer";
    for sql in [
        INSERT,
        &format!("{INSERT} on conflict do nothing"),
        &format!("{INSERT} on conflict (id) do nothing"),
        &format!("{INSERT} returning id"),
        "insert into prompt_telemetry (id, event_type, prompt_id, session_id) \
         select id, 'skip', 'p', 's' from prompt_telemetry on conflict (id) do nothing",
    ] {
        assert_eq!(attempt(&mut superuser, role, sql).await, "ok", "{sql}");
    }
    for sql in [
        "select prompt_id from prompt_telemetry",
        &format!("{INSERT} on conflict (id) do update set prompt_id = 'q'"),
        "update prompt_telemetry set prompt_id = 'q'",
        "delete from prompt_telemetry",
        "truncate prompt_telemetry",
        "select * from prompt_performance",
        "select * from prompt_aggregate",
        "select * from prompt_total",
        "select * from prompt_pending",
        "select * from prompt_hour",
        "select * from prompt_slice",
        "select * from prompt_setting",
        "select rebuild_prompt_aggregate()",
    ] {
        assert_eq!(attempt(&mut superuser, role, sql).await, "42501", "{sql}");
    }
    run(&mut superuser, "set role telemetry_writer").await.unwrap();
    assert_eq!(number(&mut superuser, "select count(id) from prompt_telemetry").await, 1);
}

#[tokio::test]
async fn only_a_login_with_bypassrls_may_copy() {
    let database = migrated().await;
    let copy = "copy prompt_telemetry (event_type, prompt_id, session_id) from stdin";
    let mut consumer = connect(&database.consumer_url()).await;
    let mut sink = consumer.copy_in_raw(copy).await.unwrap();
    sink.send("impression\tp\ts\n".as_bytes()).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 1);

    let mut superuser = administrator(&database).await;
    assert_eq!(number(&mut superuser, "select impressions from prompt_performance").await, 1);
    run(&mut superuser, "set role telemetry_writer").await.unwrap();
    let error = superuser.copy_in_raw(copy).await.map(|_| ()).expect_err("row level security forbids COPY");
    assert_eq!(refusal(&error).code(), "0A000", "{error}");
}

#[tokio::test]
async fn the_reader_sees_the_views_only() {
    let database = migrated().await;
    let mut reader = connect(&database.ingest_url()).await;
    let mut owner = connect(&database.owner_url()).await;
    run(&mut owner, INSERT).await.unwrap();
    assert_eq!(number(&mut reader, "select impressions from prompt_performance").await, 1);
    assert_eq!(number(&mut reader, "select impressions from prompt_performance_by_slice").await, 1);
    for sql in [
        INSERT,
        "select id from prompt_telemetry",
        "select * from prompt_aggregate",
        "select * from prompt_total",
        "select * from prompt_pending",
        "select * from prompt_hour",
        "select * from prompt_slice",
        "select * from prompt_setting",
        "delete from prompt_performance",
    ] {
        let error = run(&mut reader, sql).await.expect_err(sql);
        // A view of sums can't be deleted from by anybody, which is said before the rights are looked at.
        assert!(["42501", "55000"].contains(&refusal(&error).code()), "{sql}: {error}");
    }
}

#[tokio::test]
async fn every_table_of_ours_has_row_level_security() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    let open = "select relname::text from pg_class where relnamespace = 'public'::regnamespace \
                and relkind in ('r', 'p') and not relrowsecurity";
    assert_eq!(column(&mut owner, open).await, ["_sqlx_migrations"]);
}
