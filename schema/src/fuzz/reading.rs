//! A second reading of a record, straight from the contract's table: the event it holds, or nothing.
//!
//! It names no fault and shares no code with the decoder but the types of the result.

use std::borrow::Cow;

use uuid::Uuid;

use crate::event::{Context, Event, MatchDetails, Outcome, Scoring};
use crate::fuzz::json::{self, Json};
use crate::fuzz::moment;
use crate::vocabulary::{EventType, Stage};

const TIMES: std::ops::RangeInclusive<i64> = 946_684_800_000..=4_102_444_800_000;

/// The event of a record's value.
pub(crate) fn event(value: &[u8]) -> Option<Event<'static>> {
    let record = Object::of(json::parse(std::str::from_utf8(value).ok()?)?)?;
    let event = Event {
        id: id(&record.text("id")??)?,
        event_type: word(&record.text("eventType")??, EventType::ALL, EventType::WORDS)?,
        prompt_id: prompt_id(record.text("promptId")??)?,
        session_id: bounded(record.text("sessionId")??, 1, 128)?,
        timestamp: timestamp(record.get("timestamp")?)?,
        received_at: record.number("receivedAt")?.map(f64::trunc).and_then(time)?,
        context: part(&record, "context", context)?,
        scoring: part(&record, "scoring", scoring)?,
        outcome: part(&record, "outcome", outcome)?,
    };
    Some(event)
}

/// An object's entries. In each method the outer `None` is a fault, the inner one an absent or null value.
struct Object(Vec<(String, Json)>);

impl Object {
    fn of(value: Json) -> Option<Self> {
        let Json::Object(entries) = value else { return None };
        entries.into_iter().map(|(key, value)| Some((key?, value))).collect::<Option<_>>().map(Self)
    }

    /// `Null` when it is not there.
    fn get(&self, key: &str) -> Option<&Json> {
        let mut found = self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| value);
        let value = found.next().unwrap_or(&Json::Null);
        found.next().is_none().then_some(value)
    }

    fn text(&self, key: &str) -> Option<Option<String>> {
        match self.get(key)? {
            Json::Null => Some(None),
            Json::Text(text) => text.clone().map(Some),
            _ => None,
        }
    }

    fn number(&self, key: &str) -> Option<Option<f64>> {
        match self.get(key)? {
            Json::Null => Some(None),
            Json::Number(number) => finite(number).map(Some),
            _ => None,
        }
    }

    fn between(&self, key: &str, least: f64, most: f64) -> Option<Option<f64>> {
        let number = self.number(key)?;
        let fits = number.is_none_or(|number| number >= least && number <= most);
        // One value has one spelling: there is no negative zero.
        fits.then_some(number.map(|number| if number == 0.0 { 0.0 } else { number }))
    }

    fn whole(&self, key: &str, round: bool) -> Option<Option<i32>> {
        let Some(number) = self.number(key)? else { return Some(None) };
        let number = if round { number.round() } else { number };
        let fits = number.fract() == 0.0 && (0.0..=2_147_483_647.0).contains(&number);
        fits.then_some(Some(number as i32))
    }

    fn list(&self, key: &str) -> Option<Option<Vec<Cow<'static, str>>>> {
        match self.get(key)? {
            Json::Null => Some(None),
            Json::Array(elements) if elements.len() <= 64 => {
                let text = |element: &Json| match element {
                    Json::Text(Some(text)) => bounded(text.clone(), 0, 128),
                    _ => None,
                };
                elements.iter().map(text).collect::<Option<_>>().map(Some)
            }
            _ => None,
        }
    }
}

fn finite(number: &str) -> Option<f64> {
    number.parse().ok().filter(|number: &f64| number.is_finite())
}

fn bounded(text: String, least: usize, most: usize) -> Option<Cow<'static, str>> {
    let fits = (least..=most).contains(&text.chars().count()) && !text.contains('\0');
    fits.then_some(Cow::Owned(text))
}

fn prompt_id(text: String) -> Option<Cow<'static, str>> {
    bounded(text, 1, 256).filter(|id| id != "." && id != "..")
}

fn word<T: Copy>(text: &str, values: &[T], words: &[&str]) -> Option<T> {
    words.iter().position(|word| *word == text).map(|place| values[place])
}

fn id(text: &str) -> Option<Uuid> {
    let groups: Vec<_> = text.split('-').collect();
    let hex = groups.concat();
    let shaped = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]);
    let digits = hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    (shaped && digits).then(|| u128::from_str_radix(&hex, 16).ok().map(Uuid::from_u128)).flatten()
}

fn time(milliseconds: f64) -> Option<i64> {
    let milliseconds = milliseconds as i64;
    TIMES.contains(&milliseconds).then_some(milliseconds)
}

fn timestamp(value: &Json) -> Option<i64> {
    match value {
        Json::Number(number) => finite(number).map(f64::floor).and_then(time),
        Json::Text(text) => moment::milliseconds(text.as_ref()?).filter(|time| TIMES.contains(time)),
        _ => None,
    }
}

/// A part of the event. One that says nothing is none.
fn part<T: Default + PartialEq>(
    parent: &Object,
    key: &str,
    read: fn(&Object) -> Option<T>,
) -> Option<Option<T>> {
    match parent.get(key)? {
        Json::Null => Some(None),
        value => {
            let part = read(&Object::of(value.clone())?)?;
            Some(Some(part).filter(|part| *part != T::default()))
        }
    }
}

fn context(object: &Object) -> Option<Context<'static>> {
    let stage = match object.text("stage")? {
        Some(text) => Some(word(&text, Stage::ALL, Stage::WORDS)?),
        None => None,
    };
    let lens_id = match object.text("lensId")? {
        Some(text) => Some(bounded(text, 0, 128)?),
        None => None,
    };
    Some(Context {
        stage,
        lens_id,
        entropy: object.between("entropy", 0.0, 1.0)?,
        interaction_count: object.whole("interactionCount", false)?,
        active_topics: object.list("activeTopics")?,
        active_moments: object.list("activeMoments")?,
    })
}

fn scoring(object: &Object) -> Option<Scoring> {
    Some(Scoring {
        final_score: object.between("finalScore", f64::MIN, f64::MAX)?,
        rank: object.whole("rank", false)?,
        match_details: part(object, "matchDetails", match_details)?,
    })
}

fn match_details(object: &Object) -> Option<MatchDetails> {
    let stage_match = match object.get("stageMatch")? {
        Json::Null => None,
        Json::Bool(value) => Some(*value),
        _ => return None,
    };
    Some(MatchDetails {
        stage_match,
        lens_weight: object.between("lensWeight", f64::MIN, f64::MAX)?,
        topic_weight: object.between("topicWeight", f64::MIN, f64::MAX)?,
        moment_boost: object.between("momentBoost", f64::MIN, f64::MAX)?,
        base_weight: object.between("baseWeight", f64::MIN, f64::MAX)?,
    })
}

fn outcome(object: &Object) -> Option<Outcome<'static>> {
    let follow_up_prompt_id = match object.text("followUpPromptId")? {
        Some(text) => Some(prompt_id(text)?),
        None => None,
    };
    Some(Outcome {
        dwell_time_ms: object.whole("dwellTimeMs", true)?,
        entropy_delta: object.between("entropyDelta", -1.0, 1.0)?,
        follow_up_prompt_id,
    })
}
