//! What must hold when all faults are over.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::chaos::client::Client;
use crate::chaos::ledger::Ledger;
use crate::chaos::stage::{Stage, connect};
use crate::error::Error;
use crate::{group, oracle};

/// How long the consumers may take for what is left, and for everything once more after a rewind.
const DRAIN_DEADLINE: Duration = Duration::from_secs(180);
/// How long ingest's connections to the database may take to heal.
const READ_DEADLINE: Duration = Duration::from_secs(45);
/// Examples named of each sort.
const EXAMPLES: usize = 5;
const MEBIBYTE: u64 = 1 << 20;

/// What a process of ingest may have taken: its queue to Kafka (128 MiB), what so few connections take, and 64 MiB.
pub const INGEST_BYTES: u64 = 200 * MEBIBYTE;

/// What a process of the consumer may have taken, as the runbook has it: two batches, a write by INSERT and the fetch
/// buffer (80 MiB), an unpacked fetch from each broker (16 MiB), and 64 MiB.
pub fn consumer_bytes(brokers: u64) -> u64 {
    (80 + brokers * 16 + 64) * MEBIBYTE
}

/// Everything that does not hold, as sentences; empty when all does. Every service runs, and nobody sends any more.
///
/// # Errors
/// When a server does not answer.
pub async fn pass(stage: &Stage, ledger: &Arc<Ledger>) -> Result<Vec<String>, Error> {
    let mut breaches = ledger.surprises();
    breaches.extend(reads(stage, ledger).await);
    breaches.extend(drained(stage).await);
    let mut owner = connect(&stage.database.owner_url).await?;
    let stored: Vec<Uuid> = sqlx::query_scalar("select id from prompt_telemetry")
        .fetch_all(&mut owner)
        .await
        .map_err(Error::database("list the ids"))?;
    let ids: HashSet<Uuid> = stored.iter().copied().collect();
    if ids.len() != stored.len() {
        breaches.push(format!("{} rows have only {} ids", stored.len(), ids.len()));
    }
    let comparison = ledger.compare(&ids);
    breaches.extend(sentence("acknowledged events are not stored", &comparison.lost));
    breaches.extend(sentence("events are stored that nobody sent", &comparison.invented));
    let differences = oracle::differences(&mut owner).await?;
    breaches.extend(sentence("aggregates differ from the rows", &differences));

    let kafka = stage.kafka.clone();
    let dead_letters = format!("{}.dead-letter", kafka.topic);
    let counting = tokio::task::spawn_blocking(move || group::records(&kafka, &dead_letters)).await;
    let letters = counting.expect("counting does not panic").map_err(Error::kafka("count dead letters"))?;
    if letters != 0 {
        breaches.push(format!("{letters} records became dead letters, and none should have"));
    }
    breaches.extend(memory(stage).await);
    Ok(breaches)
}

/// Waits until the numbers can be read again.
async fn reads(stage: &Stage, ledger: &Arc<Ledger>) -> Option<String> {
    let client = Client::new(&stage.ingest_url, Arc::clone(ledger));
    let start = Instant::now();
    while start.elapsed() < READ_DEADLINE {
        if client.look().await {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Some(format!("after {} s the numbers still cannot be read", READ_DEADLINE.as_secs()))
}

/// Waits until every record is committed.
async fn drained(stage: &Stage) -> Option<String> {
    let start = Instant::now();
    loop {
        let kafka = stage.kafka.clone();
        let lag = tokio::task::spawn_blocking(move || group::lag(&kafka)).await;
        let lag = lag.expect("asking for the lag does not panic");
        if matches!(lag, Ok(0)) {
            return None;
        }
        if start.elapsed() > DRAIN_DEADLINE {
            return Some(format!("after {} s the lag is still {lag:?}", DRAIN_DEADLINE.as_secs()));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn memory(stage: &Stage) -> Vec<String> {
    stage.weigh("ingest", &*stage.ingest.lock().await);
    for (number, consumer) in (1..).zip(&stage.consumers) {
        stage.weigh(&format!("consumer {number}"), &*consumer.lock().await);
    }
    let brokers = u64::from(stage.kafka.replication);
    let bound = |name: &str| if name == "ingest" { INGEST_BYTES } else { consumer_bytes(brokers) };
    let over = stage.peaks().into_iter().filter(|(name, peak)| *peak > bound(name));
    let told = over.map(|(name, peak)| {
        format!("{name} took {} MiB, and may take {}", peak / MEBIBYTE, bound(&name) / MEBIBYTE)
    });
    told.collect()
}

fn sentence<T: std::fmt::Display>(what: &str, cases: &[T]) -> Option<String> {
    let examples: Vec<String> = cases.iter().take(EXAMPLES).map(ToString::to_string).collect();
    (!cases.is_empty()).then(|| format!("{} {what}, such as {}", cases.len(), examples.join(", ")))
}
