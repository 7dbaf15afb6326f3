//! The rules of the contract, applied to a raw event: every fault is found, not only the first.
//!
//! Two doors lead to an [`Event`]: intake's, which fills in what the sender left out, and the record's, where nothing
//! may be missing and no clock is asked.

use std::mem::take;

use uuid::Uuid;

use crate::derived_id;
use crate::event::{Context, Event, MatchDetails, Outcome, Scoring};
use crate::fault::{Fault, FaultCode};
use crate::field::{Field, FromJson};
use crate::judge::Judge;
use crate::raw::{RawContext, RawEvent, RawMatchDetails, RawOutcome, RawScoring};
use crate::vocabulary::{EventType, Stage};

/// The bounds of the contract. Lengths are in Unicode code points, times in Unix milliseconds.
pub mod limits {
    /// Events in one batch request.
    pub const BATCH_EVENTS: usize = 1_000;
    /// Length of a prompt id.
    pub const PROMPT_ID: usize = 256;
    /// Length of a session id.
    pub const SESSION_ID: usize = 128;
    /// Length of a lens id.
    pub const LENS_ID: usize = 128;
    /// Topics, or moments, of one event.
    pub const TAGS: usize = 64;
    /// Length of one topic or moment.
    pub const TAG: usize = 128;
    /// The earliest time an event can have: 2000-01-01T00:00:00Z.
    pub const EARLIEST: i64 = 946_684_800_000;
    /// The latest time that can be stored: 2100-01-01T00:00:00Z.
    pub const LATEST: i64 = 4_102_444_800_000;
    /// How far ahead of intake's clock a sender's may be before its time is not believed: 24 hours.
    pub const CLOCK_AHEAD: i64 = 24 * 60 * 60 * 1_000;
}

/// An event as intake takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted<'a> {
    /// The event, with id, timestamp and time of receipt filled in.
    pub event: Event<'a>,
    /// The sender's time was more than 24 h ahead, so the time of receipt stands in its place.
    pub clock_ahead: bool,
}

impl<'a> RawEvent<'a> {
    /// Judges an event that arrived at `received_at` (Unix milliseconds) over HTTP.
    ///
    /// Without an id the event gets one derived from its content if it has a timestamp, so that a blind retry is the
    /// same event; without both it gets `fresh_id()`, which should be a UUIDv7.
    ///
    /// # Errors
    /// Every fault, in the order of the contract's table.
    pub fn validate(
        mut self,
        received_at: i64,
        fresh_id: impl FnOnce() -> Uuid,
    ) -> Result<Accepted<'a>, Vec<Fault>> {
        let mut judge = Judge::default();
        let id = judge.sent_id(take(&mut self.id));
        let timestamp = judge.timestamp(take(&mut self.timestamp));
        let content = self.content(&mut judge);
        let mut event = judge.verdict(content)?;

        event.received_at = received_at;
        event.timestamp = timestamp.unwrap_or(received_at);
        event.id = match (id, timestamp) {
            (Some(id), _) => id,
            (None, Some(_)) => derived_id::derive(&event),
            (None, None) => fresh_id(),
        };
        let clock_ahead = event.timestamp > received_at.saturating_add(limits::CLOCK_AHEAD);
        if clock_ahead {
            event.timestamp = received_at;
        }
        Ok(Accepted { event, clock_ahead })
    }

    /// Judges an event that was read from a record: id and both times must be there, and be storable.
    ///
    /// Unlike intake, this accepts the nil and the max UUID. Earlier releases answered `202` for them, so such records may
    /// still be on the topic. The first one is stored and the others are its duplicates; none becomes a dead letter.
    pub(crate) fn validate_record(mut self) -> Result<Event<'a>, Vec<Fault>> {
        let mut judge = Judge::default();
        let id = judge.id(take(&mut self.id));
        let id = judge.required(id, "id");
        let timestamp = judge.timestamp(take(&mut self.timestamp));
        let timestamp = judge.stored_time(timestamp, "timestamp");
        let received_at = judge.finite(take(&mut self.received_at), "receivedAt");
        let received_at = judge.stored_time(received_at.map(|at| at as i64), "receivedAt");
        let content = self
            .content(&mut judge)
            .zip(id)
            .zip(timestamp.zip(received_at))
            .map(|((event, id), (timestamp, received_at))| Event { id, timestamp, received_at, ..event });
        judge.verdict(content)
    }

    /// All that both doors judge alike. `None` when a required value is missing.
    fn content(self, judge: &mut Judge) -> Option<Event<'a>> {
        let event_type = judge.word(self.event_type, "eventType", EventType::parse, EventType::WORDS);
        let event_type = judge.required(event_type, "eventType");
        let prompt_id = judge.prompt_id(self.prompt_id, "promptId");
        let prompt_id = judge.required(prompt_id, "promptId");
        let session_id = judge.text(self.session_id, "sessionId", 1..=limits::SESSION_ID);
        let session_id = judge.required(session_id, "sessionId");
        let context = judge.given(self.context, "context").map(|raw| context(judge, raw));
        let scoring = judge.given(self.scoring, "scoring").map(|raw| scoring(judge, raw));
        let outcome = judge.given(self.outcome, "outcome").map(|raw| outcome(judge, raw));
        Some(Event {
            id: Uuid::nil(),
            event_type: event_type?,
            prompt_id: prompt_id?,
            session_id: session_id?,
            timestamp: 0,
            received_at: 0,
            // An object in which nothing is known says as much as no object.
            context: context.filter(|context| *context != Context::default()),
            scoring: scoring.filter(|scoring| *scoring != Scoring::default()),
            outcome: outcome.filter(|outcome| *outcome != Outcome::default()),
        })
    }
}

fn context<'a>(judge: &mut Judge, raw: RawContext<'a>) -> Context<'a> {
    Context {
        stage: judge.word(raw.stage, "context.stage", Stage::parse, Stage::WORDS),
        lens_id: judge.text(raw.lens_id, "context.lensId", 0..=limits::LENS_ID),
        entropy: judge.number(raw.entropy, "context.entropy", 0.0..=1.0),
        interaction_count: judge.whole(raw.interaction_count, "context.interactionCount"),
        active_topics: judge.tags(raw.active_topics, "context.activeTopics"),
        active_moments: judge.tags(raw.active_moments, "context.activeMoments"),
    }
}

fn scoring(judge: &mut Judge, raw: RawScoring<'_>) -> Scoring {
    Scoring {
        final_score: judge.finite(raw.final_score, "scoring.finalScore"),
        rank: judge.whole(raw.rank, "scoring.rank"),
        match_details: judge
            .given(raw.match_details, "scoring.matchDetails")
            .map(|raw| match_details(judge, raw))
            .filter(|details| *details != MatchDetails::default()),
    }
}

fn match_details(judge: &mut Judge, raw: RawMatchDetails<'_>) -> MatchDetails {
    MatchDetails {
        stage_match: judge.given(raw.stage_match, "scoring.matchDetails.stageMatch"),
        lens_weight: judge.finite(raw.lens_weight, "scoring.matchDetails.lensWeight"),
        topic_weight: judge.finite(raw.topic_weight, "scoring.matchDetails.topicWeight"),
        moment_boost: judge.finite(raw.moment_boost, "scoring.matchDetails.momentBoost"),
        base_weight: judge.finite(raw.base_weight, "scoring.matchDetails.baseWeight"),
    }
}

fn outcome<'a>(judge: &mut Judge, raw: RawOutcome<'a>) -> Outcome<'a> {
    Outcome {
        dwell_time_ms: judge.rounded(raw.dwell_time_ms, "outcome.dwellTimeMs"),
        entropy_delta: judge.number(raw.entropy_delta, "outcome.entropyDelta", -1.0..=1.0),
        follow_up_prompt_id: judge.prompt_id(raw.follow_up_prompt_id, "outcome.followUpPromptId"),
    }
}

/// The value of a field, `None` for a missing or null one.
pub(crate) fn given<'a, T: FromJson<'a>>(field: Field<T>, path: &str) -> Result<Option<T>, Fault> {
    match field {
        Field::Missing | Field::Null => Ok(None),
        Field::Given(value) => Ok(Some(value)),
        Field::Wrong(found) => {
            Err(Fault::new(path, FaultCode::WrongType, format!("expected {}, found {found}", T::EXPECTED)))
        }
        Field::Duplicate => Err(Fault::new(
            path,
            FaultCode::DuplicateField,
            "the key stands twice in its object; send it once",
        )),
    }
}
