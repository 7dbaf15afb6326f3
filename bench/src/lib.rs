//! The ratio benchmarks: each figure beside its own physical limit, measured in the same run, in shuffled turns.
//!
//! The services are the built executables on a real Apache Kafka and a real PostgreSQL. The modules stand in reading
//! order: what is measured with, what it is measured on, the limits, the rungs, the report.

pub mod clock;
pub mod config;
pub mod cpu;

pub mod events;
pub mod http;
pub mod load;
pub mod producer;
pub mod request;

pub mod consumers;
pub mod database;
pub mod run;
pub mod servers;

pub mod limits;
pub mod rungs;

pub mod machine;
pub mod report;
