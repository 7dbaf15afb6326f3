//! Everything that can be set, by flag or in the environment. `ingest --help` is the reference.
//!
//! [`Config::check`] refuses at the start what cannot work, with the reason; what only Kafka's settings can tell is
//! checked where the producer is made. Nothing else in this crate reads the environment.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Parser, ValueEnum};
use service::database::Database;
use service::kafka::KafkaArgs;
use service::logging::LogArgs;
use service::secret::{self, GivenTwice, InFile};
use service::shutdown::ShutdownArgs;
use thiserror::Error;

use crate::access::Secret;
pub use crate::config::limits::LimitArgs;
use crate::origins::Origins;
use crate::proxies::Proxies;

mod limits;

/// Which routes a process serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Serve {
    /// Events and statistics. Ready when Kafka is.
    All,
    /// Events alone; needs no database. Ready when Kafka is.
    Writes,
    /// Statistics alone; needs no Kafka. Ready when the database is.
    Reads,
}

/// Prompt telemetry intake: takes events over HTTP, keeps them in Kafka, answers with the aggregates.
#[derive(Clone, Parser)]
#[command(name = "ingest", version, next_help_heading = "Intake")]
pub struct Config {
    /// Where the public API listens; 127.0.0.1:8080 by default. `[::]:8080` is every address, IPv4 included.
    #[arg(long, env = "INGEST_LISTEN", value_name = "IP:PORT")]
    pub listen: Option<SocketAddr>,

    /// Port of the public API on every address, as platforms such as Cloud Run and Heroku set it. Ignored when
    /// INGEST_LISTEN is set.
    #[arg(long, env = "PORT", value_name = "PORT")]
    pub port: Option<u16>,

    /// Where metrics and health are answered. Keep it off the public network.
    #[arg(long, env = "INGEST_ADMIN_LISTEN", default_value = "127.0.0.1:9101", value_name = "IP:PORT")]
    pub admin_listen: SocketAddr,

    /// What this process serves. With processes of their own, each kind is ready when what it needs is: an outage of Kafka
    /// does not take away the statistics.
    #[arg(long, env = "INGEST_SERVE", value_enum, default_value_t = Serve::All)]
    pub serve: Serve,

    /// Database to read the aggregates from, as a member of `telemetry_reader`. Without it the read routes answer 503.
    #[arg(long, env = "INGEST_DATABASE_URL", hide_env_values = true, value_name = "POSTGRES URL")]
    #[arg(value_parser = secret::value(database_url))]
    pub database_url: Option<String>,

    /// File that holds the database's URL, instead of the variable.
    #[arg(long, env = "INGEST_DATABASE_URL_FILE", value_name = "PATH")]
    #[arg(value_parser = secret::file(database_url))]
    pub database_url_file: Option<InFile<String>>,

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

    /// File that holds the write keys, one a line or with commas between, instead of the variable.
    #[arg(long, env = "INGEST_WRITE_KEYS_FILE", value_name = "PATH")]
    #[arg(value_parser = secret::file(Secret::several))]
    pub write_keys_file: Option<InFile<Vec<Secret>>>,

    /// Token that may read. Needed on a listener that is not loopback, unless reads are open.
    #[arg(long, env = "INGEST_READ_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub read_token: Option<Secret>,

    /// File that holds the read token, instead of the variable.
    #[arg(long, env = "INGEST_READ_TOKEN_FILE", value_name = "PATH")]
    #[arg(value_parser = secret::file(Secret::one))]
    pub read_token_file: Option<InFile<Secret>>,

    /// Lets anybody who reaches the listener read the aggregates.
    #[arg(long, env = "INGEST_OPEN_READS", value_parser = BoolishValueParser::new())]
    pub open_reads: bool,

    /// Origins whose pages may call the API, such as `https://app.example`, separated by commas. `https://*.example.com`
    /// is every host below that domain, at any depth; `*` is every origin.
    #[arg(long, env = "INGEST_CORS_ORIGINS", value_name = "ORIGIN,…")]
    pub cors_origins: Option<Origins>,

    /// Proxies that may say whom they speak for (X-Forwarded-For), as addresses or CIDR ranges, separated by commas. From
    /// anybody else that header counts for nothing. Only the rate limit looks at it.
    #[arg(long, env = "INGEST_TRUSTED_PROXIES", value_name = "CIDR,…")]
    pub trusted_proxies: Option<Proxies>,

    /// Connections from INGEST_TRUSTED_PROXIES begin with a header of the PROXY protocol, version 1 or 2, that has the
    /// client's address. From anybody else such a header is refused.
    #[arg(long, env = "INGEST_PROXY_PROTOCOL", value_parser = BoolishValueParser::new())]
    pub proxy_protocol: bool,

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

impl From<GivenTwice> for ConfigError {
    fn from(error: GivenTwice) -> Self {
        Self(error.to_string())
    }
}

impl Config {
    /// Where the public API listens, whichever setting says so.
    #[must_use]
    pub fn public_address(&self) -> SocketAddr {
        let on_port = self.port.map(|port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
        self.listen.or(on_port).unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)))
    }

    /// Refuses settings that cannot work, and drops the empty ones, which compose files pass for "not set".
    ///
    /// # Errors
    /// The first such setting.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        self.web_dir = self.web_dir.filter(|folder| !folder.as_os_str().is_empty());
        self.merge_secrets()?;

        if self.serve == Serve::Reads && self.database_url.is_none() {
            return Err(ConfigError(
                "a process that serves reads alone (INGEST_SERVE=reads) needs a database: set INGEST_DATABASE_URL"
                    .to_owned(),
            ));
        }
        let address = self.public_address();
        let answers_reads = self.serve != Serve::Writes;
        if answers_reads && !address.ip().is_loopback() && self.read_token.is_none() && !self.open_reads {
            return Err(ConfigError(format!(
                "{address} can be reached from other machines, and nothing guards the read routes: set \
                 INGEST_READ_TOKEN, or pass --open-reads to let anybody read"
            )));
        }
        if self.proxy_protocol && self.trusted_proxies.as_ref().is_none_or(Proxies::is_empty) {
            return Err(ConfigError(
                "INGEST_PROXY_PROTOCOL is set, but no proxy is trusted to send its header: name the load \
                 balancer's addresses in INGEST_TRUSTED_PROXIES"
                    .to_owned(),
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

    /// Puts those that stand in files where the others are.
    fn merge_secrets(&mut self) -> Result<(), ConfigError> {
        let url = self.database_url.take().filter(|url| !url.is_empty());
        self.database_url = secret::either("INGEST_DATABASE_URL", url, self.database_url_file.take())?;
        let token = self.read_token.take().filter(|token| !token.is_empty());
        self.read_token = secret::either("INGEST_READ_TOKEN", token, self.read_token_file.take())?;
        self.write_keys.retain(|key| !key.is_empty());
        let keys = Some(std::mem::take(&mut self.write_keys)).filter(|keys| !keys.is_empty());
        let keys = secret::either("INGEST_WRITE_KEYS", keys, self.write_keys_file.take())?;
        self.write_keys = keys.unwrap_or_default();
        Ok(self.kafka.check()?)
    }
}

/// Checked here, where nothing of it is shown; read once more where it is used.
fn database_url(url: &str) -> Result<String, String> {
    if !url.is_empty() {
        Database::parse(url)?;
    }
    Ok(url.to_owned())
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
        let defaults = check(&[]).unwrap();
        assert!(defaults.public_address().ip().is_loopback() && defaults.admin_listen.ip().is_loopback());
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
    fn a_process_needs_only_what_its_routes_need() {
        let public = ["--listen=0.0.0.0:8080", "--serve=writes"];
        assert!(check(&public).is_ok());
        assert!(check(&["--serve=reads"]).err().unwrap().contains("INGEST_DATABASE_URL"));
        assert!(check(&["--serve=reads", "--database-url=postgres://a:b@c/d"]).is_ok());
    }

    #[test]
    fn empty_secrets_are_no_secrets() {
        let config = check(&["--write-keys", "a-key,,"]).unwrap();
        assert_eq!(config.write_keys.len(), 1);
    }

    #[test]
    fn each_secret_stands_in_its_variable_or_in_its_file_and_not_in_both() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let url = "postgres://a:b@c/d";
        let files = [
            ("database-url", url, write("url", &format!("{url}\n"))),
            ("read-token", "token", write("token", "token\n")),
            ("write-keys", "old,new", write("keys", "old\n new,newer\n\n")),
        ];
        let by_file = |(name, _, path): &(&str, &str, String)| format!("--{name}-file={path}");
        let all: Vec<_> = files.iter().map(by_file).collect();
        let config = check(&all.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        assert_eq!(config.database_url.as_deref(), Some(url));
        assert!(config.read_token.is_some());
        assert_eq!(config.write_keys.len(), 3);
        for file in &files {
            let (name, value, _) = file;
            let both = check(&[&format!("--{name}={value}"), &by_file(file)]).err().unwrap();
            assert!(both.contains("_FILE are both set"), "{both}");
        }
        // No key at all would open the door that the file was to close.
        let none = format!("--write-keys-file={}", write("none", ",\n"));
        assert!(check(&[&none]).err().unwrap().contains("found none"));
        // The token of a file guards a public listener as well as another.
        let token = format!("--read-token-file={}", files[1].2);
        assert!(check(&["--listen=0.0.0.0:8080", &token]).is_ok());
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for wrong in ["app.example", "https://app.example/", "https://", "https://a.example,*", "null"] {
            assert!(check(&["--cors-origins", wrong]).is_err(), "{wrong}");
        }
        for taken in ["https://a.example, http://localhost:5173", "https://*.example.com", "*", "", " , "] {
            assert!(check(&["--cors-origins", taken]).is_ok(), "{taken}");
        }
    }

    #[test]
    fn a_platforms_port_is_open_to_all_unless_the_listener_is_set() {
        assert!(check(&["--port=4000"]).err().unwrap().contains("[::]:4000 can be reached"));
        let open = check(&["--port=4000", "--read-token=t"]).unwrap();
        assert_eq!(open.public_address().to_string(), "[::]:4000");
        let both = check(&["--port=4000", "--listen=127.0.0.1:5000"]).unwrap();
        assert_eq!(both.public_address().to_string(), "127.0.0.1:5000");
        assert_eq!(check(&[]).unwrap().public_address().to_string(), "127.0.0.1:8080");
    }

    #[test]
    fn the_proxy_protocol_needs_a_proxy_that_is_trusted() {
        for trusted in [&[] as &[&str], &["--trusted-proxies="]] {
            let reason = check(&[trusted, &["--proxy-protocol"]].concat()).err().unwrap();
            assert!(reason.contains("INGEST_TRUSTED_PROXIES"), "{reason}");
        }
        assert!(check(&["--proxy-protocol", "--trusted-proxies=10.0.0.0/8"]).is_ok());
    }

    #[test]
    fn one_body_of_the_largest_size_must_fit_into_the_memory_for_bodies() {
        let sizes = ["--max-body-bytes=1000", "--max-unpacked-bytes=9000"];
        let reason = check(&[&sizes[..], &["--body-memory-bytes=9999"]].concat()).err().unwrap();
        assert!(reason.contains("INGEST_BODY_MEMORY_BYTES") && reason.contains("10000"), "{reason}");
        assert!(check(&[&sizes[..], &["--body-memory-bytes=10000"]].concat()).is_ok());
    }

    #[test]
    fn a_folder_of_pages_that_is_not_there_is_refused_with_the_command_that_builds_it() {
        assert!(check(&["--web-dir", "/nowhere/at/all"]).err().unwrap().contains("npm run build"));
    }
}
