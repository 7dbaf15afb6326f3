//! An event as a client writes it, and the answers it gets: the shapes that the OpenAPI description shows.
//!
//! Knows no rules: whatever these can spell, [`RawEvent::validate`](crate::RawEvent::validate) judges.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::fault::Fault;
use crate::vocabulary::{EventType, Stage};

/// One event, as sent to intake. Optional fields may be absent or null, which is the same; unknown ones are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PromptTelemetryEvent)]
pub struct SubmittedEvent {
    /// What the event is: the first one stored under an id wins, later ones are duplicates. A UUID of any version, but
    /// neither nil nor max; make it when the event is recorded and keep it over retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// What happened.
    pub event_type: EventType,
    /// The prompt it happened to; not `.` or `..`.
    #[schema(min_length = 1, max_length = 256)]
    pub prompt_id: String,
    /// The session it happened in. A session's events keep their order.
    #[schema(min_length = 1, max_length = 128)]
    pub session_id: String,
    /// When it happened, from 2000-01-01 on. More than 24 h in the future is stored as the time of receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<SubmittedTimestamp>,
    /// The state of the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<SubmittedContext>,
    /// How the prompt came to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scoring: Option<SubmittedScoring>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<SubmittedOutcome>,
}

/// Unix milliseconds, or RFC 3339 with an offset; cut to milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SubmittedTimestamp {
    /// Unix milliseconds.
    Milliseconds(i64),
    /// RFC 3339.
    #[schema(format = DateTime)]
    Text(String),
}

/// The state of the conversation when the event happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TelemetryContext)]
pub struct SubmittedContext {
    /// How far the conversation has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The persona the prompt was shown under.
    #[schema(max_length = 128)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lens_id: Option<String>,
    /// How spread out the conversation is.
    #[schema(minimum = 0, maximum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entropy: Option<f64>,
    /// Exchanges so far.
    #[schema(minimum = 0)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction_count: Option<i32>,
    /// Topics touched, at most 64 of at most 128 characters.
    #[schema(max_items = 64)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_topics: Option<Vec<String>>,
    /// Moments detected, at most 64 of at most 128 characters.
    #[schema(max_items = 64)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_moments: Option<Vec<String>>,
}

/// How the prompt came to be shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TelemetryScoringDetails)]
pub struct SubmittedScoring {
    /// The scorer's result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_score: Option<f64>,
    /// Position in the list as displayed, 0-based.
    #[schema(minimum = 0)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<i32>,
    /// The parts of the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_details: Option<SubmittedMatchDetails>,
}

/// The parts of a score.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TelemetryMatchDetails)]
pub struct SubmittedMatchDetails {
    /// Whether the prompt was meant for the stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_match: Option<bool>,
    /// Affinity to the lens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lens_weight: Option<f64>,
    /// Affinity to the topics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_weight: Option<f64>,
    /// Added for moments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moment_boost: Option<f64>,
    /// The prompt's own weight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_weight: Option<f64>,
}

/// What came of a prompt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TelemetryOutcome)]
pub struct SubmittedOutcome {
    /// From selection to the person's next action, in milliseconds; a fraction is rounded.
    #[schema(minimum = 0, maximum = 2_147_483_647)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dwell_time_ms: Option<f64>,
    /// Entropy after less entropy before.
    #[schema(minimum = -1, maximum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entropy_delta: Option<f64>,
    /// The prompt chosen next; not `.` or `..`.
    #[schema(min_length = 1, max_length = 256)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_up_prompt_id: Option<String>,
}

/// The body of a batch request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = TelemetryBatch)]
pub struct SubmittedBatch {
    /// The events; each is judged on its own.
    #[schema(min_items = 1, max_items = 1000)]
    pub events: Vec<SubmittedEvent>,
}

/// The event is safe: Kafka has acknowledged it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = TelemetrySubmitResponse)]
pub struct EventAccepted {
    /// The event's id: the one sent, or the one it got.
    pub id: Uuid,
    /// Always `accepted`.
    pub status: SubmissionStatus,
}

/// The accepted events of a batch are safe: Kafka has acknowledged them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = TelemetryBatchResponse)]
pub struct BatchAccepted {
    /// How many events were accepted, a repeated id included.
    #[schema(minimum = 0)]
    pub count: usize,
    /// `partial` when some events were rejected.
    pub status: SubmissionStatus,
    /// The events that were not accepted. Sending them again unchanged is in vain.
    pub rejected: Vec<RejectedEvent>,
}

/// Whether all of a request's events were accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TelemetryStatus)]
pub enum SubmissionStatus {
    /// All of them.
    Accepted,
    /// Some of them.
    Partial,
}

/// An event of a batch that breaks rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = TelemetryRejectedEvent)]
pub struct RejectedEvent {
    /// Its place in the batch, 0-based.
    #[schema(minimum = 0)]
    pub index: usize,
    /// Its id as sent, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Every rule it breaks.
    pub errors: Vec<Fault>,
}
