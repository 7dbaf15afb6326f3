//! The database roles of a deployment, made by its administrator: three logins and the groups they belong to.
//!
//! The groups are made in the owner's name, exactly as the migrations would make them, so that the memberships
//! can be granted before the first migration has run. Knows roles only, no tables and no services.

use sqlx::{AssertSqlSafe, PgConnection};

/// Owns the database and runs the migrations; may create roles, is no superuser.
pub const OWNER: &str = "telemetry_owner";
/// What the consumer logs in as: a member of `telemetry_writer` and `telemetry_upkeep` that may COPY past row level
/// security.
pub const CONSUMER: &str = "telemetry_consumer";
/// What ingest logs in as: a member of `telemetry_reader`.
pub const INGEST: &str = "telemetry_ingest";

/// Any number will do, as long as everybody who makes the logins takes the same lock.
const LOCK: i64 = 7_206_441;

/// Makes the logins with `password` and their groups where they are missing; harmless when they exist, and safe
/// when several processes do it at once. `superuser` is a connection of an administrator.
///
/// # Errors
/// Whatever the server says, for example that the connection is not an administrator's.
pub async fn ensure(superuser: &mut PgConnection, password: &str) -> Result<(), sqlx::Error> {
    let mut script = format!("begin; select pg_advisory_xact_lock({LOCK});");
    script += &role(OWNER, &format!("login createrole nosuperuser password '{password}'"));
    script += &format!("set local role {OWNER};");
    script += &role("telemetry_writer", "nologin");
    script += &role("telemetry_reader", "nologin");
    script += &role("telemetry_upkeep", "nologin");
    script += "reset role;";
    script += &role(CONSUMER, &format!("login bypassrls password '{password}'"));
    script += &role(INGEST, &format!("login password '{password}'"));
    script += &format!(
        "grant telemetry_writer, telemetry_upkeep to {CONSUMER}; grant telemetry_reader to {INGEST}; commit;"
    );
    sqlx::raw_sql(AssertSqlSafe(script)).execute(superuser).await?;
    Ok(())
}

/// Creates the empty database `name`, owned by [`OWNER`].
///
/// # Errors
/// The server's, for example that it exists.
pub async fn create_database(superuser: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    let statement = format!("create database \"{name}\" owner {OWNER}");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(superuser).await?;
    Ok(())
}

fn role(name: &str, attributes: &str) -> String {
    format!(
        "do $$ begin if not exists (select from pg_roles where rolname = '{name}') then \
         create role {name} {attributes}; end if; end $$;"
    )
}
