//! The stack under trial: ingest, two consumers and a third one, Apache Kafka and PostgreSQL, each behind a lock of its
//! own, so that two faults at once never meet at the same part.

use std::collections::BTreeMap;
use std::sync::{Mutex as Cell, PoisonError};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::chaos::disk::Disk;
use crate::chaos::fault::CONSUMERS;
use crate::error::Error;
use crate::footprint;
use crate::kafka::{Apache, Data};
use crate::pipe::Pipe;
use crate::port;
use crate::postgres::{self, Cluster, Database};
use crate::services::{self, Kafka, Service};

const PARTITIONS: u16 = 12;
/// So few that others can hold them all.
const CONNECTIONS: u16 = 30;

/// What kind of stage is wanted.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the names of its logs begin with.
    pub name: String,
    /// How many brokers: 1 or 3.
    pub nodes: u16,
    /// The room for the table, where it can be bounded.
    pub disk_mebibytes: u64,
}

/// The stage. Dropping it ends everything at once.
#[derive(Debug)]
pub struct Stage {
    // In the order in which they are dropped.
    /// HTTP in.
    pub ingest: Mutex<Service>,
    /// Postgres out.
    pub consumers: [Mutex<Service>; CONSUMERS],
    /// One more, which does not run.
    pub third: Mutex<Service>,
    /// In between.
    pub broker: Mutex<Apache>,
    /// What the services' connections to Postgres lead through.
    pub pipe: Pipe,
    /// Where everything ends.
    pub postgres: Mutex<Cluster>,
    /// What the table lies on, where it could be arranged.
    pub disk: Option<Disk>,
    /// Held by whoever changes who is in the consumers' group.
    pub group: Mutex<()>,
    /// The database's URLs, which do not lead through the pipe.
    pub database: Database,
    /// The administrator's URL, to another database.
    pub superuser_url: String,
    /// What the services know about the broker.
    pub kafka: Kafka,
    /// Where ingest is.
    pub ingest_url: String,
    /// The most memory that any process of a name has had, in bytes.
    peaks: Cell<BTreeMap<String, u64>>,
}

impl Stage {
    /// Starts everything and waits until it is ready.
    ///
    /// # Errors
    /// Of the first part that does not start; the others are gone then.
    pub async fn start(options: &Options) -> Result<Stage, Error> {
        let name = |part: &str| format!("{}{part}", options.name);
        // What is committed must survive a kill, so no short cut here.
        let settings = postgres::Options {
            max_connections: CONNECTIONS,
            ..postgres::Options::durable(&name("postgres"))
        };
        let cluster = Cluster::temporary(settings).await?;
        let database = cluster.database("telemetry").await?;
        let pipe = Pipe::open(cluster.port()).await;
        let consumer_url = pipe.through(&database.consumer_url);
        let ingest_url = pipe.through(&database.ingest_url);
        let broker = Apache::start(&name("kafka"), options.nodes, Data::Temporary).await?;
        let kafka = settings_of(broker.bootstrap_servers(), options.nodes);
        services::migrate(&options.name, &database.owner_url).await?;
        let mut superuser = connect(&database.superuser_url).await?;
        let disk = Disk::mount(options.disk_mebibytes, &mut superuser).await?;
        drop(superuser);

        let consumer = async |number: usize| {
            let name = name(&format!("consumer-{number}"));
            services::consumer(&name, &kafka, &consumer_url, &impatience()).await
        };
        let consumers = [Mutex::new(consumer(1).await?), Mutex::new(consumer(2).await?)];
        let mut third = consumer(3).await?;
        third.stop().await?;
        let ingest = services::ingest(&name("ingest"), port::free(), &kafka, &ingest_url, &[]).await?;
        Ok(Stage {
            ingest_url: ingest.url().to_owned(),
            superuser_url: cluster.superuser_url(),
            ingest: Mutex::new(ingest),
            consumers,
            third: Mutex::new(third),
            broker: Mutex::new(broker),
            pipe,
            postgres: Mutex::new(cluster),
            disk,
            group: Mutex::new(()),
            database,
            kafka,
            peaks: Cell::default(),
        })
    }

    /// Notes how much memory the service has had; to be called before it ends.
    pub fn weigh(&self, name: &str, service: &Service) {
        if let Some(peak) = service.id().and_then(footprint::peak_memory) {
            let mut peaks = self.peaks.lock().unwrap_or_else(PoisonError::into_inner);
            let most = peaks.entry(name.to_owned()).or_default();
            *most = peak.max(*most);
        }
    }

    /// What was noted, by name.
    pub fn peaks(&self) -> BTreeMap<String, u64> {
        self.peaks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until ingest and both consumers are ready.
    ///
    /// # Errors
    /// When one is not in time.
    pub async fn ready(&self) -> Result<(), Error> {
        self.ingest.lock().await.ready().await?;
        for consumer in &self.consumers {
            consumer.lock().await.ready().await?;
        }
        Ok(())
    }

    /// Stops everything in order and gives the disk back; answers with what did not end well.
    pub async fn stop(self) -> Vec<String> {
        let mut faults = Vec::new();
        let services = std::iter::once(self.ingest).chain(self.consumers);
        for service in services {
            if let Err(error) = service.into_inner().stop().await {
                faults.push(error.to_string());
            }
        }
        self.broker.into_inner().stop().await;
        self.postgres.into_inner().stop().await;
        faults
    }
}

/// A connection to a database.
///
/// # Errors
/// The server's, or that it did not answer within ten seconds.
pub async fn connect(url: &str) -> Result<PgConnection, Error> {
    let connecting = tokio::time::timeout(Duration::from_secs(10), PgConnection::connect(url)).await;
    let connected = connecting.unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())));
    connected.map_err(Error::database("let the trial in"))
}

/// A member that is gone is missed after six seconds instead of thirty, so that partitions move more often.
fn impatience() -> [(String, String); 1] {
    let properties = "session.timeout.ms=6000\nheartbeat.interval.ms=1000";
    [("KAFKA_PROPERTIES".to_owned(), properties.to_owned())]
}

/// A topic and group that no other run has: their names also tell the services of this run from others.
fn settings_of(bootstrap_servers: &str, nodes: u16) -> Kafka {
    let topic = format!("chaos-{}", Uuid::now_v7().simple());
    Kafka {
        bootstrap_servers: bootstrap_servers.to_owned(),
        group: format!("{topic}-group"),
        topic,
        partitions: PARTITIONS,
        replication: nodes,
    }
}
