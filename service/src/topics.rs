//! The two topics and what makes an acknowledged record safe on them.
//!
//! A missing topic is created as it should be; an existing one is left alone, with a warning for each setting that
//! makes a `202` worth less than it says.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientContext, metadata};
use thiserror::Error;

use crate::kafka::{ClientSettings, KafkaArgs, SettingsError};
use crate::topics::listing::{Found, Seen};

mod creation;
mod listing;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Copies of each record where nothing is configured and there are brokers enough.
const COPIES: usize = 3;

/// Why the topics are not there.
#[derive(Debug, Error)]
pub enum TopicError {
    /// A property is refused, or has an impossible value.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// No broker answered in time.
    #[error("Kafka at {servers} does not answer: {source}{complaint}")]
    Unreachable {
        /// The bootstrap servers tried.
        servers: String,
        /// What the client answered.
        source: Box<KafkaError>,
        /// Why, as far as the client said: `; ` and its words (about a certificate, a password), or nothing.
        complaint: String,
    },
    /// The broker refused to create a topic.
    #[error(
        "topic {topic} is not shown to this login and could not be created ({reason}); if it exists, allow the login to \
         describe it, otherwise create it, or allow the login to (with a KAFKA_REPLICATION that the cluster takes)"
    )]
    NotCreated {
        /// The topic.
        topic: String,
        /// The broker's reason.
        reason: String,
    },
}

/// A topic as it should be.
struct Wanted {
    name: String,
    partitions: i32,
    replication: i32,
    retention: Duration,
}

impl Wanted {
    fn min_insync_replicas(&self) -> i32 {
        (self.replication - 1).max(1)
    }
}

/// The settings of the client that asks for topics, makes them and reads their settings.
#[must_use]
pub fn client_settings() -> ClientSettings {
    ClientSettings::producer("prompt-telemetry-topics")
}

/// Whether Kafka has the topic, and shows it to this client's login. No broker creates it because of this question, as
/// long as the client was made by [`ClientSettings`]; a producer or consumer that waits for the topic learns of it.
/// Blocks the thread, for `deadline` at most.
///
/// # Errors
/// Returns the client's error if no broker answers.
pub fn is_there<C: ClientContext>(client: &Client<C>, topic: &str, deadline: Duration) -> KafkaResult<bool> {
    let answer = client.fetch_metadata(Some(topic), deadline)?;
    Ok(answer.topics().iter().any(|found| found.name() == topic && shows(found)))
}

/// A topic that was just made may have partitions and no leaders yet.
fn shows(topic: &metadata::MetadataTopic) -> bool {
    !topic.partitions().is_empty()
}

/// Creates the topics that metadata does not show and warns about existing ones that are weaker than they should be.
/// Each question to Kafka waits `deadline` at most. Safe to call at any time, for example when a topic was deleted.
///
/// # Errors
/// See [`TopicError`]; trying again may help with the last two.
pub async fn ensure_topics(args: &KafkaArgs, deadline: Duration) -> Result<(), TopicError> {
    let names = [args.kafka_topic.clone(), args.dead_letter_topic()];
    let Seen { brokers, found } = listing::list(args, &names, deadline).await?;
    let replication = args.kafka_replication.unwrap_or(brokers.clamp(1, COPIES) as i32);
    let client: Admin = client_settings().config(args)?.create().map_err(SettingsError::from)?;
    let mut existing = Vec::new();
    for (name, days) in names.into_iter().zip([7, 30]) {
        let topic = Wanted { name, partitions: args.kafka_partitions, replication, retention: days * DAY };
        match found.iter().find(|found| found.name == topic.name) {
            Some(found) => {
                warn_of_shape(&topic, found);
                existing.push(topic);
            }
            None => {
                creation::create(&client, &topic, deadline).await?;
                warn_of_one_copy(&topic.name, replication as usize);
            }
        }
    }
    // Nobody waits for the warnings: a login that may not read settings, and a broker that has none, answer late.
    tokio::spawn(async move { warn_of_weak_settings(&client, &existing, deadline).await });
    Ok(())
}

type Admin = AdminClient<DefaultClientContext>;

fn warn_of_shape(wanted: &Wanted, found: &Found) {
    let topic = &wanted.name;
    if found.partitions < wanted.partitions as usize {
        tracing::warn!(
            topic,
            found = found.partitions,
            wanted = wanted.partitions,
            "fewer partitions than configured"
        );
    }
    if found.replication > 1 && found.replication < wanted.replication as usize {
        let (found, wanted) = (found.replication, wanted.replication);
        tracing::warn!(topic, found, wanted, "fewer replicas than wanted: acknowledged events are less safe");
    }
    warn_of_one_copy(topic, found.replication);
}

fn warn_of_one_copy(topic: &str, replication: usize) {
    if replication == 1 {
        tracing::warn!(
            topic,
            "ONE COPY of each event is kept: events that were acknowledged are lost with one disk. For production use \
             three brokers and three replicas (KAFKA_REPLICATION=3 where the topic is still to be made)"
        );
    }
}

async fn warn_of_weak_settings(client: &Admin, topics: &[Wanted], deadline: Duration) {
    let options = AdminOptions::new().request_timeout(Some(deadline));
    let specifiers: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    if specifiers.is_empty() {
        return;
    }
    match client.describe_configs(&specifiers, &options).await {
        // Answers come in the order of the questions.
        Ok(answers) => {
            for (topic, settings) in topics.iter().zip(answers) {
                match settings {
                    // The client's binding drops the refusal, and answers with no settings at all.
                    Ok(settings) if settings.entries.is_empty() => tracing::warn!(
                        topic = topic.name,
                        "this login may not read the topic's settings, so nobody has checked whether acknowledged \
                         events are safe on it; to have that done allow it DescribeConfigs"
                    ),
                    Ok(settings) => warn_of_settings(topic, &settings),
                    Err(error) => tracing::debug!(topic = topic.name, %error, "the settings are not checked"),
                }
            }
        }
        Err(error) => tracing::debug!(%error, "the topics' settings cannot be read; they are not checked"),
    }
}

fn warn_of_settings(wanted: &Wanted, settings: &ConfigResource) {
    let topic = &wanted.name;
    let value = |name: &str| settings.get(name).and_then(|entry| entry.value.clone());
    let number = |name: &str| value(name).and_then(|value| value.parse::<i64>().ok());
    if let Some(found) =
        number("min.insync.replicas").filter(|found| *found < i64::from(wanted.min_insync_replicas()))
    {
        tracing::warn!(
            topic,
            found,
            wanted = wanted.min_insync_replicas(),
            "min.insync.replicas is low: acks=all waits for fewer copies"
        );
    }
    if value("unclean.leader.election.enable").as_deref() == Some("true") {
        tracing::warn!(topic, "unclean leader election is on: acknowledged events can be lost");
    }
    let wanted_ms = i64::try_from(wanted.retention.as_millis()).unwrap_or(i64::MAX);
    if let Some(found_ms) = number("retention.ms").filter(|found| (0..wanted_ms).contains(found)) {
        tracing::warn!(
            topic,
            found_ms,
            wanted_ms,
            "retention is short: events are dropped if storage is down for longer"
        );
    }
    if value("cleanup.policy").is_some_and(|policy| policy.contains("compact")) {
        tracing::warn!(topic, "the topic is compacted: all but the last event of a session will be dropped");
    }
}
