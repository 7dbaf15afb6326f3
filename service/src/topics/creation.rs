//! Creates a topic with the settings that make it safe, or with as many of them as the cluster takes.
//!
//! A managed Kafka may refuse a setting, or its policy may. What was left out is logged.

use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::topics::{Admin, TopicError, Wanted};

/// A setting: its name, its value, and what is lost without it.
struct Setting {
    name: &'static str,
    value: String,
    loss: &'static str,
}

/// The settings, the least important first.
fn settings(topic: &Wanted) -> [Setting; 3] {
    let setting = |name, value, loss| Setting { name, value, loss };
    [
        setting(
            "unclean.leader.election.enable",
            "false".to_owned(),
            "unless it is the cluster's default, acknowledged events can be lost when a replica that is behind leads",
        ),
        setting(
            "retention.ms",
            topic.retention.as_millis().to_string(),
            "events are deleted when storage is down for longer than the cluster's default",
        ),
        setting(
            "min.insync.replicas",
            topic.min_insync_replicas().to_string(),
            "acks=all may wait for fewer copies than promised, by the cluster's default",
        ),
    ]
}

/// Creates the topic with all settings, and while they are refused with fewer. Not an error: another process was first.
pub(super) async fn create(client: &Admin, topic: &Wanted, deadline: Duration) -> Result<(), TopicError> {
    let settings = settings(topic);
    let mut first = None;
    for Choice { kept, left_out } in choices(&settings) {
        match attempt(client, topic, &kept, deadline).await {
            Ok(()) => {
                let (partitions, replicas) = (topic.partitions, topic.replication);
                tracing::info!(topic = topic.name, partitions, replicas, "topic created");
                for Setting { name, loss, .. } in left_out {
                    tracing::warn!(
                        topic = topic.name,
                        setting = name,
                        "the cluster refuses this setting of the topic, which was made without: {loss}"
                    );
                }
                return Ok(());
            }
            Err(Refusal::Exists) => return Ok(()),
            // The answer does not say which setting it was.
            Err(Refusal::Settings(code)) => {
                first.get_or_insert(code);
            }
            Err(Refusal::Other(reason)) => return Err(not_created(topic, reason)),
        }
    }
    Err(not_created(topic, first.map_or_else(String::new, |code| code.to_string())))
}

async fn attempt(
    client: &Admin,
    topic: &Wanted,
    settings: &[&Setting],
    deadline: Duration,
) -> Result<(), Refusal> {
    let options = AdminOptions::new().operation_timeout(Some(deadline)).request_timeout(Some(deadline));
    let new = NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(topic.replication));
    let new = settings.iter().fold(new, |new, setting| new.set(setting.name, &setting.value));
    let results = client.create_topics([&new], &options).await?;
    results.into_iter().find_map(Result::err).map_or(Ok(()), |(_, code)| Err(code.into()))
}

fn not_created(topic: &Wanted, reason: String) -> TopicError {
    TopicError::NotCreated { topic: topic.name.clone(), reason }
}

/// Why an attempt failed.
#[derive(Debug, PartialEq)]
enum Refusal {
    /// The topic is there by now.
    Exists,
    /// A setting, or the number of partitions or copies, is not allowed.
    Settings(RDKafkaErrorCode),
    Other(String),
}

impl From<RDKafkaErrorCode> for Refusal {
    fn from(code: RDKafkaErrorCode) -> Self {
        match code {
            RDKafkaErrorCode::TopicAlreadyExists => Self::Exists,
            RDKafkaErrorCode::InvalidConfig | RDKafkaErrorCode::PolicyViolation => Self::Settings(code),
            code => Self::Other(code.to_string()),
        }
    }
}

impl From<KafkaError> for Refusal {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::AdminOp(code) => code.into(),
            error => Self::Other(error.to_string()),
        }
    }
}

/// Which settings to create the topic with, and which without.
struct Choice<'a> {
    kept: Vec<&'a Setting>,
    left_out: Vec<&'a Setting>,
}

/// Every choice: all settings first, then without one or more, the least important going first.
fn choices<'a>(settings: &'a [Setting]) -> impl Iterator<Item = Choice<'a>> {
    // The bits of the number are the settings left out.
    (0..1_usize << settings.len()).map(move |choice| {
        let places = settings.iter().enumerate();
        let (left_out, kept): (Vec<_>, Vec<_>) = places.partition(|(place, _)| choice & (1 << place) != 0);
        let settings = |places: Vec<(usize, &'a Setting)>| places.into_iter().map(|place| place.1).collect();
        Choice { kept: settings(kept), left_out: settings(left_out) }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::error::RDKafkaErrorCode;

    use super::{Refusal, Setting, choices, settings};
    use crate::topics::Wanted;

    const ALL: [&str; 3] = ["unclean.leader.election.enable", "retention.ms", "min.insync.replicas"];

    /// What is left out on a cluster that refuses these settings, and how many attempts that takes.
    fn left_out(refused: &[&str]) -> (Vec<&'static str>, usize) {
        let retention = Duration::from_secs(7 * 24 * 60 * 60);
        let topic = Wanted { name: "events".to_owned(), partitions: 12, replication: 3, retention };
        let settings = settings(&topic);
        let takes = |kept: &[&Setting]| !kept.iter().any(|setting| refused.contains(&setting.name));
        let (attempts, taken) =
            choices(&settings).enumerate().find(|(_, choice)| takes(&choice.kept)).unwrap();
        (taken.left_out.iter().map(|setting| setting.name).collect(), attempts + 1)
    }

    #[test]
    fn a_topic_is_made_with_all_settings_that_the_cluster_takes_and_without_the_others_alone() {
        assert_eq!(left_out(&[]), (vec![], 1));
        assert_eq!(left_out(&ALL[..1]), (vec![ALL[0]], 2));
        for first in 0..ALL.len() {
            for end in first..=ALL.len() {
                assert_eq!(left_out(&ALL[first..end]).0, ALL[first..end]);
            }
        }
        assert_eq!(left_out(&[ALL[0], ALL[2]]).0, [ALL[0], ALL[2]]);
        assert_eq!(left_out(&ALL).1, 8);
    }

    #[test]
    fn only_refused_settings_are_a_reason_to_try_with_fewer() {
        for code in [RDKafkaErrorCode::InvalidConfig, RDKafkaErrorCode::PolicyViolation] {
            assert_eq!(Refusal::from(code), Refusal::Settings(code));
        }
        assert_eq!(Refusal::from(RDKafkaErrorCode::TopicAlreadyExists), Refusal::Exists);
        let code = RDKafkaErrorCode::TopicAuthorizationFailed;
        assert_eq!(Refusal::from(code), Refusal::Other(code.to_string()));
    }
}
