//! One run of the benchmarks: what was asked for and what it stands on.

use std::ops::Range;
use std::time::Duration;

use local::console::say;
use local::error::Error;
use local::random::Random;
use schema::SubmittedEvent;
use service::kafka::KafkaArgs;
use service::topics;
use uuid::Uuid;

use crate::clock::unix_milliseconds;
use crate::config::{Options, Rung};
use crate::events::{self, Events, Prompts};
use crate::producer::{Producer, Receipt};
use crate::servers::{PARTITIONS, Servers};

/// Records that are on their way to a topic at once; the producer's queue takes more.
const PORTION: usize = 20_000;
const TOPIC_DEADLINE: Duration = Duration::from_secs(10);
const SEED: u64 = 20_251_122;

/// A filled topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many records it has.
    pub records: u64,
    /// No id in it is smaller, and every id of an event made before it is.
    pub first_id: Uuid,
}

/// A run.
#[derive(Debug)]
pub struct Run {
    /// What was asked for.
    pub options: Options,
    /// What everything stands on.
    pub servers: Servers,
    random: Random,
}

impl Run {
    /// Starts the servers.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start(options: &Options) -> Result<Run, Error> {
        let servers = Servers::start().await?;
        Ok(Run { options: options.clone(), servers, random: Random::new(SEED) })
    }

    /// The rounds, counted from 1.
    pub fn rounds(&self) -> Range<u32> {
        1..self.options.rounds + 1
    }

    /// The contenders of a round in a random order, so that none always comes after the same one.
    pub fn order<T>(&mut self, contenders: impl IntoIterator<Item = T>) -> Vec<T> {
        self.random.shuffled(contenders)
    }

    /// A number that nobody else in the run gets.
    pub fn seed(&mut self) -> u64 {
        self.random.number()
    }

    /// A line for the person who waits.
    pub fn progress(&self, rung: Rung, line: impl std::fmt::Display) {
        say(format!("{:9}  {line}", rung.name()));
    }

    /// The topic `name`, made as the services make it.
    ///
    /// # Errors
    /// When Kafka refuses.
    pub async fn make_topic(&self, name: &str) -> Result<(), Error> {
        let kafka = KafkaArgs {
            kafka_bootstrap_servers: self.servers.bootstrap_servers().to_owned(),
            kafka_topic: name.to_owned(),
            kafka_partitions: i32::from(PARTITIONS),
            kafka_replication: Some(1),
            kafka_properties: Vec::new(),
            kafka_properties_file: None,
        };
        topics::ensure_topics(&kafka, TOPIC_DEADLINE)
            .await
            .map_err(|error| Error::Missing { what: format!("the topic {name}"), remedy: error.to_string() })
    }

    /// A topic with `records` fresh events about `prompts`, as ingest would have written them.
    ///
    /// # Errors
    /// When Kafka refuses, or does not acknowledge all of them.
    pub async fn fill_topic(&mut self, name: &str, prompts: &Prompts, records: u64) -> Result<Topic, Error> {
        self.make_topic(name).await?;
        // So that no earlier event has a time of this millisecond.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let first_id = events::smallest_id(unix_milliseconds());
        let producer = Producer::new(self.servers.bootstrap_servers(), name)?;
        let mut events = Events::new(self.seed(), prompts.clone());
        let mut left = usize::try_from(records).expect("the records of a benchmark can be counted");
        while left > 0 {
            let portion = left.min(PORTION);
            produce(&producer, &events.batch_at(unix_milliseconds(), portion)).await?;
            left -= portion;
        }
        Ok(Topic { name: name.to_owned(), records, first_id })
    }
}

async fn produce(producer: &Producer, events: &[SubmittedEvent]) -> Result<(), Error> {
    let receipt = Receipt::new();
    let now = unix_milliseconds();
    let mut value = Vec::new();
    for event in events {
        let text = serde_json::to_string(event).expect("an event is plain data");
        let raw = schema::read_event(&text).expect("it was just written").expect("it is an object");
        let accepted = raw.validate(now, || unreachable!("every event has its id"));
        let event = accepted.expect("a test shows that events follow every rule").event;
        schema::encode(&event, &mut value);
        producer.send(&event.session_id, &value, &receipt)?;
    }
    receipt.acknowledged().await
}
