//! The interval of a share: selections per impression, completions per selection.

/// The 97.5 % quantile of the standard normal distribution: the half width of a 95 % interval in standard errors.
pub(crate) const Z95: f64 = 1.959_963_984_540_054;

/// Returns the 95 % score interval of `successes / trials`, as (low, high), both between 0 and 1.
///
/// With p = successes / trials and q = z² / trials, the bounds are
/// (p + q/2 ± z √(p (1 − p) / trials + q / (4 · trials))) / (1 + q). Counts may be fractional.
///
/// Returns `None` without trials, with more successes than trials, and for numbers that are negative or not finite.
///
/// Source: Wilson (1927), Journal of the American Statistical Association 22:209; method 3 of Newcombe (1998),
/// Statistics in Medicine 17:857.
pub fn wilson(successes: f64, trials: f64) -> Option<(f64, f64)> {
    let valid = trials > 0.0 && trials.is_finite() && (0.0..=trials).contains(&successes);
    valid.then(|| of_share(successes / trials, trials))
}

/// Returns the 95 % score interval of `successes / trials` where the counts vary `dispersion` times as much as those of
/// independent trials would: [`wilson`] with both counts divided by `dispersion`.
///
/// Returns `None` where [`wilson`] does, and unless `dispersion` is positive and finite.
pub fn wilson_dispersed(successes: f64, trials: f64, dispersion: f64) -> Option<(f64, f64)> {
    let valid = dispersion > 0.0 && dispersion.is_finite();
    if valid { wilson(successes / dispersion, trials / dispersion) } else { None }
}

/// The interval of a `share` (0 to 1) that was seen in `trials` (positive).
pub(crate) fn of_share(share: f64, trials: f64) -> (f64, f64) {
    // Multiplied by the trials throughout, so that a tiny number of them overflows nothing.
    let square = Z95 * Z95;
    let middle = share * trials + square / 2.0;
    let reach = Z95 * (share * (1.0 - share) * trials + square / 4.0).sqrt();
    let bound = |value: f64| (value / (trials + square)).clamp(0.0, 1.0);
    (bound(middle - reach), bound(middle + reach))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{wilson, wilson_dispersed};

    #[test]
    fn the_four_intervals_that_newcombe_published_come_out() {
        let published = [
            (81.0, 263.0, 0.2553, 0.3662),
            (15.0, 148.0, 0.0624, 0.1605),
            (0.0, 20.0, 0.0, 0.1611),
            (1.0, 29.0, 0.0061, 0.1718),
        ];
        for (successes, trials, low, high) in published {
            let (l, h) = wilson(successes, trials).unwrap();
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{successes}/{trials}: {l} to {h}");
        }
    }

    #[test]
    fn a_share_that_cannot_be_has_no_interval() {
        for (successes, trials) in
            [(0.0, 0.0), (2.0, 1.0), (-1.0, 1.0), (f64::NAN, 1.0), (1.0, f64::NAN), (1.0, f64::INFINITY)]
        {
            assert_eq!(wilson(successes, trials), None, "{successes}/{trials}");
        }
        for dispersion in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(wilson_dispersed(1.0, 2.0, dispersion), None, "{dispersion}");
        }
    }

    #[test]
    fn dispersed_counts_are_worth_fewer_trials() {
        assert_eq!(wilson_dispersed(30.0, 300.0, 3.0), wilson(10.0, 100.0));
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_share_and_stays_between_0_and_1(
            trials in prop_oneof![1e-300..1e-3, 1e-3..1e3, 1e3..1e300],
            share in 0.0..=1.0_f64,
        ) {
            let (low, high) = wilson(share * trials, trials).unwrap();
            prop_assert!(0.0 <= low && low <= share + 1e-12 && share <= high + 1e-12 && high <= 1.0);
        }

        #[test]
        fn no_number_makes_it_panic_or_return_nan(successes in any::<f64>(), trials in any::<f64>(), by in any::<f64>()) {
            for (low, high) in [wilson(successes, trials), wilson_dispersed(successes, trials, by)].into_iter().flatten() {
                prop_assert!(0.0 <= low && low <= high && high <= 1.0);
            }
        }
    }
}
