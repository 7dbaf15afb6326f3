//! What a login comes to at Kafka when it tries something, by any client.

use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::scene::{PATIENCE, Scene};

/// Kafka's answer.
pub(crate) type Answer = Result<(), RDKafkaErrorCode>;

/// What an administrator's client says of each thing: its name, and what is wrong.
type AdminAnswer = Result<String, (String, RDKafkaErrorCode)>;

/// Somebody with a password.
pub(crate) struct Login(ClientConfig);

impl Login {
    pub(crate) fn new(scene: &Scene, login: &str) -> Login {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", scene.password_servers());
        for (name, value) in scene.with_password(login) {
            config.set(name, value);
        }
        Login(config)
    }

    pub(crate) fn administrator(scene: &Scene) -> Login {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", scene.kafka.bootstrap_servers());
        for (name, value) in scene.guard().administrator() {
            config.set(name, value);
        }
        Login(config)
    }

    /// The topics that it is shown.
    pub(crate) async fn topics(&self) -> Vec<String> {
        let client: BaseConsumer = self.0.create().unwrap();
        let ask = move || {
            let metadata = client.fetch_metadata(None, PATIENCE).unwrap();
            let mut names: Vec<_> = metadata.topics().iter().map(|topic| topic.name().to_owned()).collect();
            names.sort();
            names
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    pub(crate) async fn write(&self, topic: &str) -> Answer {
        let mut config = self.0.clone();
        config.set("enable.idempotence", "true");
        let producer: FutureProducer = config.create().unwrap();
        let record = FutureRecord::to(topic).key("session").payload("{}").partition(0);
        let sent = producer.send(record, Timeout::After(PATIENCE)).await;
        sent.map(drop).map_err(|(error, _)| code(&error))
    }

    /// Reads the topic's first record, without a group's help.
    pub(crate) async fn read(&self, topic: &str) -> Answer {
        let topic = topic.to_owned();
        let config = self.clone_with_group("nobody");
        let ask = move || {
            let client: BaseConsumer = config.create().unwrap();
            let mut start = TopicPartitionList::new();
            for partition in 0..3 {
                start.add_partition_offset(&topic, partition, Offset::Beginning).unwrap();
            }
            client.assign(&start).unwrap();
            let end = Instant::now() + PATIENCE;
            while Instant::now() < end {
                match client.poll(Duration::from_millis(200)) {
                    Some(Ok(_)) => return Ok(()),
                    // About the group whose help it does without, but which librdkafka asks for.
                    Some(Err(error)) if code(&error) == RDKafkaErrorCode::GroupAuthorizationFailed => {}
                    Some(Err(error)) => return Err(code(&error)),
                    None => {}
                }
            }
            panic!("neither a record nor an error came from {topic}")
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    /// Joins a group, which would take partitions from its members.
    pub(crate) async fn join(&self, group: &str, topic: &str) -> Answer {
        let config = self.clone_with_group(group);
        let (group, topic) = (group.to_owned(), topic.to_owned());
        let ask = move || {
            let client: BaseConsumer = config.create().unwrap();
            client.subscribe(&[&topic]).unwrap();
            let end = Instant::now() + PATIENCE;
            while Instant::now() < end {
                match client.poll(Duration::from_millis(200)) {
                    // That the topic is not shown does not keep a client from joining.
                    Some(Err(error)) if code(&error) == RDKafkaErrorCode::TopicAuthorizationFailed => {}
                    Some(Err(error)) => return Err(code(&error)),
                    Some(Ok(_)) => return Ok(()),
                    None => {}
                }
            }
            panic!("Kafka says nothing about the group {group}")
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    /// Commits an offset in the name of a group whose coordinator it is told of.
    pub(crate) async fn commit(&self, group: &str, topic: &str) -> Answer {
        let config = self.clone_with_group(group);
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, 0, Offset::Offset(0)).unwrap();
        let ask = move || {
            let client: BaseConsumer = config.create().unwrap();
            client.commit(&offsets, CommitMode::Sync).map_err(|error| code(&error))
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    /// Asks for the topic by its name, which need not be shown in a list.
    pub(crate) async fn find(&self, topic: &str) -> Answer {
        let topic = topic.to_owned();
        let client: BaseConsumer = self.0.create().unwrap();
        let ask = move || {
            let metadata = client.fetch_metadata(Some(&topic), PATIENCE).unwrap();
            metadata.topics()[0].error().map_or(Ok(()), |error| Err(error.into()))
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    pub(crate) async fn create(&self, topic: &str) -> Answer {
        let wanted = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
        each(self.admin().create_topics([&wanted], &options()).await)
    }

    pub(crate) async fn delete(&self, topic: &str) -> Answer {
        each(self.admin().delete_topics(&[topic], &options()).await)
    }

    pub(crate) async fn add_partitions(&self, topic: &str) -> Answer {
        each(self.admin().create_partitions([&NewPartitions::new(topic, 9)], &options()).await)
    }

    pub(crate) async fn delete_group(&self, group: &str) -> Answer {
        each(self.admin().delete_groups(&[group], &options()).await)
    }

    pub(crate) async fn delete_records(&self, topic: &str) -> Answer {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, 0, Offset::End).unwrap();
        match self.admin().delete_records(&offsets, &options()).await {
            Ok(deleted) => deleted.elements()[0].error().map_err(|error| code(&error)),
            Err(error) => Err(code(&error)),
        }
    }

    /// Tries to. Whether it came to anything only the setting tells: the client's binding drops Kafka's refusal.
    pub(crate) async fn shorten_retention(&self, topic: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("retention.ms", "1000");
        self.admin().alter_configs([&change], &options()).await.unwrap();
    }

    /// One setting of a topic.
    pub(crate) async fn setting(&self, topic: &str, name: &str) -> Result<String, RDKafkaErrorCode> {
        let asked = self.admin().describe_configs([&ResourceSpecifier::Topic(topic)], &options()).await;
        let settings = asked.map_err(|error| code(&error))?.remove(0)?;
        Ok(settings.get(name).unwrap().value.clone().unwrap())
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.0.create().unwrap()
    }

    fn clone_with_group(&self, group: &str) -> ClientConfig {
        let mut config = self.0.clone();
        config.set("group.id", group).set("auto.offset.reset", "earliest");
        config
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

/// The answers are one for each thing asked about, and only one was.
fn each(answers: Result<Vec<AdminAnswer>, KafkaError>) -> Answer {
    let mut answers = answers.map_err(|error| code(&error))?;
    answers.remove(0).map(drop).map_err(|(_, code)| code)
}

fn code(error: &KafkaError) -> RDKafkaErrorCode {
    match error {
        KafkaError::AdminOp(code) => *code,
        other => other.rdkafka_error_code().unwrap_or_else(|| panic!("not Kafka's word: {other}")),
    }
}
