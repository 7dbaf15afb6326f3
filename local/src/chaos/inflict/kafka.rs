//! What happens to the brokers, the topic and the group.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::time::sleep;

use crate::chaos::inflict::down;
use crate::chaos::stage::Stage;
use crate::error::Error;
use crate::group;
use crate::services::Kafka;

/// Within this time a broker that is back has all it missed, and a member that was killed is missed.
const DEADLINE: Duration = Duration::from_secs(90);
const TIMEOUT: Duration = Duration::from_secs(5);

/// Kills or stops a broker and starts it again; returns when it has all that it missed.
pub(super) async fn restart(stage: &Stage, which: usize, kills: bool, lasts: Duration) -> Result<(), Error> {
    let mut broker = stage.broker.lock().await;
    let node = &mut broker.nodes()[which];
    if kills {
        node.kill9().await;
    } else {
        node.stop().await;
    }
    sleep(down(lasts)).await;
    broker.start_again().await?;
    in_sync(&stage.kafka).await
}

/// Lets a broker stand still; returns when it has all that it missed.
pub(super) async fn pause(stage: &Stage, which: usize, lasts: Duration) -> Result<(), Error> {
    let mut broker = stage.broker.lock().await;
    broker.nodes()[which].pause();
    sleep(lasts).await;
    broker.nodes()[which].resume();
    in_sync(&stage.kafka).await
}

/// Lets records be 0 ms old, so that the broker rejects each through no fault of theirs. Wanting more copies than there are
/// brokers would not do: since Kafka 4 the replicas that a topic has bound its `min.insync.replicas`.
pub(super) async fn reject(stage: &Stage, lasts: Duration) -> Result<(), Error> {
    let _broker = stage.broker.lock().await;
    allow_age(&stage.kafka, 0).await?;
    sleep(lasts).await;
    allow_age(&stage.kafka, i64::MAX).await
}

/// Sets the group's offsets to zero, once its last member is forgotten.
pub(super) async fn rewind(stage: &Stage) -> Result<(), Error> {
    let start = Instant::now();
    loop {
        let kafka = stage.kafka.clone();
        let rewinding = tokio::task::spawn_blocking(move || group::rewind(&kafka)).await;
        match rewinding.expect("setting offsets does not panic") {
            Ok(()) => return Ok(()),
            Err(error) if start.elapsed() > DEADLINE => {
                return Err(Error::kafka("set the group's offsets to zero")(error));
            }
            Err(_) => sleep(Duration::from_millis(500)).await,
        }
    }
}

/// Waits until every copy of every partition is in sync: with fewer, the next fault would be one too many.
pub(super) async fn in_sync(kafka: &Kafka) -> Result<(), Error> {
    let start = Instant::now();
    while start.elapsed() < DEADLINE {
        let asked = kafka.clone();
        let asking = tokio::task::spawn_blocking(move || copies_in_sync(&asked)).await;
        if asking.is_ok_and(|copies| copies == Some(usize::from(kafka.replication))) {
            return Ok(());
        }
        sleep(Duration::from_millis(200)).await;
    }
    let what = format!("all {} copies of {} to be in sync", kafka.replication, kafka.topic);
    Err(Error::Late { what, seconds: DEADLINE.as_secs() })
}

/// The fewest copies in sync that a partition has.
fn copies_in_sync(kafka: &Kafka) -> Option<usize> {
    let mut config = ClientConfig::new();
    let client: BaseConsumer = config.set("bootstrap.servers", &kafka.bootstrap_servers).create().ok()?;
    let metadata = client.fetch_metadata(Some(&kafka.topic), TIMEOUT).ok()?;
    let partitions = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
    partitions.map(|partition| if partition.leader() < 0 { 0 } else { partition.isr().len() }).min()
}

/// Sets how old, in milliseconds, a record of the topic may be when it arrives. The other settings are given too, since
/// this call resets those that it omits.
async fn allow_age(kafka: &Kafka, milliseconds: i64) -> Result<(), Error> {
    let doing = "change the topic's settings";
    let mut config = ClientConfig::new();
    let client: AdminClient<DefaultClientContext> =
        config.set("bootstrap.servers", &kafka.bootstrap_servers).create().map_err(Error::kafka(doing))?;
    let copies = (kafka.replication - 1).max(1).to_string();
    let milliseconds = milliseconds.to_string();
    let wanted = AlterConfig::new(ResourceSpecifier::Topic(&kafka.topic))
        .set("message.timestamp.before.max.ms", &milliseconds)
        .set("min.insync.replicas", &copies)
        .set("unclean.leader.election.enable", "false");
    let start = Instant::now();
    loop {
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
        let answer = client.alter_configs([&wanted], &options).await;
        let refused = answer.map(|answers| answers.into_iter().find_map(Result::err));
        let error = match refused {
            Ok(None) => return Ok(()),
            Ok(Some((_, code))) => rdkafka::error::KafkaError::AdminOp(code),
            Err(error) => error,
        };
        if start.elapsed() > DEADLINE {
            return Err(Error::kafka(doing)(error));
        }
        sleep(Duration::from_millis(500)).await;
    }
}
