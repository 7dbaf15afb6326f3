//! Events for property tests, as the JSON a client would send: valid ones that reach every corner of the contract, and
//! any JSON at all.

mod corpus;
mod hostile;
mod progress;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use serde_json::{Map, Number, Value, json};

use crate::validate::limits;
use crate::vocabulary::{EventType, Stage};

pub use crate::strategies::corpus::CORPUS;
pub use crate::strategies::hostile::{hostile_bytes, record, some_record};
pub use crate::strategies::progress::Progress;

/// A valid event as sent: optional parts are absent, null or there; strings use all of Unicode but U+0000.
pub fn valid_event() -> impl Strategy<Value = Value> {
    let required = (select(EventType::WORDS), prompt_id(), text(1, limits::SESSION_ID));
    let stamps = (of(any::<u128>()), of(timestamp()));
    (required, stamps, of(context()), of(scoring()), of(outcome())).prop_map(
        |((event_type, prompt_id, session_id), (id, timestamp), context, scoring, outcome)| {
            object([
                ("id", id.map(|id| json!(uuid::Uuid::from_u128(id)))),
                ("eventType", Some(json!(event_type))),
                ("promptId", Some(json!(prompt_id))),
                ("sessionId", Some(json!(session_id))),
                ("timestamp", timestamp),
                ("context", context),
                ("scoring", scoring),
                ("outcome", outcome),
            ])
        },
    )
}

/// Any JSON value, with the contract's keys sprinkled in so that rules are reached.
pub fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        select(&["impression", "genesis", "2026-01-31T12:00:00Z", "p\u{0}", "."][..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        let entry = (select(KEYS), inner.clone());
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            vec(entry, 0..10).prop_map(|entries| {
                Value::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

const KEYS: &[&str] = &[
    "id",
    "eventType",
    "promptId",
    "sessionId",
    "timestamp",
    "receivedAt",
    "context",
    "scoring",
    "outcome",
    "stage",
    "lensId",
    "entropy",
    "interactionCount",
    "activeTopics",
    "activeMoments",
    "finalScore",
    "rank",
    "matchDetails",
    "stageMatch",
    "lensWeight",
    "topicWeight",
    "momentBoost",
    "baseWeight",
    "dwellTimeMs",
    "entropyDelta",
    "followUpPromptId",
    "events",
    "unknown",
];

fn object<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let present = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

/// Up to `max` code points, mostly few, with quotes, escapes and all planes of Unicode among them.
fn text(min: usize, max: usize) -> impl Strategy<Value = String> {
    let point = prop_oneof![
        4 => proptest::char::range('a', 'z'),
        1 => select(&['"', '\\', '\n', '\u{1}', '{', '}', ',', ' ', 'é', '\u{1f600}', '\u{10ffff}'][..]),
        1 => any::<char>().prop_filter("U+0000 cannot be stored", |point| *point != '\0'),
    ];
    let length = prop_oneof![8 => min..=max.min(12), 1 => Just(max)];
    length.prop_flat_map(move |length| vec(point.clone(), length)).prop_map(String::from_iter)
}

fn prompt_id() -> impl Strategy<Value = String> {
    text(1, limits::PROMPT_ID).prop_filter("paths swallow these", |id| id != "." && id != "..")
}

fn timestamp() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        (limits::EARLIEST..=limits::LATEST).prop_map(Value::from),
        // An hour's margin keeps every offset within the range.
        (limits::EARLIEST + 90_000_000..=limits::LATEST, -86_000..86_000i32).prop_map(|(time, offset)| {
            let zone = chrono::FixedOffset::east_opt(offset / 60 * 60).expect("less than a day");
            let time = chrono::DateTime::from_timestamp_millis(time).expect("within the range of chrono");
            Value::from(time.with_timezone(&zone).to_rfc3339())
        }),
    ]
}

fn number(range: std::ops::RangeInclusive<f64>) -> impl Strategy<Value = Value> {
    let edges = [*range.start(), *range.end(), 0.0_f64.clamp(*range.start(), *range.end())];
    prop_oneof![
        4 => range.prop_map(|number| Value::Number(Number::from_f64(number).expect("the range is finite"))),
        1 => select(edges.to_vec()).prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn count() -> impl Strategy<Value = Value> {
    prop_oneof![4 => 0..=i32::MAX, 1 => Just(0), 1 => Just(i32::MAX)].prop_map(Value::from)
}

fn finite() -> impl Strategy<Value = Value> {
    prop_oneof![number(-1e9..=1e9), number(f64::MIN..=f64::MAX)]
}

fn tags() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => vec(text(0, limits::TAG), 0..4),
        1 => vec(text(0, 3), limits::TAGS),
    ]
    .prop_map(Value::from)
}

fn context() -> impl Strategy<Value = Value> {
    let words = (of(select(Stage::WORDS)), of(text(0, limits::LENS_ID)));
    (words, of(number(0.0..=1.0)), of(count()), of(tags()), of(tags())).prop_map(
        |((stage, lens), entropy, interactions, topics, moments)| {
            object([
                ("stage", stage.map(Value::from)),
                ("lensId", lens.map(Value::from)),
                ("entropy", entropy),
                ("interactionCount", interactions),
                ("activeTopics", topics),
                ("activeMoments", moments),
            ])
        },
    )
}

fn scoring() -> impl Strategy<Value = Value> {
    let weights = (of(finite()), of(finite()), of(finite()), of(finite()));
    let details = (of(any::<bool>()), weights).prop_map(|(stage_match, (lens, topic, boost, base))| {
        object([
            ("stageMatch", stage_match.map(Value::from)),
            ("lensWeight", lens),
            ("topicWeight", topic),
            ("momentBoost", boost),
            ("baseWeight", base),
        ])
    });
    (of(finite()), of(count()), of(details)).prop_map(|(score, rank, details)| {
        object([("finalScore", score), ("rank", rank), ("matchDetails", details)])
    })
}

fn outcome() -> impl Strategy<Value = Value> {
    (of(number(0.0..=f64::from(i32::MAX))), of(number(-1.0..=1.0)), of(prompt_id())).prop_map(
        |(dwell, delta, follow_up)| {
            object([
                ("dwellTimeMs", dwell),
                ("entropyDelta", delta),
                ("followUpPromptId", follow_up.map(Value::from)),
            ])
        },
    )
}
