//! The running service: what `main` and the tests start and stop.
//!
//! It starts whether or not Kafka and Postgres are there, and waits for them; only what no waiting can help is an error.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use service::admin::Admin;
use service::database::Database;
use service::kafka::SettingsError;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::breaker::Breaker;
use crate::config::{Config, ConfigError};
use crate::dead_letter::DeadLetters;
use crate::health::Health;
use crate::source::{Reader, Source, SourceError};
use crate::store::Store;
use crate::topics::{Alarm, Topics};
use crate::upkeep::Upkeep;
use crate::{dead_letter, letters, metrics, pipeline, source};

/// The part of the grace period that is left for saying goodbye to Kafka.
const GOODBYE: f64 = 0.2;

/// Why the service did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting that can't work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A setting of Kafka's cannot work.
    #[error(transparent)]
    Kafka(#[from] SettingsError),
    /// The admin address is taken or not ours.
    #[error(
        "cannot listen on {address} for metrics and health: {source}; choose another with --admin-listen"
    )]
    Admin {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Why the service ended other than by being stopped.
#[derive(Debug, Error)]
pub enum RunError {
    /// Reading from Kafka ended.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A defect.
    #[error("the consumer broke: {0}")]
    Broke(#[from] tokio::task::JoinError),
}

/// Checks a configuration as [`Consumer::start`] would, down to making each Kafka client, those of the dead-letter commands
/// included. Nothing is connected to.
///
/// # Errors
/// Returns the first setting that cannot work.
pub fn check(config: &Config) -> Result<(), StartError> {
    config.check()?;
    for settings in
        [source::settings(&config.group), dead_letter::settings(), service::topics::client_settings()]
    {
        settings.check(&config.kafka)?;
    }
    Ok(letters::check(&config.kafka)?)
}

/// A running consumer. Dropping it stops it without waiting.
pub struct Consumer {
    admin: SocketAddr,
    stop: CancellationToken,
    running: JoinHandle<Result<(), RunError>>,
    _stop_on_drop: DropGuard,
}

impl Consumer {
    /// Starts the consumer.
    ///
    /// # Errors
    /// See [`StartError`]. Not an error: Kafka or Postgres may be down.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let metrics = metrics::install();
        let health = Arc::new(Health::new());
        let address = config.admin_listen;
        let admin = Admin::bind(address).await.map_err(|source| StartError::Admin { address, source })?;
        let address = admin.local_addr();

        let stop = CancellationToken::new();
        let abandon = CancellationToken::new();
        let missing_topic = Alarm::default();
        let (reader, source) = Reader::new(&config, Arc::clone(&health), missing_topic.clone())?;
        let dead_letters =
            DeadLetters::new(&config.kafka, Arc::clone(&health), missing_topic.clone(), abandon.clone())?;
        let database = config.database()?;
        database.warn("CONSUMER_DATABASE_URL");
        announce(&config, &database, address);
        let store = Store::new(&database, config.writers as usize, config.write_timeout(), &health, &abandon);
        let limit = config.dead_letter_limit.percent();
        let breaker = Breaker::new(limit, config.dead_letter_retry(), Arc::clone(&health), stop.clone());

        let topic = config.kafka.kafka_topic.clone();
        let topics = Topics::new(config.kafka, Arc::clone(&health), missing_topic, stop.clone());
        let rows_written = Arc::new(Notify::new());
        let upkeep = Upkeep::new(&database, Arc::clone(&rows_written), Arc::clone(&health));
        let flow = Flow { topic, topics, reader, source, store, breaker, dead_letters, rows_written };
        let grace = config.shutdown.grace();
        let running = {
            let stop = stop.clone();
            tokio::spawn(async move {
                let served = CancellationToken::new();
                let _served = served.clone().drop_guard();
                tokio::spawn(admin.serve(Arc::clone(&health) as Arc<_>, metrics, served.clone()));
                tokio::spawn(upkeep.run(served));
                tokio::select! {
                    ended = flow.run(&stop) => ended,
                    () = grace_period(&stop, &health, &abandon, grace) => {
                        tracing::warn!("the grace period is over; leaving without saying goodbye to Kafka");
                        Ok(())
                    }
                }
            })
        };
        Ok(Self { admin: address, _stop_on_drop: stop.clone().drop_guard(), stop, running })
    }

    /// Where metrics and health are served.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin
    }

    /// Begins to stop: what is held is written and committed, within the grace period.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When it did not end because of [`Consumer::stop`].
    pub async fn wait(&mut self) -> Result<(), RunError> {
        (&mut self.running).await?
    }
}

/// Everything that takes part in the flow.
struct Flow {
    topic: String,
    topics: Topics,
    reader: Reader,
    source: Source,
    store: Store,
    breaker: Breaker,
    dead_letters: DeadLetters,
    rows_written: Arc<Notify>,
}

impl Flow {
    async fn run(self, stop: &CancellationToken) -> Result<(), RunError> {
        if !self.topics.wait().await {
            return Ok(());
        }
        let reading = self.reader.start(stop.clone());
        let (topic, rows_written) = (&self.topic, &self.rows_written);
        let writing =
            pipeline::run(self.source, self.store, self.breaker, self.dead_letters, topic, rows_written);
        let (read, written) = tokio::select! {
            ended = async { tokio::join!(reading, writing) } => ended,
            never = self.topics.watch() => match never {},
        };
        if let Err(error) = written {
            tracing::warn!("{error}");
        }
        Ok(read.unwrap_or(Err(SourceError::Died))?)
    }
}

/// Ends when a stop has taken as long as it may. Before that, it makes whoever still tries give up.
async fn grace_period(
    stop: &CancellationToken,
    health: &Health,
    abandon: &CancellationToken,
    grace: Duration,
) {
    stop.cancelled().await;
    health.stopping();
    let goodbye = grace.mul_f64(GOODBYE);
    tokio::time::sleep(grace - goodbye).await;
    abandon.cancel();
    tokio::time::sleep(goodbye).await;
}

fn announce(config: &Config, database: &Database, admin: SocketAddr) {
    tracing::info!(
        kafka = config.kafka.kafka_bootstrap_servers,
        topic = config.kafka.kafka_topic,
        group = config.group,
        %database,
        login = database.login(),
        batch_records = config.batch_records,
        batch_bytes = config.batch_bytes,
        batch_wait_ms = config.batch_wait_ms,
        writers = config.writers,
        dead_letter_limit = %config.dead_letter_limit,
        %admin,
        "consumer {} starts",
        env!("CARGO_PKG_VERSION")
    );
}
