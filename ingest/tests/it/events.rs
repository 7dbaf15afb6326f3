//! Events that are taken: what is answered, and what is on the topic by then.

use local::testing::bootstrap_servers;
use schema::{BatchAccepted, EventAccepted, SubmissionStatus};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::intake::{BATCH, EVENT, Intake, problem};
use crate::topic::records;

fn event() -> Value {
    json!({ "eventType": "impression", "promptId": "p-1", "sessionId": "s-1" })
}

fn events(count: usize) -> Value {
    json!({ "events": vec![event(); count] })
}

#[tokio::test]
async fn an_accepted_event_is_on_the_topic_with_its_key_headers_and_value() {
    let intake = Intake::start(&[]).await;
    let id = Uuid::now_v7();
    let sent = json!({
        "id": id,
        "eventType": "completion",
        "promptId": "p/ü-🦀",
        "sessionId": "session-7",
        "timestamp": 1_767_225_600_123_i64,
        "context": { "stage": "genesis", "lensId": "", "entropy": 0.25, "interactionCount": 3,
            "activeTopics": ["a"], "activeMoments": [] },
        "scoring": { "finalScore": -1.5, "rank": 0, "matchDetails": { "stageMatch": true, "lensWeight": 0.5 } },
        "outcome": { "dwellTimeMs": 1500.5, "entropyDelta": -0.125, "followUpPromptId": "p-2" },
        "unknown": { "is": "ignored" },
    });
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let response =
        intake.post(EVENT).header("traceparent", trace).body(sent.to_string()).send().await.unwrap();
    assert_eq!(response.status(), 202);
    let answer: EventAccepted = response.json().await.unwrap();
    assert_eq!(answer, EventAccepted { id, status: SubmissionStatus::Accepted });

    let mut records = records(&bootstrap_servers(), &intake.topic).await;
    let mut record = records.pop().unwrap();
    assert!(records.is_empty());
    assert_eq!(record.key, "session-7");
    assert_eq!(record.headers["schema-version"], "1");
    assert_eq!(record.headers["traceparent"], trace);
    let received_at = record.value["receivedAt"].take().as_i64().unwrap();
    assert!(received_at > 1_767_225_600_123);
    let mut expected = sent;
    let fields = expected.as_object_mut().unwrap();
    fields.remove("unknown");
    fields.insert("receivedAt".to_owned(), Value::Null);
    expected["outcome"]["dwellTimeMs"] = json!(1501);
    assert_eq!(record.value, expected);
}

#[tokio::test]
async fn the_same_content_at_the_same_time_gets_the_same_id_and_without_a_time_a_fresh_one() {
    let intake = Intake::start(&[]).await;
    let mut timed = event();
    timed["timestamp"] = json!(1_767_225_600_123_i64);
    let first: EventAccepted = intake.accept(EVENT, &timed).await;
    let again: EventAccepted = intake.accept(EVENT, &timed).await;
    assert_eq!(first.id, again.id);
    assert_eq!(first.id.get_version_num(), 8);

    let first: EventAccepted = intake.accept(EVENT, &event()).await;
    let again: EventAccepted = intake.accept(EVENT, &event()).await;
    assert_ne!(first.id, again.id);
    assert_eq!(first.id.get_version_num(), 7);
}

#[tokio::test]
async fn a_batch_of_one_and_of_a_thousand_is_taken_and_none_and_one_more_are_not() {
    let intake = Intake::start(&[]).await;
    for count in [1, 1_000] {
        let answer: BatchAccepted = intake.accept(BATCH, &events(count)).await;
        assert_eq!(answer, BatchAccepted { count, status: SubmissionStatus::Accepted, rejected: Vec::new() });
    }
    let empty = problem(intake.send(BATCH, &events(0)).await, 422, "invalid_batch").await;
    assert_eq!(empty.errors.unwrap()[0].field, "events");
    problem(intake.send(BATCH, &events(1_001)).await, 413, "too_many_events").await;
    assert_eq!(records(&bootstrap_servers(), &intake.topic).await.len(), 1_001);
}

#[tokio::test]
async fn a_hundred_thousand_tiny_events_are_too_many_and_not_kept() {
    let intake = Intake::start(&[]).await;
    let body = format!("{{\"events\":[{}]}}", vec!["{}"; 100_000].join(","));
    let response = intake.post(BATCH).body(body).send().await.unwrap();
    problem(response, 413, "too_many_events").await;
}

#[tokio::test]
async fn a_batch_keeps_the_good_events_and_names_the_bad_ones() {
    let intake = Intake::start(&[]).await;
    let id = Uuid::now_v7();
    let mut wrong = event();
    wrong["id"] = json!(id);
    wrong["eventType"] = json!("click");
    wrong["promptId"] = json!("");
    let mut repeated = event();
    repeated["id"] = json!(Uuid::now_v7());
    let body = json!({ "events": [event(), wrong, 7, null, repeated, repeated] });
    let answer: BatchAccepted = intake.accept(BATCH, &body).await;
    assert_eq!((answer.count, answer.status), (3, SubmissionStatus::Partial));
    let found: Vec<_> =
        answer.rejected.iter().map(|rejected| (rejected.index, rejected.errors.len())).collect();
    assert_eq!(found, [(1, 2), (2, 1), (3, 1)]);
    assert_eq!(answer.rejected[0].id, Some(id.to_string()));
    assert_eq!(answer.rejected[1].id, None);
    assert_eq!(records(&bootstrap_servers(), &intake.topic).await.len(), 3);
}

#[tokio::test]
async fn a_batch_of_bad_events_only_is_refused_with_all_of_them() {
    let intake = Intake::start(&[]).await;
    let response = intake.send(BATCH, &json!({ "events": [{}, "x"] })).await;
    let rejected = problem(response, 422, "all_rejected").await.rejected.unwrap();
    assert_eq!(rejected.len(), 2);
    // An event needs a type, a prompt and a session.
    assert_eq!(rejected[0].errors.len(), 3);
}

#[tokio::test]
async fn json_of_another_shape_is_invalid_and_not_malformed() {
    let intake = Intake::start(&[]).await;
    for body in [json!([]), json!("x"), json!(null), json!(7), json!(true)] {
        problem(intake.send(EVENT, &body).await, 422, "invalid_event").await;
        problem(intake.send(BATCH, &body).await, 422, "invalid_batch").await;
    }
    for body in [json!({}), json!({ "events": null }), json!({ "events": {} })] {
        problem(intake.send(BATCH, &body).await, 422, "invalid_batch").await;
    }
}

#[tokio::test]
async fn the_events_of_a_session_keep_their_order() {
    let intake = Intake::start(&[]).await;
    let numbered = |number: usize| {
        let mut event = event();
        event["scoring"] = json!({ "rank": number });
        event["sessionId"] = json!(format!("s-{}", number % 7));
        event
    };
    let body = json!({ "events": (0..500).map(numbered).collect::<Vec<_>>() });
    let _: BatchAccepted = intake.accept(BATCH, &body).await;
    let records = records(&bootstrap_servers(), &intake.topic).await;
    assert_eq!(records.len(), 500);
    for session in 0..7 {
        let of_session = records.iter().filter(|record| record.key == format!("s-{session}"));
        let ranks: Vec<_> =
            of_session.clone().map(|record| record.value["scoring"]["rank"].as_u64()).collect();
        assert!(ranks.is_sorted(), "{ranks:?}");
        let partitions: std::collections::BTreeSet<_> = of_session.map(|record| record.partition).collect();
        assert_eq!(partitions.len(), 1);
    }
}
