//! Which of many tests to believe.

/// Returns for each p-value whether it is a discovery, such that at most the share `rate` of the discoveries is expected to
/// be false: with the n p-values in order, p₁ to p_k for the largest k with p_k ≤ `rate` · k / n.
///
/// `None` and NaN stand for what was not tested: never a discovery, and not counted in n.
///
/// Source: Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57:289.
pub fn benjamini_hochberg(p_values: &[Option<f64>], rate: f64) -> Vec<bool> {
    let mut ordered: Vec<f64> = p_values.iter().copied().flatten().filter(|p| !p.is_nan()).collect();
    ordered.sort_unstable_by(f64::total_cmp);
    let allowed = |index: usize| rate * (index + 1) as f64 / ordered.len() as f64;
    let threshold =
        (0..ordered.len()).rev().find(|&index| ordered[index] <= allowed(index)).map(|index| ordered[index]);
    let is_found = |p: &Option<f64>| p.zip(threshold).is_some_and(|(p, threshold)| p <= threshold);
    p_values.iter().map(is_found).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::benjamini_hochberg;

    #[test]
    fn the_published_example_has_four_discoveries() {
        let p_values = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        let found = benjamini_hochberg(&p_values.map(Some), 0.05);
        assert_eq!(found, p_values.map(|p| p <= 0.0095));
    }

    #[test]
    fn what_was_not_tested_is_no_discovery_and_does_not_count() {
        assert_eq!(benjamini_hochberg(&[None, Some(f64::NAN), Some(0.09)], 0.1), [false, false, true]);
        assert_eq!(benjamini_hochberg(&[], 0.1), [false; 0]);
    }

    proptest! {
        #[test]
        fn a_smaller_p_value_than_a_discovery_is_one_too(p_values in prop::collection::vec(0.0..=1.0_f64, 0..50)) {
            let tested: Vec<Option<f64>> = p_values.iter().copied().map(Some).collect();
            let found = benjamini_hochberg(&tested, 0.1);
            let largest = p_values.iter().zip(&found).filter(|(_, found)| **found).map(|(p, _)| *p).fold(-1.0, f64::max);
            for (p, found) in p_values.iter().zip(&found) {
                prop_assert_eq!(*found, *p <= largest);
            }
        }
    }
}
