//! What holds for every event: the promises that the rest of the product rests on.

use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::strategies::{any_json, valid_event};
use crate::{Accepted, Fault, FaultCode, SCHEMA_VERSION, decode, encode, read_batch, read_event};

/// 2026-01-31T12:00:00Z.
const NOW: i64 = 1_769_860_800_000;
const FRESH: Uuid = Uuid::from_u128(0x0190_163d_8694_739b_aea5_966c_26f8_ad91);

fn judge(text: &str) -> Result<Accepted<'_>, Vec<Fault>> {
    let raw = read_event(text).expect("the text is JSON").map_err(|fault| vec![fault])?;
    raw.validate(NOW, || FRESH)
}

fn faults(event: &Value) -> Vec<(String, FaultCode)> {
    let faults = judge(&event.to_string()).expect_err("the event is at fault");
    faults.into_iter().map(|fault| (fault.field, fault.code)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_valid_event_survives_its_record_unchanged(event in valid_event()) {
        let text = event.to_string();
        let event = judge(&text).expect("the event is valid").event;
        let mut value = Vec::new();
        encode(&event, &mut value);
        prop_assert_eq!(decode(Some(SCHEMA_VERSION.as_bytes()), Some(&value)).unwrap(), event);
    }

    #[test]
    fn no_json_makes_validation_panic(value in any_json()) {
        let text = value.to_string();
        for fault in judge(&text).err().unwrap_or_default() {
            prop_assert!(!fault.message.is_empty());
        }
        if let Ok(batch) = read_batch(&text).unwrap() {
            prop_assert!(batch.events.len() <= batch.total);
        }
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        drop(decode(Some(b"1"), Some(&bytes)));
        drop(decode(Some(&bytes), Some(b"{}")));
    }

    #[test]
    fn an_event_sent_twice_without_an_id_is_one_event(event in valid_event(), time in any::<u32>(), later in 0..60_000i64) {
        let mut event = event;
        let sent_at = NOW - i64::from(time);
        event["timestamp"] = json!(sent_at);
        event["id"] = Value::Null;
        let text = event.to_string();
        let first = read_event(&text).unwrap().unwrap().validate(NOW, || FRESH).unwrap().event;
        let again = read_event(&text).unwrap().unwrap().validate(NOW + later, Uuid::new_v4).unwrap().event;
        prop_assert_eq!(first.id, again.id);
        prop_assert_eq!(first.id.get_version_num(), 8);
        prop_assert_eq!(first.id.as_u128() >> 80, sent_at as u128);

        event["sessionId"] = json!("another");
        let text = event.to_string();
        let other = read_event(&text).unwrap().unwrap().validate(NOW, || FRESH).unwrap().event;
        prop_assert!(other.id != first.id || first.session_id == "another");
    }

    #[test]
    fn every_broken_field_is_named_and_not_only_the_first(
        event in valid_event().prop_map(|mut event| {
            for optional in ["context", "scoring", "outcome"] {
                if !event[optional].is_object() {
                    event[optional] = json!({});
                }
            }
            event
        }),
    ) {
        let mut event = event;
        event["promptId"] = json!("");
        event["context"]["entropy"] = json!(1.5);
        event["scoring"]["rank"] = json!(0.5);
        event["outcome"]["entropyDelta"] = json!("much");
        let found = faults(&event);
        let expected = [
            ("promptId", FaultCode::Empty),
            ("context.entropy", FaultCode::OutOfRange),
            ("scoring.rank", FaultCode::NotWhole),
            ("outcome.entropyDelta", FaultCode::WrongType),
        ];
        prop_assert_eq!(found, expected.map(|(field, code)| (field.to_owned(), code)).to_vec());
    }
}

fn minimal() -> Value {
    json!({"eventType": "impression", "promptId": "p", "sessionId": "s"})
}

#[test]
fn an_event_with_neither_id_nor_timestamp_gets_a_fresh_id_and_the_time_of_receipt() {
    let text = minimal().to_string();
    let event = judge(&text).unwrap().event;
    assert_eq!((event.id, event.timestamp, event.received_at), (FRESH, NOW, NOW));
}

#[test]
fn a_time_more_than_a_day_ahead_is_stored_as_the_time_of_receipt_but_keeps_its_derived_id() {
    let day = 24 * 60 * 60 * 1_000;
    for (sent_at, ahead) in [(NOW + day, false), (NOW + day + 1, true)] {
        let mut event = minimal();
        event["timestamp"] = json!(sent_at);
        let text = event.to_string();
        let accepted = judge(&text).unwrap();
        assert_eq!(accepted.clock_ahead, ahead);
        assert_eq!(accepted.event.timestamp, if ahead { NOW } else { sent_at });
        assert_eq!(accepted.event.id.as_u128() >> 80, sent_at as u128);
    }
}

#[test]
fn the_same_instant_in_milliseconds_and_in_text_is_the_same_event() {
    let id = |timestamp: Value| {
        let mut event = minimal();
        event["timestamp"] = timestamp;
        judge(&event.to_string()).unwrap().event.id
    };
    assert_eq!(id(json!(NOW)), id(json!("2026-01-31T12:00:00.0009Z")));
    assert_eq!(id(json!(NOW)), id(json!("2026-01-31T14:00:00+02:00")));
    assert_ne!(id(json!(NOW)), id(json!(NOW + 1)));
}

#[test]
fn a_key_that_stands_twice_is_a_fault_even_when_one_of_them_is_null() {
    for twice in [r#""rank":1,"rank":1"#, r#""rank":null,"rank":1"#, r#""rank":1,"rank":null"#] {
        let text = format!(r#"{{"eventType":"skip","promptId":"p","sessionId":"s","scoring":{{{twice}}}}}"#);
        let found = judge(&text).unwrap_err();
        assert_eq!((found[0].field.as_str(), found[0].code), ("scoring.rank", FaultCode::DuplicateField));
    }
}

const NIL: &str = "00000000-0000-0000-0000-000000000000";
const MAX: &str = "ffffffff-ffff-ffff-ffff-ffffffffffff";

#[test]
fn the_nil_and_the_max_uuid_identify_no_event() {
    for id in [NIL, MAX, &MAX.to_uppercase()] {
        let mut event = minimal();
        event["id"] = json!(id);
        assert_eq!(faults(&event), [("id".to_owned(), FaultCode::NilId)]);
    }
    for neighbour in ["00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-fffffffffffe"] {
        let mut event = minimal();
        event["id"] = json!(neighbour);
        assert!(judge(&event.to_string()).is_ok(), "{neighbour}");
    }
}

#[test]
fn a_record_of_an_earlier_release_with_such_an_id_is_still_an_event() {
    for id in [NIL, MAX] {
        let mut record = minimal();
        record["id"] = json!(id);
        record["timestamp"] = json!(NOW);
        record["receivedAt"] = json!(NOW);
        let value = record.to_string();
        let event = decode(Some(SCHEMA_VERSION.as_bytes()), Some(value.as_bytes())).unwrap();
        assert_eq!(event.id.to_string(), id);
    }
}

#[test]
fn what_is_no_object_is_a_fault_of_the_event_itself() {
    for text in ["null", "5", "[]", "\"x\"", "true"] {
        let found = judge(text).unwrap_err();
        assert_eq!((found[0].field.as_str(), found[0].code), ("", FaultCode::WrongType));
    }
}

#[test]
fn text_that_is_not_json_is_malformed_and_nesting_does_not_overflow_the_stack() {
    let deep = "[".repeat(10_000_000);
    let deep_field = format!(r#"{{"context":{deep}"#);
    let lone_surrogate = r#"{"eventType":"skip","promptId":"\ud800","sessionId":"s"}"#;
    let huge = r#"{"eventType":"skip","promptId":"p","sessionId":"s","context":{"entropy":1e400}}"#;
    for text in ["", "{", "{}x", "NaN", "\u{feff}{}", &deep, &deep_field, lone_surrogate, huge] {
        assert!(read_event(text).is_err(), "{}", text.get(..40).unwrap_or(text));
    }
}

#[test]
fn a_hostile_array_is_counted_and_not_kept() {
    let text = format!(r#"{{"events":[{}{{}}]}}"#, "{},".repeat(100_000));
    let batch = read_batch(&text).unwrap().unwrap();
    assert_eq!((batch.events.len(), batch.total), (1_000, 100_001));
}
