//! A record becomes an event, or the reason why it never will.
//!
//! Whatever stands on the topic, this ends in one or the other and never in a crash. Knows no offsets, no batches.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers, Message};
use schema::{DecodeError, Event, SCHEMA_VERSION_HEADER};
use thiserror::Error;

/// Why a record is no event. None of these goes away by trying again.
#[derive(Debug, Error)]
pub(crate) enum Poison {
    /// The record is not what the contract says.
    #[error(transparent)]
    NoEvent(#[from] DecodeError),
    /// Kafka takes any bytes as a header's name; nobody can read these.
    #[error("the name of a header is not UTF-8")]
    HeaderNameNotUtf8,
}

impl Poison {
    /// The stable name: the dead letter's reason and the metric's label.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoEvent(error) => error.code(),
            Self::HeaderNameNotUtf8 => "header_name_not_utf8",
        }
    }
}

/// Reads the record's event; strings borrow from the record where they can.
///
/// # Errors
/// Why it holds none.
pub(crate) fn decode<'a>(message: &'a BorrowedMessage<'_>) -> Result<Event<'a>, Poison> {
    let version = match message.headers() {
        Some(headers) => schema_version(headers)?,
        None => None,
    };
    Ok(schema::decode(version, message.payload())?)
}

/// The value of the version's header. Looks at every header, so that afterwards all names are known to be text.
fn schema_version(headers: &BorrowedHeaders) -> Result<Option<&[u8]>, Poison> {
    // rdkafka panics on a name that is not UTF-8 and offers no way to ask before.
    let find = || headers.iter().filter(|header| header.key == SCHEMA_VERSION_HEADER).last();
    let found = catch_unwind(AssertUnwindSafe(find)).map_err(|_| Poison::HeaderNameNotUtf8)?;
    Ok(found.and_then(|header| header.value))
}
