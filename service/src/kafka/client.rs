//! How one Kafka client of ours is set up: its kind, its defaults, and the rules that a user's properties must keep.
//!
//! Everything that makes a client takes its configuration from here, so that `--check-config` can check exactly the
//! clients that will run.

use rdkafka::ClientConfig;
use rdkafka::config::NativeClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::BaseProducer;
use thiserror::Error;

use crate::kafka::KafkaArgs;
use crate::kafka::alias::canonical;
use crate::kafka::rule::Rule;

/// A setting of Kafka's that cannot work. Its text says which, why, and what to do, and shows no value that a user gave.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// librdkafka does not take a property, or not all of them together.
    #[error("the Kafka settings are not usable: {0}; see --kafka-property")]
    Unusable(String),
    /// A property would break a promise.
    #[error("the Kafka property {property} {must}: {why}; {remedy}")]
    Refused {
        /// The property.
        property: String,
        /// The rule, such as `must be true`.
        must: String,
        /// The promise that rests on it.
        why: String,
        /// What to do.
        remedy: String,
    },
}

impl From<KafkaError> for SettingsError {
    fn from(error: KafkaError) -> Self {
        Self::Unusable(reason(&error))
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Consumer,
    Producer,
}

/// The settings of one client.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    kind: Kind,
    id: &'static str,
    defaults: Vec<(&'static str, String)>,
    rules: Vec<Rule>,
}

impl ClientSettings {
    /// A client that reads.
    #[must_use]
    pub fn consumer(id: &'static str) -> Self {
        Self::new(Kind::Consumer, id)
    }

    /// A client that writes or administers.
    #[must_use]
    pub fn producer(id: &'static str) -> Self {
        Self::new(Kind::Producer, id)
    }

    /// With these values for what the user does not set.
    #[must_use]
    pub fn with<V: Into<String>>(mut self, defaults: impl IntoIterator<Item = (&'static str, V)>) -> Self {
        self.defaults.extend(defaults.into_iter().map(|(name, value)| (name, value.into())));
        self
    }

    /// With rules that the result must keep.
    #[must_use]
    pub fn promising(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.rules.extend(rules);
        self
    }

    /// The configuration: where to connect, our defaults, then the user's properties, the last of a name counting.
    ///
    /// # Errors
    /// See [`SettingsError`]. What librdkafka says of all properties together shows only when a client is made.
    pub fn config(&self, args: &KafkaArgs) -> Result<ClientConfig, SettingsError> {
        let set: Vec<_> = args.properties().map(|(name, value)| (canonical(name), value)).collect();
        let mut config = ClientConfig::new();
        config.set(canonical("bootstrap.servers"), &args.kafka_bootstrap_servers).set("client.id", self.id);
        for (name, value) in &self.defaults {
            config.set(canonical(name), value);
        }
        for (name, value) in &set {
            config.set(*name, *value);
        }
        let native = config.create_native_config()?;
        let names: Vec<_> = set.iter().map(|(name, _)| *name).collect();
        for rule in common_rules().iter().chain(&self.rules) {
            rule.check(&native, &names)?;
        }
        for (name, value) in set {
            check_taken(&native, name, value)?;
        }
        Ok(config)
    }

    /// Makes the client as it would be made to run, and drops it. Nothing is connected to.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn check(&self, args: &KafkaArgs) -> Result<(), SettingsError> {
        let mut config = self.config(args)?;
        config.remove(canonical("bootstrap.servers"));
        let made: KafkaResult<()> = match self.kind {
            Kind::Consumer => config.create::<BaseConsumer>().map(drop),
            Kind::Producer => config.create::<BaseProducer>().map(drop),
        };
        Ok(made?)
    }

    fn new(kind: Kind, id: &'static str) -> Self {
        let defaults = vec![("allow.auto.create.topics", "false".to_owned())];
        Self { kind, id, defaults, rules: Vec::new() }
    }
}

/// Rules for every client.
fn common_rules() -> [Rule; 3] {
    [
        Rule::unset("metadata.broker.list", "the brokers have a setting of their own")
            .or("set KAFKA_BOOTSTRAP_SERVERS instead"),
        Rule::is(
            "allow.auto.create.topics",
            "false",
            "a broker creates a missing topic with its own defaults, which may keep events less safe than promised",
        ),
        Rule::unset("test.mock.", "events would go into the memory of this process and be lost with it"),
    ]
}

/// librdkafka reads a number up to the first character that is no digit. What follows may be meant as a property.
fn check_taken(native: &NativeClientConfig, name: &str, value: &str) -> Result<(), SettingsError> {
    let taken = native.get(name).unwrap_or_default();
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    let begins_as_number =
        value.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+'));
    if is_number(&taken) && begins_as_number && !is_number(value) && taken != value {
        return Err(SettingsError::Unusable(format!(
            "{name}: expected a number and nothing after it; properties are separated by line breaks alone"
        )));
    }
    Ok(())
}

/// What librdkafka has against a setting, without the setting's value, which may be a secret.
#[must_use]
pub fn reason(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, said, name, value) => {
            let is_shown = |part: &str| part.len() > 1 && said.replace(name.as_str(), "").contains(part);
            if value.split(|letter: char| !letter.is_alphanumeric()).any(is_shown) {
                return format!(
                    "{name}: librdkafka does not know this value (properties are separated by line breaks alone)"
                );
            }
            format!("{name}: {}", said.trim_end())
        }
        other => other.to_string(),
    }
}
