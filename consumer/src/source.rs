//! Reads records from Kafka into batches and, when those are safe, tells Kafka how far to read on next time.
//!
//! One thread owns the Kafka client. It keeps polling whatever the writer does, since Kafka takes partitions away from
//! whoever stops. There are two batches: one filling here, one with the writer. Knows nothing of the database.

mod group;
mod lag;
mod settings;

use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use service::kafka::SettingsError;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::batch::{Batch, Limits};
use crate::config::Config;
use crate::health::{Health, Wait};
use crate::source::group::{Group, WriterEnded};
pub(crate) use crate::source::settings::settings;
use crate::topics::Alarm;
use crate::{clock, metrics};

/// How long a poll waits for the first record of a batch: how fast a stop is noticed.
const IDLE: Duration = Duration::from_millis(100);
/// How long a poll waits while a batch is due and the writer is busy: how fast the writer gets it when it is free.
const BUSY: Duration = Duration::from_millis(5);
/// So much of a silence, beside the poll that its end was waited for in, counts as time that a batch has been open: who
/// comes after it has no company to wait for.
const QUIET: Duration = Duration::from_millis(100);
/// How long to wait for the writer with a full batch before pausing. Pausing throws away what was fetched ahead.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long after the last word of a topic's deletion partitions of that name can only be new ones. A consumer that gets
/// none within this time is a spare, and leaves it to the others.
const NEWNESS: Duration = Duration::from_secs(60);
/// How often the age of the oldest event is told.
const GAUGE: Duration = Duration::from_secs(1);

/// Why reading ended other than by being told to.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Kafka will not have this process any more, for example because another one took over its static membership.
    #[error("Kafka ended the membership for good: {0}; look at the broker's log, then start again")]
    Fatal(#[source] KafkaError),
    /// The topic could not be subscribed to.
    #[error("the topic cannot be subscribed to: {0}")]
    Subscribe(#[source] KafkaError),
    /// The thread is gone.
    #[error("the reading thread ended unexpectedly; its last words are in the log")]
    Died,
}

/// The writer's end of the source.
pub(crate) struct Source {
    batches: mpsc::Receiver<Batch>,
    settled: blocking::Sender<Batch>,
    generation: watch::Receiver<u64>,
}

impl Source {
    /// The next batch to write; `None` when there will be none.
    pub(crate) async fn next_batch(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }

    /// All of the batch is safe: reading goes on behind it, also after a restart.
    pub(crate) fn commit(&self, batch: Batch) {
        // A source that is gone has no use for it; the records are read again and found to be stored.
        let _gone = self.settled.send(batch);
    }

    /// Whether the assignment that the batch was read under still holds.
    pub(crate) fn is_ours(&self, batch: &Batch) -> bool {
        *self.generation.borrow() == batch.generation
    }

    /// Returns once the assignment that the batch was read under is over.
    pub(crate) async fn taken(&self, batch: &Batch) {
        let mut generation = self.generation.clone();
        // A source that is gone has no assignment.
        let _gone = generation.wait_for(|generation| *generation != batch.generation).await;
    }

    /// The batch is not ours any more and nothing more is done for it; so its offsets stay as they are.
    pub(crate) fn give_back(&self, batch: Batch) {
        debug_assert!(!self.is_ours(&batch), "a batch of ours is committed or held");
        let _gone = self.settled.send(batch);
    }
}

/// The Kafka client, ready to be started.
pub(crate) struct Reader {
    consumer: BaseConsumer<Group>,
    topic: String,
    limits: Limits,
    health: Arc<Health>,
    missing_topic: Alarm,
    /// When the topic was found to be deleted, until reading has begun anew.
    deleted: Option<Instant>,
    batches: mpsc::Sender<Batch>,
    /// What fills.
    batch: Batch,
    /// When the last one was handed over.
    handed_over: Instant,
    paused: bool,
    told: Instant,
}

impl Reader {
    /// The client, not yet subscribed, and the writer's end. `missing_topic` is raised when the topic is unknown.
    ///
    /// # Errors
    /// When a property is refused.
    pub(crate) fn new(
        config: &Config,
        health: Arc<Health>,
        missing_topic: Alarm,
    ) -> Result<(Self, Source), SettingsError> {
        let (batches, to_write) = mpsc::channel(1);
        let (settled, done) = blocking::channel();
        let topic = config.kafka.kafka_topic.clone();
        let (changes, generation) = watch::channel(0);
        let group = Group::new(topic.clone(), done, changes, Arc::clone(&health));
        let client = settings(&config.group).config(&config.kafka)?;
        let reader = Self {
            consumer: BaseConsumer::from_config_and_context(&client, group)?,
            topic,
            limits: config.limits(),
            health,
            missing_topic,
            deleted: None,
            batches,
            batch: Batch::default(),
            handed_over: Instant::now(),
            paused: false,
            told: Instant::now(),
        };
        Ok((reader, Source { batches: to_write, settled, generation }))
    }

    /// Reads on a thread of its own until `stop`; then hands over what it holds, waits for it to be settled, and leaves
    /// the group. The answer comes when the thread has ended.
    pub(crate) fn start(self, stop: CancellationToken) -> oneshot::Receiver<Result<(), SourceError>> {
        let (end, ended) = oneshot::channel();
        let read = move || {
            let _nobody_waits = end.send(self.run(&stop));
        };
        std::thread::Builder::new()
            .name("kafka".to_owned())
            .spawn(read)
            .expect("the system has room for one more thread at start");
        ended
    }

    fn run(mut self, stop: &CancellationToken) -> Result<(), SourceError> {
        self.subscribe()?;
        while !stop.is_cancelled() {
            match self.turn() {
                Ok(()) => {}
                Err(Ended::Writer(WriterEnded)) => return Ok(()),
                Err(Ended::Source(error)) => return Err(error),
            }
        }
        // The writer may end first when time is up; what it held is read again by the next process.
        let _ = self.drain();
        Ok(())
    }

    fn subscribe(&self) -> Result<(), SourceError> {
        self.consumer.subscribe(&[&self.topic]).map_err(SourceError::Subscribe)
    }

    /// Begins at the beginning of a topic that was deleted and made again, once we have partitions of it. Left alone,
    /// librdkafka would go on from the offset that was reached, or committed, in the old one.
    fn begin_anew(&mut self) -> Result<(), SourceError> {
        let Some(deleted) = self.deleted else { return Ok(()) };
        let mut assigned = self.consumer.assignment().unwrap_or_default();
        if deleted.elapsed() > NEWNESS {
            self.deleted = None;
        }
        if self.missing_topic.is_raised() || assigned.count() == 0 {
            return Ok(());
        }
        self.deleted = None;
        self.consumer.context().progress().abandon();
        self.follow_assignment();
        let begun = assigned
            .set_all_offsets(Offset::Offset(0))
            .and_then(|()| self.consumer.store_offsets(&assigned))
            .and_then(|()| self.consumer.commit(&assigned, CommitMode::Sync));
        if let Err(error) = begun {
            tracing::warn!(%error, "the offsets of the deleted topic could not be set to zero");
        }
        self.health.waits(Wait::Group, "waiting for the group to assign partitions");
        self.consumer.unsubscribe();
        self.subscribe()
    }

    fn turn(&mut self) -> Result<(), Ended> {
        self.health.turned();
        let full = self.batch.is_full(&self.limits);
        let free = self.settle(if full && !self.paused { PATIENCE } else { Duration::ZERO })?;
        let now = Instant::now();
        if free && self.batch.time_left(&self.limits, now) == Some(Duration::ZERO) {
            self.hand_over()?;
        }
        self.pause(self.batch.is_full(&self.limits));
        if now.saturating_duration_since(self.told) >= GAUGE {
            self.told = now;
            self.tell();
            self.begin_anew().map_err(Ended::Source)?;
        }
        let wait = match self.batch.time_left(&self.limits, now) {
            _ if self.paused => IDLE,
            None => IDLE,
            Some(Duration::ZERO) => BUSY,
            Some(left) => left.min(IDLE),
        };
        match self.consumer.poll(wait) {
            Some(Ok(message)) => {
                let opened = now.checked_sub(QUIET).map_or(now, |quiet| quiet.max(self.handed_over));
                self.batch.push(&message, opened);
            }
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                return Err(Ended::Source(SourceError::Fatal(error)));
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.consumer.context().progress().reach_end(partition, &self.batch);
                self.health.goes_on(Wait::Rights);
            }
            Some(Err(error)) => self.hear_fault(&error),
            None => self.follow_assignment(),
        }
        Ok(())
    }

    /// Takes back a batch that the writer is done with. Returns whether the writer is free.
    fn settle(&self, patience: Duration) -> Result<bool, WriterEnded> {
        self.consumer.context().progress().settle(&self.consumer, patience)
    }

    fn hand_over(&mut self) -> Result<(), WriterEnded> {
        let empty = self.consumer.context().progress().begin(&self.batch);
        let batch = std::mem::replace(&mut self.batch, empty);
        self.handed_over = Instant::now();
        self.health.goes_on(Wait::Rights);
        metrics::consumed(batch.records());
        self.batches.try_send(batch).map_err(|_| WriterEnded)
    }

    /// Paused partitions are still polled, which keeps them ours, but bring no records.
    fn pause(&mut self, wanted: bool) {
        if self.paused == wanted {
            return;
        }
        self.consumer.context().progress().forget_ends();
        let assigned = self.consumer.assignment();
        let done = assigned.and_then(|partitions| match wanted {
            true => self.consumer.pause(&partitions),
            false => self.consumer.resume(&partitions),
        });
        match done {
            Ok(()) => {
                self.paused = wanted;
                metrics::reading_paused(wanted);
                tracing::debug!(paused = wanted, "the writer is behind, or has caught up");
            }
            Err(error) => tracing::warn!(%error, "partitions could not be paused or resumed; trying again"),
        }
    }

    /// After a rebalance: what was read under the old assignment is read again, by whoever has the partition now.
    fn follow_assignment(&mut self) {
        let generation = self.consumer.context().progress().generation();
        if self.batch.generation != generation {
            self.batch.reset(generation);
            // Those that were taken were resumed as they went; newly assigned ones are not paused.
            self.paused = false;
            metrics::reading_paused(false);
        }
    }

    fn tell(&self) {
        let progress = self.consumer.context().progress();
        progress.lags(&self.batch).for_each(|(partition, lag)| metrics::lag(partition, lag));
        let oldest = progress.oldest().into_iter().chain(self.batch.oldest()).min();
        metrics::oldest_unwritten(oldest.map_or(0, |oldest| clock::unix_milliseconds() - oldest));
    }

    /// librdkafka goes on trying after each of these, and says some of them only once.
    fn hear_fault(&mut self, error: &KafkaError) {
        use RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            // Several times a second while a broker is away, which health says once.
            Some(Code::BrokerTransportFailure | Code::AllBrokersDown) => {
                tracing::debug!(%error, "a broker is away");
            }
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                self.health.waits(Wait::Topic, &format!("{}: {error}", self.topic));
                self.deleted = Some(Instant::now());
                self.missing_topic.raise();
            }
            Some(Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed) => {
                self.health.waits(Wait::Rights, &error.to_string());
                self.missing_topic.raise();
            }
            _ => tracing::warn!(%error, "Kafka could not be read; librdkafka tries again"),
        }
    }

    fn drain(&mut self) -> Result<(), WriterEnded> {
        loop {
            self.health.turned();
            let free = self.settle(IDLE)?;
            if free && self.batch.records() == 0 {
                return Ok(());
            }
            if free {
                self.hand_over()?;
            }
        }
    }
}

/// Why a turn was the last.
enum Ended {
    Writer(WriterEnded),
    Source(SourceError),
}

impl From<WriterEnded> for Ended {
    fn from(ended: WriterEnded) -> Self {
        Self::Writer(ended)
    }
}
