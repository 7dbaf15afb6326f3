//! What an interval is called.

/// Whether the interval of a ratio is so close to 1 that nothing needs to be done.
pub(crate) fn is_alike(low: f64, high: f64) -> bool {
    low >= 0.8 && high <= 1.25
}
