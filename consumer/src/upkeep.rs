//! Keeps the counts: folds what inserts left pending into the sums, and closes the days that are over.
//!
//! It has a connection of its own, so that a fold never delays a write. However many consumers run, one folds at a time:
//! the database's lock decides, and whoever does not get it tries again a second later. The numbers are exact without it;
//! they only take longer to read. Knows nothing of Kafka and of batches.

use std::sync::Arc;
use std::time::Duration;

use service::database::Database;
use sqlx::postgres::{PgConnection, PgDatabaseError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::health::{Health, Wait};
use crate::metrics;

/// Under load there is one fold in this time.
const PAUSE: Duration = Duration::from_secs(1);
/// Without a write of ours, how long until the next look: others write too.
const IDLE: Duration = Duration::from_secs(5);
/// How often to look whether a day is over.
const DAYS: Duration = Duration::from_secs(60);
/// How long one turn may take. What is pending after an outage, or a day of many prompts, can take minutes.
const DEADLINE: Duration = Duration::from_secs(600);
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How long turns may fail before the consumer is not ready. Events are stored meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was pending is read by the same statement, and so is what the fold finds.
const FOLD: &str = "select public.fold_prompt_pending(), state.pending_groups, state.oldest_seconds \
                    from public.prompt_pending_state() as state";
const KEEP_DAYS: &str = "select public.keep_prompt_days()";

/// The work on the counts of one database.
pub(crate) struct Upkeep {
    database: Database,
    connection: Option<PgConnection>,
    written: Arc<Notify>,
    next_days: Instant,
    health: Arc<Health>,
    /// Since when every turn failed.
    failing: Option<Instant>,
}

impl Upkeep {
    /// Connects nowhere yet. `written` is notified after each write.
    pub(crate) fn new(database: &Database, written: Arc<Notify>, health: Arc<Health>) -> Self {
        let database = database.clone().named("prompt-telemetry-upkeep").for_writing();
        Self { database, connection: None, written, next_days: Instant::now(), health, failing: None }
    }

    /// Works until `stop`. A turn that is cut off is undone by the database and harms nothing.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let begun = Instant::now();
            tokio::select! {
                () = self.turn() => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = self.rest(begun) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Waits for the next turn: at once after a write that follows a silence, and once a second under load.
    async fn rest(&self, begun: Instant) {
        sleep_until(begun + PAUSE).await;
        tokio::select! {
            () = self.written.notified() => {}
            () = sleep_until(begun + IDLE) => {}
        }
    }

    async fn turn(&mut self) {
        let outcome = match timeout(DEADLINE, self.work()).await {
            Ok(outcome) => outcome.map_err(|error| explain(&error)),
            Err(_) => Err(format!("the database did not answer within {} s", DEADLINE.as_secs())),
        };
        match outcome {
            Ok(()) => {
                self.failing = None;
                self.health.goes_on(Wait::Upkeep);
            }
            Err(error) => {
                metrics::upkeep_failed();
                let since = *self.failing.get_or_insert_with(Instant::now);
                if since.elapsed() >= PATIENCE {
                    self.health.waits(Wait::Upkeep, &error);
                }
            }
        }
    }

    async fn work(&mut self) -> Result<(), sqlx::Error> {
        // Taken out, so that a connection that fails or is cut off is not used again.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.connect(CONNECT_DEADLINE).await?,
        };
        fold(&mut connection).await?;
        if Instant::now() >= self.next_days && keep_days(&mut connection).await? {
            self.next_days = Instant::now() + DAYS;
        }
        self.connection = Some(connection);
        Ok(())
    }
}

async fn fold(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let found: (Option<i64>, i64, f64) = sqlx::query_as(FOLD).persistent(false).fetch_one(connection).await?;
    let (folded, pending, oldest_seconds) = found;
    metrics::pending(pending, oldest_seconds);
    if let Some(groups) = folded {
        metrics::folded(groups.unsigned_abs());
    }
    Ok(())
}

/// Returns false when another process holds the lock.
async fn keep_days(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let kept: Option<bool> = sqlx::query_scalar(KEEP_DAYS).persistent(false).fetch_one(connection).await?;
    if kept.is_some() {
        metrics::days_kept();
    }
    Ok(kept.is_some())
}

fn explain(error: &sqlx::Error) -> String {
    let database = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    let Some(database) = database else {
        return error.to_string();
    };
    let remedy = match database.code() {
        "42501" => "; have an administrator grant telemetry_upkeep to the consumer's login",
        "42883" | "42P01" | "3F000" => "; run `consumer migrate` with the database owner's URL",
        _ => "",
    };
    format!("{}: {}{remedy}", database.code(), database.message())
}
