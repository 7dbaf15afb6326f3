//! The targets: the decoder, the record codec, and the derivation of ids. The encoder of COPY rows has its own beside it,
//! in the consumer.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;
use serde_json::Value;
use uuid::Uuid;

use crate::event::Event;
use crate::fuzz::reading;
use crate::fuzz::respell::respell;
use crate::strategies::{CORPUS, Progress, hostile_bytes, some_record};
use crate::validate::limits;
use crate::{Accepted, decode, encode, read_batch, read_event};

/// Inputs of each target in a plain test run.
const FEW: u32 = 8_000;
/// Where ids are drawn rather than derived.
const FRESH: Uuid = Uuid::from_u128(0x0190_163d_8694_739b_aea5_966c_26f8_ad91);

/// Late enough that no sender's clock is ahead.
fn take(text: &str, received_at: i64) -> Option<Accepted<'_>> {
    read_event(text).ok()?.ok()?.validate(received_at, || FRESH).ok()
}

/// The event takes its way through Kafka and is itself again; its second record is the same to the byte.
fn travel(event: &Event<'_>) -> Vec<u8> {
    let (mut value, mut again) = (Vec::new(), b"what was there before".to_vec());
    encode(event, &mut value);
    let decoded = decode(Some(b"1"), Some(&value)).expect("what was encoded is a record");
    assert_eq!(&decoded, event);
    encode(&decoded, &mut again);
    assert_eq!(value, again);
    value
}

static DECODER: Progress = Progress::new("decoder");
static CODEC: Progress = Progress::new("record codec");
static DERIVED: Progress = Progress::new("derived id");

proptest! {
    #![proptest_config(Progress::config(FEW))]

    #[test]
    fn the_decoder_takes_exactly_what_a_second_reading_of_the_contract_takes(bytes in hostile_bytes()) {
        DECODER.one_more(FEW);
        let decoded = decode(Some(b"1"), Some(&bytes));
        let read = reading::event(&bytes);
        prop_assert_eq!(decoded.as_ref().ok(), read.as_ref());
        match decoded {
            Ok(event) => drop(travel(&event)),
            Err(error) => prop_assert!(!error.to_string().is_empty() && !error.code().is_empty()),
        }
    }

    #[test]
    fn what_intake_takes_is_a_record_whatever_it_was_sent_as(bytes in hostile_bytes(), received_at in limits::EARLIEST..=limits::LATEST) {
        CODEC.one_more(FEW);
        // The version is no text that anybody need have written well.
        drop(decode(Some(&bytes), Some(&bytes)));
        if let Ok(text) = std::str::from_utf8(&bytes) {
            drop(read_batch(text));
            if let Some(accepted) = take(text, received_at) {
                prop_assert!(accepted.event.timestamp <= received_at + limits::CLOCK_AHEAD);
                let value = travel_if_storable(&accepted.event);
                let begins = value.is_none_or(|value| value.starts_with(br#"{"id":""#));
                prop_assert!(begins);
            }
        }
    }

    #[test]
    fn an_id_is_derived_from_what_is_said_and_not_from_how_it_is_spelled(
        event in some_record(),
        other in some_record(),
        part in select(&["eventType", "promptId", "sessionId", "timestamp", "context", "scoring", "outcome"][..]),
        dice in proptest::collection::vec(any::<u8>(), 1..64),
        later in 0..60_000_i64,
    ) {
        DERIVED.one_more(FEW);
        let nameless = |mut event: Value| {
            event["id"] = Value::Null;
            event
        };
        let event = nameless(event);
        let (text, respelled) = (event.to_string(), respell(&event, &dice));
        let first = take(&text, limits::LATEST).expect("it is valid").event;
        let again = take(&respelled, limits::LATEST + later).expect("it is as valid").event;
        prop_assert_eq!(first.id, again.id);
        prop_assert_eq!(first.id.get_version_num(), 8);
        prop_assert_eq!(first.id.as_u128() >> 80, first.timestamp as u128);

        // With one part of another event it is another event, unless that part says the same.
        let mut changed = event;
        changed[part] = other[part].clone();
        let changed = changed.to_string();
        let mut changed = take(&changed, limits::LATEST).expect("its parts are valid").event;
        let derived = std::mem::replace(&mut changed.id, first.id);
        prop_assert_eq!(derived == first.id, changed == first);
    }
}

/// Intake takes a time that lies beyond the table's only when the clock that received it does too.
fn travel_if_storable(event: &Event<'_>) -> Option<Vec<u8>> {
    (limits::EARLIEST..=limits::LATEST).contains(&event.timestamp).then(|| travel(event))
}

#[test]
fn the_corpus_is_read_as_the_contract_says_and_each_file_is_part_of_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, CORPUS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let mut taken = Vec::new();
    for (name, bytes) in CORPUS {
        let event = decode(Some(b"1"), Some(bytes)).ok();
        assert_eq!(event, reading::event(bytes), "{name}");
        taken.extend(event.map(|_| *name));
    }
    let wanted = [
        "deep-unknown.json",
        "edge-of-time.json",
        "empty-parts.json",
        "escaped-keys.json",
        "escaped.json",
        "fractions.json",
        "full-spaced.json",
        "full.json",
        "leap-day.json",
        "leap-second.json",
        "long-number.json",
        "longest.json",
        "minimal.json",
        "minus-sign-offset.json",
        "negative-zero.json",
        "nulls.json",
        "quotes-and-braces.json",
        "rfc3339.json",
        "rounded-dwell.json",
        "tiny-number.json",
        "unknown-fields.json",
        "uuid-upper.json",
    ];
    assert_eq!(taken, wanted);
}

#[test]
fn the_second_reading_of_times_knows_the_calendar() {
    use crate::fuzz::moment::milliseconds;
    for (text, wanted) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2000-03-01T00:00:00Z", Some(951_868_800_000)),
        ("2026-01-31T14:00:00.0019+02:00", Some(1_769_860_800_001)),
        ("2016-12-31T23:59:60Z", Some(1_483_228_800_000)),
        ("2026-02-29T00:00:00Z", None),
        ("2026-01-31T12:00:00", None),
        ("2026-01-31T12:00:00.Z", None),
        ("2026-01-31T12:00:00+24:00", None),
    ] {
        assert_eq!(milliseconds(text), wanted, "{text}");
    }
}
