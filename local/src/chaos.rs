//! `local chaos`: breaks random parts of a stack under load, in an order that a seed repeats, and looks what is left.
//!
//! The modules stand in reading order: what the clients remember, what they send, what it is sent to, what is done to
//! that, and what must hold afterwards. The broker is always Apache Kafka.

pub mod client;
pub mod ledger;
pub mod load;

pub mod disk;
pub mod fault;
pub mod inflict;
pub mod schedule;
pub mod stage;

pub mod run;
pub mod verdict;

use std::process::ExitCode;
use std::time::Duration;

use crate::chaos::run::{Plan, Report};
use crate::config::ChaosArgs;
use crate::console::{complain, say};
use crate::error::Error;
use crate::interrupt::Interrupt;

/// Runs it for a person; fails when anything does not hold, and says how to repeat that.
///
/// # Errors
/// When the trial itself fails, or the person interrupts.
pub async fn command(arguments: &ChaosArgs) -> Result<ExitCode, Error> {
    let mut interrupt = Interrupt::listen();
    let plan = Plan {
        seed: arguments.seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0 % 1_000_000),
        nodes: arguments.nodes,
        faults: arguments.faults,
        longest: Duration::from_secs(arguments.longest_seconds),
        rest: Duration::from_secs(arguments.rest_seconds),
        name: "chaos-".to_owned(),
    };
    let again = repeat(&plan);
    say(format!("{again}\nstarting PostgreSQL, {} × Apache Kafka, ingest and two consumers …", plan.nodes));
    let report = interrupt.or(run::run(&plan, say)).await.inspect_err(|_| say(format!("again: {again}")))?;
    tell(&report);
    if report.breaches.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for breach in &report.breaches {
        complain(format!("FAILED: {breach}"));
    }
    complain(format!("again: {again}"));
    Ok(ExitCode::FAILURE)
}

/// The command that does the same once more.
pub fn repeat(plan: &Plan) -> String {
    format!(
        "make chaos ARGS=\"--seed {} --faults {} --nodes {} --longest-seconds {} --rest-seconds {}\"",
        plan.seed,
        plan.faults,
        plan.nodes,
        plan.longest.as_secs(),
        plan.rest.as_secs(),
    )
}

fn tell(report: &Report) {
    let counts = report.counts;
    say(format!("{} events were sent, {} of them acknowledged", counts.sent, counts.acknowledged));
    let peaks = report.peaks.iter().map(|(name, mebibytes)| format!("{name} {mebibytes} MiB"));
    say(format!("most memory: {}", peaks.collect::<Vec<_>>().join(", ")));
    if report.breaches.is_empty() {
        say("every acknowledged event is stored once, none was invented, and the aggregates equal the rows");
    }
}
