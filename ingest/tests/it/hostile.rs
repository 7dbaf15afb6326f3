//! What hostile or broken clients send, by name: each gets exactly its answer, never a 5xx and never none in time; the
//! next good event is taken; and nothing of it is on the topic.

use local::testing::bootstrap_servers;
use serde_json::Value;

use crate::intake::{BATCH, EVENT, Intake, raw};
use crate::topic::records;

mod contents;
mod framing;
mod packing;
mod paths;
mod proxies;
mod slow;

pub(crate) const GOOD: &str = r#"{"eventType":"impression","promptId":"good","sessionId":"s"}"#;

/// What a request is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// A problem document with this status and code.
    Problem(u16, &'static str),
    /// A 422 that names this one field with this fault.
    Fault(String, &'static str),
    /// A 422 that names what is wrong, whichever it is.
    Invalid,
    /// A status without a document, by what stands below our routes.
    Bare(u16),
    /// No answer but the end of the connection.
    Closed,
    /// It is harmless and taken.
    Taken,
}

/// The records of intake's topic are exactly so many good events.
pub(crate) async fn only_good_events_are_kept(intake: &Intake, count: usize) {
    let records = records(&bootstrap_servers(), &intake.topic).await;
    for record in &records {
        assert_eq!(record.value["promptId"], "good", "{record:?}");
    }
    assert_eq!(records.len(), count);
}

/// Sends one good event, which must be taken.
pub(crate) async fn still_serves(intake: &Intake, after: &str) {
    let answer =
        raw(intake.address, &request(EVENT, "content-type: application/json", GOOD.as_bytes())).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "after {after}: {answer}");
}

/// A whole request, whose connection ends with its answer.
pub(crate) fn request(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Panics, naming the case, unless the answer is as expected.
pub(crate) fn check(name: &str, answer: &str, expected: &Expected) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status: u16 = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
    let document: Value = serde_json::from_str(body).unwrap_or_default();
    match expected {
        Expected::Closed => assert_eq!(answer, "", "{name}"),
        Expected::Taken => assert_eq!(status, 202, "{name}: {answer}"),
        Expected::Bare(wanted) => {
            assert_eq!((status, body), (*wanted, ""), "{name}: {answer}");
        }
        Expected::Problem(wanted, code) => {
            assert_eq!((status, document["code"].as_str()), (*wanted, Some(*code)), "{name}: {answer}");
            assert!(head.contains("application/problem+json"), "{name}: {answer}");
        }
        Expected::Invalid => {
            let code = document["code"].as_str().unwrap_or_default();
            assert!(status == 422 && ["invalid_event", "all_rejected"].contains(&code), "{name}: {answer}");
        }
        Expected::Fault(field, code) => {
            assert_eq!(status, 422, "{name}: {answer}");
            let errors = document.pointer("/rejected/0/errors").unwrap_or(&document["errors"]);
            let found: Vec<_> = errors.as_array().into_iter().flatten().collect();
            assert_eq!(found.len(), 1, "{name}: {answer}");
            assert_eq!(
                (&found[0]["field"], &found[0]["code"]),
                (&field.as_str().into(), &(*code).into()),
                "{name}: {answer}"
            );
        }
    }
}

/// Sends a body to both calls, in a batch as its one event. The empty body and what breaks the batch's own form need
/// no case of their own: both are malformed all the same.
pub(crate) async fn send_to_both(intake: &Intake, name: &str, event: &[u8], expected: &Expected) {
    let json = "content-type: application/json";
    let answer = raw(intake.address, &request(EVENT, json, event)).await;
    check(name, &answer, expected);
    let batch = [b"{\"events\":[", event, b"]}"].concat();
    let answer = raw(intake.address, &request(BATCH, json, &batch)).await;
    check(&format!("{name}, in a batch"), &answer, expected);
}
