//! How much more counts vary from day to day than independent clicks would: people who click a lot, robots, bursts.

/// Degrees of freedom with which the dispersion of all prompts draws a single prompt's towards it.
const PRIOR_DEGREES: f64 = 20.0;

/// The smallest dispersion. It only matters where nearly every impression is selected.
const LEAST: f64 = 0.05;

/// What one prompt's periods say of its dispersion.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deviations {
    squares: f64,
    expected: f64,
    periods: f64,
    degrees: f64,
}

impl Deviations {
    /// Takes up one stretch of time: (exposure, selections) of each of its periods, whose rate is their common one.
    pub(crate) fn add(&mut self, periods: impl Iterator<Item = (f64, f64)> + Clone) {
        let (exposure, selected) =
            periods.clone().fold((0.0, 0.0), |(exposure, selected), (e, s)| (exposure + e, selected + s));
        let rate = if exposure > 0.0 { selected / exposure } else { 0.0 };
        let mut used = 0.0;
        for (exposure, selected) in periods {
            let mean = exposure * rate;
            if mean > 0.0 {
                self.squares += (selected - mean).powi(2);
                self.expected += mean;
                used += 1.0;
            }
        }
        self.periods += used;
        self.degrees += (used - 1.0_f64).max(0.0);
    }

    /// Σ(s − m)² / Σm · d / (d − 1), where d counts the periods and one is lost for each stretch of time.
    fn own(&self) -> f64 {
        let ratio = if self.expected > 0.0 { self.squares / self.expected } else { 1.0 };
        if self.degrees > 0.0 { ratio * self.periods / self.degrees } else { ratio }
    }
}

/// Returns the dispersion of each prompt, at least 1 − `overall` (the rate of all prompts, as that of independent clicks).
///
/// A prompt with few periods is drawn towards the dispersion of all: (d · own + 20 · pooled) / (d + 20), with d its degrees
/// of freedom.
///
/// Source: Smyth (2004), Statistical Applications in Genetics and Molecular Biology 3:3.
pub(crate) fn moderated(prompts: &[Deviations], overall: f64) -> Vec<f64> {
    let degrees: f64 = prompts.iter().map(|prompt| prompt.degrees).sum();
    let pooled = prompts.iter().map(|prompt| prompt.own() * prompt.degrees).sum::<f64>() / degrees.max(1.0);
    let least = (1.0 - overall).max(LEAST);
    let moderate = |prompt: &Deviations| {
        let sum = prompt.degrees * prompt.own() + PRIOR_DEGREES * pooled;
        (sum / (prompt.degrees + PRIOR_DEGREES)).max(least)
    };
    prompts.iter().map(moderate).collect()
}
