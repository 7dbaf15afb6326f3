//! Whether more consumers cost more, when they all count the same hot prompts.

use local::error::Error;

use crate::clock::{median, ratios};
use crate::config::Rung;
use crate::consumers::{Drained, drain};
use crate::cpu::Usage;
use crate::database::Database;
use crate::events::Prompts;
use crate::report::{Goal, Row, thousands};
use crate::run::Run;

/// How it is measured, for the report.
pub const NOTE: &str = "1, 2 and 4 consumers of one group, started at once on a filled topic of 12 partitions with the \
    same 66 skewed prompts, into empty tables. CPU per event is that of all consumers, from their start on, and of \
    PostgreSQL. Deadlocks are those that PostgreSQL counted in all rounds; lock waits are the lines of its log about locks \
    waited for longer than 50 ms while consumers ran.";

/// What stands in the way of four consumers, when something does.
const SMALLER_BATCHES: &str = "by a profile of six rounds of 400,000 events four consumers took 15 % more CPU than \
    one (page faults of their start, clocks, unpacking) and PostgreSQL's processes for them 6 % (eight connections on \
    two cores, whose batches of 7,000 rows hold nearly as many groups as one's of 9,500). Tried, in seven rounds in \
    turn: a second connection for shares of 1,000, 4,000 and 8,000 rows (1.19×, 1.17× and 1.18×) and none (1.06×), \
    without which one consumer stores but 0.80× as fast. With 800,000 events, where four starts weigh half as much: \
    1.04×.";
/// What is waited for, when something is.
const EXTENSION: &str = "where it was seen, PostgreSQL's log has it waiting for the lock under which a table's file \
    grows, and for no row. In 112 runs of two or four consumers it came three times: one process held that lock \
    for 60 to 140 ms, in the first batches after the start where that was looked up, and what waited went on within a \
    millisecond each afterwards. Why it held it so long was not found: not for the file system, it seems, since appends \
    beside syncs and the removal of files of 256 MB were never late by 20 ms in a minute; perhaps for want of a core. Tried: \
    one connection for each consumer instead of two (none in twelve runs, but none either in 28 others with \
    two; and two consumers then stored 0.8 times the rows a second).";
const TOPIC: &str = "bench-scale-out";
/// So many that four starts are a small part of the CPU.
const ROWS: u64 = 800_000;
/// Enough for several batches of each consumer.
const FEWEST_ROWS: u64 = 80_000;
const CONSUMERS: [usize; 3] = [1, 2, 4];

/// Measures all numbers of consumers.
///
/// # Errors
/// When a part fails.
pub async fn measure(run: &mut Run) -> Result<Vec<Row>, Error> {
    let rows = run.options.scaled(ROWS, FEWEST_ROWS);
    run.progress(Rung::ScaleOut, format!("filling a topic with {} events", thousands(rows as f64)));
    let topic = run.fill_topic(TOPIC, &Prompts::library(66), rows).await?;
    let mut database = Database::prepare(&run.servers, "scale_out").await?;
    let deadlocks = database.deadlocks().await?;
    let mut drained = CONSUMERS.map(|_| Vec::new());
    for round in run.rounds() {
        for which in run.order(0..CONSUMERS.len()) {
            database.empty().await?;
            let consumers = CONSUMERS[which];
            drained[which].push(drain(&run.servers, &mut database, &topic, consumers).await?);
        }
        let cpu = drained.each_ref().map(|drained| drained.last().map_or(0.0, cpu));
        run.progress(Rung::ScaleOut, format!("round {round}: {cpu:.1?} s CPU a million"));
    }
    let deadlocks = database.deadlocks().await? - deadlocks;
    let lock_waits: usize = drained.iter().flatten().map(|drained| drained.lock_waits).sum();
    let mut report = vec![compare(1, &drained), compare(2, &drained)];
    let none = |case: &str, count: f64| {
        Row::new(Rung::ScaleOut, case.to_owned()).result(&[count], Goal::AtMost(0.0), "")
    };
    report.push(none("deadlocks", deadlocks as f64));
    report.push(none("lock waits over 50 ms", lock_waits as f64).hindrance(EXTENSION));
    Ok(report)
}

fn cpu(drained: &Drained) -> f64 {
    drained.usage.own + drained.usage.postgres
}

/// Several consumers beside one.
fn compare(which: usize, drained: &[Vec<Drained>; 3]) -> Row {
    let cpus = |which: usize| drained[which].iter().map(cpu).collect::<Vec<_>>();
    let text = |which: usize| {
        let rates: Vec<f64> = drained[which].iter().map(|drained| drained.rows_per_second).collect();
        let number = CONSUMERS[which];
        format!("{:.1} s/M with {number} ({} rows/s)", median(&cpus(which)), thousands(median(&rates)))
    };
    let parts = |which: usize| {
        let usage = Usage::median(&drained[which].iter().map(|drained| drained.usage).collect::<Vec<_>>());
        format!("consumers {:.1}, Postgres {:.1}", usage.own, usage.postgres)
    };
    Row::new(Rung::ScaleOut, format!("CPU per event, {} consumers to one", CONSUMERS[which]))
        .compare(text(which), text(0))
        .result(&ratios(&cpus(which), &cpus(0)), Goal::AtMost(1.15), "×")
        .hindrance(SMALLER_BATCHES)
        .cpu(format!("{}; one: {}", parts(which), parts(0)))
}
