//! Whether batches may be copied without asking which of their events are stored already.
//!
//! Asking costs a tenth of the write and finds something only after a restart, a rebalance or a client's retry. So once
//! some batches in a row have held no duplicate, the next ones are not asked about: the key finds what is left, at the price
//! of a COPY in vain. That price is kept below one COPY in a hundred whatever the traffic, by asking for longer each time
//! it was paid.

/// Batches in a row without a duplicate before the first batch that is not asked about.
const FIRST: u32 = 8;
/// The most that can come to be needed.
const MOST: u32 = 1 << 10;
/// After so many clean batches in a row what went before is forgotten.
const FORGIVEN: u32 = 4 * MOST;

/// What the last batches were like.
#[derive(Debug)]
pub(crate) struct Trust {
    clean: u32,
    needed: u32,
}

impl Trust {
    /// None yet: the first batches after a start are those that may have been stored before.
    pub(crate) fn new() -> Self {
        Self { clean: 0, needed: FIRST }
    }

    /// Whether the next batch need not be asked about.
    pub(crate) fn is_earned(&self) -> bool {
        self.clean >= self.needed
    }

    /// A batch was stored, and so many of its events had been stored before.
    pub(crate) fn learn(&mut self, duplicates: u64) {
        self.clean = if duplicates == 0 { self.clean.saturating_add(1) } else { 0 };
        if self.clean >= FORGIVEN {
            self.needed = FIRST;
        }
    }

    /// A write was given up, and may have been stored all the same.
    pub(crate) fn doubt(&mut self) {
        self.clean = 0;
    }

    /// A batch that was not asked about held a duplicate, and its COPY was in vain.
    pub(crate) fn break_off(&mut self) {
        self.clean = 0;
        self.needed = (self.needed * 4).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FIRST, FORGIVEN, MOST, Trust};

    fn learn(trust: &mut Trust, batches: u32) {
        (0..batches).for_each(|_| trust.learn(0));
    }

    #[test]
    fn trust_is_earned_by_clean_batches_in_a_row() {
        let mut trust = Trust::new();
        learn(&mut trust, FIRST - 1);
        assert!(!trust.is_earned());
        trust.learn(1);
        learn(&mut trust, FIRST - 1);
        assert!(!trust.is_earned());
        trust.learn(0);
        assert!(trust.is_earned());
    }

    #[test]
    fn trust_that_was_broken_takes_longer_to_earn_until_that_is_forgiven() {
        let mut trust = Trust::new();
        trust.break_off();
        learn(&mut trust, FIRST);
        assert!(!trust.is_earned());
        learn(&mut trust, FORGIVEN);
        trust.learn(1);
        learn(&mut trust, FIRST);
        assert!(trust.is_earned());
    }

    proptest! {
        #[test]
        fn copies_in_vain_stay_rare_whatever_the_traffic(every in 1_u32..3_000) {
            // Every so many batches one holds a duplicate.
            let (mut trust, mut in_vain) = (Trust::new(), 0);
            let batches = 20 * MOST;
            for batch in 1..=batches {
                let duplicates = u64::from(batch.is_multiple_of(every));
                if trust.is_earned() && duplicates > 0 {
                    trust.break_off();
                    in_vain += 1;
                }
                trust.learn(duplicates);
            }
            prop_assert!(in_vain * 100 <= batches, "{in_vain} of {batches}");
        }
    }
}
