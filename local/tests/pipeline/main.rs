//! The whole path with the real executables: HTTP, Kafka, Postgres, and back over HTTP.

#![expect(clippy::unwrap_used, reason = "everything in this crate is a test, which fails by panicking")]

mod aggregates;
mod duplicates;
mod monitoring;
mod oracle;
mod outages;
mod reads;
mod scene;
mod secrets;
mod volume;
