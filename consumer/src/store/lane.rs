//! Brings rows in over one connection: each exactly once, however often it is tried.
//!
//! Faults of the surroundings are tried again for ever; a row that the database refuses is found by splitting the rows
//! until it stands alone. A write that takes too long is split too.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use service::database::Database;
use tokio_util::sync::CancellationToken;

use crate::backoff::{Backoff, GaveUp, jitter};
use crate::batch::Batch;
use crate::health::{Health, Wait};
use crate::metrics;
use crate::store::Written;
use crate::store::fault::{Fault, Refusal};
use crate::store::pace::Pace;
use crate::store::session::{Method, Session};
use crate::store::trust::Trust;

/// How long to leave to the other writer, at most, when two are in each other's way.
const STEP_ASIDE: Duration = Duration::from_millis(100);
/// Fewer rows than this are inserted by one statement: two round trips fewer, and nobody waits for the last. COPY ends
/// with a tiny message of its own, which sqlx 0.9.0 (it lacks TCP_NODELAY) sends only when what came before it has been
/// acknowledged, up to 40 ms later. With more rows than this the server is still busy by then.
const COPY_FROM: usize = 1_000;

/// One connection's work.
pub(crate) struct Lane {
    session: Session,
    /// Whether the login may COPY, as far as is known.
    may_copy: bool,
    trust: Trust,
    pace: Pace,
    health: Arc<Health>,
    /// Cancelled when there is no time left to try again.
    abandon: CancellationToken,
}

/// What became of rows that were written together.
enum Piece {
    /// All are in the table; so many are new.
    Stored(u64),
    /// None is, because of one of them.
    Refused(Refusal),
    /// None is known to be, because they were too many for the deadline.
    TooMuch,
}

/// What follows a write that failed.
enum Next {
    /// Nothing: the rows are taken back.
    End(Piece),
    /// Another try at once.
    Now(Method),
    /// Another try when whoever is in the way had time to finish.
    Aside(Method),
    /// Another try after a while, longer each time.
    Later(Method),
}

impl Lane {
    /// Connects nowhere yet. Each try of a write may take `deadline`.
    pub(crate) fn new(
        database: &Database,
        deadline: Duration,
        health: Arc<Health>,
        abandon: CancellationToken,
    ) -> Self {
        let session = Session::new(database, deadline);
        Self { session, may_copy: true, trust: Trust::new(), pace: Pace::new(), health, abandon }
    }

    /// Looks whether the database would take a write.
    pub(crate) async fn probe(&mut self) {
        match self.session.probe().await {
            Ok(()) => self.health.goes_on(Wait::Postgres),
            Err(error) => self.health.waits(Wait::Postgres, &error),
        }
    }

    /// Stores some of the batch's rows. Returns when each is in the table or refused for good, however long that takes.
    ///
    /// # Errors
    /// When it had to give up; some rows may be in, which whoever comes next finds by asking.
    pub(crate) async fn write(&mut self, batch: &Batch, rows: Range<usize>) -> Result<Written, GaveUp> {
        let mut written = Written::default();
        let mut pieces = vec![rows];
        while let Some(rows) = pieces.pop() {
            self.take_piece(batch, rows, &mut pieces, &mut written).await?;
        }
        Ok(written)
    }

    /// Tries rows again that were refused before; see [`crate::store::Store::write_again`].
    ///
    /// # Errors
    /// As [`Lane::write`].
    pub(crate) async fn write_again(
        &mut self,
        batch: &Batch,
        mut refused: Vec<(usize, String)>,
        bearable: usize,
    ) -> Result<Written, GaveUp> {
        refused.sort_unstable_by_key(|(row, _)| *row);
        let mut pieces: Vec<_> = refused
            .chunk_by(|(row, _), (next, _)| row + 1 == *next)
            .map(|run| run[0].0..run[0].0 + run.len())
            .rev()
            .collect();
        let mut written = Written::default();
        while written.refused.len() <= bearable
            && let Some(rows) = pieces.pop()
        {
            self.take_piece(batch, rows, &mut pieces, &mut written).await?;
        }
        let untried = refused.into_iter().filter(|(row, _)| pieces.iter().any(|piece| piece.contains(row)));
        written.refused.extend(untried);
        Ok(written)
    }

    /// Brings in one of the `pieces`, or leaves smaller ones in its place.
    async fn take_piece(
        &mut self,
        batch: &Batch,
        rows: Range<usize>,
        pieces: &mut Vec<Range<usize>>,
        written: &mut Written,
    ) -> Result<(), GaveUp> {
        let (rows, rest) = self.pace.cut(rows);
        pieces.extend(rest);
        match self.write_piece(batch, rows.clone()).await? {
            Piece::Stored(inserted) => {
                written.inserted += inserted;
                written.duplicates += rows.len() as u64 - inserted;
            }
            Piece::Refused(refusal) if rows.len() == 1 => written.refused.push((rows.start, refusal.error)),
            Piece::Refused(refusal) => pieces.extend(split(&rows, refusal.row).into_iter().rev()),
            Piece::TooMuch => pieces.extend(split(&rows, None).into_iter().rev()),
        }
        Ok(())
    }

    /// Brings the rows in, all or none, trying again until the database takes or refuses them.
    async fn write_piece(&mut self, batch: &Batch, rows: Range<usize>) -> Result<Piece, GaveUp> {
        if rows.is_empty() {
            return Ok(Piece::Stored(0));
        }
        let count = rows.len();
        let mut method = self.method(count);
        let mut backoff = Backoff::new();
        // A trigger that looks before it inserts can lose a race, so a row alone gets a second try.
        let mut second_try = count == 1;
        loop {
            let tried = tokio::select! {
                tried = self.session.write(batch, rows.clone(), method) => tried,
                () = self.abandon.cancelled() => return Err(GaveUp),
            };
            self.health.turned();
            let next = match tried {
                Ok(inserted) => {
                    self.health.goes_on(Wait::Postgres);
                    self.trust.learn(count as u64 - inserted);
                    self.pace.in_time(count);
                    return Ok(Piece::Stored(inserted));
                }
                Err(Fault::Refused(refusal)) if refusal.by_function && second_try => {
                    second_try = false;
                    Next::Aside(method)
                }
                Err(fault) => self.next(fault, method, count),
            };
            match next {
                Next::End(piece) => return Ok(piece),
                Next::Now(other) => method = other,
                Next::Aside(other) => {
                    method = other;
                    tokio::time::sleep(jitter(STEP_ASIDE)).await;
                }
                Next::Later(other) => {
                    method = other;
                    backoff.wait(&self.abandon).await?;
                }
            }
        }
    }

    /// What to do about a write of `count` rows that failed.
    fn next(&mut self, fault: Fault, method: Method, count: usize) -> Next {
        match fault {
            Fault::Refused(refusal) => {
                self.health.goes_on(Wait::Postgres);
                Next::End(Piece::Refused(refusal))
            }
            Fault::Overtaken(_) if method == Method::Copy => {
                metrics::copied_in_vain();
                self.trust.break_off();
                Next::Now(Method::AskThenCopy)
            }
            Fault::Overtaken(_) if method == Method::AskThenCopy => {
                metrics::overtaken();
                Next::Aside(Method::Insert)
            }
            Fault::NoCopy(error) if method != Method::Insert => {
                self.no_copy(&error);
                Next::Now(Method::Insert)
            }
            Fault::TooMuch(error) => {
                self.wait_for_postgres(&format!("{error} ({count} rows at once)"));
                self.trust.doubt();
                self.pace.too_slow(count);
                if count > 1 { Next::End(Piece::TooMuch) } else { Next::Later(method) }
            }
            Fault::Surroundings(error)
            | Fault::Locked(error)
            | Fault::NoCopy(error)
            | Fault::Overtaken(error) => {
                self.wait_for_postgres(&error);
                // It may have been stored, and only the answer lost.
                Next::Later(if method == Method::Copy { Method::AskThenCopy } else { method })
            }
        }
    }

    fn wait_for_postgres(&self, error: &str) {
        metrics::write_retried();
        self.health.waits(Wait::Postgres, error);
    }

    fn no_copy(&mut self, error: &str) {
        if std::mem::take(&mut self.may_copy) {
            tracing::warn!(
                error,
                "COPY is not allowed: inserting from now on, which is slower; \
                to use COPY have an administrator run \"alter role LOGIN bypassrls\" and restart"
            );
        }
    }

    /// How to try first to bring in so many rows.
    fn method(&self, rows: usize) -> Method {
        if rows < COPY_FROM || !self.may_copy {
            Method::Insert
        } else if self.trust.is_earned() {
            Method::Copy
        } else {
            Method::AskThenCopy
        }
    }
}

/// Smaller pieces, in order, of rows that one row spoils. The server mostly says which one: those before it stand
/// ready, it is tried alone, and the others in halves, so that many bad rows cost no more than plain halving.
fn split(rows: &Range<usize>, spoiled: Option<usize>) -> Vec<Range<usize>> {
    let halves = |rows: Range<usize>| {
        let middle = rows.start + rows.len() / 2;
        [rows.start..middle, middle..rows.end]
    };
    let pieces = match spoiled.filter(|row| rows.contains(row)) {
        Some(row) => {
            let [near, far] = halves(row + 1..rows.end);
            vec![rows.start..row, row..row + 1, near, far]
        }
        None => halves(rows.clone()).to_vec(),
    };
    pieces.into_iter().filter(|piece| !piece.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn pieces_cover_all_rows_in_order_and_are_smaller_than_the_whole() {
        for length in 2..20 {
            let rows = 5..5 + length;
            for spoiled in [None].into_iter().chain((0..30).map(Some)) {
                let pieces = split(&rows, spoiled);
                let covered: Vec<usize> = pieces.iter().cloned().flatten().collect();
                assert_eq!(covered, rows.clone().collect::<Vec<_>>());
                assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.len() < rows.len()));
            }
        }
    }
}
