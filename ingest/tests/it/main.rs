//! Intake as a client sees it: the real service on a free port, over HTTP, against a broker and a database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod answers;
mod apache;
mod bodies;
mod clock;
mod connections;
mod events;
mod faults;
mod hostile;
mod intake;
mod openapi;
mod pooler;
mod process;
mod promises;
mod reads;
mod roles;
mod rules;
mod silence;
mod topic;
mod topics;
