//! `dead-letters replay`: letters go back to the topic they came from, as the records they were.
//!
//! They also stay where they are, so that nothing is lost when this ends early; doing it again is harmless, since an
//! event is its id. What lies on the dead-letter topic behind the end as it was at the start is not sent: a letter whose
//! cause is not gone comes back, and would go round for ever.

use std::collections::VecDeque;
use std::io::Write;
use std::pin::Pin;

use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use service::kafka::{ClientSettings, KafkaArgs, Rule, SettingsError};

use crate::config::ReplayArgs;
use crate::letters::error::LettersError;
use crate::letters::letter::Letter;
use crate::letters::plain;
use crate::letters::reader::Reader;

/// So many records, or so many bytes, wait for their acknowledgement at once.
const WAITING_RECORDS: usize = 1_000;
const WAITING_BYTES: usize = 16 << 20;

/// Replays the letters.
///
/// # Errors
/// See [`Reader`]; when a letter is not acknowledged, or cannot be replayed.
pub(crate) async fn run(args: &ReplayArgs, out: &mut impl Write) -> Result<(), LettersError> {
    let kafka = &args.reach.kafka;
    let mut reader = Reader::open(kafka)?;
    let mut sender = if args.dry_run { None } else { Some(Sender::new(kafka)?) };
    let (mut taken, mut skipped) = (0_u64, 0_u64);
    while args.max.is_none_or(|max| taken < max)
        && let Some(letter) = reader.next()?
    {
        if !args.filter.takes(&letter) {
            continue;
        }
        if let Some(why) = unfit(&letter, &kafka.kafka_topic) {
            writeln!(out, "skipped partition {} offset {}: {why}", letter.partition, letter.offset)?;
            skipped += 1;
            continue;
        }
        taken += 1;
        match &mut sender {
            Some(sender) => sender.send(&letter).await?,
            None => writeln!(out, "would replay partition {} offset {}", letter.partition, letter.offset)?,
        }
    }
    match sender {
        Some(sender) => {
            let sent = sender.finish().await?;
            writeln!(out, "replayed {} to {}, all acknowledged", plain::letters(sent), kafka.kafka_topic)?;
        }
        None => writeln!(out, "would replay {} to {}", plain::letters(taken), kafka.kafka_topic)?,
    }
    out.flush()?;
    if skipped == 0 { Ok(()) } else { Err(LettersError::Skipped(skipped)) }
}

/// The settings of the client that sends letters back.
pub(crate) fn settings() -> ClientSettings {
    let defaults = [
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("message.timeout.ms", "30000"),
        ("linger.ms", "5"),
        ("compression.type", "lz4"),
        // The broker alone judges what is too large.
        ("message.max.bytes", "100000000"),
    ];
    let acknowledged = "the command ends when every in-sync replica has the records (acks=all)";
    ClientSettings::producer("prompt-telemetry-replay").with(defaults).promising([
        Rule::is("acks", "-1", acknowledged),
        Rule::is("enable.idempotence", "true", "a retry inside the client must not send a record twice"),
        Rule::is("delivery.report.only.error", "false", acknowledged),
        Rule::unset("transactional.id", "a record of a transaction that nobody commits is never read"),
        Rule::within("message.timeout.ms", 1..=u64::MAX, "the command must end"),
    ])
}

/// Why a letter can't go back to `topic`, if it can't.
fn unfit(letter: &Letter, topic: &str) -> Option<String> {
    match &letter.topic {
        None => return Some("it does not say where it came from".to_owned()),
        Some(from) if from != topic => {
            return Some(format!("it came from topic {from:?}, not from --kafka-topic {topic}"));
        }
        Some(_) => {}
    }
    if letter.truncated.is_some() {
        return Some("it was too large for the dead-letter topic and is not all there".to_owned());
    }
    letter
        .headers
        .contains(&None)
        .then(|| "the name of a header is not UTF-8; it would only come back".to_owned())
}

type Delivery = Pin<Box<dyn Future<Output = Result<(), KafkaError>> + Send>>;

/// Sends records and waits for their acknowledgements, with a bound on how many are under way.
struct Sender {
    producer: FutureProducer,
    topic: String,
    waiting: VecDeque<(Delivery, usize)>,
    bytes: usize,
    sent: u64,
}

impl Sender {
    fn new(kafka: &KafkaArgs) -> Result<Self, LettersError> {
        let producer = settings().config(kafka)?.create().map_err(SettingsError::from)?;
        Ok(Self { producer, topic: kafka.kafka_topic.clone(), waiting: VecDeque::new(), bytes: 0, sent: 0 })
    }

    async fn send(&mut self, letter: &Letter) -> Result<(), LettersError> {
        let size = letter.bytes();
        while self.waiting.len() >= WAITING_RECORDS
            || (self.bytes + size > WAITING_BYTES && !self.waiting.is_empty())
        {
            self.settle().await?;
        }
        let mut headers = OwnedHeaders::new_with_capacity(letter.headers.len());
        for (key, value) in letter.headers.iter().flatten() {
            headers = headers.insert(Header { key, value: value.as_deref() });
        }
        let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&self.topic).headers(headers);
        record.key = letter.key.as_deref();
        record.payload = letter.value.as_deref();
        let queued = self.producer.send_result(record).map_err(|(error, _)| error);
        let delivery = async move {
            match queued?.await {
                Ok(delivered) => delivered.map(drop).map_err(|(error, _)| error),
                Err(_) => Err(KafkaError::Canceled),
            }
        };
        self.waiting.push_back((Box::pin(delivery), size));
        self.bytes += size;
        Ok(())
    }

    /// Waits for the oldest one.
    async fn settle(&mut self) -> Result<(), LettersError> {
        if let Some((delivery, size)) = self.waiting.pop_front() {
            self.bytes -= size;
            delivery.await.map_err(|reason| LettersError::NotReplayed { sent: self.sent, reason })?;
            self.sent += 1;
        }
        Ok(())
    }

    /// Waits for all of them.
    async fn finish(mut self) -> Result<u64, LettersError> {
        while !self.waiting.is_empty() {
            self.settle().await?;
        }
        Ok(self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::unfit;
    use crate::letters::letter::Letter;

    #[test]
    fn only_a_whole_letter_from_the_same_topic_is_fit() {
        let letter = Letter { topic: Some("events".to_owned()), ..Letter::default() };
        assert_eq!(unfit(&letter, "events"), None);
        assert!(unfit(&letter, "others").unwrap().contains("--kafka-topic others"));
        assert!(unfit(&Letter::default(), "events").is_some());
        let cut = Letter { truncated: Some("9".to_owned()), ..letter.clone() };
        assert!(unfit(&cut, "events").is_some());
        assert!(unfit(&Letter { headers: vec![None], ..letter }, "events").is_some());
    }
}
