//! What a prompt telemetry event is: the types, their validation, the Kafka record codec and the answers of the API.
//!
//! Reading order follows the data: [`read`] turns JSON text into a [`RawEvent`], [`RawEvent::validate`] turns that into
//! an [`Event`] or names every [`Fault`], [`record`] carries an event through Kafka, [`stats`] are the numbers that
//! come back. [`submit`] holds the same shapes as a client writes them, and the answers it gets.
//!
//! **Architecture invariant:** this crate does no I/O, has no clock, draws no random number and is not async: the time
//! of arrival and fresh ids are handed in.

mod derived_id;
mod event;
mod fault;
mod field;
#[cfg(test)]
mod fuzz;
mod judge;
#[cfg(test)]
mod properties;
mod raw;
mod read;
mod record;
mod stats;
#[cfg(any(test, feature = "strategies"))]
pub mod strategies;
mod submit;
mod timestamp;
mod validate;
mod vocabulary;

pub use crate::event::{Context, Event, MatchDetails, Outcome, Scoring};
pub use crate::fault::{Fault, FaultCode};
pub use crate::raw::RawEvent;
pub use crate::read::{Batch, Malformed, read_batch, read_event};
pub use crate::record::{
    DecodeError, SCHEMA_VERSION, SCHEMA_VERSION_HEADER, TRACEPARENT_HEADER, decode, encode,
};
pub use crate::stats::{PromptStats, PromptStatsPage};
pub use crate::submit::{
    BatchAccepted, EventAccepted, RejectedEvent, SubmissionStatus, SubmittedBatch, SubmittedContext,
    SubmittedEvent, SubmittedMatchDetails, SubmittedOutcome, SubmittedScoring, SubmittedTimestamp,
};
pub use crate::validate::{Accepted, limits};
pub use crate::vocabulary::{EventType, Stage};
