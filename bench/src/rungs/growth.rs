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
pub const NOTE: &str = "The rung *write* (66 prompts) into tables that hold rows already. Each round stores two topics of \
    150,000 new events in both tables, the second in the opposite order (small, large, large, small, or the other way \
    round), so that a machine that becomes slower meanwhile does so for both; the rate is that of the two together. The \
    tables are filled so that the middle of all rounds finds 1 M and 10 M rows.";

/// What stands in the way when the goal is missed.
const ROUNDS_DIFFER: &str = "the processes that write to the large table take more CPU than those of the small one: \
    1.9 % by a profile of nine rounds, most of it in searching b-tree pages, and 8 % by their clocks in five other \
    rounds, in which they read next to nothing from the disk; in the first round after a checkpoint they also log 6,000 \
    whole pages more (131 and 155 MB where the others log 107 to 110). What is more is the machine's: the same work was \
    done at 47,000 to 100,000 rows a second within one run. Complete runs gave 0.91× and 0.89×, the rung alone 0.95×; \
    runs with one topic a round, of two or three seconds, 0.87×, 0.96×, 0.98×, 1.06× and 1.09×; hence two \
    topics, there and back. Tried: the rows of a write in the order of their ids (1.04× in the large table in seven \
    rounds, but 1.06× and 0.98× in empty ones: nothing beyond the noise) or of their sessions, for the index on those \
    (no better).";
/// Events of a topic.
const ROWS: u64 = 150_000;
/// Topics of a round.
const TOPICS: u64 = 2;
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
    let small = fill(run, "small", SMALL, TOPICS * rows).await?;
    let large = fill(run, "large", LARGE, TOPICS * rows).await?;
    let mut databases = [small, large];
    let mut rounds: [Vec<Vec<Drained>>; 2] = [Vec::new(), Vec::new()];
    for round in run.rounds() {
        let mut topics = Vec::new();
        for number in 1..=TOPICS {
            let name = format!("bench-growth-{round}-{number}");
            topics.push(run.fill_topic(&name, &Prompts::library(66), rows).await?);
        }
        let mut order = run.order([0, 1]);
        let mut drained = [Vec::new(), Vec::new()];
        for topic in &topics {
            for which in &order {
                drained[*which].push(drain(&run.servers, &mut databases[*which], topic, 1).await?);
            }
            order.reverse();
        }
        let [small, large] = drained.each_ref().map(|drained| thousands(rate(drained)));
        run.progress(Rung::Growth, format!("round {round}: {small} rows/s, in the large table {large}"));
        for (rounds, drained) in rounds.iter_mut().zip(drained) {
            rounds.push(drained);
        }
    }
    Ok(vec![report(&rounds)])
}

/// Rows a second of equally large topics together.
fn rate(drained: &[Drained]) -> f64 {
    drained.len() as f64 / drained.iter().map(|drained| drained.rows_per_second.recip()).sum::<f64>()
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

fn report(rounds: &[Vec<Vec<Drained>>; 2]) -> Row {
    let [small, large] =
        rounds.each_ref().map(|rounds| rounds.iter().map(|drained| rate(drained)).collect::<Vec<_>>());
    let [small_usage, large_usage] = rounds.each_ref().map(|rounds| {
        let usage = Usage::median(&rounds.iter().flatten().map(|drained| drained.usage).collect::<Vec<_>>());
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

#[cfg(test)]
mod tests {
    use crate::consumers::Drained;
    use crate::cpu::Usage;
    use crate::rungs::growth::rate;

    #[test]
    fn the_rate_of_two_topics_is_their_rows_over_their_time() {
        let at = |rows_per_second| Drained {
            rows_per_second,
            usage: Usage::default(),
            batch_rows: 1.0,
            lock_waits: 0,
        };
        // 100 rows in 1 s, 100 rows in 4 s.
        assert_eq!(rate(&[at(100.0), at(25.0)]), 40.0);
    }
}
