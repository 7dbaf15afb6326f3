//! How a body says it is typed and packed.

use async_compression::Level::Fastest;
use async_compression::tokio::bufread::{
    BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder,
};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::Expected::{Problem, Taken};
use super::{Expected, GOOD, check, only_good_events_are_kept, request, still_serves};
use crate::intake::{BATCH, EVENT, Intake, raw};

const BAD_TYPE: Expected = Problem(415, "unsupported_media_type");
const BAD_ENCODING: Expected = Problem(415, "unsupported_encoding");
const NO_SUCH_DATA: Expected = Problem(400, "not_unpackable");
const TOO_LARGE: Expected = Problem(413, "unpacked_too_large");

async fn packed(mut encoder: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoder.read_to_end(&mut bytes).await.unwrap();
    bytes
}

async fn every_packing_of(bytes: &[u8]) -> [(&'static str, Vec<u8>); 5] {
    [
        ("gzip", packed(GzipEncoder::with_quality(bytes, Fastest)).await),
        ("deflate", packed(ZlibEncoder::with_quality(bytes, Fastest)).await),
        ("deflate", packed(DeflateEncoder::with_quality(bytes, Fastest)).await),
        ("br", packed(BrotliEncoder::with_quality(bytes, Fastest)).await),
        ("zstd", packed(ZstdEncoder::with_quality(bytes, Fastest)).await),
    ]
}

/// Sends each body with its header lines to both calls, and a good event after each; returns how many were taken.
async fn send(intake: &Intake, name: &str, headers: &str, body: &[u8], expected: &Expected) -> usize {
    for path in [EVENT, BATCH] {
        let answer = raw(intake.address, &request(path, headers, body)).await;
        check(&format!("{name} to {path}"), &answer, expected);
    }
    still_serves(intake, name).await;
    1
}

#[tokio::test]
async fn content_types_that_are_not_ours_are_refused() {
    let intake = Intake::start(&[]).await;
    let mut kept = 0;
    for line in [
        "x-none: at all",
        "content-type:",
        "content-type: json",
        "content-type: text/html",
        "content-type: text/xml",
        "content-type: text/json",
        "content-type: application/*",
        "content-type: application/octet-stream",
        "content-type: application/json5",
        "content-type: application/jsonx",
        "content-type: application/x-ndjson",
        "content-type: application/x-www-form-urlencoded",
        "content-type: multipart/form-data; boundary=x",
        "content-type: application/json; charset=utf-16",
        "content-type: text/plain; charset=\"iso-8859-1\"",
        "content-type: text/html, application/json",
        "content-type: \u{e9}",
    ] {
        kept += send(&intake, line, line, GOOD.as_bytes(), &BAD_TYPE).await;
    }
    only_good_events_are_kept(&intake, kept).await;
}

#[tokio::test]
async fn encodings_that_are_unknown_or_not_what_they_say_are_refused() {
    let intake = Intake::start(&[]).await;
    let mut kept = 0;
    for encoding in [
        "compress",
        "gzip, gzip",
        "gzip, br",
        "identity, gzip",
        "lz4",
        "snappy",
        "aes128gcm",
        "dcb",
        "*",
        "gzip;q=1",
        "\u{e9}",
    ] {
        let headers = format!("content-type: application/json\r\ncontent-encoding: {encoding}");
        kept += send(&intake, encoding, &headers, GOOD.as_bytes(), &BAD_ENCODING).await;
    }
    let twice = "content-type: application/json\r\ncontent-encoding: gzip\r\ncontent-encoding: gzip";
    kept += send(&intake, "two lines", twice, GOOD.as_bytes(), &BAD_ENCODING).await;
    let text = GOOD.repeat(50);
    for (name, bytes) in every_packing_of(text.as_bytes()).await {
        let headers = format!("content-type: application/json\r\ncontent-encoding: {name}");
        let cut = &bytes[..bytes.len() / 2];
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 0x5a;
        let other = if name == "gzip" { "zstd" } else { "gzip" };
        kept += send(&intake, &format!("{name} cut off"), &headers, cut, &NO_SUCH_DATA).await;
        kept +=
            send(&intake, &format!("{name} that is text"), &headers, GOOD.as_bytes(), &NO_SUCH_DATA).await;
        kept += send(&intake, &format!("{name} that is nothing"), &headers, b"", &NO_SUCH_DATA).await;
        let lie = format!("content-type: application/json\r\ncontent-encoding: {other}");
        kept += send(&intake, &format!("{name} that says {other}"), &lie, &bytes, &NO_SUCH_DATA).await;
        // The format's checksum may find it, or what comes out is no JSON: never an event, in any case.
        let answer = raw(intake.address, &request(EVENT, &headers, &flipped)).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{name} with a flipped bit: {answer}");
    }
    only_good_events_are_kept(&intake, kept).await;
}

#[tokio::test]
async fn bombs_are_defused_at_the_limit() {
    let intake = Intake::start(&[]).await;
    let mut kept = 0;
    let bomb = vec![b' '; 100 << 20];
    for (name, bytes) in every_packing_of(&bomb).await {
        assert!(bytes.len() < 1 << 20, "{name} packs 100 MiB into {} bytes", bytes.len());
        let headers = format!("content-type: application/json\r\ncontent-encoding: {name}");
        kept += send(&intake, &format!("a bomb of {name}"), &headers, &bytes, &TOO_LARGE).await;
    }
    let gzip = "content-type: application/json\r\ncontent-encoding: gzip";
    let member = packed(GzipEncoder::with_quality(&vec![b' '; 100_000][..], Fastest)).await;
    kept += send(&intake, "a thousand members of gzip", gzip, &member.repeat(1_000), &TOO_LARGE).await;
    let zstd = "content-type: application/json\r\ncontent-encoding: zstd";
    let frame = packed(ZstdEncoder::with_quality(&vec![b' '; 100_000][..], Fastest)).await;
    kept += send(&intake, "a thousand frames of zstd", zstd, &frame.repeat(1_000), &TOO_LARGE).await;
    // Magic number, a header without checksum or size, and a window of 2^41 bytes.
    let window = b"\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00";
    kept += send(&intake, "a zstd window of 2 TiB", zstd, window, &NO_SUCH_DATA).await;
    only_good_events_are_kept(&intake, kept).await;
}

#[tokio::test]
async fn ten_megabytes_of_brackets_are_too_large_or_malformed_however_they_come() {
    let intake = Intake::start(&[]).await;
    let json = "content-type: application/json";
    let mut kept =
        send(&intake, "plain", json, &vec![b'['; 10_000_000], &Problem(413, "body_too_large")).await;
    for (size, expected) in [(10_000_000, TOO_LARGE), (8 << 20, Problem(400, "malformed_json"))] {
        for (name, bytes) in every_packing_of(&vec![b'['; size]).await {
            let headers = format!("{json}\r\ncontent-encoding: {name}");
            kept += send(&intake, &format!("{size} as {name}"), &headers, &bytes, &expected).await;
        }
    }
    only_good_events_are_kept(&intake, kept).await;
}

#[tokio::test]
async fn a_hundred_thousand_tiny_events_are_too_many_and_a_thousand_are_not() {
    let intake = Intake::start(&[]).await;
    let batch = |element: &str, count: usize| format!("{{\"events\":[{}]}}", vec![element; count].join(","));
    let gzip = "content-type: application/json\r\ncontent-encoding: gzip";
    for element in ["{}", "1", "null", "[]", "\"\"", GOOD] {
        let bytes = packed(GzipEncoder::with_quality(batch(element, 100_000).as_bytes(), Fastest)).await;
        let answer = raw(intake.address, &request(BATCH, gzip, &bytes)).await;
        check(element, &answer, &Problem(413, "too_many_events"));
        still_serves(&intake, element).await;
    }
    let bytes = packed(GzipEncoder::with_quality(batch(GOOD, 1_000).as_bytes(), Fastest)).await;
    check("a thousand", &raw(intake.address, &request(BATCH, gzip, &bytes)).await, &Taken);
    only_good_events_are_kept(&intake, 6 + 1_000).await;
}
