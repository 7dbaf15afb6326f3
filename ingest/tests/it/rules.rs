//! Each rule for an event at its edges, just inside and just outside, alone and in a batch.

use std::time::{SystemTime, UNIX_EPOCH};

use local::testing::bootstrap_servers;
use schema::FaultCode::{
    DuplicateField, Empty, InvalidId, InvalidTimestamp, NilId, NotAllowed, NotWhole, NullCharacter,
    OutOfRange, Required, TooLong, TooMany, WrongType,
};
use schema::{BatchAccepted, EventAccepted, FaultCode};
use serde_json::{Value, json};

use crate::intake::{BATCH, EVENT, Intake, problem};
use crate::topic::records;

/// A value at a path, and the rule it breaks, if any.
type Case = (&'static str, Value, Option<FaultCode>);

const MAX: u32 = i32::MAX as u32;

/// One code point that takes four bytes and, in UTF-16, two units.
fn crabs(count: usize) -> String {
    "🦀".repeat(count)
}

fn texts(path: &'static str, least: usize, most: usize) -> Vec<Case> {
    let mut cases = vec![
        (path, json!(crabs(most)), None),
        (path, json!(crabs(most + 1)), Some(TooLong)),
        (path, json!("a\u{0}b"), Some(NullCharacter)),
        (path, json!(7), Some(WrongType)),
        (path, json!(["a"]), Some(WrongType)),
        (path, json!("\u{1}\u{7f}\u{202e}\u{fffe}"), None),
    ];
    cases.push((path, json!(""), (least > 0).then_some(Empty)));
    cases
}

fn prompt_ids(path: &'static str) -> Vec<Case> {
    let dots = [
        (path, json!("."), Some(NotAllowed)),
        (path, json!(".."), Some(NotAllowed)),
        (path, json!("..."), None),
        (path, json!("a/b?c#d%2F"), None),
    ];
    texts(path, 1, 256).into_iter().chain(dots).collect()
}

fn whole_numbers(path: &'static str) -> Vec<Case> {
    vec![
        (path, json!(0), None),
        (path, json!(-0.0), None),
        (path, json!(MAX), None),
        (path, json!(-1), Some(OutOfRange)),
        (path, json!(MAX + 1), Some(OutOfRange)),
        (path, json!(1.0), None),
        (path, json!(1.5), Some(NotWhole)),
        (path, json!("1"), Some(WrongType)),
    ]
}

fn finite_numbers(path: &'static str) -> Vec<Case> {
    vec![
        (path, json!(f64::MAX), None),
        (path, json!(f64::MIN), None),
        (path, json!(5e-324), None),
        (path, json!("NaN"), Some(WrongType)),
    ]
}

fn ranges(path: &'static str, least: f64, most: f64) -> Vec<Case> {
    vec![
        (path, json!(least), None),
        (path, json!(most), None),
        (path, json!(least - 1e-9), Some(OutOfRange)),
        (path, json!(most + 1e-9), Some(OutOfRange)),
        (path, json!("0.5"), Some(WrongType)),
    ]
}

fn tags(path: &'static str, element: &'static str) -> Vec<Case> {
    vec![
        (path, json!([]), None),
        (path, json!(vec!["a"; 64]), None),
        (path, json!(vec!["a"; 65]), Some(TooMany)),
        (path, json!([crabs(128), ""]), None),
        (element, json!([crabs(129)]), Some(TooLong)),
        (element, json!(["a\u{0}"]), Some(NullCharacter)),
        (element, json!([null]), Some(WrongType)),
        (element, json!([7]), Some(WrongType)),
        (path, json!("a"), Some(WrongType)),
    ]
}

fn times() -> Vec<Case> {
    let path = "timestamp";
    vec![
        (path, json!(946_684_800_000_i64), None),
        (path, json!(946_684_799_999_i64), Some(OutOfRange)),
        (path, json!("2000-01-01T00:00:00Z"), None),
        (path, json!("1999-12-31T23:59:59.999Z"), Some(OutOfRange)),
        (path, json!("2026-01-31T12:00:00.123456789+05:30"), None),
        (path, json!("2026-01-31T12:00:00"), Some(InvalidTimestamp)),
        (path, json!("2026-02-30T12:00:00Z"), Some(InvalidTimestamp)),
        (path, json!("yesterday"), Some(InvalidTimestamp)),
        (path, json!(1e300), None),
        (path, json!(true), Some(WrongType)),
    ]
}

fn words(path: &'static str, words: &'static [&'static str]) -> Vec<Case> {
    let known = words.iter().map(|word| (path, json!(word), None));
    let unknown = ["", "IMPRESSION", "Genesis", "other"].map(|word| (path, json!(word), Some(NotAllowed)));
    known.chain(unknown).chain([(path, json!(1), Some(WrongType))]).collect()
}

fn cases() -> Vec<Case> {
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    let own = vec![
        ("id", json!(id), None),
        ("id", json!(id.to_uppercase()), None),
        ("id", json!("00000000-0000-0000-0000-000000000000"), Some(NilId)),
        ("id", json!("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"), Some(NilId)),
        ("id", json!("00000000-0000-0000-0000-000000000001"), None),
        ("id", json!(id.replace('-', "")), Some(InvalidId)),
        ("id", json!(&id[1..]), Some(InvalidId)),
        ("id", json!(7), Some(WrongType)),
        ("eventType", Value::Null, Some(Required)),
        ("promptId", Value::Null, Some(Required)),
        ("sessionId", Value::Null, Some(Required)),
        ("context", json!([]), Some(WrongType)),
        ("scoring", json!("x"), Some(WrongType)),
        ("outcome", json!(1), Some(WrongType)),
        ("context", json!({}), None),
        ("scoring.matchDetails", json!([]), Some(WrongType)),
        ("scoring.matchDetails.stageMatch", json!(false), None),
        ("scoring.matchDetails.stageMatch", json!("false"), Some(WrongType)),
        ("outcome.dwellTimeMs", json!(0.4), None),
        ("outcome.dwellTimeMs", json!(-0.4), None),
        ("outcome.dwellTimeMs", json!(-1), Some(OutOfRange)),
        ("outcome.dwellTimeMs", json!(f64::from(MAX) + 0.4), None),
        ("outcome.dwellTimeMs", json!(f64::from(MAX) + 0.5), Some(OutOfRange)),
        ("outcome.dwellTimeMs", json!("5"), Some(WrongType)),
    ];
    [
        own,
        times(),
        words("eventType", schema::EventType::WORDS),
        words("context.stage", schema::Stage::WORDS),
        prompt_ids("promptId"),
        prompt_ids("outcome.followUpPromptId"),
        texts("sessionId", 1, 128),
        texts("context.lensId", 0, 128),
        ranges("context.entropy", 0.0, 1.0),
        ranges("outcome.entropyDelta", -1.0, 1.0),
        whole_numbers("context.interactionCount"),
        whole_numbers("scoring.rank"),
        tags("context.activeTopics", "context.activeTopics[0]"),
        tags("context.activeMoments", "context.activeMoments[0]"),
        finite_numbers("scoring.finalScore"),
        finite_numbers("scoring.matchDetails.lensWeight"),
        finite_numbers("scoring.matchDetails.topicWeight"),
        finite_numbers("scoring.matchDetails.momentBoost"),
        finite_numbers("scoring.matchDetails.baseWeight"),
    ]
    .concat()
}

/// A valid event with `value` at `path`.
fn event_with(path: &str, value: &Value) -> Value {
    let mut event = json!({ "eventType": "impression", "promptId": "p", "sessionId": "s" });
    let mut place = &mut event;
    for key in path.trim_end_matches("[0]").split('.') {
        if place.is_null() {
            *place = json!({});
        }
        place = &mut place[key];
    }
    *place = value.clone();
    event
}

#[tokio::test]
async fn every_rule_holds_at_its_edges_for_a_single_event() {
    let intake = Intake::start(&[]).await;
    for (path, value, broken) in cases() {
        let event = event_with(path, &value);
        let response = intake.send(EVENT, &event).await;
        match broken {
            None => assert_eq!(response.status(), 202, "{path} {value}"),
            Some(code) => {
                let errors = problem(response, 422, "invalid_event").await.errors.unwrap();
                let found: Vec<_> = errors.iter().map(|fault| (fault.field.as_str(), fault.code)).collect();
                assert_eq!(found, [(path, code)], "{value}");
            }
        }
    }
}

#[tokio::test]
async fn every_rule_holds_at_its_edges_in_a_batch() {
    let intake = Intake::start(&[]).await;
    let cases = cases();
    let events: Vec<_> = cases.iter().map(|(path, value, _)| event_with(path, value)).collect();
    let answer: BatchAccepted = intake.accept(BATCH, &json!({ "events": events })).await;
    let found = answer.rejected.iter().flat_map(|rejected| {
        rejected.errors.iter().map(|fault| (rejected.index, fault.field.as_str(), fault.code))
    });
    let expected = cases
        .iter()
        .enumerate()
        .filter_map(|(index, (path, _, broken))| broken.map(|code| (index, *path, code)));
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    assert_eq!(answer.count, cases.len() - answer.rejected.len());
}

#[tokio::test]
async fn every_fault_of_an_event_is_told_at_once() {
    let intake = Intake::start(&[]).await;
    let event = json!({ "id": 1, "eventType": "x", "promptId": "", "sessionId": null, "timestamp": "x",
        "context": { "entropy": 2, "stage": "x" }, "scoring": { "rank": -1 }, "outcome": { "entropyDelta": 2 } });
    let errors = problem(intake.send(EVENT, &event).await, 422, "invalid_event").await.errors.unwrap();
    let fields: Vec<_> = errors.iter().map(|fault| fault.field.as_str()).collect();
    let expected = [
        "id",
        "timestamp",
        "eventType",
        "promptId",
        "sessionId",
        "context.stage",
        "context.entropy",
        "scoring.rank",
        "outcome.entropyDelta",
    ];
    assert_eq!(fields, expected);
    assert!(errors.iter().all(|fault| !fault.message.is_empty()));
}

#[tokio::test]
async fn a_key_that_stands_twice_is_a_fault_of_its_event() {
    let intake = Intake::start(&[]).await;
    let twice = r#"{"eventType":"skip","promptId":"a","promptId":"a","sessionId":"s","context":{"stage":null,"stage":null}}"#;
    let response = intake.post(EVENT).body(twice).send().await.unwrap();
    let errors = problem(response, 422, "invalid_event").await.errors.unwrap();
    let found: Vec<_> = errors.iter().map(|fault| (fault.field.as_str(), fault.code)).collect();
    assert_eq!(found, [("promptId", DuplicateField), ("context.stage", DuplicateField)]);
    let response = intake.post(BATCH).body(r#"{"events":[],"events":[]}"#).send().await.unwrap();
    let errors = problem(response, 422, "invalid_batch").await.errors.unwrap();
    assert_eq!((errors[0].field.as_str(), errors[0].code), ("events", DuplicateField));
}

#[tokio::test]
async fn a_time_far_ahead_is_stored_as_the_time_of_receipt() {
    let intake = Intake::start(&[]).await;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let hour = 3_600_000;
    for ahead in [23 * hour, 25 * hour] {
        let event = event_with("timestamp", &json!(now + ahead));
        let _: EventAccepted = intake.accept(EVENT, &event).await;
    }
    let mut kept = 0;
    for record in records(&bootstrap_servers(), &intake.topic).await {
        let (time, received) =
            (record.value["timestamp"].as_i64().unwrap(), record.value["receivedAt"].as_i64());
        if time == now + 23 * hour {
            kept += 1;
        } else {
            assert_eq!(Some(time), received);
        }
    }
    assert_eq!(kept, 1);
}
