//! How to reach Kafka and what the topics are called: the arguments that both services share.

use clap::Args;

pub use crate::kafka::client::{ClientSettings, SettingsError, reason};
pub use crate::kafka::properties::Properties;
pub use crate::kafka::rule::Rule;
use crate::secret::{self, GivenTwice, InFile};

mod alias;
mod client;
mod properties;
mod rule;

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

    /// Topic of the events. Dead letters go to the topic of this name with `.dead-letter` appended.
    #[arg(long, env = "KAFKA_TOPIC", default_value = "prompt-telemetry", value_name = "TOPIC")]
    #[arg(value_parser = topic_name)]
    pub kafka_topic: String,

    /// Partitions of a topic that has to be created: the most consumers that can share the work.
    #[arg(long, env = "KAFKA_PARTITIONS", default_value_t = 12, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(i32).range(1..=10_000))]
    pub kafka_partitions: i32,

    /// Copies of each record on a topic that has to be created. Unless set: one per broker, 3 at most. With one copy a
    /// lost disk is lost events.
    #[arg(long, env = "KAFKA_REPLICATION", value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(i32).range(1..=32))]
    pub kafka_replication: Option<i32>,

    /// Any librdkafka property, TLS and SASL included, such as `security.protocol=SASL_SSL`. Repeat the flag for each
    /// one; in the variable write one per line.
    #[arg(
        long = "kafka-property",
        env = "KAFKA_PROPERTIES",
        hide_env_values = true,
        value_name = "NAME=VALUE"
    )]
    #[arg(value_parser = secret::value_or_lines(Properties::one, Properties::lines))]
    pub kafka_properties: Vec<Properties>,

    /// File with such properties, one per line, instead of the variable.
    #[arg(long, env = "KAFKA_PROPERTIES_FILE", value_name = "PATH")]
    #[arg(value_parser = secret::file(Properties::lines))]
    pub kafka_properties_file: Option<InFile<Properties>>,
}

impl KafkaArgs {
    /// The topic of records that can never be stored.
    #[must_use]
    pub fn dead_letter_topic(&self) -> String {
        format!("{}.dead-letter", self.kafka_topic)
    }

    /// The properties that the user set, in the order given.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &str)> {
        let in_file = self.kafka_properties_file.as_ref().and_then(InFile::get);
        self.kafka_properties.iter().chain(in_file).flat_map(Properties::iter)
    }

    /// Refuses properties that are given both ways.
    ///
    /// # Errors
    /// Properties are given in arguments and in a file.
    pub fn check(&self) -> Result<(), GivenTwice> {
        let given = self.kafka_properties.iter().find(|some| !some.is_empty()).cloned();
        secret::either("KAFKA_PROPERTIES", given, self.kafka_properties_file.clone()).map(drop)
    }
}

/// Kafka's rule for topic names, minus the length of `.dead-letter`.
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

    use super::{ClientSettings, KafkaArgs, Rule};

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        kafka: KafkaArgs,
    }

    fn parse(arguments: &[&str]) -> Result<KafkaArgs, clap::Error> {
        Arguments::try_parse_from([&["test"], arguments].concat()).map(|parsed| parsed.kafka)
    }

    /// A producer that promises nothing of its own, set up with these properties.
    fn check(properties: &[&str]) -> Result<(), String> {
        let arguments: Vec<_> =
            properties.iter().flat_map(|property| ["--kafka-property", property]).collect();
        let kafka = parse(&arguments).map_err(|error| error.to_string())?;
        ClientSettings::producer("test").check(&kafka).map_err(|error| error.to_string())
    }

    #[test]
    fn a_flag_is_one_property_and_nothing_in_its_value_separates() {
        let kafka = parse(&[
            "--kafka-property",
            "sasl.password=Endpoint=sb://a/;SharedAccessKey=b=",
            "--kafka-property",
            "linger.ms=1",
        ]);
        let kafka = kafka.unwrap();
        let found: Vec<_> = kafka.properties().collect();
        let expected = [("sasl.password", "Endpoint=sb://a/;SharedAccessKey=b="), ("linger.ms", "1")];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_users_property_wins_over_a_default_by_any_of_its_names() {
        for property in ["linger.ms=1", "queue.buffering.max.ms=1"] {
            let kafka = parse(&["--kafka-property", property]).unwrap();
            let settings = ClientSettings::producer("test").with([("linger.ms", "5")]);
            let native = settings.config(&kafka).unwrap().create_native_config().unwrap();
            assert_eq!(native.get("linger.ms").unwrap(), "1", "{property}");
        }
    }

    #[test]
    fn a_rule_holds_for_every_name_of_its_property_and_says_why_and_what_to_do() {
        let settings = ClientSettings::producer("test").promising([
            Rule::is("request.required.acks", "-1", "a 202 means all"),
            Rule::within("message.timeout.ms", 1..=4_999, "it ends first").or("raise the deadline"),
        ]);
        for (property, said) in [
            ("acks=1", "property request.required.acks must be -1: a 202 means all; leave it out"),
            ("request.required.acks=0", "must be -1"),
            ("delivery.timeout.ms=5000", "must be 1 to 4999: it ends first; raise the deadline"),
            ("message.timeout.ms=0", "must be 1 to 4999"),
        ] {
            let kafka = parse(&["--kafka-property", property]).unwrap();
            let error = settings.config(&kafka).unwrap_err().to_string();
            assert!(error.contains(said), "{property}: {error}");
        }
        let fine = ["--kafka-property=acks=all", "--kafka-property=message.timeout.ms=4999"];
        settings.check(&parse(&fine).unwrap()).unwrap();
    }

    #[test]
    fn what_would_lose_events_or_fool_is_refused_for_every_client() {
        for (property, remedy) in [
            ("bootstrap.servers=elsewhere:9092", "KAFKA_BOOTSTRAP_SERVERS"),
            ("metadata.broker.list=elsewhere:9092", "KAFKA_BOOTSTRAP_SERVERS"),
            ("allow.auto.create.topics=true", "leave it out"),
            ("test.mock.num.brokers=1", "leave it out"),
        ] {
            let error = check(&[property]).unwrap_err();
            assert!(error.contains(remedy), "{property}: {error}");
        }
    }

    #[test]
    fn a_check_makes_the_client_so_what_only_librdkafka_knows_is_found() {
        assert_eq!(check(&[]), Ok(()));
        let together = ["enable.idempotence=true", "max.in.flight=6"];
        assert!(check(&together).unwrap_err().contains("max.in.flight"));
        assert!(check(&["ssl.ca.location=/nowhere", "security.protocol=ssl"]).is_err());
    }

    #[test]
    fn a_number_with_something_after_it_is_refused_and_not_cut_off() {
        for property in ["linger.ms=1;sasl.password=hunter2", "linger.ms=5s", "socket.timeout.ms=6000;a=b"] {
            let error = check(&[property]).unwrap_err();
            assert!(error.contains("line breaks") && !error.contains("hunter2"), "{property}: {error}");
        }
        check(&["linger.ms=0.5", "socket.timeout.ms=6000", "log_level=7"]).unwrap();
    }

    #[test]
    fn a_propertys_value_is_never_shown() {
        let kafka = parse(&["--kafka-property", "sasl.password=hunter2"]).unwrap();
        assert!(!format!("{kafka:?}").contains("hunter2"));
    }

    #[test]
    fn properties_stand_in_a_file_or_in_the_arguments_and_not_in_both() {
        let path = std::env::temp_dir().join(uuid::Uuid::new_v4().to_string());
        fs::write(&path, "sasl.username=a\nsasl.password=b;c=d\n").unwrap();
        let file = path.to_str().unwrap();
        let kafka = parse(&["--kafka-properties-file", file]).unwrap();
        let both = parse(&["--kafka-property=linger.ms=2", "--kafka-properties-file", file]).unwrap();
        fs::remove_file(&path).unwrap();
        let found: Vec<_> = kafka.properties().collect();
        assert_eq!(found, [("sasl.username", "a"), ("sasl.password", "b;c=d")]);
        assert!(kafka.check().is_ok());
        assert!(both.check().unwrap_err().to_string().contains("KAFKA_PROPERTIES_FILE"));
        assert!(parse(&["--kafka-property=", "--kafka-properties-file="]).unwrap().check().is_ok());
    }

    #[test]
    fn a_value_that_is_wrong_misspelt_or_without_a_name_is_not_shown() {
        let error = parse(&["--kafka-property", "hunter2"]).unwrap_err().to_string();
        assert!(error.contains("--kafka-property") && !error.contains("hunter2"), "{error}");
        for property in [
            "sasl.pasword=hunter2",
            "security.protocol=ssl;sasl.password=hunter2",
            "compression.type=hunter2",
            "debug=hunter2,all",
            "enable.idempotence=true;sasl.password=hunter2",
            "partitioner=hunter2",
        ] {
            let error = check(&[property]).unwrap_err();
            let name = property.split('=').next().unwrap();
            let known = error.contains(name) || error.contains("compression.codec");
            assert!(known && !error.contains("hunter2"), "{property}: {error}");
        }
    }

    #[test]
    fn a_property_without_a_name_and_an_illegal_topic_are_refused() {
        assert!(parse(&["--kafka-property", "linger.ms"]).is_err());
        assert!(parse(&["--kafka-property", "=1"]).is_err());
        assert!(parse(&["--kafka-topic", "with space"]).is_err());
        assert!(parse(&["--kafka-topic", ".."]).is_err());
    }
}
