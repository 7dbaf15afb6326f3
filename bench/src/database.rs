//! A database with the product's tables, to be emptied, filled and asked.
//!
//! The administrator's connection is used for all of it, except that rows come in through the same trigger as ever.

use futures::stream::{self, StreamExt, TryStreamExt};
use local::error::Error;
use local::{postgres, services};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

use crate::clock::unix_milliseconds;
use crate::events::{LENSES, MOMENTS, Prompts, TOPICS};
use crate::servers::Servers;

/// Makes rows on the server, which is faster than sending them. Its parameters: the first and the last row's number, the
/// time of row 0, the prompts' sums, lenses, topics and moments.
const FILL: &str = include_str!("fill.sql");
/// Rows of one statement.
const PORTION: u64 = 100_000;
/// Statements at once.
const WRITERS: usize = 2;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// A database that is ready for the services.
#[derive(Debug)]
pub struct Database {
    /// The logins' URLs.
    pub urls: postgres::Database,
    admin: PgConnection,
}

impl Database {
    /// The database `name`, made and migrated when it is not there; what it holds stays.
    ///
    /// # Errors
    /// The server's, or the migration's.
    pub async fn prepare(servers: &Servers, name: &str) -> Result<Database, Error> {
        let urls = servers.postgres.database(name).await?;
        services::migrate("bench-", &urls.owner_url).await?;
        let admin =
            PgConnection::connect(&urls.superuser_url).await.map_err(Error::database("take a connection"))?;
        Ok(Database { urls, admin })
    }

    /// The administrator's connection.
    pub fn admin(&mut self) -> &mut PgConnection {
        &mut self.admin
    }

    /// Runs statements that answer nothing.
    ///
    /// # Errors
    /// The server's.
    pub async fn execute(&mut self, sql: &str) -> Result<(), Error> {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.admin).await;
        done.map(drop).map_err(Error::database("run a statement of the benchmark"))
    }

    /// Removes all events and counts, and lets the disk catch up.
    ///
    /// # Errors
    /// The server's.
    pub async fn empty(&mut self) -> Result<(), Error> {
        self.execute("truncate public.prompt_telemetry").await?;
        self.execute("checkpoint").await
    }

    /// Does what the consumer and autovacuum would do some time later, and lets the disk catch up.
    ///
    /// # Errors
    /// The server's.
    pub async fn settle(&mut self) -> Result<(), Error> {
        // One at a time: vacuum may not stand in a transaction, which several statements would make.
        self.execute("select public.fold_prompt_pending()").await?;
        for table in ["prompt_telemetry", "prompt_pending", "prompt_hour", "prompt_slice", "prompt_overall"] {
            self.execute(&format!("vacuum (analyze) public.{table}")).await?;
        }
        self.execute("checkpoint").await
    }

    /// How many events it holds, by the counts.
    ///
    /// # Errors
    /// The server's.
    pub async fn rows(&mut self) -> Result<u64, Error> {
        let counted = "select coalesce(sum(impressions + selections + completions), 0)::bigint \
                       from public.prompt_performance";
        let rows: i64 = self.ask(counted).await?;
        Ok(rows.unsigned_abs())
    }

    /// How many deadlocks there were.
    ///
    /// # Errors
    /// The server's.
    pub async fn deadlocks(&mut self) -> Result<i64, Error> {
        self.ask("select deadlocks from pg_stat_database where datname = current_database()").await
    }

    /// Adds events about `prompts` until there are `rows`; `progress` hears how many there are. What was there must have
    /// come by the same way.
    ///
    /// # Errors
    /// The server's.
    pub async fn fill_to(
        &mut self,
        rows: u64,
        prompts: &Prompts,
        progress: impl Fn(u64),
    ) -> Result<(), Error> {
        let there = self.rows().await?;
        let pool = PgPoolOptions::new().max_connections(WRITERS as u32).connect(&self.urls.superuser_url);
        let pool = pool.await.map_err(Error::database("take connections"))?;
        let since = unix_milliseconds() - DAY;
        let portions = (there..rows).step_by(PORTION as usize).map(|first| {
            let last = (first + PORTION).min(rows) - 1;
            fill(&pool, first, last, since, prompts)
        });
        let mut filled = stream::iter(portions).buffer_unordered(WRITERS);
        let mut done = there;
        while let Some(added) = filled.try_next().await? {
            done += added;
            progress(done);
        }
        drop(filled);
        pool.close().await;
        self.settle().await
    }

    async fn ask(&mut self, sql: &'static str) -> Result<i64, Error> {
        let answer = sqlx::query_scalar(sql).fetch_one(&mut self.admin).await;
        answer.map_err(Error::database("answer the benchmark"))
    }
}

async fn fill(pool: &PgPool, first: u64, last: u64, since: i64, prompts: &Prompts) -> Result<u64, Error> {
    let number = |row: u64| i64::try_from(row).expect("no table here has that many rows");
    let filled = sqlx::query(FILL)
        .bind(number(first))
        .bind(number(last))
        .bind(since)
        .bind(prompts.sums())
        .bind(&LENSES[..])
        .bind(&TOPICS[..])
        .bind(&MOMENTS[..])
        .execute(pool)
        .await;
    Ok(filled.map_err(Error::database("fill the table"))?.rows_affected())
}
