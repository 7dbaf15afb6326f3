//! The consumer against a real Kafka and a real PostgreSQL, started by `local test`.

#![expect(clippy::unwrap_used, reason = "clippy lets a test unwrap, but not the functions that tests share")]

mod breaker;
mod child;
mod command;
mod dirty;
mod events;
mod fallback;
mod flow;
mod lag;
mod ledger;
mod letters;
mod outage;
mod pace;
mod poison;
mod pooler;
mod raw_record;
mod rebalance;
mod scene;
mod silence;
mod stop;
mod strangers;
mod triggers;
mod upkeep;
mod waits;
