//! How an event travels through Kafka: the value of its record, and the headers that say how to read it.
//!
//! The key of a record is the event's session id, so that one session's events keep their order.

use thiserror::Error;

use crate::event::Event;
use crate::fault::Fault;
use crate::read::{Malformed, read_event};

/// The version of the record's value that this code writes and reads.
pub const SCHEMA_VERSION: &str = "1";
/// The header that holds the version. A record without it is not ours.
pub const SCHEMA_VERSION_HEADER: &str = "schema-version";
/// The header that holds the W3C trace context of the request that brought the event.
pub const TRACEPARENT_HEADER: &str = "traceparent";

/// Why a record is not an event. None of these goes away by trying again.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The header is missing.
    #[error("the record has no schema-version header")]
    NoVersion,
    /// The header names a version that this code does not know.
    #[error("schema-version {0:?} is unknown; this reader knows {SCHEMA_VERSION:?}")]
    UnknownVersion(String),
    /// The record has no value, or an empty one.
    #[error("the record is empty")]
    Empty,
    /// The value is no text.
    #[error("the value is not UTF-8: {0}")]
    NotUtf8(#[from] std::str::Utf8Error),
    /// The value is no JSON.
    #[error("the value is not JSON: {0}")]
    NotJson(#[from] Malformed),
    /// The value breaks rules of the contract.
    #[error("the event is invalid: {}", .0.iter().map(|fault| format!("{}: {}", fault.field, fault.message)).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Fault>),
}

impl DecodeError {
    /// The stable name: the dead letter's reason and the metric's label.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoVersion => "no_schema_version",
            Self::UnknownVersion(_) => "unknown_schema_version",
            Self::Empty => "empty",
            Self::NotUtf8(_) => "not_utf8",
            Self::NotJson(_) => "not_json",
            Self::Invalid(_) => "invalid_event",
        }
    }
}

/// Writes the value of the event's record: JSON with camelCase keys, nulls left out. Replaces what is in `value`.
pub fn encode(event: &Event<'_>, value: &mut Vec<u8>) {
    value.clear();
    serde_json::to_writer(value, event).expect("an event is plain data: writing it to memory cannot fail");
}

/// Reads the event back. Strings borrow from `value` where they can.
///
/// # Errors
/// What stands in the way, with every fault of an invalid event.
pub fn decode<'a>(version: Option<&[u8]>, value: Option<&'a [u8]>) -> Result<Event<'a>, DecodeError> {
    let version = version.ok_or(DecodeError::NoVersion)?;
    if version != SCHEMA_VERSION.as_bytes() {
        return Err(DecodeError::UnknownVersion(String::from_utf8_lossy(version).chars().take(32).collect()));
    }
    let value = value.filter(|value| !value.is_empty()).ok_or(DecodeError::Empty)?;
    let raw = read_event(std::str::from_utf8(value)?)?;
    raw.map_err(|fault| vec![fault]).and_then(crate::RawEvent::validate_record).map_err(DecodeError::Invalid)
}
