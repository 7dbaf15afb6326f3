//! Brings a database to the newest schema: the numbered files of `migrations/`, embedded in the program.
//!
//! Runs as the database's owner, once per deployment, before the service; the service itself does no DDL. Any
//! number of runs at the same time are safe: one works, the others wait for it and find nothing to do. Knows
//! nothing of events, batches or Kafka.

use std::time::Duration;

use service::database::Database;
use sqlx::Connection;
use sqlx::migrate::{Migrate, MigrateError as RunError, Migrator};
use sqlx::postgres::{PgConnection, PgDatabaseError};

use crate::counts;

/// The migrations that this program was built with.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// Where the applied migrations are written down; the name is sqlx's.
const APPLIED_TABLE: &str = "_sqlx_migrations";
/// For all hosts of the URL together; each has ten seconds unless the URL says otherwise.
const CONNECT_DEADLINE: Duration = Duration::from_secs(30);
/// Everything lives in `public`, whatever the owner's login is set to. A wait for a lock ends after 30 s, because every
/// writer waits behind it. It ends within a second when this program is gone, unless the server's system cannot look for
/// that and refuses the setting, or the server is too old to know it.
const SESSION: &str = "set search_path to public; set lock_timeout to '30s'; \
    do $$ begin set client_connection_check_interval to '1s'; \
    exception when invalid_parameter_value or undefined_object then null; end $$";

/// What one run of [`migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The versions that this run applied, in their order; empty when there was nothing to do.
    pub versions: Vec<i64>,
    /// How many migrations had been applied before.
    pub before: usize,
}

/// Why the database could not be migrated. What had been applied before the failure stays applied, whole
/// files only.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The URL is not one of a PostgreSQL database.
    #[error("the owner's database URL can't be used: {0}")]
    Url(String),
    /// No connection, or none in time.
    #[error("no connection to {place} ({source}); check that PostgreSQL runs there and can be reached")]
    Unreachable {
        /// Host, port and database.
        place: String,
        /// What the connection failed with.
        source: sqlx::Error,
    },
    /// The server refused the login or the database.
    #[error(
        "{place} refused the connection ({source}); check login, password and database in the owner's URL"
    )]
    Refused {
        /// Host, port and database.
        place: String,
        /// What the server said.
        source: sqlx::Error,
    },
    /// The login lacks a right that migrations need.
    #[error("not allowed in {place}: {message}. {remedy}")]
    Permission {
        /// Host, port and database.
        place: String,
        /// What was refused, in the server's or the migration's words.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// Another migration, or a long transaction, holds a lock.
    #[error(
        "{place} is busy ({source}); another migration or a long transaction holds a lock: run this again later"
    )]
    Busy {
        /// Host, port and database.
        place: String,
        /// What the server said.
        source: RunError,
    },
    /// An applied migration reads differently now.
    #[error(
        "migration {version} was changed after it had been applied to {place}; restore its file and put the change \
         into a new migration"
    )]
    Changed {
        /// Host, port and database.
        place: String,
        /// The file's number.
        version: i64,
    },
    /// The database was migrated by a newer program.
    #[error(
        "{place} has migration {version}, which this program does not know; use the newer program it came with"
    )]
    Newer {
        /// Host, port and database.
        place: String,
        /// The unknown migration's number.
        version: i64,
    },
    /// Anything else; the source has the migration's number and the server's words.
    #[error("the migration of {place} failed: {source}")]
    Failed {
        /// Host, port and database.
        place: String,
        /// What failed.
        source: RunError,
    },
}

impl MigrateError {
    /// A stable word for this failure.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url(_) => "database_url",
            Self::Unreachable { .. } => "database_unreachable",
            Self::Refused { .. } => "database_refused",
            Self::Permission { .. } => "permission",
            Self::Busy { .. } => "database_busy",
            Self::Changed { .. } => "migration_changed",
            Self::Newer { .. } => "migration_unknown",
            Self::Failed { .. } => "migration_failed",
        }
    }
}

/// Applies what is missing of [`MIGRATOR`] to the database at `owner_url`, each file in a transaction of its
/// own.
///
/// The login must own the database (or `create` on it and on its schema `public`) and, where the groups are
/// missing, have CREATEROLE; it needs no superuser.
///
/// # Errors
/// Each names the place and the remedy; see [`MigrateError`]. A password never appears.
pub async fn migrate(owner_url: &str) -> Result<Applied, MigrateError> {
    migrate_at(&Database::parse(owner_url).map_err(MigrateError::Url)?).await
}

/// As [`migrate`], of a database whose URL was read already.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_at(database: &Database) -> Result<Applied, MigrateError> {
    let (mut connection, place) = open(database).await?;
    let applied = run(&mut connection).await.map_err(|error| explain_run(place, error))?;
    // All is committed; a connection that breaks now changes nothing.
    let _ = connection.close().await;
    Ok(applied)
}

/// A connection of the database's owner, prepared like that of the migrations.
///
/// # Errors
/// As [`migrate`].
pub(crate) async fn connect_as_owner(database: &Database) -> Result<PgConnection, MigrateError> {
    let (mut connection, place) = open(database).await?;
    match sqlx::raw_sql(SESSION).execute(&mut connection).await {
        Ok(_) => Ok(connection),
        Err(error) => Err(explain_run(place, RunError::Execute(error))),
    }
}

async fn open(database: &Database) -> Result<(PgConnection, String), MigrateError> {
    let database = database.clone().named("consumer migrate").for_writing();
    let place = database.to_string();
    let connected = database.connect(CONNECT_DEADLINE).await;
    Ok((connected.map_err(|error| explain_connect(&place, error))?, place))
}

/// Takes sqlx's lock already here (it may be taken twice), so that what is counted as applied is this run's
/// work.
async fn run(connection: &mut PgConnection) -> Result<Applied, RunError> {
    sqlx::raw_sql(SESSION).execute(&mut *connection).await?;
    connection.lock().await?;
    connection.ensure_migrations_table(APPLIED_TABLE).await?;
    let before = connection.list_applied_migrations(APPLIED_TABLE).await?;
    MIGRATOR.run(&mut *connection).await?;
    // What was stored before the newest tables were there. A run that is stopped goes on here the next time.
    counts::date_events(connection).await?;
    connection.unlock().await?;
    let known = |version| before.iter().any(|applied| applied.version == version);
    let versions =
        MIGRATOR.iter().map(|migration| migration.version).filter(|&version| !known(version)).collect();
    Ok(Applied { versions, before: before.len() })
}

fn explain_connect(place: &str, source: sqlx::Error) -> MigrateError {
    let place = place.to_owned();
    match &source {
        // "Too many connections" and "starting up" are the server's words too, but pass by themselves.
        sqlx::Error::Database(refusal) if !matches!(refusal.code().as_deref(), Some("53300" | "57P03")) => {
            MigrateError::Refused { place, source }
        }
        _ => MigrateError::Unreachable { place, source },
    }
}

fn explain_run(place: String, source: RunError) -> MigrateError {
    let (RunError::Execute(error) | RunError::ExecuteMigration(error, _)) = &source else {
        return match source {
            RunError::VersionMismatch(version) => MigrateError::Changed { place, version },
            RunError::VersionMissing(version) => MigrateError::Newer { place, version },
            _ => MigrateError::Failed { place, source },
        };
    };
    let Some(refusal) =
        error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
    else {
        return MigrateError::Failed { place, source };
    };
    match refusal.code() {
        "42501" => MigrateError::Permission {
            place,
            message: refusal.message().to_owned(),
            remedy: refusal.hint().unwrap_or("Run the migrations as the owner of the database.").to_owned(),
        },
        // lock_not_available: SESSION's lock_timeout.
        "55P03" => MigrateError::Busy { place, source },
        _ => MigrateError::Failed { place, source },
    }
}
