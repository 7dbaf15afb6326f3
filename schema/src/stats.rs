//! What the API tells of a prompt.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The performance of one prompt, over all its events or those of one slice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PromptTelemetryStats)]
pub struct PromptStats {
    /// The prompt.
    pub prompt_id: String,
    /// Times shown.
    #[schema(minimum = 0)]
    pub impressions: i64,
    /// Times clicked.
    #[schema(minimum = 0)]
    pub selections: i64,
    /// Times answered.
    #[schema(minimum = 0)]
    pub completions: i64,
    /// Selections / impressions, 4 decimals; 0 without impressions. It may exceed 1.
    #[schema(minimum = 0)]
    pub selection_rate: f64,
    /// Mean entropy delta of the completions that have one, 4 decimals; null without any.
    #[schema(required, minimum = -1, maximum = 1)]
    pub avg_entropy_delta: Option<f64>,
    /// Mean dwell time of the completions that have one, whole milliseconds; null without any.
    #[schema(required, minimum = 0)]
    pub avg_dwell_time_ms: Option<f64>,
    /// Time of the newest event of any type, RFC 3339; null without any.
    #[schema(required, format = DateTime)]
    pub last_surfaced: Option<String>,
}

/// One page of a list of prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = TelemetryPerformanceResponse)]
pub struct PromptStatsPage {
    /// The prompts of this page, in the order asked for.
    pub prompts: Vec<PromptStats>,
    /// How many prompts there are on all pages, after the filters.
    #[schema(minimum = 0)]
    pub total: i64,
}
