//! The questions to Postgres. They see two views and never the raw events, so their cost does not grow with those.
//!
//! Numbers are rounded where they are exact: in SQL, on numerics, half away from zero.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use schema::{PromptStats, PromptStatsPage, Stage};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, FromRow, PgPool};

use crate::config::{ConfigError, LimitArgs};

/// Time to get a connection, of those there are or a new one.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// Makes the pool; nothing is connected before the first question.
///
/// # Errors
/// The URL is none. Its reason holds no part of it: what could be repeated was checked with the configuration.
pub fn connect(url: &str, limits: &LimitArgs) -> Result<PgPool, ConfigError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| ConfigError(format!("INGEST_DATABASE_URL is not a Postgres URL: {error}")))?
        .application_name("prompt-telemetry-ingest")
        .options([
            ("statement_timeout", limits.database_timeout_ms.to_string()),
            // A list of 100,000 prompts is sorted in memory.
            ("work_mem", "32MB".to_owned()),
        ]);
    Ok(PgPoolOptions::new()
        .max_connections(limits.database_connections)
        .acquire_timeout(CONNECT_PATIENCE)
        .connect_lazy_with(options))
}

/// Which events count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slice {
    /// The lens they must have.
    pub lens: Option<Lens>,
    /// The stage they must have.
    pub stage: Option<Stage>,
}

/// What an event's lens must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Lens {
    /// There must be none.
    None,
    /// This one.
    Id(String),
}

/// What to list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// Prompts on the page.
    pub limit: i64,
    /// Prompts before the page.
    pub offset: i64,
    /// The column of the view to sort by.
    pub sort: &'static str,
    /// Whether the largest comes first.
    pub descending: bool,
    /// Which events count.
    pub slice: Slice,
    /// What the prompt's id must contain, in any case.
    pub search: Option<String>,
    /// Impressions that a prompt must have.
    pub min_impressions: i64,
}

#[derive(FromRow)]
struct Row {
    prompt_id: String,
    impressions: i64,
    selections: i64,
    completions: i64,
    selection_rate: f64,
    avg_entropy_delta: Option<f64>,
    avg_dwell_time_ms: Option<f64>,
    last_surfaced: DateTime<Utc>,
}

#[derive(FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    stats: Row,
    total: i64,
}

/// `$1` whether the lens must be none, `$2` the lens, `$3` the stage.
const SLICE: &str = "\
    select prompt_id, sum(impressions)::bigint as impressions, sum(selections)::bigint as selections, \
    sum(completions)::bigint as completions, \
    coalesce(round(sum(selections) / nullif(sum(impressions), 0), 4), 0)::double precision as selection_rate, \
    round(sum(entropy_delta_micros) / nullif(sum(entropy_delta_count) * 1000000, 0), 4)::double precision \
        as avg_entropy_delta, \
    round(sum(dwell_time_ms) / nullif(sum(dwell_time_count), 0), 0)::double precision as avg_dwell_time_ms, \
    max(last_surfaced) as last_surfaced \
    from prompt_performance_by_slice \
    where (not $1 or lens_id is null) and ($2::text is null or lens_id = $2) \
    and ($3::text is null or stage = $3) group by prompt_id";

/// The same three parameters, so that both questions are asked alike; the database needs their types.
const WHOLE: &str = "\
    select prompt_id, impressions, selections, completions, selection_rate, avg_entropy_delta, avg_dwell_time_ms, \
    last_surfaced from prompt_performance \
    where not $1 and $2::text is null and $3::text is null";

impl Slice {
    fn is_whole(&self) -> bool {
        self.lens.is_none() && self.stage.is_none()
    }

    /// All prompts of the slice with their numbers, as a question.
    fn source(&self) -> &'static str {
        if self.is_whole() { WHOLE } else { SLICE }
    }

    fn bind(&self) -> (bool, Option<&str>, Option<&'static str>) {
        let lens = match &self.lens {
            Some(Lens::Id(id)) => Some(id.as_str()),
            Some(Lens::None) | None => None,
        };
        (self.lens == Some(Lens::None), lens, self.stage.map(Stage::as_str))
    }
}

/// The numbers of one prompt; zeros and nulls when it has no events in the slice.
///
/// # Errors
/// The database's.
pub async fn stats(pool: &PgPool, prompt_id: &str, slice: &Slice) -> Result<PromptStats, sqlx::Error> {
    let sql = format!("select * from ({}) as prompts where prompt_id = $4", slice.source());
    let (no_lens, lens, stage) = slice.bind();
    let row = sqlx::query_as::<_, Row>(AssertSqlSafe(sql))
        .bind(no_lens)
        .bind(lens)
        .bind(stage)
        .bind(prompt_id)
        .fetch_optional(pool)
        .await?;
    let none = || PromptStats { prompt_id: prompt_id.to_owned(), ..PromptStats::default() };
    Ok(row.map_or_else(none, PromptStats::from))
}

/// One page of prompts, and how many there are after the filters.
///
/// # Errors
/// The database's.
pub async fn page(pool: &PgPool, listing: &Listing) -> Result<PromptStatsPage, sqlx::Error> {
    let rows = rows(pool, listing, listing.limit, listing.offset).await?;
    let total = match rows.first() {
        Some(row) => row.total,
        // Beyond the last page no row is there to tell the total.
        None if listing.offset > 0 => {
            self::rows(pool, listing, 1, 0).await?.first().map_or(0, |row| row.total)
        }
        None => 0,
    };
    Ok(PromptStatsPage { prompts: rows.into_iter().map(|row| row.stats.into()).collect(), total })
}

async fn rows(
    pool: &PgPool,
    listing: &Listing,
    limit: i64,
    offset: i64,
) -> Result<Vec<ListedRow>, sqlx::Error> {
    let source = listing.slice.source();
    let sort = listing.sort;
    let order = if listing.descending { "desc" } else { "asc" };
    // Of all prompts only what filters and sorts is computed, of those on the page everything: `offset 0` keeps the
    // planner from computing it for all first. Ids are compared by their bytes, but their case folded by the database's
    // locale: "C" folds ASCII alone.
    let sql = format!(
        "with page as (select prompt_id, {sort} as sorted, count(*) over () as total from ({source}) as prompts \
            where ($4::text is null or position(lower($4) in lower(prompt_id collate \"default\")) > 0) \
            and impressions >= $5 order by sorted {order} nulls last, prompt_id limit $6 offset $7) \
         select prompts.*, page.total from page cross join lateral \
            (select * from ({source}) as prompts where prompts.prompt_id = page.prompt_id offset 0) as prompts \
         order by page.sorted {order} nulls last, page.prompt_id"
    );
    let (no_lens, lens, stage) = listing.slice.bind();
    // Only our own words are spliced in; all that comes from the client is bound.
    sqlx::query_as::<_, ListedRow>(AssertSqlSafe(sql))
        .bind(no_lens)
        .bind(lens)
        .bind(stage)
        .bind(listing.search.as_deref())
        .bind(listing.min_impressions)
        .bind(limit)
        .bind(offset)
        .fetch_all(pool)
        .await
}

impl From<Row> for PromptStats {
    fn from(row: Row) -> Self {
        Self {
            prompt_id: row.prompt_id,
            impressions: row.impressions,
            selections: row.selections,
            completions: row.completions,
            selection_rate: row.selection_rate,
            avg_entropy_delta: row.avg_entropy_delta,
            avg_dwell_time_ms: row.avg_dwell_time_ms,
            last_surfaced: Some(row.last_surfaced.to_rfc3339_opts(SecondsFormat::Millis, true)),
        }
    }
}
