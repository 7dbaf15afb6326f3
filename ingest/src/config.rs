//! Everything that can be set, by flag or in the environment. `ingest --help` is the reference.
//!
//! [`Config::check`] refuses at the start what cannot work, with the reason; what only Kafka's settings can tell is
//! checked where the producer is made. Nothing else in this crate reads the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use http::HeaderValue;
use service::kafka::KafkaArgs;
use service::logging::LogArgs;
use service::shutdown::ShutdownArgs;
use thiserror::Error;

use crate::access::Secret;
pub use crate::config::limits::LimitArgs;

mod limits;

/// Prompt telemetry intake: takes events over HTTP, keeps them in Kafka, answers with the aggregates.
#[derive(Clone, Parser)]
#[command(name = "ingest", version, next_help_heading = "Intake")]
pub struct Config {
    /// Where the public API listens.
    #[arg(long, env = "INGEST_LISTEN", default_value = "127.0.0.1:8080", value_name = "IP:PORT")]
    pub listen: SocketAddr,

    /// Where metrics and health are answered. Keep it off the public network.
    #[arg(long, env = "INGEST_ADMIN_LISTEN", default_value = "127.0.0.1:9101", value_name = "IP:PORT")]
    pub admin_listen: SocketAddr,

    /// Database to read the aggregates from, as a member of `telemetry_reader`. Without it the read routes answer 503.
    #[arg(long, env = "INGEST_DATABASE_URL", hide_env_values = true, value_name = "POSTGRES URL")]
    pub database_url: Option<String>,

    /// Folder of the built web pages, served at `/` and `/panel`.
    #[arg(long, env = "INGEST_WEB_DIR", value_name = "FOLDER")]
    pub web_dir: Option<PathBuf>,

    /// Keys that may write, separated by commas; several at once so that they can be rotated. None: anybody may.
    #[arg(
        long,
        env = "INGEST_WRITE_KEYS",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "KEY,…"
    )]
    pub write_keys: Vec<Secret>,

    /// Token that may read. Needed on a listener that is not loopback, unless reads are open.
    #[arg(long, env = "INGEST_READ_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub read_token: Option<Secret>,

    /// Lets anybody who reaches the listener read the aggregates.
    #[arg(long, env = "INGEST_OPEN_READS")]
    pub open_reads: bool,

    /// Origins whose pages may call the API, such as `https://app.example`, separated by commas; `*` for any.
    #[arg(long, env = "INGEST_CORS_ORIGINS", value_delimiter = ',', value_name = "ORIGIN,…")]
    pub cors_origins: Vec<String>,

    /// Only check the configuration: end with 0, or with the reason why it cannot work. Nothing is connected to.
    #[arg(long)]
    pub check_config: bool,

    /// What a client may cost.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// How to reach Kafka.
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
    /// How long a stop may take.
    #[command(flatten)]
    pub shutdown: ShutdownArgs,
}

/// A setting that cannot work. Its text says which, why, and what to do.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ConfigError(pub(crate) String);

impl Config {
    /// Refuses settings that cannot work, and drops the empty ones, which compose files pass for "not set".
    ///
    /// # Errors
    /// The first such setting.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        self.database_url = self.database_url.filter(|url| !url.is_empty());
        self.web_dir = self.web_dir.filter(|folder| !folder.as_os_str().is_empty());
        self.read_token = self.read_token.filter(|token| !token.is_empty());
        self.write_keys.retain(|key| !key.is_empty());
        self.cors_origins.retain(|origin| !origin.is_empty());

        if !self.listen.ip().is_loopback() && self.read_token.is_none() && !self.open_reads {
            return Err(ConfigError(format!(
                "{} can be reached from other machines, and nothing guards the read routes: set \
                 INGEST_READ_TOKEN, or pass --open-reads to let anybody read",
                self.listen
            )));
        }
        if let Some(origin) = self.cors_origins.iter().find(|origin| !is_origin(origin)) {
            return Err(ConfigError(format!(
                "{origin:?} is not an origin: expected SCHEME://HOST[:PORT] without a path, or * alone"
            )));
        }
        if self.cors_origins.len() > 1 && self.cors_origins.iter().any(|origin| origin == "*") {
            return Err(ConfigError(
                "* already allows every origin: name the others or *, not both".to_owned(),
            ));
        }
        if let Some(folder) = self.web_dir.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(ConfigError(format!(
                "the folder of the web pages, {}, is not there: run `npm ci && npm run build` in web/",
                folder.display()
            )));
        }
        self.limits.check()?;
        Ok(self)
    }
}

fn is_origin(text: &str) -> bool {
    let bare = |rest: &str| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ']);
    let shaped = text.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && bare(rest));
    text == "*" || (shaped && HeaderValue::from_str(text).is_ok())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Config;

    fn check(arguments: &[&str]) -> Result<Config, String> {
        let arguments = [&["ingest"], arguments].concat();
        let config = Config::try_parse_from(arguments).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())
    }

    #[test]
    fn the_arguments_are_well_formed_and_the_defaults_work() {
        Config::command().debug_assert();
        check(&[]).map(drop).unwrap();
    }

    #[test]
    fn a_public_listener_without_a_read_token_is_refused_unless_reads_are_open() {
        let public = ["--listen", "0.0.0.0:8080"];
        assert!(check(&public).err().unwrap().contains("--open-reads"));
        assert!(check(&[&public[..], &["--open-reads"]].concat()).is_ok());
        assert!(check(&[&public[..], &["--read-token", "secret"]].concat()).is_ok());
        assert!(check(&[&public[..], &["--read-token", ""]].concat()).is_err());
    }

    #[test]
    fn empty_secrets_are_no_secrets() {
        let config = check(&["--write-keys", "a-key,,"]).unwrap();
        assert_eq!(config.write_keys.len(), 1);
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for wrong in ["app.example", "https://app.example/", "https://", "https://a.example,*"] {
            assert!(check(&["--cors-origins", wrong]).is_err(), "{wrong}");
        }
        assert!(check(&["--cors-origins", "https://a.example,http://localhost:5173"]).is_ok());
        assert!(check(&["--cors-origins", "*"]).is_ok());
    }

    #[test]
    fn a_folder_of_pages_that_is_not_there_is_refused_with_the_command_that_builds_it() {
        assert!(check(&["--web-dir", "/nowhere/at/all"]).err().unwrap().contains("npm run build"));
    }
}
