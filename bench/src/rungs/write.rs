//! Rows a second from a filled topic into PostgreSQL, beside a plain COPY of the same rows.

use local::error::Error;

use crate::clock::{median, ratios};
use crate::config::Rung;
use crate::consumers::{Drained, drain};
use crate::cpu::Usage;
use crate::database::Database;
use crate::events::Prompts;
use crate::limits::copy::Copy;
use crate::report::{Goal, Row, thousands};
use crate::run::Run;

/// How it is measured, for the report.
pub const NOTE: &str = "One consumer, as its own login, with ids, dedupe, checks, indexes and aggregates, from a topic \
    that was filled before, into empty tables; the rate is that from the beginning of the first batch's write to that of the last. The limit is \
    a plain binary COPY of the very rows that it stored, prepared in memory, 10,000 at a time on one connection, into a \
    table with the same columns, checks and indexes: no trigger, no question about duplicates, no Kafka, no decoding.";

/// What stands in the way with 10,000 prompts; with 66 a batch has a sixth of the groups.
const MANY_GROUPS: &str = "a batch has nearly as many groups of prompt, lens and stage as rows, and the trigger \
    writes a row of sums for each, and for each prompt: its statement by itself, for 9,500 rows of 9,300 groups \
    in a table that had all of them, took 102 to 126 ms, of which the grouping 14 to 20. By its profile that \
    time is flat: no named function has 5 %; of all that PostgreSQL does while a topic is stored, 8 % is comparing \
    keys of indexes. Complete runs have given 0.60×, 0.51× and 0.63×. Tried: an update of the rows that are there \
    before an insert of the others, in place of `on conflict do update` (no faster: 114 to 131 ms against 102 to \
    117); groups written unsorted (1.08 times the CPU); different prompts for the two connections (six rounds in \
    turn: 1.00×, where 66 prompts gain 1.10×); batches of 40,000 records (1.05×, for twice the memory). Not tried: \
    sums that are kept per batch and folded later, which readers would have to add up.";
/// Events in the topic.
const ROWS: u64 = 400_000;
/// Enough for several batches, or there would be no rate.
const FEWEST_ROWS: u64 = 40_000;

#[derive(Clone, Copy)]
enum Contender {
    Ours,
    Limit,
}

#[derive(Default)]
struct Measured {
    ours: Vec<Drained>,
    limits: Vec<f64>,
    limit_usage: Vec<Usage>,
}

/// Measures 66 and 10,000 prompts.
///
/// # Errors
/// When a part fails.
pub async fn measure(run: &mut Run) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for (prompts, goal) in [(66, 0.80), (10_000, 0.55)] {
        let measured = with_prompts(run, prompts).await?;
        rows.push(report(prompts, goal, &measured));
    }
    Ok(rows)
}

/// A plain COPY of events about 66 prompts, to be measured beside something else.
pub struct Limit {
    database: Database,
    copy: Copy,
}

impl Limit {
    /// Has a consumer store the events that will be copied.
    ///
    /// # Errors
    /// When a part fails.
    pub async fn prepare(run: &mut Run) -> Result<Limit, Error> {
        let rows = run.options.scaled(ROWS / 2, FEWEST_ROWS);
        let topic = run.fill_topic("bench-write-limit", &Prompts::library(66), rows).await?;
        let mut database = Database::prepare(&run.servers, "write_limit").await?;
        database.empty().await?;
        drain(&run.servers, &mut database, &topic, 1).await?;
        let copy = Copy::of(&mut database).await?;
        database.empty().await?;
        Ok(Limit { database, copy })
    }

    /// Rows a second, just now.
    ///
    /// # Errors
    /// The server's.
    pub async fn rate(&mut self, run: &Run) -> Result<f64, Error> {
        Ok(self.copy.run(&run.servers, &mut self.database).await?.0)
    }
}

async fn with_prompts(run: &mut Run, prompts: usize) -> Result<Measured, Error> {
    let rows = run.options.scaled(ROWS, FEWEST_ROWS);
    let topic = format!("bench-write-{prompts}");
    run.progress(Rung::Write, format!("filling a topic with {} events", thousands(rows as f64)));
    let topic = run.fill_topic(&topic, &Prompts::library(prompts), rows).await?;
    let mut database = Database::prepare(&run.servers, "write").await?;
    database.empty().await?;
    // Also warms everything up.
    drain(&run.servers, &mut database, &topic, 1).await?;
    let copy = Copy::of(&mut database).await?;

    let mut measured = Measured::default();
    for round in run.rounds() {
        for contender in run.order([Contender::Ours, Contender::Limit]) {
            database.empty().await?;
            match contender {
                Contender::Ours => {
                    measured.ours.push(drain(&run.servers, &mut database, &topic, 1).await?);
                }
                Contender::Limit => {
                    let (rate, usage) = copy.run(&run.servers, &mut database).await?;
                    measured.limits.push(rate);
                    measured.limit_usage.push(usage);
                }
            }
        }
        let ours = measured.ours.last().map_or(0.0, |drained| drained.rows_per_second);
        let limit = measured.limits.last().copied().unwrap_or(0.0);
        let (ours, limit) = (thousands(ours), thousands(limit));
        run.progress(
            Rung::Write,
            format!("{prompts} prompts, round {round}: {ours} rows/s, the limit {limit}"),
        );
    }
    Ok(measured)
}

fn report(prompts: usize, goal: f64, measured: &Measured) -> Row {
    let rates: Vec<f64> = measured.ours.iter().map(|drained| drained.rows_per_second).collect();
    let batches: Vec<f64> = measured.ours.iter().map(|drained| drained.batch_rows).collect();
    let usage = Usage::median(&measured.ours.iter().map(|drained| drained.usage).collect::<Vec<_>>());
    let limit_usage = Usage::median(&measured.limit_usage);
    Row::new(
        Rung::Write,
        format!("{} prompts, batches of {}", thousands(prompts as f64), thousands(median(&batches))),
    )
    .compare(
        format!("{} rows/s", thousands(median(&rates))),
        format!("{} rows/s", thousands(median(&measured.limits))),
    )
    .result(&ratios(&rates, &measured.limits), Goal::AtLeast(goal), "×")
    .hindrance(MANY_GROUPS)
    .cpu(format!(
        "consumer {:.1}, Postgres {:.1}, broker {:.1}; limit: Postgres {:.1}, client {:.1}",
        usage.own, usage.postgres, usage.broker, limit_usage.postgres, limit_usage.generator
    ))
}
