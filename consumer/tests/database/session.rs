//! Connections to a test's database, and what a statement on one of them came to.

use std::time::Duration;

use consumer::migrate::migrate;
use local::testing::{TestDatabase, eventually};
use sqlx::postgres::PgDatabaseError;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

const PATIENCE: Duration = Duration::from_secs(20);

/// A fresh database with the whole schema.
pub(crate) async fn migrated() -> TestDatabase {
    let database = TestDatabase::create().await;
    migrate(&database.owner_url()).await.expect("an empty database takes the migrations");
    database
}

/// A connection on which a wait for a lock fails instead of hanging the test.
pub(crate) async fn connect(url: &str) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.unwrap();
    run(&mut connection, "set lock_timeout to '20s'").await.unwrap();
    connection
}

/// Runs one or several statements; the error is the server's.
pub(crate) async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// What `sql` comes to in a transaction that is then undone: `ok`, or the SQLSTATE.
pub(crate) async fn attempt(connection: &mut PgConnection, role: &str, sql: &str) -> String {
    run(connection, &format!("begin; set local role {role}")).await.unwrap();
    let outcome = match run(connection, sql).await {
        Ok(()) => "ok".to_owned(),
        Err(error) => refusal(&error).code().to_owned(),
    };
    run(connection, "rollback").await.unwrap();
    outcome
}

/// The server's part of an error.
pub(crate) fn refusal(error: &sqlx::Error) -> &PgDatabaseError {
    error.as_database_error().unwrap_or_else(|| panic!("not the server's: {error}")).downcast_ref()
}

/// The first column of every row that `sql` gives, as text.
pub(crate) async fn column(connection: &mut PgConnection, sql: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap()
}

/// The single number that `sql` gives.
pub(crate) async fn number(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.unwrap()
}

/// Waits until `count` sessions of this database wait for a lock of the kind `event`.
pub(crate) async fn until_waiting(database: &TestDatabase, event: &str, count: i64) {
    let sql = format!(
        "select count(*) from pg_stat_activity where datname = current_database() \
         and wait_event_type = 'Lock' and wait_event = '{event}'"
    );
    eventually(&format!("{count} waiting for a lock ({event})"), PATIENCE, || async {
        let mut watcher = connect(&database.superuser_url()).await;
        (number(&mut watcher, &sql).await == count).then_some(())
    })
    .await;
}
