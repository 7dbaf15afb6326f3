//! What the consumer can be told, on the command line or in the environment; `--help` is the reference.
//!
//! Nothing else reads either. What cannot work is refused here, before anything starts.

mod letters;
mod limit;

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use service::database::Database;
use service::kafka::KafkaArgs;
use service::logging::LogArgs;
use service::secret::{self, InFile};
use service::shutdown::ShutdownArgs;
use thiserror::Error;

use crate::batch::Limits;
pub use crate::config::letters::{
    DropArgs, FilterArgs, LettersArgs, LettersCommand, ListArgs, Reach, ReplayArgs, ShowArgs,
};
pub use crate::config::limit::DeadLetterLimit;

/// Brings prompt telemetry from Kafka into Postgres.
#[derive(Debug, Parser)]
#[command(name = "consumer", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the service until SIGTERM.
    Run(Config),
    /// Brings the database to the newest schema, as its owner. Harmless when there is nothing to do.
    Migrate(MigrateArgs),
    /// Compares the counts with the events, as the database's owner, and prints each difference. Ends with 1 if there
    /// are any.
    Verify(MigrateArgs),
    /// Counts all events anew, day by day, as the database's owner. Events can come in meanwhile.
    Rebuild(MigrateArgs),
    /// Sets the time zone in which days begin, as the database's owner, and counts hours and days anew.
    SetTimeZone(TimeZoneArgs),
    /// Looks at the records that could not be stored, sends them again, removes them.
    DeadLetters(LettersArgs),
}

/// What `consumer migrate` needs.
#[derive(Args, Clone)]
pub struct MigrateArgs {
    /// The database, with the login that owns it.
    #[arg(long = "database-url", env = "MIGRATE_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    #[arg(value_parser = secret::value(Database::parse))]
    pub database_url: Option<Database>,

    /// File that holds the database's URL, instead of the variable.
    #[arg(long, env = "MIGRATE_DATABASE_URL_FILE", value_name = "PATH", value_parser = secret::file(Database::parse))]
    pub database_url_file: Option<InFile<Database>>,

    /// Only check the configuration: end with 0, or with the reason why it cannot work. Nothing is connected to.
    #[arg(long)]
    pub check_config: bool,

    /// How it logs.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What `consumer set-time-zone` needs.
#[derive(Args, Clone, Debug)]
pub struct TimeZoneArgs {
    /// The zone, such as Europe/Berlin or UTC.
    #[arg(value_name = "ZONE")]
    pub zone: String,

    /// The database and the log.
    #[command(flatten)]
    pub owner: MigrateArgs,
}

/// A setting that cannot work. Its text says which, why, and what to do.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// What `consumer run` needs.
#[derive(Args, Clone)]
pub struct Config {
    /// The database, with a login that is a member of telemetry_writer (and has BYPASSRLS, to be fast).
    #[arg(long, env = "CONSUMER_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    #[arg(value_parser = secret::value(Database::parse))]
    pub database_url: Option<Database>,

    /// File that holds the database's URL, instead of the variable.
    #[arg(long, env = "CONSUMER_DATABASE_URL_FILE", value_name = "PATH", value_parser = secret::file(Database::parse))]
    pub database_url_file: Option<InFile<Database>>,

    /// Where /metrics, /livez and /readyz are served. Keep it from the public.
    #[arg(long, env = "CONSUMER_ADMIN_LISTEN", default_value = "127.0.0.1:9102", value_name = "ADDRESS")]
    pub admin_listen: SocketAddr,

    /// Only check the configuration: end with 0, or with the reason why it cannot work. Nothing is connected to.
    #[arg(long)]
    pub check_config: bool,

    /// The consumer group. All processes of one group share the topic's partitions.
    #[arg(long, env = "CONSUMER_GROUP", default_value = "prompt-telemetry-consumer", value_name = "NAME")]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub group: String,

    /// A batch is closed when it has this many records.
    #[arg(long, env = "CONSUMER_BATCH_RECORDS", default_value_t = 20_000, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch_records: u32,

    /// A batch is closed when its rows and records take this many bytes. There are two batches: one is filled while the
    /// other is written.
    #[arg(long, env = "CONSUMER_BATCH_BYTES", default_value_t = 32 << 20, value_name = "BYTES")]
    #[arg(value_parser = clap::value_parser!(u32).range(64 << 10..=256 << 20))]
    pub batch_bytes: u32,

    /// A batch is closed this many milliseconds after its first record; of a silence before that, up to 200 count as well.
    // 50 made the slowest of a hundred events twice as late while both cores of a machine were busy: docs/benchmarks.md.
    #[arg(long, env = "CONSUMER_BATCH_WAIT_MS", default_value_t = 100, value_name = "MILLISECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub batch_wait_ms: u64,

    /// How many connections to the database share a batch's rows. A batch of fewer than 8,000 rows takes one.
    #[arg(long, env = "CONSUMER_WRITERS", default_value_t = 2, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=16))]
    pub writers: u32,

    /// A write that takes longer than this many seconds is given up and tried again.
    #[arg(long, env = "CONSUMER_WRITE_TIMEOUT_SECONDS", default_value_t = 30, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=50))]
    pub write_timeout_seconds: u64,

    /// When more than this share of the last minute's records, in percent, would be dead-lettered, the consumer waits
    /// instead and says why; `off`: never. With fewer than 100 records in a minute it never waits.
    #[arg(long, env = "CONSUMER_DEAD_LETTER_LIMIT", default_value = "10", value_name = "PERCENT|off")]
    pub dead_letter_limit: DeadLetterLimit,

    /// While it waits for that reason, what would be dead-lettered is tried again every so many seconds.
    #[arg(long, env = "CONSUMER_DEAD_LETTER_RETRY_SECONDS", default_value_t = 30, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub dead_letter_retry_seconds: u64,

    /// How to reach Kafka.
    #[command(flatten)]
    pub kafka: KafkaArgs,

    /// How it stops.
    #[command(flatten)]
    pub shutdown: ShutdownArgs,

    /// How it logs.
    #[command(flatten)]
    pub log: LogArgs,
}

impl MigrateArgs {
    /// The database with its owner's login, whichever way it was given.
    ///
    /// # Errors
    /// It was given in no way, or in both.
    pub fn database(&self) -> Result<Database, ConfigError> {
        given("MIGRATE_DATABASE_URL", self.database_url.clone(), self.database_url_file.clone())
    }
}

impl Config {
    /// The database, whichever way it was given.
    ///
    /// # Errors
    /// It was given in no way, or in both.
    pub fn database(&self) -> Result<Database, ConfigError> {
        given("CONSUMER_DATABASE_URL", self.database_url.clone(), self.database_url_file.clone())
    }

    /// When a batch is closed.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            records: self.batch_records as usize,
            bytes: self.batch_bytes as usize,
            wait: Duration::from_millis(self.batch_wait_ms),
        }
    }

    /// How long one try of a write may take.
    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_secs(self.write_timeout_seconds)
    }

    /// How long to wait between tries while too many records would be dead-lettered.
    pub(crate) fn dead_letter_retry(&self) -> Duration {
        Duration::from_secs(self.dead_letter_retry_seconds)
    }

    /// Refuses a database or Kafka properties that are given twice. What can be said against Kafka's properties is found
    /// where the clients are made.
    ///
    /// # Errors
    /// The setting and what is wrong with it.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.database()?;
        self.kafka.check().map_err(|error| ConfigError(error.to_string()))
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Config").field("group", &self.group).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for MigrateArgs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MigrateArgs")
    }
}

fn given<T>(name: &'static str, value: Option<T>, file: Option<InFile<T>>) -> Result<T, ConfigError> {
    let given = secret::either(name, value, file).map_err(|error| ConfigError(error.to_string()))?;
    given.ok_or_else(|| ConfigError(format!("the database is missing: set {name} or {name}_FILE")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Cli, Command};

    fn config(more: &[&str]) -> Result<super::Config, String> {
        let arguments = [&["consumer", "run", "--database-url", "postgres://a:hunter2@h/d"], more].concat();
        match Cli::try_parse_from(arguments).map_err(|error| error.to_string())?.command {
            Command::Run(config) => config.check().map(|()| config).map_err(|error| error.to_string()),
            _ => unreachable!("it was told to run"),
        }
    }

    #[test]
    fn a_password_is_shown_neither_by_a_configuration_nor_by_an_error() {
        assert!(!format!("{:?}", config(&[]).unwrap()).contains("hunter2"));
        let error =
            Cli::try_parse_from(["consumer", "run", "--database-url", "mysql://a:hunter2@h/d"]).unwrap_err();
        assert!(error.to_string().contains("expected postgres://"));
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn the_database_is_given_in_one_way() {
        let none = |arguments: &[&str]| {
            let arguments = [&["consumer"], arguments].concat();
            match Cli::try_parse_from(arguments).unwrap().command {
                Command::Run(config) => config.check().map_err(|error| error.to_string()),
                Command::Migrate(args) => args.database().map(drop).map_err(|error| error.to_string()),
                _ => unreachable!("it was told otherwise"),
            }
        };
        assert!(
            none(&["run"]).unwrap_err().contains("set CONSUMER_DATABASE_URL or CONSUMER_DATABASE_URL_FILE")
        );
        assert!(none(&["migrate"]).unwrap_err().contains("MIGRATE_DATABASE_URL_FILE"));
        none(&["run", "--database-url=postgres://a:b@h/d", "--database-url-file="]).unwrap();
    }

    #[test]
    fn metrics_and_health_are_this_machines_own_unless_told() {
        assert!(config(&[]).unwrap().admin_listen.ip().is_loopback());
    }
}
