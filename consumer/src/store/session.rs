//! The one connection to the database: opened when needed, kept while it works, dropped when in doubt.
//!
//! Every wait has a deadline. Each write is one transaction that brings its own settings and uses unnamed statements only, so
//! that it works through a pooler which shares server processes out by transaction. Knows how rows get in, but not what to
//! do when they don't.

use std::ops::Range;
use std::time::Duration;

use service::database::{self, Database};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use tokio::time::{Instant, timeout};

use crate::batch::Batch;
use crate::copy::{self, columns};
use crate::store::columns::{self, INSERT};
use crate::store::fault::{Fault, Refusal};

/// Which of the ids are stored already, by their place in the list, from 1. A look into the key's index for each id,
/// whatever the planner believes of the table: a join would read all of it while its statistics still say it is empty.
const ASK: &str = "select asked.place from unnest($1::uuid[]) with ordinality as asked (id, place) \
                   cross join lateral (select from public.prompt_telemetry as stored \
                   where stored.id = asked.id limit 1) as found";
/// How much of the rows is copied into one message to the server.
const CHUNK: usize = 256 * 1024;
/// What a write needs, without writing: a server that takes writes; the table and its columns; the rights to insert and to
/// name the id. It runs no trigger, and does not wait for locks.
const PROBE: &str = concat!(
    "set local lock_timeout = '100ms'; show transaction_read_only; explain (costs off) insert into public.prompt_telemetry (",
    columns!(),
    ") values (default, default, default, default, default, default, default, default, default, default, default, \
     default, default, default, default, default, default, default, default, default, default, default) \
     on conflict (id) do nothing"
);
/// For all hosts of the URL together; each has ten seconds unless the URL says otherwise.
const CONNECT_DEADLINE: Duration = Duration::from_secs(30);
const PROBE_DEADLINE: Duration = Duration::from_secs(5);
/// A connection that was idle for longer than this is asked whether it still is one. The server, a pooler or a firewall may
/// have closed it, which is no fault and nobody's concern.
const FRESH: Duration = Duration::from_millis(250);

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
    database: Database,
    /// Since when it is idle.
    connection: Option<(PgConnection, Instant)>,
    /// Names and values, for each transaction.
    settings: Vec<(&'static str, String)>,
    deadline: Duration,
}

impl Session {
    /// Connects nowhere yet. Each write may take `deadline`.
    pub(crate) fn new(database: &Database, deadline: Duration) -> Self {
        let database = database.clone().named("prompt-telemetry-consumer").for_writing();
        Self { database, connection: None, settings: settings(deadline), deadline }
    }

    /// Whether the database would take a write; see [`PROBE`].
    ///
    /// # Errors
    /// Why not, as one sentence.
    pub(crate) async fn probe(&mut self) -> Result<(), String> {
        let probed = async {
            let mut connection = self.take().await?;
            let probed = timeout(PROBE_DEADLINE, would_write(&mut connection)).await;
            let probed = probed.unwrap_or_else(|_| Err(Fault::silent(PROBE_DEADLINE)));
            self.give_back(connection, probed)
        };
        probed.await.map_err(|fault| match fault {
            Fault::Refused(Refusal { error, .. })
            | Fault::Overtaken(error)
            | Fault::NoCopy(error)
            | Fault::TooMuch(error)
            | Fault::Locked(error)
            | Fault::Surroundings(error) => error,
        })
    }

    /// Brings in those of the batch's `rows` that are new, all or none. Returns how many that were.
    pub(crate) async fn write(
        &mut self,
        batch: &Batch,
        rows: Range<usize>,
        method: Method,
    ) -> Result<u64, Fault> {
        let mut connection = self.take().await?;
        let writing = transaction(&mut connection, &self.settings, async |connection| match method {
            Method::Copy => copy_rows(connection, batch, &rows.collect::<Vec<_>>()).await,
            Method::AskThenCopy => ask_then_copy(connection, batch, rows).await,
            Method::Insert => insert(connection, batch, rows).await,
        });
        let written = timeout(self.deadline, writing).await;
        self.give_back(connection, written.map_err(|_| Fault::timed_out(self.deadline)).flatten())
    }

    async fn take(&mut self) -> Result<PgConnection, Fault> {
        if let Some((mut connection, since)) = self.connection.take()
            && (since.elapsed() < FRESH || is_alive(&mut connection).await)
        {
            return Ok(connection);
        }
        Ok(self.database.connect(CONNECT_DEADLINE).await?)
    }

    /// Keeps the connection unless something is wrong with more than a row; whoever was cut off in the middle does not
    /// come here, and takes the connection with them.
    fn give_back<T>(&mut self, connection: PgConnection, result: Result<T, Fault>) -> Result<T, Fault> {
        if !matches!(result, Err(Fault::Surroundings(_) | Fault::TooMuch(_))) {
            self.connection = Some((connection, Instant::now()));
        }
        result
    }
}

async fn is_alive(connection: &mut PgConnection) -> bool {
    matches!(timeout(PROBE_DEADLINE, connection.ping()).await, Ok(Ok(())))
}

async fn would_write(connection: &mut PgConnection) -> Result<(), Fault> {
    let answers = match sqlx::raw_sql(PROBE).fetch_all(connection).await.map_err(Fault::from) {
        // Somebody builds an index, or migrates. A write would wait, and be told if that takes too long.
        Err(Fault::Locked(_)) => return Ok(()),
        answers => answers?,
    };
    let read_only = answers.first().map(|row| row.try_get::<String, _>(0)).transpose()?;
    match read_only.as_deref() {
        Some("off") => Ok(()),
        _ => Err(Fault::Surroundings(
            "the server takes no writes: it is a standby, or default_transaction_read_only is on".to_owned(),
        )),
    }
}

/// What holds for each write. Not for the connection: a pooler may hand every transaction to another server process.
fn settings(deadline: Duration) -> Vec<(&'static str, String)> {
    let milliseconds = deadline.as_millis().to_string();
    let own = |(name, value): (&'static str, &str)| (name, value.to_owned());
    [
        // The server gives up when we do, also when it cannot see that we are gone.
        ("statement_timeout", milliseconds.as_str()),
        ("idle_in_transaction_session_timeout", milliseconds.as_str()),
        ("tcp_keepalives_idle", "30"),
        ("tcp_keepalives_interval", "10"),
        ("tcp_keepalives_count", "3"),
        // While a new table's statistics are missing the planner would read all of it to find a few ids. We ask but one
        // question, and the key's index is always the right way to answer it.
        ("plan_cache_mode", "force_generic_plan"),
        ("enable_seqscan", "off"),
        ("jit", "off"),
        // What the trigger counts is kept in memory for the length of a statement; in the default 4 MB it would go through
        // a file.
        ("work_mem", "64MB"),
    ]
    .map(own)
    .into()
}

/// Does `work` in a transaction, all or nothing. After an error that is not the connection's the connection can go on.
async fn transaction<T>(
    connection: &mut PgConnection,
    settings: &[(&str, String)],
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    database::begin(connection, settings).await?;
    let done = work(connection).await;
    match &done {
        Ok(_) => database::commit(connection).await?,
        // Its connection is dropped, and takes the transaction with it.
        Err(Fault::Surroundings(_) | Fault::TooMuch(_)) => {}
        Err(_) => database::roll_back(connection).await?,
    }
    done
}

async fn ask(connection: &mut PgConnection, ids: &[uuid::Uuid]) -> Result<Vec<i64>, Fault> {
    Ok(sqlx::query_scalar(ASK).persistent(false).bind(ids).fetch_all(connection).await?)
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
    let mut query = sqlx::query(INSERT).persistent(false);
    for column in columns::transpose(rows.map(|row| batch.row(row))) {
        query = query.bind(column);
    }
    Ok(query.execute(connection).await?.rows_affected())
}
