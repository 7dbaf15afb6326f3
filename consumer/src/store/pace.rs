//! How many rows are written at once: all there are, unless writes take too long.
//!
//! A write that is given up at its deadline would be given up again at the same size, for ever. So the size is halved
//! until writes succeed, and doubled again once several in a row have.

use std::ops::Range;

/// Writes in a row that must succeed before a larger one is tried. A write that is too large costs a whole deadline.
const BEFORE_LARGER: u32 = 4;

/// The most rows of a write.
#[derive(Debug)]
pub(crate) struct Pace {
    most: usize,
    succeeded: u32,
}

impl Pace {
    /// Without a bound.
    pub(crate) fn new() -> Self {
        Self { most: usize::MAX, succeeded: 0 }
    }

    /// The beginning of `rows` that may be written at once, and what is left of them.
    pub(crate) fn cut(&self, rows: Range<usize>) -> (Range<usize>, Option<Range<usize>>) {
        if rows.len() <= self.most {
            return (rows, None);
        }
        let middle = rows.start + self.most;
        (rows.start..middle, Some(middle..rows.end))
    }

    /// A write of so many rows took too long.
    pub(crate) fn too_slow(&mut self, rows: usize) {
        self.most = (rows / 2).max(1);
        self.succeeded = 0;
    }

    /// A write of so many rows was finished in time. Small ones prove nothing about larger ones.
    pub(crate) fn in_time(&mut self, rows: usize) {
        if self.most == usize::MAX || rows < self.most {
            return;
        }
        self.succeeded += 1;
        if self.succeeded >= BEFORE_LARGER {
            self.most = self.most.saturating_mul(2);
            self.succeeded = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BEFORE_LARGER, Pace};

    #[test]
    fn all_rows_are_written_at_once_until_a_write_is_too_slow() {
        let mut pace = Pace::new();
        assert_eq!(pace.cut(0..20_000), (0..20_000, None));
        pace.too_slow(20_000);
        assert_eq!(pace.cut(5..20_005), (5..10_005, Some(10_005..20_005)));
        assert_eq!(pace.cut(0..9), (0..9, None));
    }

    #[test]
    fn the_size_is_halved_down_to_one_row_and_grows_back_to_all() {
        let mut pace = Pace::new();
        let mut rows = 20_000;
        while rows > 1 {
            pace.too_slow(rows);
            rows = pace.cut(0..rows).0.len();
        }
        pace.too_slow(1);
        assert_eq!(pace.cut(0..3), (0..1, Some(1..3)));
        let mut writes = 0;
        while pace.cut(0..20_000).1.is_some() {
            let most = pace.cut(0..20_000).0.len();
            pace.in_time(most);
            writes += 1;
        }
        assert_eq!(writes, 15 * BEFORE_LARGER);
    }

    #[test]
    fn a_small_batch_that_succeeds_does_not_make_the_size_grow() {
        let mut pace = Pace::new();
        pace.too_slow(2_000);
        (0..100).for_each(|_| pace.in_time(10));
        assert_eq!(pace.cut(0..2_000).0, 0..1_000);
    }
}
