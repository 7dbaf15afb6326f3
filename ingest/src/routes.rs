//! The calls of the API, a file for each kind. A handler takes the request apart, calls what does the work, and answers.

pub(crate) mod address;
pub mod events;
pub mod health;
pub(crate) mod parameters;
pub mod stats;
pub mod web;

/// The label of a path in the metrics: its route's template, never the path itself.
#[must_use]
pub fn template(path: &str) -> &'static str {
    match path {
        events::EVENT => events::EVENT,
        events::BATCH => events::BATCH,
        stats::PERFORMANCE => stats::PERFORMANCE,
        stats::STATS_BY_ID => stats::STATS_BY_ID,
        health::HEALTH => health::HEALTH,
        "/openapi.json" => "/openapi.json",
        path if path.starts_with("/api/telemetry/prompt/") && path.ends_with("/stats") => stats::STATS,
        path if path.starts_with("/api/") => "unknown",
        _ => "pages",
    }
}
