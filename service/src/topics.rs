//! The two topics and what makes an acknowledged record safe on them.
//!
//! A missing topic is created as it should be; an existing one is left alone, with a warning for each setting that
//! makes a `202` worth less than it says.

use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;

use crate::kafka::{KafkaArgs, reason};
use crate::topics::listing::Found;

mod listing;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Why the topics are not there.
#[derive(Debug, Error)]
pub enum TopicError {
    /// A property is unknown to librdkafka or has an impossible value.
    #[error("the Kafka settings are not usable: {}", reason(.0))]
    Settings(KafkaError),
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
         describe it, otherwise create it, or allow the login to"
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

/// Creates the topics that metadata does not show and warns about existing ones that are weaker than configured.
/// Each question to Kafka waits `deadline` at most.
///
/// # Errors
/// See [`TopicError`]; trying again may help with the last two.
pub async fn ensure_topics(args: &KafkaArgs, deadline: Duration) -> Result<(), TopicError> {
    let wanted = |name: &str, retention: Duration| Wanted {
        name: name.to_owned(),
        partitions: args.kafka_partitions,
        replication: args.kafka_replication,
        retention,
    };
    let found = listing::list(args, deadline).await?;
    let client: Client =
        args.client_config("prompt-telemetry-topics", &[]).create().map_err(TopicError::Settings)?;
    let mut existing = Vec::new();
    for topic in [wanted(&args.kafka_topic, 7 * DAY), wanted(&args.dead_letter_topic(), 30 * DAY)] {
        match found.iter().find(|found| found.name == topic.name) {
            Some(found) => {
                warn_of_shape(&topic, found);
                existing.push(topic);
            }
            None => create(&client, &topic, deadline).await?,
        }
    }
    // Nobody waits for the warnings: a login that may not read settings, and a broker that has none, answer late.
    tokio::spawn(async move { warn_of_weak_settings(&client, &existing, deadline).await });
    Ok(())
}

type Client = AdminClient<DefaultClientContext>;

async fn create(client: &Client, topic: &Wanted, deadline: Duration) -> Result<(), TopicError> {
    let min_insync = topic.min_insync_replicas().to_string();
    let retention = topic.retention.as_millis().to_string();
    let new = NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(topic.replication))
        .set("min.insync.replicas", &min_insync)
        .set("unclean.leader.election.enable", "false")
        .set("retention.ms", &retention);
    let options = AdminOptions::new().operation_timeout(Some(deadline)).request_timeout(Some(deadline));
    let not_created = |reason: String| TopicError::NotCreated { topic: topic.name.clone(), reason };
    let refused = match client.create_topics([&new], &options).await {
        Ok(results) => results.into_iter().find_map(Result::err).map(|(_, code)| code),
        Err(KafkaError::AdminOp(code)) => Some(code),
        Err(error) => return Err(not_created(error.to_string())),
    };
    match refused {
        None => tracing::info!(topic = topic.name, partitions = topic.partitions, "topic created"),
        Some(RDKafkaErrorCode::TopicAlreadyExists) => {} // another process was first
        Some(code) => return Err(not_created(code.to_string())),
    }
    Ok(())
}

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
    if found.replication < wanted.replication as usize {
        let (found, wanted) = (found.replication, wanted.replication);
        tracing::warn!(
            topic,
            found,
            wanted,
            "fewer replicas than configured: acknowledged events are less safe"
        );
    }
}

async fn warn_of_weak_settings(client: &Client, topics: &[Wanted], deadline: Duration) {
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
