//! The PostgreSQL and the Apache Kafka that everything is measured on.
//!
//! Both are as durable as they are by default; what is set besides is in [`SETTINGS`] and named in the report. They and
//! their data are gone when this is dropped.

use std::fs;

use local::error::Error;
use local::kafka::{Apache, Data};
use local::place;
use local::postgres::{Cluster, Options};
use local::services::Kafka;
use sqlx::{Connection, PgConnection};

use crate::cpu::{self, Usage};

/// What differs from PostgreSQL's defaults: room for the cache and the log of a benchmark, and a word in the log about
/// each lock that is waited for longer than 50 ms.
pub const SETTINGS: [(&str, &str); 5] = [
    ("shared_buffers", "1GB"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "15min"),
    ("log_lock_waits", "on"),
    ("deadlock_timeout", "50ms"),
];
/// Partitions of the events' topic.
pub const PARTITIONS: u16 = 12;
const POSTGRES: &str = "bench-postgres";
const POSTMASTER: &str = "select split_part(pg_read_file('postmaster.pid'), chr(10), 1)::integer";

/// The running servers.
#[derive(Debug)]
pub struct Servers {
    /// PostgreSQL.
    pub postgres: Cluster,
    broker: Apache,
    postgres_id: u32,
    broker_id: u32,
}

impl Servers {
    /// Starts both with empty data.
    ///
    /// # Errors
    /// When one is not installed or does not start.
    pub async fn start() -> Result<Servers, Error> {
        let settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let postgres = Cluster::temporary(Options { settings, ..Options::durable(POSTGRES) }).await?;
        let broker = Apache::start("bench-kafka", 1, Data::Temporary).await?;
        let broker_id = cpu::child_with("kafka.Kafka").ok_or_else(|| Error::Missing {
            what: "the process of Apache Kafka".to_owned(),
            remedy: "see .local/logs/bench-kafka-1.log".to_owned(),
        })?;
        let mut admin =
            PgConnection::connect(&postgres.superuser_url()).await.map_err(Error::database("connect"))?;
        let postmaster: i32 = sqlx::query_scalar(POSTMASTER)
            .fetch_one(&mut admin)
            .await
            .map_err(Error::database("tell its process"))?;
        let postgres_id = postmaster.unsigned_abs();
        Ok(Servers { postgres, broker, postgres_id, broker_id })
    }

    /// Where Kafka is.
    pub fn bootstrap_servers(&self) -> &str {
        self.broker.bootstrap_servers()
    }

    /// What a service must know of Kafka.
    pub fn kafka(&self, topic: &str, group: &str) -> Kafka {
        Kafka {
            bootstrap_servers: self.bootstrap_servers().to_owned(),
            topic: topic.to_owned(),
            partitions: PARTITIONS,
            replication: 1,
            group: group.to_owned(),
        }
    }

    /// CPU seconds used so far by the servers, by this process and by the processes `own`.
    ///
    /// # Errors
    /// When one of them does not run.
    pub fn usage(&self, own: &[u32]) -> Result<Usage, Error> {
        Ok(Usage {
            own: own.iter().map(|id| cpu::of_process(*id)).sum::<Result<f64, Error>>()?,
            postgres: cpu::of_tree(self.postgres_id)?,
            broker: cpu::of_tree(self.broker_id)?,
            generator: cpu::of_process(std::process::id())?,
        })
    }

    /// How often somebody has waited longer than 50 ms for a lock so far.
    ///
    /// # Errors
    /// When the server's log can't be read.
    pub fn lock_waits(&self) -> Result<usize, Error> {
        let path = place::log(POSTGRES)?;
        let log = fs::read(&path).map_err(Error::file("read", &path))?;
        Ok(String::from_utf8_lossy(&log).matches(" still waiting for ").count())
    }

    /// Stops both.
    pub async fn stop(mut self) {
        self.broker.stop().await;
        self.postgres.stop().await;
    }
}
