//! What both services are made of: Kafka and logging arguments, the topics' settings, database connections, the admin
//! listener, shutdown.
//!
//! **Architecture invariant:** this crate knows nothing of events, of HTTP routes other than the admin ones, or of tables.
//! It reads no environment but through the `clap` arguments that it declares.

pub mod admin;
pub mod arguments;
pub mod database;
pub mod kafka;
pub mod listener;
pub mod logging;
pub mod metrics;
pub mod secret;
pub mod shutdown;
pub mod topics;
pub mod trace;
