//! A database: where it is and who logs in, read from a URL, and how to get a connection to it.
//!
//! Works through poolers such as PgBouncer in transaction mode as well. So a connection is opened without any session
//! setting: [`begin`] makes settings that last for one transaction, and statements must be unnamed
//! (`persistent(false)`). Knows nothing of tables. Nothing of a URL is ever shown but hosts, ports, the database and the
//! names of parameters: the rest may be a password.

use std::fmt;
use std::io;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use tokio::time::timeout;
use uuid::Uuid;

use crate::database::target::Target;

mod parameters;
mod target;
mod tls;
mod url;

/// How long one host may take to let us in, unless the URL says less or more in `connect_timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a database is, and who logs in. `Debug` shows neither login nor password.
#[derive(Clone)]
pub struct Database {
    /// At least one. All have the same login and database.
    hosts: Vec<PgConnectOptions>,
    /// Which of the hosts will do; any of them without it.
    target: Option<Target>,
    /// Whether the hosts are tried in random order.
    shuffled: bool,
    connect_timeout: Duration,
    notes: Vec<String>,
}

impl Database {
    /// Reads a URL such as `postgres://LOGIN:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`, and the forms that
    /// providers and other drivers write.
    ///
    /// # Errors
    /// What is wrong, as one sentence that holds nothing of the URL but names of parameters.
    pub fn parse(url: &str) -> Result<Self, String> {
        url::read(url)
    }

    /// What the server shows as the name of this client.
    #[must_use]
    pub fn named(mut self, application_name: &str) -> Self {
        let name = |options: PgConnectOptions| options.application_name(application_name);
        self.hosts = self.hosts.into_iter().map(name).collect();
        self
    }

    /// For whoever writes: of several hosts only one that takes writes will do, unless the URL says otherwise.
    #[must_use]
    pub fn for_writing(mut self) -> Self {
        if self.hosts.len() > 1 {
            self.target.get_or_insert(Target::ReadWrite);
        }
        self
    }

    /// One sentence for each part of the URL that has no effect here, or not the usual one. For the log.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Logs [`Database::notes`] as warnings. `setting` is the variable that holds the URL.
    pub fn warn(&self, setting: &str) {
        for note in &self.notes {
            tracing::warn!("{setting}: {note}");
        }
    }

    /// The login.
    #[must_use]
    pub fn login(&self) -> &str {
        self.hosts[0].get_username()
    }

    /// Opens a connection to the first host that lets us in and is what the URL asks for, within `at_most`. Each host
    /// gets an equal share of that time, so that one that never answers leaves enough for the next.
    ///
    /// # Errors
    /// That of the last host tried.
    pub async fn connect(&self, at_most: Duration) -> Result<PgConnection, sqlx::Error> {
        let targets = self.target.map_or(&[Target::Any][..], Target::in_turn);
        let tries = u32::try_from(targets.len() * self.hosts.len()).expect("a URL has few hosts");
        let share = self.connect_timeout.min(at_most / tries);
        let mut failed = None;
        for target in targets {
            for options in self.in_order() {
                match timeout(share, open(options, *target)).await {
                    Ok(Ok(connection)) => return Ok(connection),
                    Ok(Err(error)) => failed = Some(error),
                    Err(_) => failed = Some(no_answer(share)),
                }
            }
        }
        Err(failed.expect("there is at least one host"))
    }

    fn in_order(&self) -> impl Iterator<Item = &PgConnectOptions> {
        let first = if self.shuffled { Uuid::new_v4().as_bytes()[0] as usize % self.hosts.len() } else { 0 };
        self.hosts[first..].iter().chain(&self.hosts[..first])
    }
}

/// The place: hosts, ports and the database, such as `a.example:5432,b.example:5432/telemetry`.
impl fmt::Display for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, host) in self.hosts.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            match host.get_socket() {
                Some(socket) => write!(formatter, "{comma}{}", socket.display())?,
                None => write!(formatter, "{comma}{}:{}", host.get_host(), host.get_port())?,
            }
        }
        write!(formatter, "/{}", self.hosts[0].get_database().unwrap_or_else(|| self.login()))
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Database").field(&format_args!("{self}")).finish()
    }
}

/// Begins a transaction with `settings` (names and values), which end with it. A pooler may give the next transaction to
/// another server process, so nothing may be set for longer. One round trip.
///
/// # Errors
/// The database's, or the connection's.
pub async fn begin(connection: &mut PgConnection, settings: &[(&str, String)]) -> Result<(), sqlx::Error> {
    // The same whatever the database or the login has as default. Not "read write", which a standby refuses as a feature
    // that it lacks, rather than the write as one that it may not do.
    let mut sql = "begin isolation level read committed".to_owned();
    for (name, value) in settings {
        sql += &format!("; set local {name} = '{value}'");
    }
    run(connection, sql).await
}

/// Commits what [`begin`] began.
///
/// # Errors
/// The database's, or the connection's. In the latter case it may be committed or not.
pub async fn commit(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    run(connection, "commit".to_owned()).await
}

/// Undoes what [`begin`] began. Needed after an error when the connection is to be used again.
///
/// # Errors
/// The connection's.
pub async fn roll_back(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    run(connection, "rollback".to_owned()).await
}

/// Runs statements of our own making, none of which has parameters.
async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

async fn open(options: &PgConnectOptions, target: Target) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    if target != Target::Any {
        let state = "select pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";
        let state = sqlx::raw_sql(state).fetch_one(&mut connection).await?;
        if !target.will_do(state.try_get(0)?, state.try_get(1)?) {
            return Err(io::Error::other(format!("the server is not {target}, as the URL asks for")).into());
        }
    }
    Ok(connection)
}

fn no_answer(within: Duration) -> sqlx::Error {
    let text = format!("no answer within {} s", within.as_secs_f32());
    io::Error::new(io::ErrorKind::TimedOut, text).into()
}

/// One host, as all of them are reached: what PgBouncer refuses in a startup message is left out.
fn host(options: PgConnectOptions) -> PgConnectOptions {
    options.extra_float_digits(None).disable_statement_logging()
}
