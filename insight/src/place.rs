//! How much each place multiplies the chance of being selected.

use crate::period::{Period, RANKS};

/// The factors of the places, relative to the first one: 1, 0.7, … for ranks 0, 1, ….
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors([f64; RANKS]);

impl Factors {
    /// The factors while nothing is known of places: all of them 1.
    pub const EQUAL: Factors = Factors([1.0; RANKS]);

    /// The factors from what was stored, in any common unit.
    ///
    /// Returns `None` unless each factor and its ratio to the first one are between 1e-6 and 1e6.
    pub fn new(factors: [f64; RANKS]) -> Option<Factors> {
        let usable = |factor: f64| (1e-6..=1e6).contains(&factor);
        let relative = factors.map(|factor| factor / factors[0]);
        (factors.into_iter().all(usable) && relative.into_iter().all(usable)).then_some(Factors(relative))
    }

    /// The factors by rank; the first one is 1.
    pub fn by_rank(&self) -> [f64; RANKS] {
        self.0
    }

    /// The factors scaled so that their mean over the impressions of `all` is 1.
    pub(crate) fn scaled_to(&self, all: &Period) -> Scale {
        let shown = all.shown();
        let ranked: f64 = shown[..RANKS].iter().sum();
        if ranked <= 0.0 {
            return Scale([1.0; RANKS + 1]);
        }
        let weighted: f64 = self.0.iter().zip(&shown).map(|(factor, count)| factor * count).sum();
        let mut scaled = [weighted / ranked; RANKS + 1];
        scaled[..RANKS].copy_from_slice(&self.0);
        // The mean over all impressions is that over the ranked ones, because the others have it as their factor.
        Scale(scaled.map(|factor| factor * ranked / weighted))
    }
}

/// Factors by rank, and behind them the one of impressions without a rank, on the scale of one answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale(pub(crate) [f64; RANKS + 1]);

impl Scale {
    /// The impressions at equal places: Σ n_r g_r, how many at an average place would have had as many selections.
    pub(crate) fn exposure(&self, period: &Period) -> f64 {
        self.0.iter().zip(period.shown()).map(|(factor, count)| factor * count).sum()
    }
}
