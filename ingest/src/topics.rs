//! Sees to it that the events' topic is there, for as long as intake runs.
//!
//! It is made before the first event is taken, and made again when somebody deleted it: a broker that creates topics on
//! demand would make one that is weaker than a `202` promises, so our client never asks for that. Readiness says what is
//! missing meanwhile.

use std::sync::Arc;
use std::time::Duration;

use service::kafka::KafkaArgs;
use service::topics::{TopicError, ensure_topics};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::producer::Producer;

/// How long one question to Kafka may take.
const QUESTION: Duration = Duration::from_secs(5);
/// How often the topic is looked for. A record that is refused because of its topic makes it sooner.
const LOOK: Duration = Duration::from_secs(5);
/// Between the two looks that find a topic gone. A broker that just started may not know its topics yet.
const SECOND_LOOK: Duration = Duration::from_secs(1);
/// Between two tries to make it, at the least and at the most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Keeps the topic there, and the client working. Never ends.
pub async fn keep(producer: Arc<Producer>, kafka: KafkaArgs) {
    let topic = async {
        loop {
            make(&producer, &kafka).await;
            producer.topic_is(Ok(()));
            until_gone(&producer).await;
            let topic = producer.topic();
            tracing::error!(
                topic,
                "the topic is gone, or is not shown to this login any more; making it again"
            );
            producer.topic_is(Err(format!("Kafka has no topic {topic} any more; making it again")));
        }
    };
    tokio::join!(topic, keep_client(&producer));
}

async fn keep_client(producer: &Producer) {
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        second.tick().await;
        producer.keep_working();
    }
}

/// Returns when the topics are there, however long Kafka takes.
async fn make(producer: &Arc<Producer>, kafka: &KafkaArgs) {
    let (mut pause, longest) = PAUSES;
    loop {
        match ensure_topics(kafka, QUESTION).await {
            Ok(()) if is_there(producer).await == Some(true) => return,
            Ok(()) => {} // made, and not known to every broker yet
            Err(error @ TopicError::Unreachable { .. }) => tracing::warn!(%error, "waiting for Kafka"),
            Err(error) => {
                tracing::error!(%error, "no event can be taken yet");
                producer.topic_is(Err(error.to_string()));
            }
        }
        sleep(pause).await;
        pause = (2 * pause).min(longest);
    }
}

/// Returns when two looks in a row find that Kafka is there and the topic is not.
async fn until_gone(producer: &Arc<Producer>) {
    loop {
        let _sooner = timeout(LOOK, producer.doubted()).await;
        if is_there(producer).await == Some(false) {
            sleep(SECOND_LOOK).await;
            if is_there(producer).await == Some(false) {
                return;
            }
        }
    }
}

/// `None`: nobody answers, which readiness says by itself.
async fn is_there(producer: &Arc<Producer>) -> Option<bool> {
    let producer = Arc::clone(producer);
    let look = move || producer.look_for_topic(QUESTION).ok();
    tokio::task::spawn_blocking(look).await.expect("asking for metadata does not panic")
}
