//! What was counted: impressions by place, and selections.

use std::iter::Sum;

/// The places that are told apart: ranks 0 to 4, and 5 and up as one.
pub const RANKS: usize = 6;

/// The counts of one prompt in one period: a day, or an hour of a window of 24 hours.
///
/// Days without events may be left out of a list of periods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Impressions, those without a known rank included.
    pub impressions: u64,
    /// Impressions by rank. What is missing from `impressions` had no known rank.
    pub by_rank: [u64; RANKS],
    /// Selections, whatever their rank.
    pub selections: u64,
}

impl Period {
    /// Whether more selections than impressions were counted: impressions are missing, so a rate means nothing.
    pub fn is_implausible(&self) -> bool {
        self.selections > self.impressions
    }

    /// Impressions by rank, and behind them those without one.
    pub(crate) fn shown(&self) -> [f64; RANKS + 1] {
        let mut shown = [0.0; RANKS + 1];
        let ranked = self.by_rank.iter().fold(0_u64, |sum, &count| sum.saturating_add(count));
        for (place, &count) in shown.iter_mut().zip(&self.by_rank) {
            *place = count as f64;
        }
        shown[RANKS] = self.impressions.saturating_sub(ranked) as f64;
        shown
    }

    pub(crate) fn selected(&self) -> f64 {
        self.selections as f64
    }
}

impl Sum for Period {
    /// Adds counts up. A sum that does not fit stays at the largest number.
    fn sum<I: Iterator<Item = Period>>(periods: I) -> Period {
        periods.fold(Period::default(), |mut sum, period| {
            sum.impressions = sum.impressions.saturating_add(period.impressions);
            sum.selections = sum.selections.saturating_add(period.selections);
            for (rank, count) in sum.by_rank.iter_mut().zip(period.by_rank) {
                *rank = rank.saturating_add(count);
            }
            sum
        })
    }
}
