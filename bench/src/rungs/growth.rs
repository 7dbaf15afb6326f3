//! Whether writing slows down as the table grows: two tables, one ten times as large, fed from the same topics.

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
pub const NOTE: &str = "The rung *write* (66 prompts) into tables that hold rows already. Each round stores another \
    200,000 new events in both tables; they are filled so that the middle round finds 1 M and 10 M rows.";

/// What stands in the way when the goal is missed.
const ROUNDS_DIFFER: &str = "the cause is not known. Runs have given 0.96×, 0.87× and, with a profiler beside it, \
    1.09× (0.80 to 1.17): rounds are two seconds of writing and differ by more than the goal leaves room for, but \
    where it was missed the large table was slower in every round and cost PostgreSQL more CPU. In one run fewer \
    than one in a thousand accesses to its index pages went outside shared_buffers; those to the table itself could \
    not be told from vacuum's.";
const ROWS: u64 = 200_000;
/// Enough for several batches, or there would be no rate.
const FEWEST_ROWS: u64 = 40_000;
const SMALL: u64 = 1_000_000;
const LARGE: u64 = 10_000_000;

/// Measures both sizes.
///
/// # Errors
/// When a part fails.
pub async fn measure(run: &mut Run) -> Result<Vec<Row>, Error> {
    let rows = run.options.scaled(ROWS, FEWEST_ROWS);
    let small = fill(run, "small", SMALL, rows).await?;
    let large = fill(run, "large", LARGE, rows).await?;
    let mut databases = [small, large];
    let mut drained: [Vec<Drained>; 2] = [Vec::new(), Vec::new()];
    for round in run.rounds() {
        let topic = format!("bench-growth-{round}");
        let topic = run.fill_topic(&topic, &Prompts::library(66), rows).await?;
        for which in run.order([0, 1]) {
            drained[which].push(drain(&run.servers, &mut databases[which], &topic, 1).await?);
        }
        let rates = [0, 1].map(|which| drained[which].last().map_or(0.0, |last| last.rows_per_second));
        let [small, large] = rates.map(thousands);
        run.progress(Rung::Growth, format!("round {round}: {small} rows/s, in the large table {large}"));
    }
    Ok(vec![report(&drained)])
}

/// A table in which the middle round will find `wanted` rows, when each adds `a_round`.
async fn fill(run: &Run, name: &str, wanted: u64, a_round: u64) -> Result<Database, Error> {
    let mut database = Database::prepare(&run.servers, name).await?;
    let before_the_middle = a_round * u64::from(run.options.rounds) / 2;
    let rows = run.options.scaled(wanted, 10_000).saturating_sub(before_the_middle);
    let progress = |done: u64| {
        if done.is_multiple_of(1_000_000) {
            let (done, rows) = (thousands(done as f64), thousands(rows as f64));
            run.progress(Rung::Growth, format!("{done} of {rows} rows"));
        }
    };
    database.fill_to(rows, &Prompts::library(66), progress).await?;
    Ok(database)
}

fn report(drained: &[Vec<Drained>; 2]) -> Row {
    let [small, large] = drained
        .each_ref()
        .map(|drained| drained.iter().map(|drained| drained.rows_per_second).collect::<Vec<_>>());
    let [small_usage, large_usage] = drained.each_ref().map(|drained| {
        let usage = Usage::median(&drained.iter().map(|drained| drained.usage).collect::<Vec<_>>());
        format!("consumer {:.1}, Postgres {:.1}", usage.own, usage.postgres)
    });
    Row::new(Rung::Growth, "rate at 10 M rows to that at 1 M".to_owned())
        .compare(
            format!("{} rows/s at 10 M", thousands(median(&large))),
            format!("{} rows/s at 1 M", thousands(median(&small))),
        )
        .result(&ratios(&large, &small), Goal::AtLeast(0.9), "×")
        .hindrance(ROUNDS_DIFFER)
        .cpu(format!("{large_usage}; at 1 M: {small_usage}"))
}
