//! How to reach Kafka and what the topics are called: the arguments that both services share.

use std::fmt;

use clap::Args;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use crate::secret::{self, GivenTwice, InFile};

/// Where Kafka is and how its topics are made.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Kafka")]
pub struct KafkaArgs {
    /// Brokers to ask first, as HOST:PORT, separated by commas.
    #[arg(
        long,
        env = "KAFKA_BOOTSTRAP_SERVERS",
        default_value = "127.0.0.1:9092",
        value_name = "HOST:PORT,…"
    )]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub kafka_bootstrap_servers: String,

    /// Topic of the events. Dead letters go to the topic of this name with `.dead-letter` behind it.
    #[arg(long, env = "KAFKA_TOPIC", default_value = "prompt-telemetry", value_name = "TOPIC")]
    #[arg(value_parser = topic_name)]
    pub kafka_topic: String,

    /// Partitions of a topic that has to be created: the most consumers that can share the work.
    #[arg(long, env = "KAFKA_PARTITIONS", default_value_t = 12, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(i32).range(1..=10_000))]
    pub kafka_partitions: i32,

    /// Copies of each record on a topic that has to be created. In production use 3; with 1 a lost disk is lost data.
    #[arg(long, env = "KAFKA_REPLICATION", default_value_t = 1, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(i32).range(1..=32))]
    pub kafka_replication: i32,

    /// Any librdkafka property, TLS and SASL included, such as `security.protocol=SASL_SSL`. Repeat the flag; in the
    /// variable put one a line or `;` between them.
    #[arg(
        long = "kafka-property",
        env = "KAFKA_PROPERTIES",
        hide_env_values = true,
        value_name = "NAME=VALUE"
    )]
    #[arg(value_parser = secret::value(Properties::parse))]
    pub kafka_properties: Vec<Properties>,

    /// File with such properties, one a line or `;` between them, instead of the variable.
    #[arg(long, env = "KAFKA_PROPERTIES_FILE", value_name = "PATH")]
    #[arg(value_parser = secret::file(Properties::parse))]
    pub kafka_properties_file: Option<InFile<Properties>>,
}

impl KafkaArgs {
    /// The topic of records that can never be stored.
    #[must_use]
    pub fn dead_letter_topic(&self) -> String {
        format!("{}.dead-letter", self.kafka_topic)
    }

    /// A client's configuration: where to connect, `defaults` in their order, then the user's properties, so that a
    /// user's word is the last.
    #[must_use]
    pub fn client_config(&self, client_id: &str, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.kafka_bootstrap_servers).set("client.id", client_id);
        for (name, value) in defaults {
            config.set(*name, *value);
        }
        for (name, value) in self.properties() {
            config.set(name, value);
        }
        config
    }

    /// The properties that the user set, in the order given.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &str)> {
        let in_file = self.kafka_properties_file.as_ref().and_then(InFile::get);
        let all = self.kafka_properties.iter().chain(in_file).flat_map(|some| &some.0);
        all.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Refuses properties that are given both ways.
    ///
    /// # Errors
    /// They are.
    pub fn check(&self) -> Result<(), GivenTwice> {
        let given = self.kafka_properties.iter().find(|some| !some.0.is_empty()).cloned();
        secret::either("KAFKA_PROPERTIES", given, self.kafka_properties_file.clone()).map(drop)
    }
}

/// What Kafka's client has against a setting, without the setting's value: it may be a secret whose name was misspelt.
#[must_use]
pub fn reason(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, reason, name, _) => format!("{name}: {reason}"),
        other => other.to_string(),
    }
}

/// Properties as one argument gives them: `NAME=VALUE`, one a line. Values may be secrets and are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(Vec<(String, String)>);

impl Properties {
    fn parse(text: &str) -> Result<Self, String> {
        let lines = text.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty());
        let pairs = lines.map(|line| match line.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                Ok((name.trim().to_owned(), value.trim().to_owned()))
            }
            _ => Err("expected NAME=VALUE with a librdkafka property's name".to_owned()),
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Kafka's rule for topic names, less the room that `.dead-letter` takes.
fn topic_name(name: &str) -> Result<String, String> {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    if name.is_empty() || name.len() > 237 || !name.chars().all(legal) || name == "." || name == ".." {
        return Err("expected 1 to 237 of the characters a-z A-Z 0-9 . _ -".to_owned());
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::{KafkaArgs, reason};

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        kafka: KafkaArgs,
    }

    fn parse(arguments: &[&str]) -> Result<KafkaArgs, clap::Error> {
        Arguments::try_parse_from([&["test"], arguments].concat()).map(|parsed| parsed.kafka)
    }

    #[test]
    fn properties_come_one_a_flag_one_a_line_or_with_semicolons_between() {
        let kafka = parse(&[
            "--kafka-property",
            "security.protocol=SSL;sasl.jaas=a=b",
            "--kafka-property",
            "linger.ms=1\nssl.ca.location=/ca.pem\n",
        ])
        .unwrap();
        let found: Vec<_> = kafka.properties().collect();
        let expected = [
            ("security.protocol", "SSL"),
            ("sasl.jaas", "a=b"),
            ("linger.ms", "1"),
            ("ssl.ca.location", "/ca.pem"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_users_property_wins_over_a_default() {
        let kafka = parse(&["--kafka-property", "linger.ms=1"]).unwrap();
        assert_eq!(kafka.client_config("test", &[("linger.ms", "5")]).get("linger.ms"), Some("1"));
    }

    #[test]
    fn a_propertys_value_is_never_shown() {
        let kafka = parse(&["--kafka-property", "sasl.password=hunter2"]).unwrap();
        assert!(!format!("{kafka:?}").contains("hunter2"));
    }

    #[test]
    fn properties_stand_in_a_file_or_in_the_arguments_and_not_in_both() {
        let path = std::env::temp_dir().join(uuid::Uuid::new_v4().to_string());
        fs::write(&path, "sasl.username=a\nsasl.password=b;linger.ms=1\n").unwrap();
        let file = path.to_str().unwrap();
        let kafka = parse(&["--kafka-properties-file", file]).unwrap();
        let both = parse(&["--kafka-property=linger.ms=2", "--kafka-properties-file", file]).unwrap();
        fs::remove_file(&path).unwrap();
        let found: Vec<_> = kafka.properties().collect();
        assert_eq!(found, [("sasl.username", "a"), ("sasl.password", "b"), ("linger.ms", "1")]);
        assert!(kafka.check().is_ok());
        assert!(both.check().unwrap_err().to_string().contains("KAFKA_PROPERTIES_FILE"));
        assert!(parse(&["--kafka-property=", "--kafka-properties-file="]).unwrap().check().is_ok());
    }

    #[test]
    fn a_value_whose_name_is_misspelt_or_missing_is_not_shown_either() {
        let error = parse(&["--kafka-property", "hunter2"]).unwrap_err().to_string();
        assert!(error.contains("--kafka-property") && !error.contains("hunter2"), "{error}");
        let kafka = parse(&["--kafka-property", "sasl.pasword=hunter2"]).unwrap();
        let error = kafka.client_config("test", &[]).create_native_config().map(drop).unwrap_err();
        let said = reason(&error);
        assert!(said.contains("sasl.pasword") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_property_without_a_name_and_an_illegal_topic_are_refused() {
        assert!(parse(&["--kafka-property", "linger.ms"]).is_err());
        assert!(parse(&["--kafka-property", "=1"]).is_err());
        assert!(parse(&["--kafka-topic", "with space"]).is_err());
        assert!(parse(&["--kafka-topic", ".."]).is_err());
    }
}
