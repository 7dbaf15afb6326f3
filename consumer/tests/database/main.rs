//! The schema against a real PostgreSQL: that it comes about, who may do what, what a row may hold, and that
//! the aggregates equal the rows. Knows nothing of Kafka and of the pipeline.

#![expect(clippy::unwrap_used, reason = "clippy lets a test unwrap, but not the functions that tests share")]

mod access;
mod aggregates;
mod anonymous;
mod checks;
mod counts;
mod logins;
mod migrations;
mod oracle;
mod replication;
mod sequence;
mod session;
mod writers;
