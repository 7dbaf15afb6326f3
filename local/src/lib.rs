//! The whole prompt telemetry stack on one machine, without Docker: servers, services, the sample and its truth.
//!
//! The command of the same name is a thin layer on top; tests and benchmarks use the same parts. The modules stand
//! in reading order: the machine, the servers, the services, the stack, the sample, the trials, the commands.

pub mod command;
pub mod console;
pub mod error;
mod fetched;
pub mod footprint;
pub mod interrupt;
pub mod pipe;
pub mod place;
pub mod port;
pub mod process;
pub mod random;

pub mod certificates;
pub mod embedded;
pub mod kafka;
pub mod logins;
pub mod pgbouncer;
pub mod postgres;

pub mod env_file;
pub mod group;
pub mod services;
pub mod stack;

pub mod api;
pub mod comparison;
pub mod replay;
pub mod sample;
pub mod truth;

pub mod chaos;
pub mod oracle;
pub mod overload;

pub mod config;
pub mod demo;
pub mod test_run;
pub mod testing;
