//! Brings prompt telemetry from Kafka into Postgres, each event once.
//!
//! The modules in the order of the flow: [`pipeline`] reads as the sentence `source → decode → batch → store → commit`,
//! with [`dead_letter`] beside it; [`server`] starts and stops it; [`migrate`] prepares the database;
//! [`letters`] is for the person who looks after the dead letters.
//!
//! **Architecture invariant:** events come from Kafka only, rows go to Postgres only, and nothing but the pipeline moves
//! an offset of the group. The service does no DDL.

mod backoff;
mod batch;
mod breaker;
mod clock;
pub mod config;
mod copy;
pub mod counts;
pub mod dead_letter;
mod decode;
mod health;
pub mod letters;
mod logging;
mod metrics;
pub mod migrate;
mod pipeline;
mod record;
pub mod server;
mod source;
mod store;
mod topics;
mod upkeep;

pub use crate::source::SourceError;
