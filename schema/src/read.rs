//! From the text of a request body to raw events.
//!
//! Knows JSON's grammar and the two shapes a body can have, not the rules for an event's values.

use serde::Deserialize;
use thiserror::Error;

use crate::fault::{Fault, FaultCode};
use crate::field::{Field, FromJson};
use crate::raw::{RawBatch, RawEvent};
use crate::validate::given;

/// The text is not JSON: a syntax error, a lone surrogate, a number beyond f64, or nothing at all.
#[derive(Debug, Error)]
#[error("the body is not JSON: {0}")]
pub struct Malformed(#[from] serde_json::Error);

/// A batch as sent.
#[derive(Debug)]
pub struct Batch<'a> {
    /// One entry an element, at most [`crate::limits::BATCH_EVENTS`]; an element that is no object is its fault.
    pub events: Vec<Result<RawEvent<'a>, Fault>>,
    /// How many elements the text holds.
    pub total: usize,
}

/// Reads one event.
///
/// # Errors
/// [`Malformed`] when the text is not JSON. JSON that is no object is the inner fault.
pub fn read_event(text: &str) -> Result<Result<RawEvent<'_>, Fault>, Malformed> {
    Ok(object(parse(text)?))
}

/// Reads a batch, `{"events": […]}`. Elements beyond the maximum are counted, not kept.
///
/// # Errors
/// [`Malformed`] when the text is not JSON. JSON of another shape is the inner fault.
pub fn read_batch(text: &str) -> Result<Result<Batch<'_>, Fault>, Malformed> {
    Ok(object(parse::<RawBatch<'_>>(text)?).and_then(|batch| {
        let list = given(batch.events, "events")?.ok_or_else(|| {
            Fault::new("events", FaultCode::Required, "events is required: an array of 1 to 1000 events")
        })?;
        Ok(Batch { events: list.kept.into_iter().map(object).collect(), total: list.total })
    }))
}

fn parse<'a, T: FromJson<'a>>(text: &'a str) -> Result<Field<T>, Malformed> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Field::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// What must be an object, null included in what it may not be.
fn object<'a, T: FromJson<'a>>(field: Field<T>) -> Result<T, Fault> {
    given(field, "")?.ok_or_else(|| Fault::new("", FaultCode::WrongType, "expected an object, found null"))
}
