//! TLS to Kafka and Postgres, and logins that may do what they need and nothing else, on real servers.

#![expect(clippy::unwrap_used, reason = "everything in this crate is a test, which fails by panicking")]

mod clients;
mod distrust;
mod forbidden;
mod plain;
mod scene;
mod topics;
mod way;
