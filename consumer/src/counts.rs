//! Compares the counts with the events, counts anew, and gives events that were stored before there were hours and days
//! their place in them: portion by portion, each in a short transaction, while events come in.
//!
//! Works as the database's owner. Every committed state of a run that was cut off is a right one, and the next run goes on.

mod difference;

use std::io::Write;

use service::database::Database;
use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgDatabaseError};

use crate::counts::difference::Difference;
use crate::migrate::{self, MigrateError};

/// Whole days are counted together until they have this many events. A single day may have more.
const PORTION: i64 = 250_000;
/// Prompts whose sums are taken over from an earlier release in one transaction.
const PROMPTS: i32 = 5_000;

const DAYS: &str = "select day::text, events from public.prompt_event_days()";
const DATED_FROM: &str = "select (public.read_prompt_setting()).dated_from::text";
const RECOUNT_DAYS: &str = "select public.recount_prompt_days($1::date, $2::date)";
const RECOUNT_SUMS: &str = "select public.recount_prompt_slices()";
const ADOPT: &str = "select public.adopt_prompt_sums($1)";
const SET_TIME_ZONE: &str = "select public.set_prompt_time_zone($1)";

/// Why the counts could not be worked on.
#[derive(Debug, thiserror::Error)]
pub enum CountsError {
    /// No connection, or not as the owner.
    #[error(transparent)]
    Connect(#[from] MigrateError),
    /// What the server refused, with the remedy.
    #[error("{0}")]
    Database(String),
    /// The differences could not be written out.
    #[error("cannot write the differences: {0}")]
    Output(#[from] std::io::Error),
}

impl From<sqlx::Error> for CountsError {
    fn from(error: sqlx::Error) -> Self {
        let database =
            error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
        let Some(database) = database else {
            return Self::Database(error.to_string());
        };
        let remedy = match (database.hint(), database.code()) {
            (Some(hint), _) => format!(". {hint}"),
            (None, "42501") => ". Use the URL of the database's owner".to_owned(),
            (None, "42883" | "42P01") => ". Run `consumer migrate` first".to_owned(),
            (None, "55P03") => ". A long transaction holds a lock: run this again later".to_owned(),
            (None, _) => String::new(),
        };
        Self::Database(database.message().to_owned() + &remedy)
    }
}

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// Days that have events or counts.
    pub days: usize,
    /// Events that were compared with.
    pub events: i64,
    /// Rows of counts that differ from the events, or from each other.
    pub differences: usize,
}

/// Whole days, from `first` to before `past`.
#[derive(Debug, PartialEq, Eq)]
struct Portion {
    first: String,
    past: String,
}

/// Compares all counts with the events and writes each difference to `out`, one line each. What is pending counts.
///
/// # Errors
/// The database's, and those of `out`.
pub async fn verify(database: &Database, out: &mut impl Write) -> Result<Compared, CountsError> {
    let mut connection = migrate::connect_as_owner(database).await?;
    let days = days(&mut connection).await?;
    let mut compared =
        Compared { days: days.len(), events: days.iter().map(|(_, events)| events).sum(), differences: 0 };
    let mut differences = Vec::new();
    for portion in portions(&days, "infinity") {
        differences.extend(difference::of_days(&mut connection, &portion.first, &portion.past).await?);
        compared.differences += write_out(&mut differences, out)?;
    }
    differences.extend(difference::of_sums(&mut connection).await?);
    compared.differences += write_out(&mut differences, out)?;
    let _ = connection.close().await;
    Ok(compared)
}

/// Counts all events anew, except those of days behind the cut-off. Returns how many days there were.
///
/// # Errors
/// The database's.
pub async fn rebuild(database: &Database) -> Result<usize, CountsError> {
    let mut connection = migrate::connect_as_owner(database).await?;
    date_events(&mut connection).await?;
    let days = days(&mut connection).await?;
    for portion in portions(&days, "infinity") {
        recount(&mut connection, &portion).await?;
    }
    sqlx::query(RECOUNT_SUMS).execute(&mut connection).await?;
    let _ = connection.close().await;
    Ok(days.len())
}

/// Sets the time zone in which days begin, and counts hours and days anew. The counts of all time are exact meanwhile;
/// windows miss the days that are not counted yet.
///
/// # Errors
/// The database's: an unknown zone, or events that were retired.
pub async fn set_time_zone(database: &Database, zone: &str) -> Result<(), CountsError> {
    let mut connection = migrate::connect_as_owner(database).await?;
    sqlx::query(SET_TIME_ZONE).bind(zone).execute(&mut connection).await?;
    date_events(&mut connection).await?;
    let _ = connection.close().await;
    Ok(())
}

/// Takes over the sums of an earlier release, and gives events that have no day yet their day, the latest first. Does
/// nothing when there are none.
///
/// # Errors
/// The database's. What was done stays.
pub(crate) async fn date_events(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    while sqlx::query_scalar::<_, i64>(ADOPT).bind(PROMPTS).fetch_one(&mut *connection).await? > 0 {}
    let dated_from: String = sqlx::query_scalar(DATED_FROM).fetch_one(&mut *connection).await?;
    if dated_from == "-infinity" {
        return Ok(());
    }
    let mut days = days(connection).await?;
    // Both are dates in the form that sorts as text.
    days.retain(|(day, _)| dated_from == "infinity" || *day < dated_from);
    let portions = portions(&days, &dated_from);
    for (done, portion) in portions.iter().enumerate() {
        tracing::info!(
            portion = done + 1,
            of = portions.len(),
            before = portion.past,
            "counting events by day"
        );
        recount(connection, portion).await?;
    }
    Ok(())
}

async fn days(connection: &mut PgConnection) -> Result<Vec<(String, i64)>, sqlx::Error> {
    sqlx::query_as(DAYS).fetch_all(connection).await
}

async fn recount(connection: &mut PgConnection, portion: &Portion) -> Result<(), sqlx::Error> {
    sqlx::query(RECOUNT_DAYS).bind(&portion.first).bind(&portion.past).execute(connection).await.map(drop)
}

fn write_out(differences: &mut Vec<Difference>, out: &mut impl Write) -> Result<usize, std::io::Error> {
    let count = differences.len();
    for difference in differences.drain(..) {
        writeln!(out, "{difference}")?;
    }
    Ok(count)
}

/// All time before `past` in portions, the latest first. `days` have the latest first, too.
fn portions(days: &[(String, i64)], past: &str) -> Vec<Portion> {
    let mut portions = Vec::new();
    let (mut past, mut events) = (past.to_owned(), 0);
    for (day, in_day) in days {
        events += in_day;
        if events >= PORTION {
            portions.push(Portion { first: day.clone(), past });
            (past, events) = (day.clone(), 0);
        }
    }
    portions.push(Portion { first: "-infinity".to_owned(), past });
    portions
}

#[cfg(test)]
mod tests {
    use super::{PORTION, Portion, portions};

    fn portion(first: &str, past: &str) -> Portion {
        Portion { first: first.to_owned(), past: past.to_owned() }
    }

    #[test]
    fn portions_touch_each_other_and_cover_all_time() {
        assert_eq!(portions(&[], "infinity"), [portion("-infinity", "infinity")]);
        let day = |day: &str, events| (day.to_owned(), events);
        let days = [
            day("2026-03-04", PORTION - 1),
            day("2026-03-03", 1),
            day("2026-03-02", 10 * PORTION),
            day("2026-01-01", 5),
        ];
        let expected = [
            portion("2026-03-03", "2026-03-05"),
            portion("2026-03-02", "2026-03-03"),
            portion("-infinity", "2026-03-02"),
        ];
        assert_eq!(portions(&days, "2026-03-05"), expected);
    }
}
