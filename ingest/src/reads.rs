//! The way to the database: places for readers, a few connections, and whether the database answers.
//!
//! A connection belongs to the reader that uses it and comes back only after its transaction has ended well. Whatever
//! else happens (an error, no answer in time, a client that goes away) drops it, which closes it and makes room for a new
//! one. So a connection that fell silent costs one reader's patience and never a place. Pools that take connections back
//! first and ask them later lose one for good when that question is not answered.
//!
//! Every wait has a deadline, and readers who wait are counted: beyond the bound they are turned away at once. Knows
//! nothing of questions.

use std::convert::Infallible;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use service::database::{self, Database};
use sqlx::postgres::PgConnection;
use thiserror::Error;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout};

use crate::config::LimitArgs;
use crate::metrics;

/// How long a connection that was kept may take to begin a transaction before a new one is opened instead.
const STALE: Duration = Duration::from_secs(1);
/// After this long a connection is not kept any more, so that readers follow a server that moved.
const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// How often it is seen whether the database answers.
const LOOK: Duration = Duration::from_secs(5);

/// Why there is no answer. What the database said was logged.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ReadError {
    /// Too many readers wait already.
    #[error("too many readers wait for the database")]
    Full,
    /// No answer in time.
    #[error("the database did not answer in time")]
    Late,
    /// The connection could not be made, broke, or the database refused.
    #[error("the database refused")]
    Failed,
}

/// The database as the read routes see it.
pub struct Reads {
    database: Database,
    settings: [(&'static str, String); 4],
    /// For one question, from its wait for a connection to its answer.
    deadline: Duration,
    /// Room for readers, those who wait included.
    places: Semaphore,
    /// Room for connections in use.
    turns: Semaphore,
    kept: Mutex<Vec<Kept>>,
    most_kept: usize,
    seen: Mutex<Result<(), String>>,
}

/// An open connection.
struct Kept {
    connection: PgConnection,
    opened: Instant,
    _counted: metrics::Counted,
}

/// A connection in a transaction of its own. Dropping it drops both.
pub struct Reader<'a> {
    kept: Kept,
    reads: &'a Reads,
    _turn: SemaphorePermit<'a>,
}

impl Reads {
    /// Connects nowhere yet.
    #[must_use]
    pub fn new(database: Database, limits: &LimitArgs) -> Self {
        let milliseconds = limits.database_timeout_ms.to_string();
        let connections = limits.database_connections as usize;
        Self {
            database: database.named("prompt-telemetry-ingest"),
            settings: [
                // The server gives up when we do, also when it cannot see that we are gone.
                ("statement_timeout", milliseconds.clone()),
                ("idle_in_transaction_session_timeout", milliseconds),
                // A list of 100,000 prompts is sorted in memory.
                ("work_mem", "32MB".to_owned()),
                ("transaction_read_only", "on".to_owned()),
            ],
            deadline: Duration::from_millis(limits.database_timeout_ms),
            places: Semaphore::new(limits.max_reads_in_flight as usize),
            turns: Semaphore::new(connections),
            kept: Mutex::default(),
            most_kept: connections,
            seen: Mutex::new(Err("the database has not answered yet".to_owned())),
        }
    }

    /// Answers one question: takes a place, and gives `asking` the deadline. What `asking` asks by is a [`Reader`].
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn answer<T>(
        &self,
        asking: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, ReadError> {
        let answered = self.answered(asking).await;
        if let Err(error) = &answered {
            metrics::read_failed(*error);
        }
        answered
    }

    async fn answered<T>(
        &self,
        asking: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, ReadError> {
        let _place = self.places.try_acquire().map_err(|_| ReadError::Full)?;
        let _counted = metrics::read_begun();
        match timeout(self.deadline, asking).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.tell(&error.to_string());
                Err(ReadError::Failed)
            }
            Err(_) => {
                self.tell("it did not answer in time");
                Err(ReadError::Late)
            }
        }
    }

    /// Waits for a connection and begins a transaction on it.
    ///
    /// # Errors
    /// The connection's, or the database's.
    pub async fn reader(&self) -> Result<Reader<'_>, sqlx::Error> {
        let start = Instant::now();
        let turn = self.turns.acquire().await.expect("the turns are never closed");
        let kept = self.begin().await?;
        metrics::reader_waited(start.elapsed());
        Ok(Reader { kept, reads: self, _turn: turn })
    }

    /// Whether a question would be answered now, as far as was seen.
    ///
    /// # Errors
    /// Why not, as one sentence.
    pub fn ready(&self) -> Result<(), String> {
        locked(&self.seen).clone()
    }

    /// Sees now and then whether the database answers. It needs no turn, so readers who are many don't make the database
    /// look as if it were away.
    pub async fn watch(&self) -> Infallible {
        loop {
            let looked = match timeout(self.deadline, self.look()).await {
                Ok(looked) => looked.map_err(|error| format!("the database does not answer: {error}")),
                Err(_) => {
                    Err(format!("the database does not answer within {} ms", self.deadline.as_millis()))
                }
            };
            self.note(looked);
            sleep(LOOK).await;
        }
    }

    async fn look(&self) -> Result<(), sqlx::Error> {
        let mut kept = self.begin().await?;
        sqlx::raw_sql("select from public.prompt_performance limit 0").execute(&mut kept.connection).await?;
        self.end(kept).await
    }

    /// Takes a connection that was kept, or opens one. Beginning a transaction shows whether a kept one is still good, and
    /// may be repeated. The others are as old as one that is not, so they go with it.
    async fn begin(&self) -> Result<Kept, sqlx::Error> {
        let kept = locked(&self.kept).pop();
        if let Some(mut kept) = kept {
            let begun = database::begin(&mut kept.connection, &self.settings);
            if matches!(timeout(STALE, begun).await, Ok(Ok(()))) {
                return Ok(kept);
            }
            locked(&self.kept).clear();
        }
        let connection = self.database.connect(self.deadline).await?;
        let counted = metrics::database_connected();
        let mut kept = Kept { connection, opened: Instant::now(), _counted: counted };
        database::begin(&mut kept.connection, &self.settings).await?;
        Ok(kept)
    }

    async fn end(&self, mut kept: Kept) -> Result<(), sqlx::Error> {
        database::commit(&mut kept.connection).await?;
        let mut others = locked(&self.kept);
        if kept.opened.elapsed() < LIFETIME && others.len() < self.most_kept {
            others.push(kept);
        }
        Ok(())
    }

    fn note(&self, looked: Result<(), String>) {
        metrics::database_up(looked.is_ok());
        let mut seen = locked(&self.seen);
        match (&*seen, &looked) {
            (Err(_), Ok(())) => tracing::info!("the database answers"),
            (before, Err(reason)) if before.as_ref().err() != Some(reason) => {
                tracing::warn!("no statistics can be read: {reason}");
            }
            _ => {}
        }
        *seen = looked;
    }

    /// Logs why a question has no answer. While the database is known to be away, each one has the same reason.
    fn tell(&self, reason: &str) {
        if self.ready().is_ok() {
            tracing::warn!("a question to the database has no answer: {reason}");
        } else {
            tracing::debug!("a question to the database has no answer: {reason}");
        }
    }
}

impl Reader<'_> {
    /// Ends the transaction and keeps the connection for the next reader.
    ///
    /// # Errors
    /// The connection's.
    pub async fn done(self) -> Result<(), sqlx::Error> {
        self.reads.end(self.kept).await
    }
}

impl Deref for Reader<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.kept.connection
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.kept.connection
    }
}

/// Nothing panics while it holds one of these locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
