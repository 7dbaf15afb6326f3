//! Intake: events in over HTTP, into Kafka, and the aggregates read back.
//!
//! A request to write goes `routes → schema → producer`: the route reads the body, the crate `schema` judges the events,
//! the producer hands them to Kafka, and the answer is sent when every record is acknowledged. A request to read goes
//! `routes → queries → reads`.
//!
//! **Architecture invariants:** writing never needs Postgres; when it is gone only the read routes answer `503`. Nothing
//! but [`config`] reads the environment. Nothing but [`error`] knows which status a failure has. Only [`metrics`] holds
//! names of metrics.

pub mod access;
pub mod body;
pub mod clients;
pub mod clock;
pub mod config;
pub mod connections;
pub mod error;
pub mod health;
pub mod memory;
pub mod metrics;
pub mod openapi;
pub mod origins;
pub mod patience;
pub mod producer;
pub mod proxies;
pub mod proxy_header;
pub mod queries;
pub mod reads;
pub mod router;
pub mod routes;
pub mod server;
pub mod state;
pub mod stream;
pub mod topics;
