//! What a series of measurements comes to.

use std::time::{SystemTime, UNIX_EPOCH};

/// The value in the middle; the mean of the two middle ones when there is an even number.
///
/// # Panics
/// When there are no values.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// The smallest value that at least `share` (0 to 1) of the values do not exceed.
///
/// # Panics
/// When there are no values.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let sorted = sorted(values);
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}

/// The smallest and the largest value.
///
/// # Panics
/// When there are no values.
pub fn extremes(values: &[f64]) -> (f64, f64) {
    let sorted = sorted(values);
    (sorted[0], sorted[sorted.len() - 1])
}

/// Each of `ours` divided by the limit of the same round.
pub fn ratios(ours: &[f64], limits: &[f64]) -> Vec<f64> {
    ours.iter().zip(limits).map(|(ours, limit)| ours / limit).collect()
}

/// Now, in Unix milliseconds.
pub fn unix_milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set to after 1970");
    i64::try_from(since.as_millis()).expect("these milliseconds fit for 292 million years")
}

fn sorted(values: &[f64]) -> Vec<f64> {
    assert!(!values.is_empty(), "nothing was measured");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use crate::clock::{extremes, median, percentile};

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn a_percentile_is_a_measured_value() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.99), 198.0);
        assert_eq!(percentile(&values, 0.5), 100.0);
        assert_eq!(percentile(&values, 1.0), 200.0);
        assert_eq!(percentile(&[7.0], 0.01), 7.0);
        assert_eq!(extremes(&values), (1.0, 200.0));
    }
}
