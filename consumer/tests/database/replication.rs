//! Somebody publishes the database's tables: events go on being stored, and a second database that subscribes gets what
//! it needs. Both databases are of one cluster, which changes nothing but how the slot is made.

use std::time::Duration;

use local::testing::{PASSWORD, TestDatabase, eventually};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::oracle::differences;
use crate::session::{column, connect, migrated, run};

const PATIENCE: Duration = Duration::from_secs(60);
/// Reads the tables for their first copy. It has no BYPASSRLS, and must see all rows nevertheless.
const REPLICATOR: &str = "telemetry_test_replicator";
const ROWS: &str = "insert into prompt_telemetry (event_type, prompt_id, session_id, context_stage) \
                    select 'impression', 'p' || n % 3, 's', 'genesis' from generate_series(1, 30) n";

/// A second database that subscribes to some tables of a first one.
struct Subscription {
    from: TestDatabase,
    to: TestDatabase,
    name: String,
}

impl Subscription {
    /// Events are stored before, which the first copy brings.
    async fn start(tables: &str) -> Subscription {
        let (from, to) = (migrated().await, migrated().await);
        let name = format!("test_{}", Uuid::new_v4().simple());
        let mut publisher = connect(&from.superuser_url()).await;
        run(&mut publisher, ROWS).await.unwrap();
        make_replicator(&mut publisher).await;
        run(&mut publisher, &format!("create publication {name} for table {tables}")).await.unwrap();
        let slot = format!("select pg_create_logical_replication_slot('{name}', 'pgoutput')");
        run(&mut publisher, &slot).await.unwrap();
        let mut subscriber = connect(&to.superuser_url()).await;
        let subscribe = format!(
            "create subscription {name} connection '{}' publication {name} with (create_slot = false)",
            from.url_as(REPLICATOR)
        );
        run(&mut subscriber, &subscribe).await.unwrap();
        Subscription { from, to, name }
    }

    /// Waits until the second database has `events`, whose counted impressions are `counted`.
    async fn until(&self, events: i64, counted: i64) {
        let what = format!("the second database to have {events} events and to count {counted}");
        let sql = "select array[(select count(*) from prompt_telemetry), \
                   (select coalesce(sum(impressions), 0)::bigint from prompt_performance)]";
        eventually(&what, PATIENCE, || async {
            let mut subscriber = connect(&self.to.owner_url()).await;
            let found: Vec<i64> = sqlx::query_scalar(sql).fetch_one(&mut subscriber).await.unwrap();
            (found == [events, counted]).then_some(())
        })
        .await;
    }

    /// The second database goes its own way.
    async fn end(self) -> TestDatabase {
        let mut subscriber = connect(&self.to.superuser_url()).await;
        run(&mut subscriber, &format!("drop subscription {}", self.name)).await.unwrap();
        self.to
    }
}

async fn make_replicator(superuser: &mut PgConnection) {
    let create = format!(
        "do $$ begin create role {REPLICATOR} login replication password '{PASSWORD}' in role pg_read_all_data; \
         exception when duplicate_object or unique_violation then null; end $$"
    );
    run(superuser, &create).await.unwrap();
}

#[tokio::test]
async fn every_table_has_a_key_by_which_its_rows_can_be_replicated() {
    let database = migrated().await;
    let mut owner = connect(&database.owner_url()).await;
    let without = "select relname::text from pg_class where relnamespace = 'public'::regnamespace \
                   and relkind in ('r', 'p') and not exists (select from pg_index where indrelid = pg_class.oid \
                   and indisprimary and indisvalid)";
    assert_eq!(column(&mut owner, without).await, Vec::<String>::new());
}

#[tokio::test]
async fn events_are_stored_and_deleted_while_everything_is_published() {
    let database = migrated().await;
    let mut superuser = connect(&database.superuser_url()).await;
    run(&mut superuser, "create publication everything for all tables").await.unwrap();
    let mut consumer = connect(&database.consumer_url()).await;
    let mut owner = connect(&database.owner_url()).await;
    for _ in 0..2 {
        run(&mut consumer, ROWS).await.unwrap();
        let mut sink = consumer
            .copy_in_raw("copy prompt_telemetry (event_type, prompt_id, session_id) from stdin")
            .await
            .unwrap();
        sink.send("impression\tp1\ts\n".as_bytes()).await.unwrap();
        sink.finish().await.unwrap();
    }
    run(&mut owner, "update prompt_telemetry set prompt_id = 'q' where prompt_id = 'p0'").await.unwrap();
    run(&mut owner, "delete from prompt_telemetry where prompt_id = 'p2'").await.unwrap();
    run(&mut owner, "select rebuild_prompt_aggregate()").await.unwrap();
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_second_database_gets_events_and_counts_and_can_take_over() {
    let subscription = Subscription::start("prompt_telemetry, prompt_pending, prompt_hour, prompt_day, prompt_slice, prompt_overall, prompt_setting").await;
    subscription.until(30, 30).await;
    run(&mut connect(&subscription.from.consumer_url()).await, ROWS).await.unwrap();
    subscription.until(60, 60).await;
    let delete = "delete from prompt_telemetry where prompt_id = 'p2'";
    run(&mut connect(&subscription.from.owner_url()).await, delete).await.unwrap();
    subscription.until(40, 40).await;

    let successor = subscription.end().await;
    let mut consumer = connect(&successor.consumer_url()).await;
    run(&mut consumer, ROWS).await.unwrap();
    run(&mut consumer, &ROWS.replace("genesis", "advocacy")).await.unwrap();
    let mut owner = connect(&successor.owner_url()).await;
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_second_database_that_gets_the_events_alone_counts_them_when_it_is_told_to() {
    let subscription = Subscription::start("prompt_telemetry").await;
    let mut owner = connect(&subscription.to.owner_url()).await;
    subscription.until(30, 0).await;
    run(&mut owner, "select rebuild_prompt_aggregate()").await.unwrap();
    subscription.until(30, 30).await;
    run(&mut connect(&subscription.from.consumer_url()).await, ROWS).await.unwrap();
    subscription.until(60, 30).await;
    run(&mut owner, "select rebuild_prompt_aggregate()").await.unwrap();
    assert_eq!(differences(&mut owner).await, Vec::<String>::new());
    drop(owner);
    subscription.end().await;
}
