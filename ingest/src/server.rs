//! Starts intake and stops it: not ready at once, then serve on for a while, then finish, then flush.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use service::admin::Admin;
use service::database::Database;
use service::kafka::{KafkaArgs, SettingsError};
use service::listener;
use service::metrics::Metrics;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::clients::RateLimit;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, LimitArgs, Serve};
use crate::connections::Connections;
use crate::health::{self, IntakeHealth};
use crate::memory::BodyMemory;
use crate::metrics::{self, Ledger};
use crate::patience::Times;
use crate::producer::Producer;
use crate::proxies::Proxies;
use crate::reads::Reads;
use crate::router::router;
use crate::state::App;
use crate::topics;

/// Why intake cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A setting of Kafka's cannot work.
    #[error(transparent)]
    Kafka(#[from] SettingsError),
    /// An address cannot be had.
    #[error("cannot listen on {address}: {source}; is it in use, or not this machine's?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
}

/// Intake with its listeners bound.
pub struct Ingest {
    app: Arc<App>,
    connections: Connections,
    listener: TcpListener,
    address: SocketAddr,
    admin: Admin,
    metrics: Metrics,
    kafka: KafkaArgs,
    drain_delay: Duration,
    grace: Duration,
}

impl Ingest {
    /// Checks the configuration and binds the listeners. Neither Kafka nor Postgres need be there yet.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        Self::bind_with(config, Clock::system()).await
    }

    /// The same with another clock than the machine's.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn bind_with(config: Config, clock: Clock) -> Result<Self, StartError> {
        let config = config.check()?;
        allow_many_connections();
        let metrics = metrics::install();
        let producer = match config.serve {
            Serve::Reads => None,
            Serve::All | Serve::Writes => {
                Some(Arc::new(Producer::new(&config.kafka, config.limits.request_deadline())?))
            }
        };
        let bind_error = |address| move |source| StartError::Bind { address, source };
        let wanted = config.public_address();
        let listener = listener::bind(wanted).await.map_err(bind_error(wanted))?;
        let address = listener.local_addr().map_err(bind_error(wanted))?;
        let admin = Admin::bind(config.admin_listen).await.map_err(bind_error(config.admin_listen))?;
        let limits = &config.limits;
        let url = config.database_url.as_deref().filter(|_| config.serve != Serve::Writes);
        let reads = url.map(|url| open_reads(url, limits)).transpose()?;
        let rate_limit = limits
            .rate_limit_per_second
            .map(|per_second| RateLimit::new(per_second, limits.rate_limit_burst.unwrap_or(per_second)));
        let proxies = config.trusted_proxies.unwrap_or_default();
        let announcers = if config.proxy_protocol { proxies.clone() } else { Proxies::default() };
        let app = Arc::new(App {
            serve: config.serve,
            producer,
            clock,
            ledger: Ledger::new(),
            access: Access::new(config.write_keys, config.read_token),
            rate_limit,
            proxies,
            reads,
            web_dir: config.web_dir,
            room: Semaphore::new(limits.max_requests_in_flight as usize),
            body_memory: BodyMemory::new(limits.body_memory_bytes),
            stop: OnceLock::new(),
            limits: limits.clone(),
        });
        let router = router(Arc::clone(&app), config.cors_origins.unwrap_or_default());
        let times = Times::of(&app.limits);
        let connections = Connections::new(router, app.limits.max_connections, times, announcers);
        let drain_delay = Duration::from_millis(app.limits.drain_delay_ms);
        let grace = config.shutdown.grace();
        Ok(Self {
            app,
            connections,
            listener,
            address,
            admin,
            metrics,
            kafka: config.kafka,
            drain_delay,
            grace,
        })
    }

    /// Where the API listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics and health are answered.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.local_addr()
    }

    /// Serves until `stop` is cancelled, and then for as long as the drain takes, the grace period at most.
    pub async fn serve(self, stop: CancellationToken) {
        self.app.stop.get_or_init(|| stop.clone());
        let health = Arc::new(IntakeHealth::new(Arc::clone(&self.app)));
        let admin_stop = CancellationToken::new();
        let reporting = tokio::spawn(health::report(Arc::clone(&health)));
        let admin = tokio::spawn(self.admin.serve(health, self.metrics, admin_stop.clone()));
        let producer = self.app.producer.clone();
        let topics = producer.map(|producer| tokio::spawn(topics::keep(producer, self.kafka)));
        let watch = self.app.reads.clone().map(|reads| tokio::spawn(async move { reads.watch().await }));

        let drained = CancellationToken::new();
        let accepting = self.connections.accept(self.listener, &drained);
        let delay = async {
            stop.cancelled().await;
            tracing::info!(
                delay_ms = self.drain_delay.as_millis(),
                "not ready any more; serving on for a while"
            );
            tokio::time::sleep(self.drain_delay.min(self.grace / 2)).await;
            drained.cancel();
            Instant::now()
        };
        let ((), stopped) = tokio::join!(accepting, delay);

        topics.inspect(tokio::task::JoinHandle::abort);
        watch.inspect(tokio::task::JoinHandle::abort);
        // A second is kept for the flush: requests that wait for Kafka longer than that are cut off.
        let left = self.grace.saturating_sub(self.drain_delay.min(self.grace / 2));
        let cut_off = self.connections.finish(left.saturating_sub(Duration::from_secs(1))).await;
        if cut_off > 0 {
            tracing::warn!(connections = cut_off, "the grace period is over: connections are cut off");
        }
        let app = Arc::clone(&self.app);
        let patience = left.saturating_sub(stopped.elapsed()).max(Duration::from_millis(100));
        let flush = move || app.producer.as_ref().map(|producer| producer.flush(patience));
        let flushed = tokio::task::spawn_blocking(flush).await;
        if flushed.is_err() {
            tracing::error!("flushing the Kafka client panicked");
        }
        reporting.abort();
        admin_stop.cancel();
        let _ended = admin.await;
    }
}

/// The way to the database. Nothing is connected yet.
fn open_reads(url: &str, limits: &LimitArgs) -> Result<Arc<Reads>, ConfigError> {
    let database = Database::parse(url).map_err(ConfigError)?;
    database.warn("INGEST_DATABASE_URL");
    Ok(Arc::new(Reads::new(database, limits)))
}

/// Each connection takes a descriptor, and the usual limit for a process is 1,024 until it asks for more.
fn allow_many_connections() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}
