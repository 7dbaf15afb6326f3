//! The limit of reading: the same answers from a plain view over the raw rows.

use std::time::Instant;

use local::error::Error;
use sqlx::AssertSqlSafe;

use crate::database::Database;
use crate::events::Prompts;

/// The columns of `prompt_performance`, counted each time they are asked for.
const VIEW: &str = "create or replace view public.bench_plain_performance as select prompt_id, \
    count(*) filter (where event_type = 'impression') as impressions, \
    count(*) filter (where event_type = 'selection') as selections, \
    count(*) filter (where event_type = 'completion') as completions, \
    coalesce(round(count(*) filter (where event_type = 'selection')::numeric \
        / nullif(count(*) filter (where event_type = 'impression'), 0), 4), 0)::double precision as selection_rate, \
    round(avg(outcome_entropy_delta::numeric) filter (where event_type = 'completion'), 4)::double precision \
        as avg_entropy_delta, \
    round(avg(outcome_dwell_time_ms) filter (where event_type = 'completion'), 0)::double precision \
        as avg_dwell_time_ms, \
    max(\"timestamp\") as last_surfaced \
    from public.prompt_telemetry group by prompt_id";

/// A question that both the view and ingest can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// One prompt's numbers: the one with the most events.
    Stats,
    /// The first page of all.
    Performance,
}

impl Question {
    /// Both.
    pub const ALL: [Question; 2] = [Question::Stats, Question::Performance];

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Question::Stats => "stats",
            Question::Performance => "performance",
        }
    }

    /// What to ask ingest.
    pub fn path(self) -> String {
        match self {
            Question::Stats => format!("/api/telemetry/prompt/{}/stats", Prompts::id(0)),
            Question::Performance => "/api/telemetry/prompts/performance?limit=50".to_owned(),
        }
    }

    fn sql(self) -> String {
        match self {
            Question::Stats => {
                format!("select * from public.bench_plain_performance where prompt_id = '{}'", Prompts::id(0))
            }
            Question::Performance => {
                "select *, count(*) over () as total from public.bench_plain_performance \
                                      order by impressions desc nulls last, prompt_id limit 50"
                    .to_owned()
            }
        }
    }
}

/// Makes the view.
///
/// # Errors
/// The server's.
pub async fn make(database: &mut Database) -> Result<(), Error> {
    database.execute(VIEW).await
}

/// How long the view takes for the answer, in milliseconds.
///
/// # Errors
/// The server's, or that it answers nothing.
pub async fn ask(database: &mut Database, question: Question) -> Result<f64, Error> {
    let begun = Instant::now();
    let answer = sqlx::query(AssertSqlSafe(question.sql())).fetch_all(database.admin()).await;
    let took = begun.elapsed();
    let rows = answer.map_err(Error::database("answer from the plain view"))?;
    if rows.is_empty() {
        let what = "the prompt that the benchmark asks for".to_owned();
        return Err(Error::Missing { what, remedy: "use a larger --scale".to_owned() });
    }
    Ok(took.as_secs_f64() * 1e3)
}
