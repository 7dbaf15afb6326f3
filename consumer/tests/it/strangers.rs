//! Records that somebody else writes to our topic: each is told apart before it reaches the database, whatever it holds.

use consumer::dead_letter;
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::FutureRecord;
use serde_json::{Value, json};

use crate::events::{event, events};
use crate::scene::{Scene, execute, header, stop};

/// Which part of a valid event to change, and to what, so that a CHECK of the table would refuse it.
fn broken_checks() -> Vec<(&'static str, Value)> {
    let many = |count: usize| Value::from(vec!["t"; count]);
    vec![
        ("eventType", json!("click")),
        ("promptId", json!("")),
        ("promptId", json!("p".repeat(257))),
        ("promptId", json!("..")),
        ("promptId", json!("nul\u{0}")),
        ("sessionId", json!("é".repeat(129))),
        ("timestamp", json!(946_684_799_999_i64)),
        ("timestamp", json!(4_102_444_800_001_i64)),
        ("receivedAt", json!(0)),
        ("context", json!({ "stage": "finale" })),
        ("context", json!({ "lensId": "l".repeat(129) })),
        ("context", json!({ "entropy": 1.000_000_1 })),
        ("context", json!({ "entropy": -0.1 })),
        ("context", json!({ "interactionCount": -1 })),
        ("context", json!({ "interactionCount": 2_147_483_648_i64 })),
        ("context", json!({ "activeTopics": many(65) })),
        ("context", json!({ "activeMoments": ["m".repeat(129)] })),
        ("scoring", json!({ "rank": -1 })),
        ("scoring", json!({ "rank": 1e300 })),
        ("outcome", json!({ "dwellTimeMs": -1 })),
        ("outcome", json!({ "dwellTimeMs": 2_147_483_648_i64 })),
        ("outcome", json!({ "entropyDelta": -1.1 })),
        ("outcome", json!({ "followUpPromptId": "." })),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_would_break_a_check_never_reaches_the_database() {
    let scene = Scene::new().await;
    // Whatever gets as far as the database is refused with another reason.
    execute(
        &mut scene.owner().await,
        "alter table prompt_telemetry add check (session_id <> 's-0') not valid",
    )
    .await;
    let valid: Value = serde_json::from_str(&event(uuid::Uuid::now_v7(), 0)).unwrap();
    let broken: Vec<_> = broken_checks()
        .into_iter()
        .map(|(place, value)| {
            let mut event = valid.clone();
            event[place] = value;
            event.to_string()
        })
        .collect();
    let consumer = scene.start(&[]).await;
    scene.produce(&broken).await;
    let others = &events(11)[1..];
    scene.produce(others).await;
    scene.wait_for_rows(10).await;
    for letter in scene.dead_letters(broken.len()).await {
        let value = String::from_utf8_lossy(letter.payload().unwrap()).into_owned();
        assert_eq!(header(&letter, dead_letter::REASON).as_deref(), Some("invalid_event"), "{value}");
    }
    scene.wait_for_committed(10 + broken.len() as i64).await;
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_bytes_stand_on_the_topic_the_events_between_them_are_stored() {
    let scene = Scene::new().await;
    let good = event(uuid::Uuid::now_v7(), 0);
    let all_bytes: Vec<u8> = (0..=255).collect();
    let confluent = [&[0, 0, 0, 0, 7][..], b"\x02\x06abc"].concat();
    let gzip =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xaeU\x00\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00".to_vec();
    let bom = [b"\xEF\xBB\xBF", good.as_bytes()].concat();
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let twice = [good.as_bytes(), good.as_bytes()].concat();
    let deep = format!("{{\"context\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes();
    let values = [all_bytes, confluent, gzip, bom, utf16, twice, deep, vec![b'['; 500_000], vec![0; 1_000]];
    let versions: [Option<&[u8]>; 4] = [Some(b"1"), Some(b"1 "), Some(b"\xFF"), None];

    let consumer = scene.start(&[]).await;
    for value in &values {
        let headers = OwnedHeaders::new().insert(Header { key: "schema-version", value: Some("1") });
        // Neither does a key have to be one.
        let mut record = FutureRecord::to(&scene.topic).payload(value.as_slice()).headers(headers);
        record.key = None;
        scene.produce_record(record).await;
    }
    // A good event, but not one that says so: only the first version is ours, once and for all.
    for version in versions {
        let headers = OwnedHeaders::new().insert(Header { key: "schema-version", value: version });
        scene
            .produce_record(
                FutureRecord::to(&scene.topic).key(&b"k"[..]).payload(good.as_bytes()).headers(headers),
            )
            .await;
    }
    let others = events(10);
    scene.produce(&others).await;
    scene.wait_for_rows(11).await;
    let letters = scene.dead_letters(values.len() + 3).await;
    let count = |reason: &str| {
        letters.iter().filter(|letter| header(letter, dead_letter::REASON).as_deref() == Some(reason)).count()
    };
    let counts =
        ["not_utf8", "not_json", "invalid_event", "unknown_schema_version", "no_schema_version"].map(count);
    assert_eq!(counts.iter().sum::<usize>(), letters.len(), "{counts:?}");
    assert_eq!(counts[3..], [2, 1]);
    stop(consumer).await;
}
