//! An event as it stands in JSON, before any rule but JSON's own was applied.
//!
//! Strings borrow from the text where it holds no escapes. Keys that the contract does not name are skipped.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::field::{Field, FromJson, List};
use crate::timestamp::RawTimestamp;
use crate::validate::limits;

/// A string, borrowed from the JSON text where possible.
pub(crate) type Text<'a> = Cow<'a, str>;
/// One element more than allowed is kept, so that the first one too many can be told.
pub(crate) type Tags<'a> = List<Field<Text<'a>>, { limits::TAGS }>;

/// Declares a struct that reads its named keys from a JSON object and skips the others.
macro_rules! object {
    ($(#[$doc:meta])* $vis:vis struct $name:ident<$lt:lifetime> { $($key:literal => $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        $vis struct $name<$lt> {
            $(pub(crate) $field: Field<$type>,)+
            lifetime: PhantomData<&$lt str>,
        }

        impl<$lt> FromJson<$lt> for $name<$lt> {
            const EXPECTED: &'static str = "an object";

            fn from_object<A: MapAccess<$lt>>(mut object: A) -> Result<Field<Self>, A::Error> {
                let mut read = Self::default();
                while let Some(key) = object.next_key::<Key<'_>>()? {
                    match &*key.0 {
                        $($key => read.$field.read(&mut object)?,)+
                        _ => drop(object.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Field::Given(read))
            }
        }
    };
}

object! {
    /// An event as sent: every field may be missing, doubled or of a wrong type. [`RawEvent::validate`] judges it.
    pub struct RawEvent<'a> {
        "id" => id: Text<'a>,
        "eventType" => event_type: Text<'a>,
        "promptId" => prompt_id: Text<'a>,
        "sessionId" => session_id: Text<'a>,
        "timestamp" => timestamp: RawTimestamp<'a>,
        "receivedAt" => received_at: f64,
        "context" => context: RawContext<'a>,
        "scoring" => scoring: RawScoring<'a>,
        "outcome" => outcome: RawOutcome<'a>,
    }
}

object! {
    /// The body of a batch request.
    pub(crate) struct RawBatch<'a> {
        "events" => events: List<Field<RawEvent<'a>>, { limits::BATCH_EVENTS }>,
    }
}

object! {
    pub(crate) struct RawContext<'a> {
        "stage" => stage: Text<'a>,
        "lensId" => lens_id: Text<'a>,
        "entropy" => entropy: f64,
        "interactionCount" => interaction_count: f64,
        "activeTopics" => active_topics: Tags<'a>,
        "activeMoments" => active_moments: Tags<'a>,
    }
}

object! {
    pub(crate) struct RawScoring<'a> {
        "finalScore" => final_score: f64,
        "rank" => rank: f64,
        "matchDetails" => match_details: RawMatchDetails<'a>,
    }
}

object! {
    pub(crate) struct RawMatchDetails<'a> {
        "stageMatch" => stage_match: bool,
        "lensWeight" => lens_weight: f64,
        "topicWeight" => topic_weight: f64,
        "momentBoost" => moment_boost: f64,
        "baseWeight" => base_weight: f64,
    }
}

object! {
    pub(crate) struct RawOutcome<'a> {
        "dwellTimeMs" => dwell_time_ms: f64,
        "entropyDelta" => entropy_delta: f64,
        "followUpPromptId" => follow_up_prompt_id: Text<'a>,
    }
}

impl<'a> RawEvent<'a> {
    /// The id as it was sent, if it is a string: what an answer about a rejected event calls it by. Mostly borrowed.
    #[must_use]
    pub fn sent_id(&self) -> Option<Cow<'a, str>> {
        match &self.id {
            Field::Given(id) => Some(id.clone()),
            Field::Missing | Field::Null | Field::Wrong(_) | Field::Duplicate => None,
        }
    }
}

/// A key of an object: borrowed unless it is written with escapes.
struct Key<'a>(Text<'a>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AnyKey)
    }
}

struct AnyKey;

impl<'de> Visitor<'de> for AnyKey {
    type Value = Key<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}
