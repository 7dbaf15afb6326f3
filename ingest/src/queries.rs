//! The questions to Postgres. They see two views and never the raw events, so their cost does not grow with those.
//!
//! Numbers are rounded where they are exact: in SQL, on numerics, half away from zero. Statements are unnamed, since a
//! pooler may give the next transaction to another server process.

use chrono::{DateTime, SecondsFormat, Utc};
use schema::{PromptStats, PromptStatsPage, Stage};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, FromRow};

use crate::reads::{ReadError, Reads};

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
    /// The event has no lens.
    None,
    /// The lens with this id.
    Id(String),
    /// Two different ones at once, so no event counts.
    Contradiction,
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
    /// What the prompt's id must contain, in any case and however it is composed.
    pub search: Option<String>,
    /// The prompt's id must come after this one, by its bytes.
    pub after: Option<String>,
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
    from public.prompt_performance_by_slice \
    where (not $1 or lens_id is null) and ($2::text is null or lens_id = $2) \
    and ($3::text is null or stage = $3) group by prompt_id";

/// The same three parameters, so that both questions are asked alike; the database needs their types.
const WHOLE: &str = "\
    select prompt_id, impressions, selections, completions, selection_rate, avg_entropy_delta, avg_dwell_time_ms, \
    last_surfaced from public.prompt_performance \
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
        let (none, id) = match &self.lens {
            None => (false, None),
            Some(Lens::None) => (true, None),
            Some(Lens::Id(id)) => (false, Some(id.as_str())),
            // Without a lens, and with one.
            Some(Lens::Contradiction) => (true, Some("")),
        };
        (none, id, self.stage.map(Stage::as_str))
    }
}

/// The numbers of one prompt; zeros and nulls when it has no events in the slice.
///
/// # Errors
/// See [`ReadError`].
pub async fn stats(reads: &Reads, prompt_id: &str, slice: &Slice) -> Result<PromptStats, ReadError> {
    let row = reads.answer(async {
        let mut reader = reads.reader().await?;
        let row = row(&mut reader, prompt_id, slice).await?;
        reader.done().await?;
        Ok(row)
    });
    let none = || PromptStats { prompt_id: prompt_id.to_owned(), ..PromptStats::default() };
    Ok(row.await?.map_or_else(none, PromptStats::from))
}

/// One page of prompts, and how many there are after the filters.
///
/// # Errors
/// See [`ReadError`].
pub async fn page(reads: &Reads, listing: &Listing) -> Result<PromptStatsPage, ReadError> {
    let page = reads.answer(async {
        let mut reader = reads.reader().await?;
        let rows = rows(&mut reader, listing, listing.limit, listing.offset).await?;
        let total = match rows.first() {
            Some(row) => row.total,
            // Beyond the last page there is no row that holds the total.
            None if listing.offset > 0 => {
                self::rows(&mut reader, listing, 1, 0).await?.first().map_or(0, |row| row.total)
            }
            None => 0,
        };
        reader.done().await?;
        Ok((rows, total))
    });
    let (rows, total) = page.await?;
    Ok(PromptStatsPage { prompts: rows.into_iter().map(|row| row.stats.into()).collect(), total })
}

async fn row(
    connection: &mut PgConnection,
    prompt_id: &str,
    slice: &Slice,
) -> Result<Option<Row>, sqlx::Error> {
    let sql = format!("select * from ({}) as prompts where prompt_id = $4", slice.source());
    let (no_lens, lens, stage) = slice.bind();
    sqlx::query_as::<_, Row>(AssertSqlSafe(sql))
        .persistent(false)
        .bind(no_lens)
        .bind(lens)
        .bind(stage)
        .bind(prompt_id)
        .fetch_optional(connection)
        .await
}

async fn rows(
    connection: &mut PgConnection,
    listing: &Listing,
    limit: i64,
    offset: i64,
) -> Result<Vec<ListedRow>, sqlx::Error> {
    let source = listing.slice.source();
    let sort = listing.sort;
    let order = if listing.descending { "desc" } else { "asc" };
    // A search finds what it found before any folding, such as an invisible character on its own.
    let (searched, found) = (folded("$4"), folded("prompt_id"));
    let matches = format!(
        "$4::text is null or position($4 in prompt_id) > 0 \
         or ({searched} <> '' and position({searched} in {found}) > 0)"
    );
    // Of all prompts only what filters and sorts is computed, of those on the page everything: `offset 0` keeps the
    // planner from computing it for all first.
    let sql = format!(
        "with page as (select prompt_id, {sort} as sorted, count(*) over () as total from ({source}) as prompts \
            where ({matches}) and impressions >= $5 and ($6::text is null or prompt_id collate \"C\" > $6) \
            order by sorted {order} nulls last, prompt_id limit $7 offset $8) \
         select prompts.*, page.total from page cross join lateral \
            (select * from ({source}) as prompts where prompts.prompt_id = page.prompt_id offset 0) as prompts \
         order by page.sorted {order} nulls last, page.prompt_id"
    );
    let (no_lens, lens, stage) = listing.slice.bind();
    // Only our own words are spliced in; all that comes from the client is bound.
    sqlx::query_as::<_, ListedRow>(AssertSqlSafe(sql))
        .persistent(false)
        .bind(no_lens)
        .bind(lens)
        .bind(stage)
        .bind(listing.search.as_deref())
        .bind(listing.min_impressions)
        .bind(listing.after.as_deref())
        .bind(limit)
        .bind(offset)
        .fetch_all(connection)
        .await
}

/// SQL for a text without what nobody sees: case, how letters are composed, and Unicode's characters that are ignored in
/// display (soft hyphen, zero width, direction, variation, tags). What is ASCII, which most ids are, needs none of that.
/// Case is folded by the database's locale, since "C" folds ASCII alone.
fn folded(text: &str) -> String {
    const INVISIBLE: &str = r"[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFF8\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]";
    format!(
        "lower(case when octet_length({text}) = char_length({text}) then {text} \
         else normalize(regexp_replace({text}, '{INVISIBLE}', '', 'g'), NFKD) end collate \"default\")"
    )
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
