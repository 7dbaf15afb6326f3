//! A valid event. Only [`RawEvent::validate`](crate::RawEvent::validate) and [`decode`](crate::decode) make one, so
//! whoever holds one need not check it again.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use uuid::Uuid;

use crate::vocabulary::{EventType, Stage};

/// An event that follows every rule of the contract. It serializes to the value of its Kafka record.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What the event is: two events with one id are the same event.
    pub id: Uuid,
    /// What happened.
    pub event_type: EventType,
    /// The prompt it happened to; 1 to 256 code points.
    pub prompt_id: Cow<'a, str>,
    /// The session it happened in; 1 to 128 code points.
    pub session_id: Cow<'a, str>,
    /// When it happened; Unix milliseconds, 2000-01-01 to 2100-01-01.
    pub timestamp: i64,
    /// When intake received it; Unix milliseconds, the same range.
    pub received_at: i64,
    /// The state of the conversation, where any of it is known.
    pub context: Option<Context<'a>>,
    /// How the prompt came to be shown, where any of it is known.
    pub scoring: Option<Scoring>,
    /// What came of it, where any of it is known.
    pub outcome: Option<Outcome<'a>>,
}

/// The state of the conversation when the event happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Context<'a> {
    /// How far the conversation has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The persona the prompt was shown under; at most 128 code points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lens_id: Option<Cow<'a, str>>,
    /// How spread out the conversation is; 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entropy: Option<f64>,
    /// Exchanges so far; 0 and up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction_count: Option<i32>,
    /// Topics touched; at most 64, of at most 128 code points each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_topics: Option<Vec<Cow<'a, str>>>,
    /// Moments detected; at most 64, of at most 128 code points each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_moments: Option<Vec<Cow<'a, str>>>,
}

/// How the prompt came to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Scoring {
    /// The scorer's result; finite, in the scorer's own unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_score: Option<f64>,
    /// Position in the list as displayed; 0-based.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<i32>,
    /// The parts of the score, where any is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_details: Option<MatchDetails>,
}

/// The parts of a score; numbers are finite, in the scorer's own unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MatchDetails {
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
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Outcome<'a> {
    /// From selection to the person's next action; milliseconds, 0 and up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dwell_time_ms: Option<i32>,
    /// Entropy after less entropy before; −1 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entropy_delta: Option<f64>,
    /// The prompt chosen next; 1 to 256 code points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_up_prompt_id: Option<Cow<'a, str>>,
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Event", 9)?;
        object.serialize_field("id", &self.id)?;
        object.serialize_field("receivedAt", &self.received_at)?;
        self.serialize_content(&mut object)?;
        object.end()
    }
}

/// What an event says, without the id and the time of receipt that intake adds: the source of derived ids.
pub(crate) struct Content<'e, 'a>(pub(crate) &'e Event<'a>);

impl Serialize for Content<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Content", 7)?;
        self.0.serialize_content(&mut object)?;
        object.end()
    }
}

impl Event<'_> {
    fn serialize_content<S: SerializeStruct>(&self, object: &mut S) -> Result<(), S::Error> {
        object.serialize_field("eventType", &self.event_type)?;
        object.serialize_field("promptId", &self.prompt_id)?;
        object.serialize_field("sessionId", &self.session_id)?;
        object.serialize_field("timestamp", &self.timestamp)?;
        if let Some(context) = &self.context {
            object.serialize_field("context", context)?;
        }
        if let Some(scoring) = &self.scoring {
            object.serialize_field("scoring", scoring)?;
        }
        if let Some(outcome) = &self.outcome {
            object.serialize_field("outcome", outcome)?;
        }
        Ok(())
    }
}
