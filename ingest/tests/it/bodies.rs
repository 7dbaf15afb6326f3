//! Bodies that are no good: what is in them, how they are packed, how they come.

use async_compression::Level::Fastest;
use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use local::testing::eventually;
use reqwest::Response;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::intake::{BATCH, DEADLINE, EVENT, Intake, problem, raw};

const GOOD: &str = r#"{"eventType":"impression","promptId":"p","sessionId":"s"}"#;

async fn packed(mut encoder: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoder.read_to_end(&mut bytes).await.unwrap();
    bytes
}

async fn every_packing_of(bytes: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    [
        ("gzip", packed(GzipEncoder::with_quality(bytes, Fastest)).await),
        ("deflate", packed(ZlibEncoder::with_quality(bytes, Fastest)).await),
        ("br", packed(BrotliEncoder::with_quality(bytes, Fastest)).await),
        ("zstd", packed(ZstdEncoder::with_quality(bytes, Fastest)).await),
    ]
}

async fn post(intake: &Intake, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
    let mut request = intake.request(reqwest::Method::POST, path).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn what_is_no_json_is_malformed_on_both_calls() {
    let intake = Intake::start(&[]).await;
    let of_event = |value: &str| {
        format!(r#"{{"eventType":"skip","promptId":"p","sessionId":"s","scoring":{{"finalScore":{value}}}}}"#)
    };
    let mut bad: Vec<(Vec<u8>, &str)> =
        ["", "{", "nope", "{\"a\":1}x", "{'a':1}", "{\"a\":1,}", "[1,2", "\"\u{1}\""]
            .map(|text| (text.as_bytes().to_vec(), "malformed_json"))
            .into();
    for number in
        ["NaN", "nan", "Infinity", "-Infinity", "inf", "1e400", "-1e400", "01", "+1", "0x1", ".5", "1.", "1e"]
    {
        bad.push((of_event(number).into_bytes(), "malformed_json"));
    }
    for surrogate in [r#""\ud800""#, r#""\udc00\ud800""#, r#""\ud83e""#] {
        bad.push((
            format!(r#"{{"eventType":"skip","promptId":{surrogate},"sessionId":"s"}}"#).into_bytes(),
            "malformed_json",
        ));
    }
    bad.push((b"\xef\xbb\xbf\xef\xbb\xbf{}".to_vec(), "malformed_json"));
    bad.push((b"{\"promptId\":\"\xff\"}".to_vec(), "not_utf8"));
    bad.push((b"\xed\xa0\x80".to_vec(), "not_utf8"));
    bad.push((GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect(), "malformed_json"));
    bad.push(("[".repeat(100_000).into_bytes(), "malformed_json"));
    bad.push(("{\"a\":".repeat(100_000).into_bytes(), "malformed_json"));
    let json = ("content-type", "application/json");
    for (body, code) in bad {
        let batch = [b"{\"events\":[", &body[..], b"]}"].concat();
        // An empty list is a batch.
        let code_of_batch = if body.is_empty() { (422, "invalid_batch") } else { (400, code) };
        problem(post(&intake, EVENT, &[json], body).await, 400, code).await;
        problem(post(&intake, BATCH, &[json], batch).await, code_of_batch.0, code_of_batch.1).await;
    }
}

#[tokio::test]
async fn json_is_taken_as_json_or_as_plain_text_and_as_nothing_else() {
    let intake = Intake::start(&[]).await;
    for taken in
        ["application/json", "application/json; charset=utf-8", "text/plain", "text/plain;charset=UTF-8"]
    {
        let response = post(&intake, EVENT, &[("content-type", taken)], GOOD.into()).await;
        assert_eq!(response.status(), 202, "{taken}");
    }
    for refused in ["text/html", "application/x-www-form-urlencoded", "text/plain; charset=latin1", "json"] {
        let response = post(&intake, EVENT, &[("content-type", refused)], GOOD.into()).await;
        problem(response, 415, "unsupported_media_type").await;
    }
    problem(post(&intake, EVENT, &[], GOOD.into()).await, 415, "unsupported_media_type").await;
}

#[tokio::test]
async fn every_encoding_is_unpacked_and_unknown_ones_are_refused() {
    let intake = Intake::start(&[]).await;
    let json = ("content-type", "application/json");
    for (name, bytes) in every_packing_of(GOOD.as_bytes()).await {
        let response = post(&intake, EVENT, &[json, ("content-encoding", name)], bytes).await;
        assert_eq!(response.status(), 202, "{name}");
        let lie = post(&intake, EVENT, &[json, ("content-encoding", name)], GOOD.into()).await;
        problem(lie, 400, "not_unpackable").await;
    }
    for unknown in ["compress", "gzip, br", "GZIPPED", "aes128gcm"] {
        let response = post(&intake, EVENT, &[json, ("content-encoding", unknown)], GOOD.into()).await;
        assert!(response.headers().contains_key("accept-encoding"));
        problem(response, 415, "unsupported_encoding").await;
    }
}

#[tokio::test]
async fn a_byte_order_mark_in_front_of_a_body_is_skipped_however_it_is_typed_and_packed() {
    let intake = Intake::start(&[]).await;
    let batch = format!("\u{feff}{{\"events\":[{GOOD}]}}");
    let event = format!("\u{feff}{GOOD}");
    for content_type in ["application/json", "text/plain;charset=UTF-8"] {
        let content_type = ("content-type", content_type);
        for (path, body) in [(EVENT, &event), (BATCH, &batch)] {
            let plain = post(&intake, path, &[content_type], body.clone().into_bytes()).await;
            assert_eq!(plain.status(), 202, "{path} {content_type:?}");
            for (name, bytes) in every_packing_of(body.as_bytes()).await {
                let packed = post(&intake, path, &[content_type, ("content-encoding", name)], bytes).await;
                assert_eq!(packed.status(), 202, "{path} {content_type:?} {name}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_of_the_largest_size_is_taken_and_one_byte_more_is_not() {
    let intake = Intake::start(&["--max-body-bytes=100000", "--max-unpacked-bytes=200000"]).await;
    let json = ("content-type", "application/json");
    let padded = |size: usize| format!("{GOOD}{}", " ".repeat(size - GOOD.len())).into_bytes();
    assert_eq!(post(&intake, EVENT, &[json], padded(100_000)).await.status(), 202);
    problem(post(&intake, EVENT, &[json], padded(100_001)).await, 413, "body_too_large").await;
    for (name, bytes) in every_packing_of(&padded(200_000)).await {
        assert_eq!(post(&intake, EVENT, &[json, ("content-encoding", name)], bytes).await.status(), 202);
    }
    for (name, bytes) in every_packing_of(&padded(200_001)).await {
        let response = post(&intake, EVENT, &[json, ("content-encoding", name)], bytes).await;
        problem(response, 413, "unpacked_too_large").await;
    }
}

#[tokio::test]
async fn a_bomb_is_defused_at_the_limit() {
    let intake = Intake::start(&[]).await;
    let zeros = vec![b' '; 100 << 20];
    for (name, bytes) in every_packing_of(&zeros).await {
        assert!(bytes.len() < 1 << 20, "{name} packs 100 MiB into {} bytes", bytes.len());
        let headers = [("content-type", "application/json"), ("content-encoding", name)];
        problem(post(&intake, BATCH, &headers, bytes).await, 413, "unpacked_too_large").await;
    }
}

#[tokio::test]
async fn the_answer_to_a_body_that_is_too_large_arrives_although_the_body_is_still_coming() {
    let intake = Intake::start(&[]).await;
    for path in [EVENT, BATCH] {
        let body = vec![b'['; 10_000_000];
        let response = post(&intake, path, &[("content-type", "application/json")], body).await;
        problem(response, 413, "body_too_large").await;
    }
    let chunk = format!("100000\r\n{}\r\n", "[".repeat(0x10_0000));
    let head = format!(
        "POST {EVENT} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let answer = raw(intake.address, format!("{head}{chunk}{chunk}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_in_time() {
    let intake = Intake::start(&["--body-timeout-ms=200"]).await;
    let head = format!("POST {EVENT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    for rest in ["content-length: 100\r\n\r\n{\"event", "transfer-encoding: chunked\r\n\r\n7\r\n{\"event\r\n"]
    {
        let answer = raw(intake.address, format!("{head}{rest}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
    }
}

#[tokio::test]
async fn wrong_lengths_and_chunks_are_refused_and_the_next_client_is_served() {
    let intake = Intake::start(&["--body-timeout-ms=200"]).await;
    let head = format!("POST {EVENT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    let wrong = [
        "content-length: x\r\n\r\n",
        "content-length: -1\r\n\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n\r\n",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\nzz\r\n",
        "transfer-encoding: gzip\r\n\r\n",
    ];
    for rest in wrong {
        let answer = raw(intake.address, format!("{head}{rest}").as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{rest:?}: {answer}");
    }
    // A length that is too small cuts the event, and what follows is no request.
    let answer = raw(intake.address, format!("{head}content-length: 10\r\n\r\n{GOOD}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("malformed_json"), "{answer}");
    assert_eq!(intake.send(EVENT, &serde_json::from_str(GOOD).unwrap()).await.status(), 202);
}

#[tokio::test]
async fn a_beacon_of_plain_text_with_a_batch_is_taken() {
    let intake = Intake::start(&[]).await;
    let batch = json!({ "events": [serde_json::from_str::<serde_json::Value>(GOOD).unwrap()] }).to_string();
    let response = post(&intake, BATCH, &[("content-type", "text/plain;charset=UTF-8")], batch.into()).await;
    assert_eq!(response.status(), 202);
}

const SMALL: [&str; 4] = [
    "--max-body-bytes=100000",
    "--max-unpacked-bytes=200000",
    "--body-memory-bytes=300000",
    "--body-timeout-ms=60000",
];

/// Sends the header of a body of 100,000 bytes, and the first `sent` of them.
async fn begin(intake: &Intake, sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(intake.address).await.unwrap();
    let head = format!(
        "POST {EVENT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: 100000\r\n\r\n"
    );
    let body = format!("{GOOD}{}", " ".repeat(100_000 - GOOD.len()));
    stream.write_all(format!("{head}{}", &body[..sent]).as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn bodies_beyond_the_memory_for_them_are_refused_at_once_and_room_is_made_when_others_end() {
    let intake = Intake::start(&SMALL).await;
    let json = ("content-type", "application/json");
    let mut bodies =
        [begin(&intake, 99_999).await, begin(&intake, 99_999).await, begin(&intake, 99_999).await];
    eventually("all memory is taken", DEADLINE, async || {
        let response = post(&intake, EVENT, &[json], GOOD.into()).await;
        if response.status() == 202 {
            return None;
        }
        problem(response, 503, "body_memory").await;
        Some(())
    })
    .await;
    for path in [EVENT, BATCH] {
        // Refused by what it announces, before any of it has come.
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n");
        for framing in ["content-length: 100000", "transfer-encoding: chunked"] {
            let answer = raw(intake.address, format!("{head}{framing}\r\n\r\n").as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
        }
    }
    // The memory is that of those who have it: they go on, and others come after them.
    bodies[0].write_all(b" ").await.unwrap();
    let mut answer = String::new();
    bodies[0].read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let response = post(&intake, EVENT, &[json], vec![b' '; 100_000]).await;
    problem(response, 400, "malformed_json").await;
}

#[tokio::test]
async fn clients_that_announce_much_and_send_little_take_no_memory_from_others() {
    let intake = Intake::start(&SMALL).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        slow.push(begin(&intake, 10).await);
    }
    for (name, bytes) in every_packing_of(format!("{GOOD}{}", " ".repeat(190_000)).as_bytes()).await {
        let headers = [("content-type", "application/json"), ("content-encoding", name)];
        assert_eq!(post(&intake, EVENT, &headers, bytes).await.status(), 202, "{name}");
    }
    let largest = format!("{GOOD}{}", " ".repeat(100_000 - GOOD.len()));
    let response = post(&intake, EVENT, &[("content-type", "application/json")], largest.into()).await;
    assert_eq!(response.status(), 202);
}

#[tokio::test]
async fn what_a_body_unpacks_to_counts_too() {
    let intake = Intake::start(&SMALL).await;
    let _two = [begin(&intake, 99_999).await, begin(&intake, 99_999).await];
    for (name, bytes) in every_packing_of(format!("{GOOD}{}", " ".repeat(150_000)).as_bytes()).await {
        let headers = [("content-type", "application/json"), ("content-encoding", name)];
        eventually("there is no memory for what is unpacked", DEADLINE, async || {
            let response = post(&intake, EVENT, &headers, bytes.clone()).await;
            if response.status() == 202 {
                return None;
            }
            problem(response, 503, "body_memory").await;
            Some(())
        })
        .await;
    }
    let small = post(&intake, EVENT, &[("content-type", "application/json")], GOOD.into()).await;
    assert_eq!(small.status(), 202);
}
