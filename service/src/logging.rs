//! Logs to standard error: for people by default, JSON where a machine collects them.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// What is logged and how.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logging")]
pub struct LogArgs {
    /// Which messages, as in `info` or `info,ingest=debug`.
    #[arg(long, env = "LOG_FILTER", default_value = "info", value_name = "FILTER", value_parser = filter)]
    pub log_filter: String,

    /// How they look.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogArgs {
    /// Starts logging. Later calls in the same process do nothing: the first one's settings hold.
    pub fn init(&self) {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(&self.log_filter))
            .with_writer(std::io::stderr)
            .with_ansi(false);
        let started = match self.log_format {
            LogFormat::Text => builder.try_init(),
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
        };
        drop(started); // an error says that logging runs already
    }
}

fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
