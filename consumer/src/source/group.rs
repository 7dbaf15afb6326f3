//! Our membership in the consumer group: which assignment holds, what the writer has of it, and how far it got.
//!
//! librdkafka calls in here from the polling thread only, so between a look at the assignment and an offset stored under
//! it nothing can come. An offset of an assignment that is over is never stored.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};
use tokio::sync::watch;

use crate::batch::Batch;
use crate::health::{Health, Wait};
use crate::source::lag::{Ends, Offsets};
use crate::{logging, metrics};

/// How long partitions that are asked back are kept for a write under way: whoever gets them next would only bring the
/// same rows again. Far below the time after which the group goes on without us. The whole group stands still meanwhile,
/// so there is no wait for a writer that waits itself.
const LAST_WRITE: Duration = Duration::from_secs(5);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(50);

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
    generation: watch::Sender<u64>,
    /// The generation of the batch that is with the writer, and its oldest event's time of receipt.
    writing: Option<u64>,
    oldest: Option<i64>,
    settled: Receiver<Batch>,
    spare: Batch,
    /// Up to where partitions of this assignment were handed to the writer.
    handed_over: BTreeMap<i32, i64>,
    ends: Ends,
    /// Of the partitions that are read, as last reported.
    offsets: Vec<Offsets>,
}

impl Group {
    /// `settled` brings back what the writer is done with.
    pub(crate) fn new(
        topic: String,
        settled: Receiver<Batch>,
        generation: watch::Sender<u64>,
        health: Arc<Health>,
    ) -> Self {
        let progress = Progress {
            topic: topic.clone(),
            generation,
            writing: None,
            oldest: None,
            settled,
            spare: Batch::default(),
            handed_over: BTreeMap::new(),
            ends: Ends::default(),
            offsets: Vec::new(),
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
        *self.generation.borrow()
    }

    /// When intake received the oldest event that is with the writer.
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.oldest
    }

    /// The writer gets `batch`. Returns an empty one to fill next.
    pub(crate) fn begin(&mut self, batch: &Batch) -> Batch {
        self.writing = Some(batch.generation);
        self.oldest = batch.oldest();
        self.handed_over.extend(batch.next_offsets());
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
        if self.writing.is_none() {
            return Ok(true);
        }
        let batch = match self.settled.recv_timeout(patience) {
            Ok(batch) => batch,
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => return Err(WriterEnded),
        };
        self.writing = None;
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

    /// The end of a partition was reached; `open` is what was read of it and is not handed over yet.
    pub(crate) fn reach_end(&mut self, partition: i32, open: &Batch) {
        let next = self.next_offset(partition, open);
        self.ends.reach(partition, next);
    }

    /// What was fetched may be thrown away, and is fetched again.
    pub(crate) fn forget_ends(&mut self) {
        self.ends.forget();
    }

    /// The lag of each partition that is read, as far as it is known.
    pub(crate) fn lags(&self, open: &Batch) -> impl Iterator<Item = (i32, i64)> {
        self.offsets.iter().filter_map(|offsets| {
            let partition = offsets.partition();
            Some((partition, self.ends.lag(offsets, self.next_offset(partition, open))?))
        })
    }

    /// What is to be read next of a partition, when anything was read of it under this assignment.
    fn next_offset(&self, partition: i32, open: &Batch) -> Option<i64> {
        open.next_offset(partition).or_else(|| self.handed_over.get(&partition).copied())
    }

    /// The assignment is over.
    fn let_go(&mut self, consumer: &BaseConsumer<Group>, health: &Health) {
        // A lost assignment has a new owner already: there is nothing to wait for, nor to commit. Nor is there when the
        // writer has a batch of an earlier one.
        if !consumer.assignment_lost() && self.writing == Some(self.generation()) {
            let deadline = Instant::now() + LAST_WRITE;
            let mut patience = Duration::ZERO;
            // Without a writer there is nothing to wait for either; the next turn of the loop notices.
            while matches!(self.settle(consumer, patience), Ok(false))
                && health.writes()
                && Instant::now() < deadline
            {
                patience = LOOK;
            }
        }
        self.abandon();
    }

    /// No offset of what was read so far is stored from now on.
    pub(crate) fn abandon(&mut self) {
        self.generation.send_modify(|generation| *generation += 1);
        self.handed_over.clear();
        self.ends.forget();
        self.offsets.clear();
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(partitions) => {
                tracing::info!(partitions = %list(partitions), lost = consumer.assignment_lost(), "partitions taken");
                self.progress().let_go(consumer, &self.health);
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
            self.health.goes_on(Wait::Group);
            if partitions.count() == 0 {
                // Nothing is to be read here, so nothing can be denied.
                self.health.goes_on(Wait::Rights);
            }
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
        let active = partitions.into_iter().flatten().filter(|partition| partition.fetch_state == "active");
        self.progress().offsets = active.map(Offsets::from).collect();
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka");
    }
}

fn list(partitions: &TopicPartitionList) -> String {
    let numbers =
        partitions.elements().iter().map(|element| element.partition().to_string()).collect::<Vec<_>>();
    if numbers.is_empty() { "none".to_owned() } else { numbers.join(" ") }
}
