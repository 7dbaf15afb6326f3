//! Counts the reports that one request waits for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::producer::ProduceError;
use crate::producer::room::Place;

/// Shared by a request and its records, whose room is taken until the last of them lets go.
#[derive(Debug)]
pub(crate) struct Receipt {
    /// Reports not in yet, plus one while the request may still add records.
    outstanding: AtomicUsize,
    first_error: OnceLock<ProduceError>,
    done: Notify,
    _place: Place,
}

impl Receipt {
    pub(crate) fn new(place: Place) -> Arc<Self> {
        Arc::new(Self {
            outstanding: AtomicUsize::new(1),
            first_error: OnceLock::new(),
            done: Notify::new(),
            _place: place,
        })
    }

    /// The pointer that one more record carries.
    pub(crate) fn expect_report(self: &Arc<Self>) -> Arc<Self> {
        self.outstanding.fetch_add(1, Ordering::Relaxed);
        Arc::clone(self)
    }

    /// Takes the report about one record.
    pub(crate) fn report(&self, result: Result<(), ProduceError>) {
        if let Err(error) = result {
            self.first_error.get_or_init(|| error);
        }
        self.settle();
    }

    /// Waits for the last report. Call it once, when no record will be added any more.
    pub(crate) async fn complete(&self) -> Result<(), ProduceError> {
        self.settle();
        self.done.notified().await;
        self.first_error.get().map_or(Ok(()), |error| Err(*error))
    }

    fn settle(&self) {
        if self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.done.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::Receipt;
    use crate::producer::ProduceError;
    use crate::producer::room::Room;

    fn receipt() -> std::sync::Arc<Receipt> {
        Receipt::new(Room::new(1, 1).take(1, 1).unwrap())
    }

    #[test]
    fn a_receipt_is_complete_after_the_last_report_and_not_before() {
        let receipt = receipt();
        let records = [receipt.expect_report(), receipt.expect_report()];
        records[0].report(Ok(()));
        let mut complete = Box::pin(receipt.complete());
        assert_eq!(complete.as_mut().now_or_never(), None);
        records[1].report(Ok(()));
        assert_eq!(complete.as_mut().now_or_never(), Some(Ok(())));
    }

    #[test]
    fn reports_that_are_in_before_anybody_waits_are_not_lost_and_the_first_error_counts() {
        let receipt = receipt();
        let records = [receipt.expect_report(), receipt.expect_report(), receipt.expect_report()];
        records[0].report(Ok(()));
        records[1].report(Err(ProduceError::TooLarge));
        records[2].report(Err(ProduceError::Deadline));
        assert_eq!(receipt.complete().now_or_never(), Some(Err(ProduceError::TooLarge)));
    }

    #[test]
    fn a_receipt_without_records_is_complete() {
        assert_eq!(receipt().complete().now_or_never(), Some(Ok(())));
    }
}
