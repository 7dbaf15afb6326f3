//! A consumer that is far behind: it catches up, and grows no further than one that is not.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::json;

use crate::chaos::{load, stage, verdict};
use crate::error::Error;
use crate::footprint;
use crate::random::Random;
use crate::services::Kafka;
use crate::stack::Stack;

const FLUSH: Duration = Duration::from_secs(60);
/// The slowest that is still catching up, in records a second.
const SLOWEST: u64 = 1_000;

/// Stops the consumer, writes `records` to the topic, and lets it come back; answers with what does not hold.
///
/// # Errors
/// When Kafka does not take the records, or the consumer does not come back or catch up.
pub async fn catch_up(stack: &mut Stack, records: u64, tell: &impl Fn(String)) -> Result<Vec<String>, Error> {
    stack.consumer.stop().await?;
    let before = rows(stack).await?;
    let kafka = stack.kafka.clone();
    let producing = tokio::task::spawn_blocking(move || produce(&kafka, records)).await;
    producing.expect("producing does not panic").map_err(Error::kafka("take the backlog"))?;

    let begun = Instant::now();
    stack.consumer.start_again().await?;
    stack.drained(Duration::from_secs(60 + records / SLOWEST)).await?;
    let took = begun.elapsed().as_secs_f64();
    let peak = stack.consumer.id().and_then(footprint::peak_memory).unwrap_or(u64::MAX);
    let stored = rows(stack).await? - before;
    tell(format!(
        "a consumer {records} records behind caught up in {took:.1} s and took {} MiB at the most",
        peak >> 20
    ));
    let mut breaches = Vec::new();
    if stored.unsigned_abs() != records {
        breaches.push(format!("of {records} records that waited {stored} are stored"));
    }
    let bound = verdict::consumer_bytes(1);
    if peak > bound {
        breaches.push(format!("the consumer took {} MiB, and may take {}", peak >> 20, bound >> 20));
    }
    Ok(breaches)
}

async fn rows(stack: &Stack) -> Result<i64, Error> {
    let mut owner = stage::connect(&stack.database.owner_url).await?;
    let counted = sqlx::query_scalar("select count(*) from prompt_telemetry").fetch_one(&mut owner).await;
    counted.map_err(Error::database("count the rows"))
}

/// As ingest would, with all that it adds. Blocks the thread until all are acknowledged.
fn produce(kafka: &Kafka, records: u64) -> Result<(), KafkaError> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &kafka.bootstrap_servers).set("enable.idempotence", "true");
    config.set("compression.type", "lz4").set("linger.ms", "20");
    let producer: BaseProducer = config.create()?;
    let mut random = Random::new(4);
    for _ in 0..records {
        let (_, mut event) = load::event(&mut random);
        event["receivedAt"] = json!(event["timestamp"]);
        let key = event["sessionId"].as_str().unwrap_or_default().to_owned();
        let value = event.to_string();
        let headers = OwnedHeaders::new().insert(Header { key: "schema-version", value: Some("1") });
        let mut record = BaseRecord::to(&kafka.topic).key(&key).payload(&value).headers(headers);
        while let Err((error, again)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error);
            }
            producer.poll(Duration::from_millis(50));
            record = again;
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(FLUSH)
}
