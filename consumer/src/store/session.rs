//! The one connection to the database: opened when needed, kept while it works, dropped when in doubt.
//!
//! Every wait has a deadline, and each statement is a transaction of its own, so there is nothing to roll back. Knows
//! how rows get in, but not what to do when they don't.

use std::ops::Range;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

use crate::batch::Batch;
use crate::copy;
use crate::store::columns::{self, INSERT};
use crate::store::fault::Fault;

/// Which of the ids are stored already, by their place in the list, from 1. A look into the key's index for each id,
/// whatever the planner believes of the table: a join would read all of it while its statistics still say it is empty.
const ASK: &str = "select asked.place from unnest($1::uuid[]) with ordinality as asked (id, place) \
                   cross join lateral (select from public.prompt_telemetry as stored \
                   where stored.id = asked.id limit 1) as found";
/// How much of the rows is copied into one message to the server.
const CHUNK: usize = 256 * 1024;
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
const PING_DEADLINE: Duration = Duration::from_secs(5);

/// How rows are brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// COPY all: the fastest, but it fails when one of them is stored already.
    Copy,
    /// Ask which ids are stored, COPY the others: it fails only when another writer comes in between.
    AskThenCopy,
    /// `insert … on conflict do nothing`: slower, and never in anybody's way.
    Insert,
}

/// The connection, and how to open it.
pub(crate) struct Session {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    deadline: Duration,
}

impl Session {
    /// Connects nowhere yet. Each write may take `deadline`.
    pub(crate) fn new(options: PgConnectOptions, deadline: Duration) -> Self {
        let milliseconds = deadline.as_millis().to_string();
        // Failures are told by whoever tries again.
        let options =
            options.disable_statement_logging().application_name("prompt-telemetry-consumer").options([
                // The server gives up when we do, also when it cannot see that we are gone.
                ("statement_timeout", milliseconds.as_str()),
                ("idle_in_transaction_session_timeout", milliseconds.as_str()),
                ("tcp_keepalives_idle", "30"),
                ("tcp_keepalives_interval", "10"),
                ("tcp_keepalives_count", "3"),
                // While a new table's statistics are missing the planner would read all of it to find a few ids. This
                // session asks but one question, and the key's index is always the right way to answer it.
                ("plan_cache_mode", "force_generic_plan"),
                ("enable_seqscan", "off"),
                ("jit", "off"),
                // What the trigger counts is kept in memory for the length of a statement; in the default 4 MB it would
                // go through a file.
                ("work_mem", "64MB"),
            ]);
        Self { options, connection: None, deadline }
    }

    /// Whether the database answers and the table is there.
    pub(crate) async fn ping(&mut self) -> Result<(), Fault> {
        let mut connection = self.take().await?;
        let answer = timeout(PING_DEADLINE, ask(&mut connection, &[])).await;
        self.give_back(connection, answer.map_err(|_| Fault::timed_out(PING_DEADLINE)).flatten()).map(drop)
    }

    /// Brings in those of the batch's `rows` that are new, all or none. Returns how many that were.
    pub(crate) async fn write(
        &mut self,
        batch: &Batch,
        rows: Range<usize>,
        method: Method,
    ) -> Result<u64, Fault> {
        let mut connection = self.take().await?;
        let writing = async {
            match method {
                Method::Copy => copy_rows(&mut connection, batch, &rows.collect::<Vec<_>>()).await,
                Method::AskThenCopy => ask_then_copy(&mut connection, batch, rows).await,
                Method::Insert => insert(&mut connection, batch, rows).await,
            }
        };
        let written = timeout(self.deadline, writing).await;
        self.give_back(connection, written.map_err(|_| Fault::timed_out(self.deadline)).flatten())
    }

    async fn take(&mut self) -> Result<PgConnection, Fault> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => timeout(CONNECT_DEADLINE, PgConnection::connect_with(&self.options))
                .await
                .map_err(|_| Fault::timed_out(CONNECT_DEADLINE))?
                .map_err(Fault::from),
        }
    }

    /// Keeps the connection unless something is wrong with more than a row; whoever was cut off in the middle does not
    /// come here, and takes the connection with them.
    fn give_back<T>(&mut self, connection: PgConnection, result: Result<T, Fault>) -> Result<T, Fault> {
        if !matches!(result, Err(Fault::Surroundings(_))) {
            self.connection = Some(connection);
        }
        result
    }
}

async fn ask(connection: &mut PgConnection, ids: &[uuid::Uuid]) -> Result<Vec<i64>, Fault> {
    Ok(sqlx::query_scalar(ASK).bind(ids).fetch_all(connection).await?)
}

async fn ask_then_copy(
    connection: &mut PgConnection,
    batch: &Batch,
    rows: Range<usize>,
) -> Result<u64, Fault> {
    let mut stored = vec![false; rows.len()];
    for place in ask(connection, &batch.ids(rows.clone())).await? {
        let place = usize::try_from(place - 1).expect("the database counts places from 1");
        stored[place] = true;
    }
    let fresh: Vec<usize> = rows.zip(stored).filter(|(_, stored)| !stored).map(|(row, _)| row).collect();
    if fresh.is_empty() {
        return Ok(0);
    }
    copy_rows(connection, batch, &fresh).await
}

async fn copy_rows(connection: &mut PgConnection, batch: &Batch, rows: &[usize]) -> Result<u64, Fault> {
    // The server counts the rows it was sent, the caller those of the batch.
    copy(connection, batch, rows).await.map_err(|error| match Fault::from(error) {
        Fault::Refused(mut refusal) => {
            refusal.row = refusal.row.and_then(|row| rows.get(row).copied());
            Fault::Refused(refusal)
        }
        fault => fault,
    })
}

async fn copy(connection: &mut PgConnection, batch: &Batch, rows: &[usize]) -> Result<u64, sqlx::Error> {
    let mut stream = connection.copy_in_raw(copy::STATEMENT).await?;
    stream.send(copy::HEADER).await?;
    let mut message = Vec::with_capacity(2 * CHUNK);
    for row in rows {
        message.extend_from_slice(batch.row(*row));
        if message.len() >= CHUNK {
            stream.send(message.as_slice()).await?;
            message.clear();
        }
    }
    message.extend_from_slice(copy::TRAILER);
    stream.send(message).await?;
    stream.finish().await
}

async fn insert(connection: &mut PgConnection, batch: &Batch, rows: Range<usize>) -> Result<u64, Fault> {
    let mut query = sqlx::query(INSERT);
    for column in columns::transpose(rows.map(|row| batch.row(row))) {
        query = query.bind(column);
    }
    Ok(query.execute(connection).await?.rows_affected())
}
