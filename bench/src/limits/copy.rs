//! The limit of writing: a plain binary COPY of the same rows into the same table with the same indexes and checks, but
//! without trigger, row level security and any question about duplicates.
//!
//! The rows are those that the consumer stored, taken out once and kept in memory ready to be sent.

use std::ops::Range;
use std::time::Instant;

use futures::TryStreamExt;
use local::error::Error;

use crate::cpu::Usage;
use crate::database::Database;
use crate::servers::Servers;

/// As many as the consumer brings in at once when it has them.
const BATCH_ROWS: usize = 10_000;
/// How much goes to the server in one message; as in the consumer.
const CHUNK: usize = 256 * 1024;
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: &[u8] = &(-1_i16).to_be_bytes();
/// Those that the consumer fills: all but `created_at`.
const COLUMNS: &str = "id, event_type, prompt_id, session_id, \"timestamp\", context_stage, context_lens_id, \
    context_entropy, context_interaction_count, context_active_topics, context_active_moments, scoring_final_score, \
    scoring_lens_weight, scoring_topic_weight, scoring_moment_boost, scoring_base_weight, scoring_rank, \
    scoring_stage_match, outcome_dwell_time_ms, outcome_entropy_delta, outcome_follow_up_prompt_id, received_at";
const TABLE: &str = "drop table if exists public.bench_copy; \
    create table public.bench_copy (like public.prompt_telemetry including all)";

/// Rows ready to be copied.
#[derive(Debug)]
pub struct Copy {
    bytes: Vec<u8>,
    batches: Vec<Range<usize>>,
    rows: u64,
}

impl Copy {
    /// Takes the rows that `database` holds, and makes the table that they will be copied to.
    ///
    /// # Errors
    /// The server's.
    pub async fn of(database: &mut Database) -> Result<Copy, Error> {
        database.execute(TABLE).await?;
        // In the order in which they were stored.
        database.execute("set synchronize_seqscans = off").await?;
        let statement =
            format!("copy (select {COLUMNS} from public.prompt_telemetry) to stdout (format binary)");
        let out = database.admin().copy_out_raw(&statement).await;
        let mut out = out.map_err(Error::database("copy the rows out"))?;
        let mut bytes = Vec::new();
        while let Some(piece) = out.try_next().await.map_err(Error::database("copy the rows out"))? {
            bytes.extend_from_slice(&piece);
        }
        drop(out);
        let (batches, rows) = split(&bytes);
        Ok(Copy { bytes, batches, rows })
    }

    /// Copies all rows into the empty table, batch by batch on one connection, and empties it again, or autovacuum would
    /// work on them later, while others are measured. Returns rows a second, and the CPU per million rows.
    ///
    /// # Errors
    /// The server's.
    pub async fn run(&self, servers: &Servers, database: &mut Database) -> Result<(f64, Usage), Error> {
        database.execute("checkpoint").await?;
        let before = servers.usage(&[])?;
        let begun = Instant::now();
        for batch in &self.batches {
            let sent = self.send(database, batch.clone()).await;
            sent.map_err(Error::database("copy a batch in"))?;
        }
        let rate = self.rows as f64 / begun.elapsed().as_secs_f64();
        let used = servers.usage(&[])? - before;
        database.execute("truncate public.bench_copy").await?;
        Ok((rate, used.per_million(self.rows)))
    }

    async fn send(&self, database: &mut Database, batch: Range<usize>) -> Result<(), sqlx::Error> {
        let statement = format!("copy public.bench_copy ({COLUMNS}) from stdin (format binary)");
        let mut copy = database.admin().copy_in_raw(&statement).await?;
        copy.send(HEADER).await?;
        for chunk in self.bytes[batch].chunks(CHUNK) {
            copy.send(chunk).await?;
        }
        copy.send(TRAILER).await?;
        copy.finish().await.map(drop)
    }
}

/// Where each batch of rows lies in a binary COPY, and how many rows there are.
fn split(bytes: &[u8]) -> (Vec<Range<usize>>, u64) {
    let mut batches = Vec::new();
    let (mut start, mut end, mut rows) = (HEADER.len(), HEADER.len(), 0);
    while let Some(next) = row_end(bytes, end) {
        end = next;
        rows += 1;
        if rows % BATCH_ROWS == 0 {
            batches.push(start..end);
            start = end;
        }
    }
    if start < end {
        batches.push(start..end);
    }
    (batches, rows as u64)
}

/// Where the row that begins at `start` ends; nothing at the trailer.
fn row_end(bytes: &[u8], start: usize) -> Option<usize> {
    let fields = i16::from_be_bytes(*bytes.get(start..)?.first_chunk()?);
    let mut end = start + 2;
    for _ in 0..u16::try_from(fields).ok()? {
        let length = i32::from_be_bytes(*bytes.get(end..)?.first_chunk()?);
        // A null has the length −1 and no bytes.
        end += 4 + usize::try_from(length).unwrap_or(0);
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use crate::limits::copy::{BATCH_ROWS, HEADER, TRAILER, split};

    #[test]
    fn rows_are_split_into_batches_and_nothing_is_lost() {
        // Two fields: one of three bytes, and a null.
        let row = [&[0, 2, 0, 0, 0, 3, 1, 2, 3][..], &[255; 4]].concat();
        let rows = 2 * BATCH_ROWS + 1;
        let bytes = [HEADER, &row.repeat(rows), TRAILER].concat();
        let (batches, counted) = split(&bytes);
        assert_eq!(counted, rows as u64);
        let lengths: Vec<usize> = batches.iter().map(|batch| batch.len() / row.len()).collect();
        assert_eq!(lengths, [BATCH_ROWS, BATCH_ROWS, 1]);
        assert_eq!(batches[2].end, bytes.len() - TRAILER.len());
        assert_eq!(split(&[HEADER, TRAILER].concat()), (vec![], 0));
    }
}
