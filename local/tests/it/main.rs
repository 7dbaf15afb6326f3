//! The parts of `local` against the real programs.

#![expect(clippy::unwrap_used, reason = "everything in this crate is a test, which fails by panicking")]

mod apache;
mod backup;
mod checkout;
mod compose;
mod deploy;
mod kubernetes;
mod postgres;
mod processes;
mod program;
mod secrets;
mod signals;
mod variables;
