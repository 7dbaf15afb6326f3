//! Events as records hold them: plain ones by number, and any valid one by chance.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use schema::{Event, EventType, Stage};
use serde_json::{Map, Value, json};
use sqlx::postgres::PgRow;
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{FromRow, Row};
use uuid::Uuid;

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

/// A valid event of a given id.
pub(crate) fn event(id: Uuid, place: usize) -> String {
    let kind = EventType::WORDS[place % EventType::WORDS.len()];
    let outcome = json!({ "dwellTimeMs": place % 1_000, "entropyDelta": (place % 200) as f64 / 100.0 - 1.0 });
    json!({
        "id": id, "eventType": kind, "promptId": format!("prompt-{}", place % 7), "sessionId": format!("s-{place}"),
        "timestamp": now(), "receivedAt": now(), "outcome": outcome,
        "context": { "stage": Stage::WORDS[place % 4], "lensId": format!("lens-{}", place % 3) },
    })
    .to_string()
}

/// So many valid events, each with its own id.
pub(crate) fn events(count: usize) -> Vec<String> {
    (0..count).map(|place| event(Uuid::now_v7(), place)).collect()
}

/// So many events of every valid kind, at the edges of each rule and in between; the same ones in every run.
pub(crate) fn any_events(count: usize) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let strategy = any_event();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current().to_string()).collect()
}

/// The values that a decoded event and its row must agree on, in the order of the columns.
#[derive(Debug, PartialEq)]
pub(crate) struct Stored {
    id: Uuid,
    texts: [Option<String>; 6],
    times: [i64; 2],
    doubles: [Option<f64>; 7],
    integers: [Option<i32>; 3],
    lists: [Option<Vec<String>>; 2],
    stage_match: Option<bool>,
}

impl Stored {
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    pub(crate) fn of_event(value: &str) -> Self {
        let event: Event<'_> = schema::decode(Some(b"1"), Some(value.as_bytes())).unwrap();
        let context = event.context.unwrap_or_default();
        let scoring = event.scoring.unwrap_or_default();
        let details = scoring.match_details.unwrap_or_default();
        let outcome = event.outcome.unwrap_or_default();
        let list = |list: Option<Vec<Cow<'_, str>>>| Some(list?.into_iter().map(Cow::into_owned).collect());
        Self {
            id: event.id,
            texts: [
                Some(event.event_type.as_str().to_owned()),
                Some(event.prompt_id.into_owned()),
                Some(event.session_id.into_owned()),
                context.stage.map(|stage| stage.as_str().to_owned()),
                context.lens_id.map(Cow::into_owned),
                outcome.follow_up_prompt_id.map(Cow::into_owned),
            ],
            times: [event.timestamp, event.received_at],
            doubles: [
                context.entropy,
                scoring.final_score,
                details.lens_weight,
                details.topic_weight,
                details.moment_boost,
                details.base_weight,
                outcome.entropy_delta,
            ],
            integers: [context.interaction_count, scoring.rank, outcome.dwell_time_ms],
            lists: [list(context.active_topics), list(context.active_moments)],
            stage_match: details.stage_match,
        }
    }
}

impl FromRow<'_, PgRow> for Stored {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let time = |name| Ok::<_, sqlx::Error>(row.try_get::<DateTime<Utc>, _>(name)?.timestamp_micros());
        let milliseconds =
            |name| time(name).map(|time| if time % 1_000 == 0 { time / 1_000 } else { i64::MIN });
        Ok(Self {
            id: row.try_get("id")?,
            texts: [
                row.try_get("event_type")?,
                row.try_get("prompt_id")?,
                row.try_get("session_id")?,
                row.try_get("context_stage")?,
                row.try_get("context_lens_id")?,
                row.try_get("outcome_follow_up_prompt_id")?,
            ],
            times: [milliseconds("timestamp")?, milliseconds("received_at")?],
            doubles: [
                row.try_get("context_entropy")?,
                row.try_get("scoring_final_score")?,
                row.try_get("scoring_lens_weight")?,
                row.try_get("scoring_topic_weight")?,
                row.try_get("scoring_moment_boost")?,
                row.try_get("scoring_base_weight")?,
                row.try_get("outcome_entropy_delta")?,
            ],
            integers: [
                row.try_get("context_interaction_count")?,
                row.try_get("scoring_rank")?,
                row.try_get("outcome_dwell_time_ms")?,
            ],
            lists: [row.try_get("context_active_topics")?, row.try_get("context_active_moments")?],
            stage_match: row.try_get("scoring_stage_match")?,
        })
    }
}

fn any_event() -> impl Strategy<Value = Value> {
    let required = (
        any::<[u8; 16]>().prop_map(|bytes| json!(Uuid::from_bytes(bytes))),
        select(EventType::WORDS),
        text(1, 256).prop_filter("paths swallow dots", |id| id != "." && id != ".."),
        text(1, 128),
        any_time(),
        any_time(),
    );
    (required, option::of(context()), option::of(scoring()), option::of(outcome())).prop_map(
        |((id, kind, prompt, session, at, received), context, scoring, outcome)| {
            json!({
                "id": id, "eventType": kind, "promptId": prompt, "sessionId": session, "timestamp": at,
                "receivedAt": received, "context": context, "scoring": scoring, "outcome": outcome,
            })
        },
    )
}

fn context() -> impl Strategy<Value = Value> {
    object(vec![
        ("stage", select(Stage::WORDS).prop_map(Value::from).boxed()),
        ("lensId", text(0, 128).prop_map(Value::from).boxed()),
        ("entropy", double(0.0, 1.0).boxed()),
        ("interactionCount", integer().boxed()),
        ("activeTopics", tags().boxed()),
        ("activeMoments", tags().boxed()),
    ])
}

fn scoring() -> impl Strategy<Value = Value> {
    let weight = || double(f64::MIN, f64::MAX).boxed();
    let details = object(vec![
        ("stageMatch", any::<bool>().prop_map(Value::from).boxed()),
        ("lensWeight", weight()),
        ("topicWeight", weight()),
        ("momentBoost", weight()),
        ("baseWeight", weight()),
    ]);
    object(vec![("finalScore", weight()), ("rank", integer().boxed()), ("matchDetails", details.boxed())])
}

fn outcome() -> impl Strategy<Value = Value> {
    object(vec![
        ("dwellTimeMs", integer().boxed()),
        ("entropyDelta", double(-1.0, 1.0).boxed()),
        ("followUpPromptId", text(3, 256).prop_map(Value::from).boxed()),
    ])
}

fn object(
    fields: Vec<(&'static str, proptest::strategy::BoxedStrategy<Value>)>,
) -> impl Strategy<Value = Value> {
    let (names, values): (Vec<_>, Vec<_>) =
        fields.into_iter().map(|(name, value)| (name, option::of(value))).unzip();
    values.prop_map(move |values| {
        let given = names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        Value::Object(given.collect::<Map<_, _>>())
    })
}

/// Any code points but U+0000, with those that the database's formats treat specially in the majority.
fn text(shortest: usize, longest: usize) -> impl Strategy<Value = String> {
    let special = select(vec![
        '"',
        '\\',
        '{',
        '}',
        ',',
        '\'',
        ' ',
        '\n',
        '\t',
        '\u{1}',
        'N',
        'é',
        '漢',
        '😀',
        '\u{10FFFF}',
    ]);
    let letter = proptest::prop_oneof![3 => special, 1 => any::<char>().prop_filter("not U+0000", |&letter| letter != '\0')];
    let lengths = proptest::prop_oneof![1 => longest..=longest, 8 => shortest..=shortest + 12];
    lengths
        .prop_flat_map(move |length| vec(letter.clone(), length))
        .prop_map(|letters| letters.into_iter().collect())
}

fn tags() -> impl Strategy<Value = Value> {
    let number = proptest::prop_oneof![1 => 64..=64_usize, 8 => 0..=4_usize];
    let lists = number.prop_flat_map(|number| {
        vec(proptest::prop_oneof![text(0, 128), select(vec!["NULL".to_owned()])], number)
    });
    lists.prop_map(Value::from)
}

fn double(least: f64, most: f64) -> impl Strategy<Value = Value> {
    let inner = any::<f64>().prop_filter("in range", move |value| (least..=most).contains(value));
    let inside = if least < -2.0 { inner.boxed() } else { (least..=most).boxed() };
    proptest::prop_oneof![1 => select(vec![least, 0.0, most]), 3 => inside].prop_map(Value::from)
}

fn integer() -> impl Strategy<Value = Value> {
    proptest::prop_oneof![1 => select(vec![0, i32::MAX]), 3 => 0..=i32::MAX].prop_map(Value::from)
}

fn any_time() -> impl Strategy<Value = i64> {
    use schema::limits::{EARLIEST, LATEST};
    proptest::prop_oneof![1 => select(vec![EARLIEST, LATEST]), 4 => EARLIEST..=LATEST]
}
