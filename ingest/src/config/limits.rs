//! What one client, and all of them together, may cost: sizes, counts and times.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;

use crate::config::ConfigError;

/// The limits. What they let a process take in memory is in the runbook under "Sizing".
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Open connections; further ones are answered 503 and closed.
    #[arg(long, env = "INGEST_MAX_CONNECTIONS", default_value_t = 10_000, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,

    /// Requests to write worked on at once; further ones are answered 503 at once.
    #[arg(long, env = "INGEST_MAX_REQUESTS_IN_FLIGHT", default_value_t = 256, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_requests_in_flight: u32,

    /// Size of a body on the wire.
    #[arg(long, env = "INGEST_MAX_BODY_BYTES", default_value_t = 1 << 20, value_name = "BYTES")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1 << 28))]
    pub max_body_bytes: u32,

    /// Size of a compressed body when unpacked.
    #[arg(long, env = "INGEST_MAX_UNPACKED_BYTES", default_value_t = 8 << 20, value_name = "BYTES")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1 << 28))]
    pub max_unpacked_bytes: u32,

    /// Memory for the bodies of all requests together, on the wire and unpacked. A body that does not fit is answered
    /// 503 at once. At least INGEST_MAX_BODY_BYTES and INGEST_MAX_UNPACKED_BYTES together.
    #[arg(long, env = "INGEST_BODY_MEMORY_BYTES", default_value_t = 256 << 20, value_name = "BYTES")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    pub body_memory_bytes: u64,

    /// Time for the header of a request to be complete after its first byte; on a new connection, after it was opened.
    #[arg(long, env = "INGEST_HEADER_TIMEOUT_MS", default_value_t = 10_000, value_name = "MILLISECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub header_timeout_ms: u64,

    /// Time for which an open connection may be silent between two requests. Longer than the load balancer in front keeps
    /// its own idle connections, or it answers 502 when it reuses one that was just closed.
    #[arg(long, env = "INGEST_IDLE_TIMEOUT_MS", default_value_t = 75_000, value_name = "MILLISECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub idle_timeout_ms: u64,

    /// Time for a body to be complete after its header.
    #[arg(long, env = "INGEST_BODY_TIMEOUT_MS", default_value_t = 10_000, value_name = "MILLISECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub body_timeout_ms: u64,

    /// Time from a complete body until Kafka's acknowledgements or a 503. More than Kafka's `message.timeout.ms`.
    #[arg(long, env = "INGEST_REQUEST_DEADLINE_MS", default_value_t = 5_000, value_name = "MILLISECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub request_deadline_ms: u64,

    /// Time between "not ready" and the closing of the listener, in which load balancers look elsewhere.
    #[arg(long, env = "INGEST_DRAIN_DELAY_MS", default_value_t = 2_000, value_name = "MILLISECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=3_600_000))]
    pub drain_delay_ms: u64,

    /// Requests to read worked on at once, those that wait for the database included; further ones are answered 503 at
    /// once. Requests to write have places of their own.
    #[arg(long, env = "INGEST_MAX_READS_IN_FLIGHT", default_value_t = 64, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_reads_in_flight: u32,

    /// Connections to the database; one more is open for moments, to see whether the database answers.
    #[arg(long, env = "INGEST_DATABASE_CONNECTIONS", default_value_t = 4, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub database_connections: u32,

    /// Time that a read may take in the database, the wait for a connection included.
    #[arg(long, env = "INGEST_DATABASE_TIMEOUT_MS", default_value_t = 5_000, value_name = "MILLISECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub database_timeout_ms: u64,

    /// Requests a second that one client address may make; off unless set. A batch is one request.
    #[arg(long, env = "INGEST_RATE_LIMIT_PER_SECOND", value_name = "COUNT")]
    pub rate_limit_per_second: Option<NonZeroU32>,

    /// Requests that a client may make at once after a pause; by default those of one second.
    #[arg(long, env = "INGEST_RATE_LIMIT_BURST", value_name = "COUNT", requires = "rate_limit_per_second")]
    pub rate_limit_burst: Option<NonZeroU32>,
}

impl LimitArgs {
    /// How long Kafka may take to acknowledge.
    #[must_use]
    pub fn request_deadline(&self) -> Duration {
        Duration::from_millis(self.request_deadline_ms)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.max_unpacked_bytes < self.max_body_bytes {
            return Err(ConfigError(format!(
                "an unpacked body may have {} bytes, fewer than the {} on the wire: raise \
                 INGEST_MAX_UNPACKED_BYTES",
                self.max_unpacked_bytes, self.max_body_bytes
            )));
        }
        let largest = u64::from(self.max_body_bytes) + u64::from(self.max_unpacked_bytes);
        if self.body_memory_bytes < largest {
            return Err(ConfigError(format!(
                "one body may take {largest} bytes, on the wire and unpacked, and all bodies together only {}: \
                 raise INGEST_BODY_MEMORY_BYTES",
                self.body_memory_bytes
            )));
        }
        Ok(())
    }
}
