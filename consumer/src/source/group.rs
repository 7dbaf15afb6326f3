//! Our membership in the consumer group: which assignment holds, what the writer has of it, and how far it got.
//!
//! librdkafka calls in here from the polling thread only, so between a look at the assignment and an offset stored under
//! it nothing can come. An offset of an assignment that is over is never stored.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Partition;
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};

use crate::batch::Batch;
use crate::health::Health;
use crate::{logging, metrics};

/// How long partitions that are asked back are kept for a write under way: whoever gets them next would only bring the
/// same rows again. Far below the time after which the group goes on without us.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// The writer is gone: it gave up, or something broke.
#[derive(Debug)]
pub(crate) struct WriterEnded;

/// The context of the Kafka client.
pub(crate) struct Group {
    topic: String,
    health: Arc<Health>,
    progress: Mutex<Progress>,
}

/// What is with the writer, and under which assignment it was read.
pub(crate) struct Progress {
    topic: String,
    /// Shared with the writer, who only reads it.
    generation: Arc<AtomicU64>,
    /// A batch is with the writer; its oldest event's time of receipt.
    writing: bool,
    oldest: Option<i64>,
    settled: Receiver<Batch>,
    spare: Batch,
}

impl Group {
    /// `settled` brings back what the writer is done with.
    pub(crate) fn new(
        topic: String,
        settled: Receiver<Batch>,
        generation: Arc<AtomicU64>,
        health: Arc<Health>,
    ) -> Self {
        let progress = Progress {
            topic: topic.clone(),
            generation,
            writing: false,
            oldest: None,
            settled,
            spare: Batch::default(),
        };
        Self { topic, health, progress: Mutex::new(progress) }
    }

    /// Must not be held while polling.
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// The number of the assignment; it changes with every rebalance.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// When intake received the oldest event that is with the writer.
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.oldest
    }

    /// The writer gets `batch`. Returns an empty one to fill next.
    pub(crate) fn begin(&mut self, batch: &Batch) -> Batch {
        self.writing = true;
        self.oldest = batch.oldest();
        let mut empty = std::mem::take(&mut self.spare);
        empty.reset(self.generation());
        empty
    }

    /// Waits up to `patience` for what the writer has, and stores its offsets if they are still ours to store. Returns
    /// whether the writer is free.
    pub(crate) fn settle(
        &mut self,
        consumer: &BaseConsumer<Group>,
        patience: Duration,
    ) -> Result<bool, WriterEnded> {
        if !self.writing {
            return Ok(true);
        }
        let batch = match self.settled.recv_timeout(patience) {
            Ok(batch) => batch,
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => return Err(WriterEnded),
        };
        self.writing = false;
        self.oldest = None;
        metrics::settled(batch.in_flight());
        if batch.generation == self.generation()
            && let Err(error) = self.store_offsets(consumer, &batch)
        {
            tracing::warn!(%error, "offsets could not be stored; the records will be read again");
        }
        self.spare = batch;
        Ok(true)
    }

    fn store_offsets(&self, consumer: &BaseConsumer<Group>, batch: &Batch) -> KafkaResult<()> {
        let mut offsets = TopicPartitionList::new();
        for (partition, offset) in batch.next_offsets() {
            offsets.add_partition_offset(&self.topic, partition, Offset::Offset(offset))?;
        }
        consumer.store_offsets(&offsets)
    }

    /// The assignment is over.
    fn let_go(&mut self, consumer: &BaseConsumer<Group>) {
        // A lost assignment has a new owner already: there is nothing to wait for, nor to commit.
        if !consumer.assignment_lost() {
            // Without a writer there is nothing to wait for either; the next turn of the loop notices.
            let _ended = self.settle(consumer, LAST_WRITE);
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(partitions) => {
                tracing::info!(partitions = %list(partitions), lost = consumer.assignment_lost(), "partitions taken");
                self.progress().let_go(consumer);
                // librdkafka remembers that a partition was paused after it is gone, and would never read it if it came
                // back. Not when it comes: a resume then may make a read begin in the wrong place.
                if let Err(error) = consumer.resume(partitions) {
                    tracing::warn!(%error, "partitions that are taken could not be resumed");
                }
                for partition in partitions.elements() {
                    metrics::lag(partition.partition(), 0);
                }
            }
            Rebalance::Assign(_) => {}
            Rebalance::Error(error) => tracing::warn!(%error, "a rebalance failed; librdkafka joins again"),
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            tracing::info!(partitions = %list(partitions), "partitions assigned");
            metrics::rebalanced();
            self.health.joined();
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::warn!(%error, "offsets could not be sent; librdkafka sends them again");
        }
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == logging::OFFSET_RESET && message.contains("Offset out of range") {
            metrics::offsets_lost();
            tracing::error!(
                message,
                "records were deleted before they were read: EVENTS ARE LOST; lengthen the topic's \
                retention, and look why the consumer was away or behind for so long"
            );
            return;
        }
        logging::librdkafka(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.health
            .kafka(statistics.brokers.values().any(|broker| broker.nodeid >= 0 && broker.state == "UP"));
        let partitions = statistics.topics.get(&self.topic).map(|topic| topic.partitions.values());
        for partition in
            partitions.into_iter().flatten().filter(|partition| partition.fetch_state == "active")
        {
            if let Some(lag) = lag(partition) {
                metrics::lag(partition.partition, lag);
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka");
    }
}

/// From the end of the partition back to what is stored; unknown until Kafka has told both. librdkafka's own
/// `consumer_lag` counts from what was committed, up to a second behind, and knows none before the first commit.
fn lag(partition: &Partition) -> Option<i64> {
    let known = |offset: &i64| *offset >= 0;
    let end = Some(partition.hi_offset).filter(known)?;
    let next =
        [partition.stored_offset, partition.committed_offset, partition.lo_offset].into_iter().find(known)?;
    Some((end - next).max(0))
}

fn list(partitions: &TopicPartitionList) -> String {
    let numbers =
        partitions.elements().iter().map(|element| element.partition().to_string()).collect::<Vec<_>>();
    if numbers.is_empty() { "none".to_owned() } else { numbers.join(" ") }
}
