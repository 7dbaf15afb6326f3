//! How large a share of the last minute's records would be dead letters, and whether that is more than allowed.
//!
//! Pure: batches are told in, the clock is handed in. Knows nothing of why a record cannot be stored.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over which time the share is taken.
const MINUTE: Duration = Duration::from_secs(60);
/// How finely the minute is divided: batches within a second are added up, so that memory is bounded.
const SECOND: Duration = Duration::from_secs(1);
/// With fewer records than this in the last minute no share is too large: one bad record among three is no trend.
pub(crate) const FEWEST_RECORDS: u64 = 100;

/// How many records there were, and how many of them were bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Records of any kind.
    pub(crate) records: u64,
    /// Those that can never be stored.
    pub(crate) letters: u64,
}

impl Count {
    fn plus(self, other: Self) -> Self {
        Self { records: self.records + other.records, letters: self.letters + other.letters }
    }

    /// Whether more than `percent` of the records are letters.
    fn exceeds(self, percent: u64) -> bool {
        self.letters * 100 > percent * self.records
    }
}

/// What was let through in the last minute, and whether something is held back.
#[derive(Debug, Default)]
pub(crate) struct Share {
    minute: VecDeque<(Instant, Count)>,
    holding: bool,
}

impl Share {
    /// Judges a batch before its letters are sent: may it pass under a limit of `percent`? What passes counts for the next
    /// minute. What does not is held; from then on a batch is judged by itself alone, since the minute that tripped would
    /// go on speaking against it, and when one passes, the minute begins anew.
    ///
    /// # Errors
    /// What was counted, when that is too much.
    pub(crate) fn pass(&mut self, now: Instant, batch: Count, percent: u64) -> Result<(), Count> {
        while self.minute.front().is_some_and(|(then, _)| now.saturating_duration_since(*then) >= MINUTE) {
            self.minute.pop_front();
        }
        if self.holding {
            if batch.exceeds(percent) {
                return Err(batch);
            }
            self.minute.clear();
        }
        let sum = self.minute.iter().fold(batch, |sum, (_, count)| sum.plus(*count));
        self.holding = batch.letters > 0 && sum.records >= FEWEST_RECORDS && sum.exceeds(percent);
        if self.holding {
            return Err(sum);
        }
        match self.minute.back_mut() {
            Some((then, count)) if now.saturating_duration_since(*then) < SECOND => {
                *count = count.plus(batch);
            }
            _ => self.minute.push_back((now, batch)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Count, Share};

    const PERCENT: u64 = 10;

    fn count(records: u64, letters: u64) -> Count {
        Count { records, letters }
    }

    #[test]
    fn one_bad_record_among_three_passes_and_so_does_exactly_the_limit() {
        let (mut share, now) = (Share::default(), Instant::now());
        assert_eq!(share.pass(now, count(3, 1), PERCENT), Ok(()));
        assert_eq!(share.pass(now, count(97, 9), PERCENT), Ok(()));
        assert_eq!(share.pass(now, count(1, 1), PERCENT), Err(count(101, 11)));
    }

    #[test]
    fn what_is_older_than_a_minute_counts_no_more() {
        let (mut share, begin) = (Share::default(), Instant::now());
        assert_eq!(share.pass(begin, count(99, 9), PERCENT), Ok(()));
        let later = begin + Duration::from_secs(59);
        assert_eq!(share.pass(later, count(10, 10), PERCENT), Err(count(109, 19)));

        let mut share = Share::default();
        assert_eq!(share.pass(begin, count(99, 9), PERCENT), Ok(()));
        assert_eq!(share.pass(begin + Duration::from_secs(60), count(10, 10), PERCENT), Ok(()));
    }

    #[test]
    fn a_held_batch_passes_when_its_own_share_is_small_again_and_not_by_waiting() {
        let (mut share, begin) = (Share::default(), Instant::now());
        assert!(share.pass(begin, count(1_000, 900), PERCENT).is_err());
        let hours = begin + Duration::from_secs(7_200);
        assert_eq!(share.pass(hours, count(1_000, 101), PERCENT), Err(count(1_000, 101)));
        assert_eq!(share.pass(hours, count(5, 1), PERCENT), Err(count(5, 1)));
        assert_eq!(share.pass(hours, count(1_000, 100), PERCENT), Ok(()));
        assert_eq!(share.pass(hours, count(1, 1), PERCENT), Err(count(1_001, 101)));
    }

    #[test]
    fn a_batch_without_letters_always_passes() {
        let (mut share, begin) = (Share::default(), Instant::now());
        assert!(share.pass(begin, count(99, 99), PERCENT).is_ok());
        assert!(share.pass(begin, count(10, 0), PERCENT).is_ok());
        assert!(share.pass(begin, count(10, 1), PERCENT).is_err());
        assert!(share.pass(begin, count(1, 0), PERCENT).is_ok());
    }

    #[test]
    fn memory_stays_bounded_however_many_batches_come() {
        let (mut share, begin) = (Share::default(), Instant::now());
        for batch in 0..100_000 {
            assert!(share.pass(begin + Duration::from_millis(batch * 5), count(10, 0), PERCENT).is_ok());
        }
        assert!(share.minute.len() <= 60, "{}", share.minute.len());
    }
}
