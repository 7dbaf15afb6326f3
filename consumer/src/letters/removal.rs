//! `dead-letters drop`: the letters of a partition before an offset go for good.

use std::io::Write;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};
use service::kafka::{ClientSettings, SettingsError};

use crate::config::DropArgs;
use crate::letters::error::LettersError;
use crate::letters::plain;
use crate::letters::reader::{QUESTION, Reader};

/// How long the brokers may take.
const REMOVAL: Duration = Duration::from_secs(30);

/// Removes the letters.
///
/// # Errors
/// See [`Reader`]; when the offset is out of range, or Kafka refuses.
pub(crate) async fn run(args: &DropArgs, out: &mut impl Write) -> Result<(), LettersError> {
    let reader = Reader::open(&args.reach.kafka)?;
    let span = reader.span(args.partition)?;
    if args.before_offset > span.high {
        return Err(LettersError::OutOfRange {
            topic: reader.topic().to_owned(),
            partition: args.partition,
            offset: args.before_offset,
            held: span.held(),
        });
    }
    let count = u64::try_from(args.before_offset - span.low).unwrap_or(0);
    let place = format!("{} of partition {} of {}", plain::letters(count), args.partition, reader.topic());
    if count == 0 {
        writeln!(out, "nothing to drop: partition {} {}", args.partition, span.held())?;
    } else if args.dry_run {
        writeln!(out, "would drop {place}, which {}", span.held())?;
    } else {
        let first = delete(args, reader.topic()).await?;
        writeln!(out, "dropped {place}, which now begins at offset {first}")?;
    }
    Ok(out.flush()?)
}

/// The settings of the client that removes letters.
pub(crate) fn settings() -> ClientSettings {
    ClientSettings::producer("prompt-telemetry-dead-letters")
}

/// Returns the first offset that is left.
async fn delete(args: &DropArgs, topic: &str) -> Result<i64, LettersError> {
    let failed = |reason: String| LettersError::Failed { what: "drop the letters", reason };
    let config = settings().config(&args.reach.kafka)?;
    let admin: AdminClient<DefaultClientContext> = config.create().map_err(SettingsError::from)?;
    let mut before = TopicPartitionList::new();
    let offset = Offset::Offset(args.before_offset);
    before.add_partition_offset(topic, args.partition, offset).map_err(|error| failed(error.to_string()))?;
    let options =
        AdminOptions::new().operation_timeout(Some(REMOVAL)).request_timeout(Some(REMOVAL + QUESTION));
    let left = admin.delete_records(&before, &options).await.map_err(|error| failed(error.to_string()))?;
    let left = left.find_partition(topic, args.partition);
    let left = left.ok_or_else(|| failed("no answer for the partition".to_owned()))?;
    left.error().map_err(|error| failed(error.to_string()))?;
    left.offset().to_raw().ok_or_else(|| failed("no offset in the answer".to_owned()))
}
