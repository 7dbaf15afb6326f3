//! Backups as operators make them: PostgreSQL's own pg_dump and pg_restore, on databases that `consumer migrate` made.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use local::error::Error;
use local::testing::{PASSWORD, TestDatabase};
use local::{oracle, postgres};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::program::executable;

const PATIENCE: Duration = Duration::from_secs(60);
/// The list of applied migrations is there already in whatever a data-only dump is restored into.
const DATA: [&str; 2] = ["--data-only", "--exclude-table=_sqlx_migrations"];
const EVENTS: &str = "insert into prompt_telemetry (event_type, prompt_id, session_id, context_stage, \"timestamp\") \
                      select 'impression', 'p' || n % 3, 's', 'genesis', '2025-01-01'::timestamptz + n * interval '1 s' \
                      from generate_series(1, 30) n";
const NUMBERS: &str = "select p::text from prompt_performance p order by prompt_id";

#[tokio::test]
async fn a_data_only_restore_into_a_migrated_database_counts_each_event_once() {
    let from = filled().await;
    let numbers = column(&from.owner_url(), NUMBERS).await;
    let folder = tempfile::tempdir().unwrap();
    for (format, url, restore) in [
        ("--format=plain", TestDatabase::owner_url as fn(&TestDatabase) -> String, &["psql"][..]),
        ("--inserts", TestDatabase::owner_url, &["psql"]),
        ("--format=custom", TestDatabase::owner_url, &["pg_restore", "--jobs=2"]),
        ("--format=custom", TestDatabase::superuser_url, &["pg_restore", "--disable-triggers"]),
    ] {
        let file = folder.path().join("dump");
        dump(&from.owner_url(), &file, &[&DATA[..], &[format]].concat()).await.unwrap();
        let to = migrated().await;
        load(&url(&to), &file, restore).await.unwrap();
        let what = format!("{format}, {restore:?}");
        assert_eq!(column(&to.owner_url(), NUMBERS).await, numbers, "{what}");
        assert_eq!(differences(&to).await, Vec::<String>::new(), "{what}");
    }
}

#[tokio::test]
async fn a_whole_restore_brings_the_counts_and_goes_on_counting() {
    let from = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    dump(&from.owner_url(), &file, &["--format=custom"]).await.unwrap();
    let to = TestDatabase::create().await;
    load(&to.owner_url(), &file, &["pg_restore", "--exit-on-error"]).await.unwrap();
    let numbers = column(&from.owner_url(), NUMBERS).await;
    assert_eq!(column(&to.owner_url(), NUMBERS).await, numbers);
    migrate(&to);
    execute(&to.owner_url(), EVENTS).await;
    assert_eq!(differences(&to).await, Vec::<String>::new());
}

/// Row level security hides rows from a login that may read every table but has no BYPASSRLS. That must end in an error
/// or in a whole dump, never in an empty one.
#[tokio::test]
async fn a_backup_login_dumps_every_row_or_is_told_that_it_cannot() {
    let from = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    for (login, attribute) in [("telemetry_test_backup", "bypassrls"), ("telemetry_test_reader", "")] {
        let create = format!(
            "create role {login} login {attribute} password '{PASSWORD}'; grant pg_read_all_data to {login}"
        );
        execute(&from.superuser_url(), &create).await;
    }
    let (backup, reader) = (from.url_as("telemetry_test_backup"), from.url_as("telemetry_test_reader"));
    let refusal = dump(&reader, &file, &["--format=custom"]).await.unwrap_err().to_string();
    assert!(refusal.contains("row-level security"), "{refusal}");

    for (url, more) in [(&backup, None), (&reader, Some("--enable-row-security"))] {
        let arguments: Vec<_> = ["--format=custom"].into_iter().chain(more).collect();
        dump(url, &file, &arguments).await.unwrap();
        let to = TestDatabase::create().await;
        load(&to.superuser_url(), &file, &["pg_restore", "--exit-on-error"]).await.unwrap();
        for table in
            ["prompt_telemetry", "prompt_pending", "prompt_slice", "prompt_setting", "_sqlx_migrations"]
        {
            let rows = format!("select row(t.*)::text from {table} t order by 1");
            let wanted = column(&from.owner_url(), &rows).await;
            assert!(!wanted.is_empty(), "{table}");
            assert_eq!(column(&to.owner_url(), &rows).await, wanted, "{url}: {table}");
        }
    }
    let drop = "drop role telemetry_test_backup; drop role telemetry_test_reader";
    execute(&from.superuser_url(), drop).await;
}

async fn migrated() -> TestDatabase {
    let database = TestDatabase::create().await;
    migrate(&database);
    database
}

fn migrate(database: &TestDatabase) {
    let mut command = Command::new(executable("consumer"));
    command.args(["migrate", "--database-url", &database.owner_url()]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A database with events of two writers at once, of which one's are folded and the other's pending.
async fn filled() -> TestDatabase {
    let database = migrated().await;
    let mut slow = PgConnection::connect(&database.consumer_url()).await.unwrap();
    run(&mut slow, &format!("begin; {EVENTS}")).await;
    execute(&database.consumer_url(), EVENTS).await;
    execute(&database.owner_url(), "select fold_prompt_pending(); select keep_prompt_days()").await;
    run(&mut slow, "commit").await;
    database
}

async fn dump(url: &str, file: &Path, arguments: &[&str]) -> Result<(), Error> {
    let program = postgres::client("test-pg-dump", "pg_dump")?.with(arguments).with(["--dbname", url]);
    program.with([Path::new("--file"), file]).run(PATIENCE).await
}

async fn load(url: &str, file: &Path, restore: &[&str]) -> Result<(), Error> {
    let program =
        postgres::client("test-pg-restore", restore[0])?.with(&restore[1..]).with(["--dbname", url]);
    let program = if restore[0] == "psql" {
        program.with(["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--single-transaction", "--file"])
    } else {
        program
    };
    program.with([file]).run(PATIENCE).await
}

async fn differences(database: &TestDatabase) -> Vec<String> {
    let mut owner = PgConnection::connect(&database.owner_url()).await.unwrap();
    oracle::differences(&mut owner).await.unwrap()
}

async fn column(url: &str, sql: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap()
}

async fn execute(url: &str, sql: &str) {
    run(&mut PgConnection::connect(url).await.unwrap(), sql).await;
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}
