//! The process's metrics as Prometheus text. Knows no metric's name: those stand in the services' `metrics` modules.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Reads what the `metrics` macros have recorded in this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

static INSTALLED: OnceLock<Metrics> = OnceLock::new();

impl Metrics {
    /// Starts recording, with fixed buckets for the histograms named (upper bounds, ascending). A process records
    /// once: a later call returns the first one's recorder.
    ///
    /// # Panics
    /// When a histogram is given no buckets, or something else in the process records metrics already.
    pub fn install(buckets: &[(&str, &[f64])]) -> Self {
        let install = || {
            let builder = buckets.iter().fold(PrometheusBuilder::new(), |builder, (name, bounds)| {
                builder
                    .set_buckets_for_metric(Matcher::Full((*name).to_owned()), bounds)
                    .expect("every histogram has at least one bucket")
            });
            Self(builder.install_recorder().expect("nothing else in the process records metrics"))
        };
        INSTALLED.get_or_init(install).clone()
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Moves what histograms have gathered into their buckets; call it every few seconds, or their memory grows.
    pub(crate) fn run_upkeep(&self) {
        self.0.run_upkeep();
    }
}
