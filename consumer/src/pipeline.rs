//! The way of every batch, in one place: source → (decode, batch) → store → commit, with dead letters beside it.
//!
//! Nothing else in the program lets an offset move.

use std::time::Instant;

use tokio::sync::Notify;

use crate::backoff::GaveUp;
use crate::batch::Batch;
use crate::breaker::{Breaker, Refused};
use crate::dead_letter::DeadLetters;
use crate::source::Source;
use crate::store::{Store, Written};
use crate::{clock, metrics};

/// Runs until the source ends. Notifies `rows_written` after each write.
///
/// # Errors
/// When there was no time left to finish what the source had handed over.
pub(crate) async fn run(
    mut source: Source,
    mut store: Store,
    mut breaker: Breaker,
    dead_letters: DeadLetters,
    topic: &str,
    rows_written: &Notify,
) -> Result<(), GaveUp> {
    loop {
        let next = tokio::select! {
            next = source.next_batch() => next,
            never = store.watch() => match never {},
        };
        let Some(mut batch) = next else { return Ok(()) };

        let begun = Instant::now();
        let written = store.write(&mut batch).await?;
        tell(&batch, &written, begun);
        rows_written.notify_one();
        let Some(refused) = hold(&source, &mut store, &mut breaker, &mut batch, written.refused).await?
        else {
            source.give_back(batch);
            continue;
        };
        let refused = refused.into_iter().map(|(row, error)| batch.dead_letter(row, topic, error));
        let refused: Vec<_> = refused.collect();
        dead_letters.send(batch.take_poisoned().into_iter().chain(refused).collect()).await?;
        source.commit(batch);
    }
}

/// Holds the batch for as long as the breaker does not let its letters pass. Returns the rows that are refused in the end;
/// `None` when its partitions went to somebody else meanwhile, who reads and judges it anew.
async fn hold(
    source: &Source,
    store: &mut Store,
    breaker: &mut Breaker,
    batch: &mut Batch,
    mut refused: Vec<Refused>,
) -> Result<Option<Vec<Refused>>, GaveUp> {
    while !breaker.lets_pass(batch, &refused) {
        // The others are stored, however long this takes: the ledger must not count them twice.
        let held = batch.poisoned().len() + refused.len();
        metrics::settled(batch.settle_all_but(held));
        tokio::select! {
            waited = breaker.wait(store) => waited?,
            () = source.taken(batch) => {}
        }
        if !source.is_ours(batch) {
            metrics::given_back(held);
            return Ok(None);
        }
        let again = store.write_again(batch, refused, breaker.bearable(batch)).await?;
        metrics::written_late(again.inserted, again.duplicates);
        refused = again.refused;
    }
    Ok(Some(refused))
}

fn tell(batch: &Batch, written: &Written, begun: Instant) {
    let now = clock::unix_milliseconds();
    let duplicates = batch.duplicates() as u64 + written.duplicates;
    let ages = batch.received().iter().map(|received| now - received);
    metrics::written(batch.len(), begun.elapsed(), written.inserted, duplicates, ages);
}
