//! A dead letter as read from its topic: the record as it was, and what was said of it when it was put there.
//!
//! Pure. Anybody may write to the topic, so nothing of a letter need be there.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers, Message};

use crate::dead_letter;
use crate::record::HEADER_BYTES;

/// A letter, and where it lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Letter {
    /// Its partition of the dead-letter topic.
    pub(crate) partition: i32,
    /// Its offset there.
    pub(crate) offset: i64,
    /// Why it is there: a stable word.
    pub(crate) reason: Option<String>,
    /// Why it is there: a sentence.
    pub(crate) error: Option<String>,
    /// The topic its record came from.
    pub(crate) topic: Option<String>,
    /// Its record's partition, as text.
    pub(crate) source_partition: Option<String>,
    /// Its record's offset, as text.
    pub(crate) source_offset: Option<String>,
    /// When it was put there; Unix milliseconds.
    pub(crate) at: Option<i64>,
    /// The bytes its record's value had, when not all of it is here.
    pub(crate) truncated: Option<String>,
    /// The record's key.
    pub(crate) key: Option<Vec<u8>>,
    /// The record's value.
    pub(crate) value: Option<Vec<u8>>,
    /// The record's own headers; `None` for one whose name is not UTF-8.
    pub(crate) headers: Vec<Option<(String, Option<Vec<u8>>)>>,
}

impl Letter {
    /// Takes the record apart.
    pub(crate) fn read(message: &BorrowedMessage<'_>) -> Self {
        let mut headers = message.headers().map(headers).unwrap_or_default();
        // Ours stand behind the record's own, among which anything may be.
        let is_first =
            |header: &Option<(String, _)>| matches!(header, Some((name, _)) if name == dead_letter::REASON);
        let ours = headers.iter().rposition(is_first).map(|first| headers.split_off(first));
        let ours = ours.unwrap_or_default();
        let text = |wanted: &str| {
            let found = ours.iter().flatten().find(|(name, _)| name == wanted)?;
            Some(String::from_utf8_lossy(found.1.as_deref()?).into_owned())
        };
        Self {
            partition: message.partition(),
            offset: message.offset(),
            reason: text(dead_letter::REASON),
            error: text(dead_letter::ERROR),
            topic: text(dead_letter::TOPIC),
            source_partition: text(dead_letter::PARTITION),
            source_offset: text(dead_letter::OFFSET),
            at: text(dead_letter::AT).and_then(|at| at.parse().ok()),
            truncated: text(dead_letter::TRUNCATED),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers,
        }
    }

    /// Memory that its record takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let optional = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let header = |(name, value): &(String, Option<Vec<u8>>)| HEADER_BYTES + name.len() + optional(value);
        let headers: usize = self.headers.iter().flatten().map(header).sum();
        optional(&self.key) + optional(&self.value) + headers
    }

    /// Where its record was, such as `prompt-telemetry[3]@17`.
    pub(crate) fn origin(&self) -> Option<String> {
        let partition = self.source_partition.as_deref().unwrap_or("?");
        let offset = self.source_offset.as_deref().unwrap_or("?");
        self.topic.as_ref().map(|topic| format!("{topic}[{partition}]@{offset}"))
    }
}

fn headers(headers: &BorrowedHeaders) -> Vec<Option<(String, Option<Vec<u8>>)>> {
    let read = |index| {
        let header = headers.get(index);
        (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
    };
    // rdkafka panics on a name that is not UTF-8 and offers no way to ask before.
    (0..headers.count()).map(|index| catch_unwind(AssertUnwindSafe(|| read(index))).ok()).collect()
}
