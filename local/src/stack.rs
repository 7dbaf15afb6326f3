//! The whole stack: PostgreSQL, a broker, the consumer and ingest, started in that order and stopped in reverse.

use std::time::{Duration, Instant};

use crate::embedded;
use crate::error::Error;
use crate::group;
use crate::kafka::{Apache, Data};
use crate::port;
use crate::postgres::{self, Cluster, Database};
use crate::services::{self, Kafka, Service};

const PARTITIONS: u16 = 12;
const TOPIC: &str = "prompt-telemetry";
const GROUP: &str = "prompt-telemetry-consumer";
/// Where ingest listens when nobody else does.
const USUAL_PORT: u16 = 8080;

/// Which broker a stack stands on.
#[derive(Clone, Debug)]
pub enum BrokerChoice {
    /// librdkafka's in-process cluster.
    Embedded,
    /// Apache Kafka with 1 or 3 nodes.
    Apache {
        /// How many.
        nodes: u16,
    },
    /// One that already runs, HOST:PORT.
    Existing(String),
}

/// What kind of stack is wanted.
#[derive(Clone, Debug)]
pub struct Options {
    /// The broker.
    pub broker: BrokerChoice,
    /// Use data that goes with the stack, and a topic of its own; otherwise what this checkout keeps (the caller holds
    /// [`crate::place::lock`] then).
    pub fresh: bool,
    /// What the names of its logs begin with.
    pub name: String,
    /// Whether a power cut loses nothing; only tests do without.
    pub durable: bool,
    /// Further settings of ingest, name and value.
    pub ingest: Vec<(String, String)>,
    /// Further settings of the consumer, name and value.
    pub consumer: Vec<(String, String)>,
}

impl Options {
    /// A durable stack whose logs have the plain names.
    pub fn new(broker: BrokerChoice, fresh: bool) -> Options {
        Options {
            broker,
            fresh,
            name: String::new(),
            durable: true,
            ingest: Vec::new(),
            consumer: Vec::new(),
        }
    }
}

/// The broker of a stack.
#[derive(Debug)]
pub enum Broker {
    /// In this process.
    Embedded(embedded::Broker),
    /// Our own nodes.
    Apache(Apache),
    /// Somebody else's; its address.
    Existing(String),
}

/// A running stack. Dropping it ends everything at once; [`Stack::stop`] does it in order.
#[derive(Debug)]
pub struct Stack {
    // In the order in which they are dropped.
    /// HTTP in.
    pub ingest: Service,
    /// Postgres out.
    pub consumer: Service,
    /// In between.
    pub broker: Broker,
    /// Where everything ends.
    pub postgres: Cluster,
    /// The database's URLs.
    pub database: Database,
    /// What the services know about the broker.
    pub kafka: Kafka,
}

impl Stack {
    /// Starts everything and waits until it is ready.
    ///
    /// # Errors
    /// Of the first part that does not start; the others are gone then.
    pub async fn start(options: Options) -> Result<Stack, Error> {
        let log = |part: &str| format!("{}{part}", options.name);
        let postgres = start_postgres(&options).await?;
        let database = postgres.database("telemetry").await?;
        let kafka = kafka_settings(&options);
        let broker = start_broker(&options, &kafka).await?;
        let kafka = Kafka { bootstrap_servers: broker.bootstrap_servers(), ..kafka };
        services::migrate(&options.name, &database.owner_url).await?;
        let consumer =
            services::consumer(&log("consumer"), &kafka, &database.consumer_url, &options.consumer).await?;
        let listen = if options.fresh { port::free() } else { port::prefer(USUAL_PORT) };
        let ingest =
            services::ingest(&log("ingest"), listen, &kafka, &database.ingest_url, &options.ingest).await?;
        Ok(Stack { ingest, consumer, broker, postgres, database, kafka })
    }

    /// Waits until the consumer group has committed every record of the topic.
    ///
    /// # Errors
    /// When that takes longer than `deadline`, or Kafka does not answer.
    pub async fn drained(&self, deadline: Duration) -> Result<(), Error> {
        let start = Instant::now();
        loop {
            let kafka = self.kafka.clone();
            let asking = tokio::task::spawn_blocking(move || group::lag(&kafka));
            let lag = asking.await.expect("asking for the lag does not panic");
            let lag = lag.map_err(Error::kafka("tell how far the consumer is"))?;
            if lag == 0 {
                return Ok(());
            }
            if start.elapsed() > deadline {
                let what = format!(
                    "the consumer, which is {lag} records behind; its log is {}",
                    self.consumer.log().display()
                );
                return Err(Error::Late { what, seconds: deadline.as_secs() });
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Stops everything in order, the last started first.
    ///
    /// # Errors
    /// When a service did not end well; everything is stopped all the same.
    pub async fn stop(mut self) -> Result<(), Error> {
        let ingest = self.ingest.stop().await;
        let consumer = self.consumer.stop().await;
        if let Broker::Apache(apache) = &mut self.broker {
            apache.stop().await;
        }
        self.postgres.stop().await;
        ingest.and(consumer)
    }
}

impl Broker {
    /// Its address.
    pub fn bootstrap_servers(&self) -> String {
        match self {
            Broker::Embedded(broker) => broker.bootstrap_servers(),
            Broker::Apache(apache) => apache.bootstrap_servers().to_owned(),
            Broker::Existing(servers) => servers.clone(),
        }
    }
}

async fn start_postgres(options: &Options) -> Result<Cluster, Error> {
    let mut settings = postgres::Options::durable(&format!("{}postgres", options.name));
    settings.durable = options.durable;
    if options.fresh { Cluster::temporary(settings).await } else { Cluster::kept(settings).await }
}

/// On a broker of others, fresh data means a topic and a group that nobody else has.
fn kafka_settings(options: &Options) -> Kafka {
    let own = match (&options.broker, options.fresh) {
        (BrokerChoice::Existing(_), true) => format!("-{}", uuid::Uuid::now_v7().simple()),
        _ => String::new(),
    };
    Kafka {
        bootstrap_servers: String::new(),
        topic: format!("{TOPIC}{own}"),
        partitions: PARTITIONS,
        replication: if matches!(options.broker, BrokerChoice::Apache { nodes: 3 }) { 3 } else { 1 },
        group: format!("{GROUP}{own}"),
    }
}

async fn start_broker(options: &Options, kafka: &Kafka) -> Result<Broker, Error> {
    let data = if options.fresh { Data::Temporary } else { Data::Kept };
    match &options.broker {
        BrokerChoice::Embedded => {
            let dead_letters = format!("{}.dead-letter", kafka.topic);
            let topics = [kafka.topic.as_str(), dead_letters.as_str()];
            Ok(Broker::Embedded(embedded::Broker::start(topics, i32::from(kafka.partitions))?))
        }
        BrokerChoice::Apache { nodes } => {
            Ok(Broker::Apache(Apache::start(&format!("{}kafka", options.name), *nodes, data).await?))
        }
        BrokerChoice::Existing(servers) => Ok(Broker::Existing(servers.clone())),
    }
}
