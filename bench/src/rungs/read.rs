//! Time of an answer with the aggregates, few and many raw rows behind it, beside a plain view over the raw rows.

use std::collections::HashMap;
use std::time::Instant;

use local::error::Error;
use local::port;
use local::services::{self, Service};

use crate::clock::{median, ratios};
use crate::config::Rung;
use crate::database::Database;
use crate::events::Prompts;
use crate::http::Connection;
use crate::limits::view::{self, Question};
use crate::report::{Goal, Row, thousands};
use crate::run::Run;

/// How it is measured, for the report.
pub const NOTE: &str = "Median time of an answer over one keep-alive connection: `stats` of the prompt with the most \
    events, and the first 50 of `performance`; the tables are asked in turn. The view is what the aggregates replace: the same columns, counted from \
    the raw rows by each query, asked by SQL without HTTP.";

const TOPIC: &str = "bench-read";
/// What stands in the way of a list of 100,000 prompts.
const MANY_PROMPTS: &str = "the list adds up the shards of every prompt (two rows each here) and sorts them for \
    each request; reading the table alone takes about a tenth of the time, grouping, counting and sorting the rest. \
    Tried: totals per prompt beside those per slice (before, it took over a second); memory for the hash, which \
    spilled to disk; counting the prompts apart from the page instead of by a window over it (no faster, compared \
    while other work went on); a sum that does not go through `numeric` (0.7 times the time, still missed, and \
    readers of the view would need a right to it). Even one row a prompt, summed beforehand, for which writers would \
    wait for each other, took a third of the time of two in three comparisons, which would miss the goal too. Not \
    tried: an index on a number that changes with every batch, which would cost each write a new index entry (no HOT \
    update).";
/// Answers of one question in one round.
const ANSWERS: u64 = 200;

/// A table to read about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Size {
    Small,
    Large,
    ManyPrompts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Contender {
    Ours(Size),
    View,
}

type Times = HashMap<(Contender, Question), Vec<f64>>;

impl Size {
    const ALL: [Size; 3] = [Size::Small, Size::Large, Size::ManyPrompts];

    fn database(self) -> &'static str {
        match self {
            Size::Small => "read_small",
            // What the rung `growth` makes even larger.
            Size::Large => "large",
            Size::ManyPrompts => "read_prompts",
        }
    }

    fn rows(self) -> u64 {
        match self {
            Size::Small => 10_000,
            Size::Large => 5_000_000,
            Size::ManyPrompts => 1_000_000,
        }
    }

    fn prompts(self) -> usize {
        if self == Size::ManyPrompts { 100_000 } else { 66 }
    }
}

/// Measures both questions on all sizes.
///
/// # Errors
/// When a part fails.
pub async fn measure(run: &mut Run) -> Result<Vec<Row>, Error> {
    let mut ingests = HashMap::new();
    let mut large = None;
    for size in Size::ALL {
        let database = fill(run, size).await?;
        ingests.insert(size, serve(run, size, &database).await?);
        if size == Size::Large {
            large = Some(database);
        }
    }
    let mut large = large.expect("the large one is among all");
    view::make(&mut large).await?;

    let mut times = Times::new();
    for round in run.rounds() {
        for question in run.order(Question::ALL) {
            for (size, took) in answers(run, &ingests, question).await? {
                times.entry((Contender::Ours(size), question)).or_default().push(took);
            }
            let took = view::ask(&mut large, question).await?;
            times.entry((Contender::View, question)).or_default().push(took);
        }
        run.progress(Rung::Read, format!("round {round}"));
    }
    for ingest in ingests.values_mut() {
        ingest.stop().await?;
    }
    Ok(Question::ALL.into_iter().flat_map(|question| report(question, &times)).collect())
}

async fn fill(run: &Run, size: Size) -> Result<Database, Error> {
    let mut database = Database::prepare(&run.servers, size.database()).await?;
    let rows = run.options.scaled(size.rows(), 10_000);
    let prompts = Prompts::library(size.prompts());
    let progress = |done: u64| {
        if done.is_multiple_of(1_000_000) {
            run.progress(
                Rung::Read,
                format!("{} of {} rows", thousands(done as f64), thousands(rows as f64)),
            );
        }
    };
    database.fill_to(rows, &prompts, progress).await?;
    Ok(database)
}

async fn serve(run: &Run, size: Size, database: &Database) -> Result<Service, Error> {
    let kafka = run.servers.kafka(TOPIC, "nobody");
    let name = format!("bench-ingest-{}", size.database());
    services::ingest(&name, port::free(), &kafka, &database.urls.ingest_url, &[]).await
}

/// The median time of some answers about each size, in milliseconds. The sizes are asked in turn, so that what the machine
/// does meanwhile meets them all.
async fn answers(
    run: &mut Run,
    ingests: &HashMap<Size, Service>,
    question: Question,
) -> Result<Vec<(Size, f64)>, Error> {
    let path = question.path();
    let mut asked = Vec::new();
    for size in run.order(Size::ALL) {
        let mut connection = Connection::open(ingests[&size].url()).await?;
        // The first one may have to open a connection to the database.
        connection.get(&path).await?;
        asked.push((size, connection, Vec::new()));
    }
    for _ in 0..run.options.scaled(ANSWERS, 10) {
        for (_, connection, times) in &mut asked {
            let begun = Instant::now();
            connection.get(&path).await?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(asked.into_iter().map(|(size, _, times)| (size, median(&times))).collect())
}

fn report(question: Question, times: &Times) -> Vec<Row> {
    let name = question.name();
    let of = |contender| &times[&(contender, question)];
    let (small, large) = (of(Contender::Ours(Size::Small)), of(Contender::Ours(Size::Large)));
    let (many, view) = (of(Contender::Ours(Size::ManyPrompts)), of(Contender::View));
    let text = |times: &[f64], what: &str| format!("{:.2} ms {what}", median(times));
    vec![
        Row::new(Rung::Read, format!("{name}: growth of the time"))
            .compare(text(large, "at 5 M rows"), text(small, "at 10 k rows"))
            .result(&ratios(large, small), Goal::AtMost(1.2), "×"),
        Row::new(Rung::Read, format!("{name}: faster than the plain view"))
            .compare(text(large, "at 5 M rows"), text(view, "by the view"))
            .result(&ratios(view, large), Goal::AtLeast(1_000.0), "×"),
        Row::new(Rung::Read, format!("{name}: 100,000 prompts (1 M rows)"))
            .compare(text(many, "with 100,000"), text(large, "with 66"))
            .result(&ratios(many, large), Goal::AtMost(50.0), "×")
            .hindrance(MANY_PROMPTS),
    ]
}
