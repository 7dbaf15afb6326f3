//! How a request is put on the wire: lengths that are wrong, chunks that are none or stop, headers without end.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Expected::{Bare, Closed, Problem, Taken};
use super::{Expected, GOOD, check, only_good_events_are_kept, still_serves};
use crate::intake::{BATCH, DEADLINE, EVENT, Intake};

const INCOMPLETE: Expected = Problem(400, "incomplete_body");
const MALFORMED: Expected = Problem(400, "malformed_json");
const LATE: Expected = Problem(408, "body_timeout");

/// What the client does once it has sent all.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// It waits for the answer.
    Waits,
    /// It says that nothing more will come, and waits.
    EndsSending,
}

async fn talk(intake: &Intake, bytes: &[u8], then: Then) -> String {
    let mut stream = TcpStream::connect(intake.address).await.unwrap();
    let mut answer = Vec::new();
    let talk = async {
        stream.write_all(bytes).await?;
        if then == Then::EndsSending {
            stream.shutdown().await?;
        }
        stream.read_to_end(&mut answer).await
    };
    // A reset behind the answer is as good as an end.
    let _ended = tokio::time::timeout(DEADLINE, talk).await.expect("the connection is closed in time");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends the header lines and what follows them to both calls, and a good event after each.
async fn each_gets_its_answer(rows: &[(&str, String, Then, Expected)]) {
    let intake = Intake::start(&["--body-timeout-ms=300", "--header-timeout-ms=2000"]).await;
    let mut kept = 0;
    for (name, rest, then, expected) in rows {
        for path in [EVENT, BATCH] {
            if path == BATCH && matches!(expected, Taken) {
                continue;
            }
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
            );
            let answer = talk(&intake, format!("{head}{rest}").as_bytes(), *then).await;
            check(&format!("{name} to {path}"), &answer, expected);
        }
        still_serves(&intake, name).await;
        kept += if matches!(expected, Taken) { 2 } else { 1 };
    }
    only_good_events_are_kept(&intake, kept).await;
}

#[tokio::test]
async fn a_wrong_content_length_is_refused_or_cuts_the_body() {
    let length = GOOD.len();
    let row = |name, header: &str, then, expected| (name, format!("{header}\r\n\r\n{GOOD}"), then, expected);
    each_gets_its_answer(&[
        row("one more than there is", &format!("content-length: {}", length + 1), Then::Waits, LATE),
        row(
            "one more than there is, then the end",
            &format!("content-length: {}", length + 1),
            Then::EndsSending,
            INCOMPLETE,
        ),
        row("far more than there is", "content-length: 1000000", Then::Waits, LATE),
        row("more than is allowed", "content-length: 1048577", Then::Waits, Problem(413, "body_too_large")),
        row("the largest", "content-length: 18446744073709551615", Then::Waits, Bare(431)),
        row("beyond the largest", "content-length: 18446744073709551616", Then::Waits, Bare(400)),
        row("one less than there is", &format!("content-length: {}", length - 1), Then::Waits, MALFORMED),
        row("none", "content-length: 0", Then::Waits, MALFORMED),
        row("absent", "x-none: at all", Then::Waits, MALFORMED),
        row("no number", "content-length: x", Then::Waits, Bare(400)),
        row("empty", "content-length:", Then::Waits, Bare(400)),
        row("negative", "content-length: -1", Then::Waits, Bare(400)),
        row("signed", &format!("content-length: +{length}"), Then::Waits, Bare(400)),
        row("hexadecimal", "content-length: 0x3e", Then::Waits, Bare(400)),
        row(
            "two that differ",
            &format!("content-length: {length}\r\ncontent-length: 1"),
            Then::Waits,
            Bare(400),
        ),
        row("a list that differs", &format!("content-length: {length}, 1"), Then::Waits, Bare(400)),
        row(
            "beside chunks",
            &format!("content-length: {length}\r\ntransfer-encoding: chunked"),
            Then::Waits,
            INCOMPLETE,
        ),
    ])
    .await;
}

#[tokio::test]
async fn chunks_that_stop_or_are_none_are_refused() {
    let row = |name, chunks: &str, then, expected| {
        (name, format!("transfer-encoding: chunked\r\n\r\n{chunks}"), then, expected)
    };
    let whole = format!("{:x}\r\n{GOOD}\r\n", GOOD.len());
    let drops: String = GOOD.chars().map(|letter| format!("1\r\n{letter}\r\n")).collect();
    each_gets_its_answer(&[
        row("whole", &format!("{whole}0\r\n\r\n"), Then::Waits, Taken),
        row("a byte each", &format!("{drops}0\r\n\r\n"), Then::Waits, Taken),
        row("without the last chunk", &whole, Then::Waits, LATE),
        row("without the last chunk, then the end", &whole, Then::EndsSending, INCOMPLETE),
        row("in the middle of a chunk", "3e\r\n{\"event", Then::Waits, LATE),
        row("in the middle of a chunk, then the end", "3e\r\n{\"event", Then::EndsSending, INCOMPLETE),
        row("in the middle of a size", "3", Then::Waits, LATE),
        row("in the middle of a size, then the end", "3", Then::EndsSending, INCOMPLETE),
        row("before the first", "", Then::Waits, LATE),
        row("a size that is no number", "zz\r\n{}\r\n0\r\n\r\n", Then::Waits, INCOMPLETE),
        row("a negative size", "-1\r\n{}\r\n0\r\n\r\n", Then::Waits, INCOMPLETE),
        row("a size beyond the largest", "fffffffffffffffff\r\n{}", Then::Waits, INCOMPLETE),
        row("a size of 15 EiB", "fffffffffffffff0\r\n{}", Then::Waits, LATE),
        row("a chunk longer than its size", "2\r\n{}}\r\n0\r\n\r\n", Then::Waits, INCOMPLETE),
        row("an extension without end", &format!("2;{}", "x".repeat(100_000)), Then::Waits, INCOMPLETE),
        row(
            "trailers without end",
            &format!("{whole}0\r\n{}", "x: y\r\n".repeat(20_000)),
            Then::Waits,
            INCOMPLETE,
        ),
        row(
            "more than is allowed",
            &format!("100001\r\n{}", "[".repeat(0x10_0001)),
            Then::Waits,
            Problem(413, "body_too_large"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_another_coding_of_the_transfer_too() {
    let intake = Intake::start(&[]).await;
    let mut kept = 0;
    let huge = "a".repeat(100_000);
    let many: String = (0..1_000).map(|number| format!("x-{number}: y\r\n")).collect();
    let post = format!("POST {EVENT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    for (name, bytes, expected) in [
        (
            "a TLS hello",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\r\n\r\n".to_owned(),
            Bare(400),
        ),
        ("HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), Closed),
        ("no version", format!("POST {EVENT}\r\n\r\n"), Bare(400)),
        ("a version that never was", format!("POST {EVENT} HTTP/9.9\r\nhost: x\r\n\r\n"), Bare(400)),
        ("a path without end", format!("GET /{huge} HTTP/1.1\r\nhost: x\r\n\r\n"), Bare(431)),
        ("a header without end", format!("{post}x-huge: {huge}\r\n\r\n"), Bare(431)),
        ("a thousand headers", format!("{post}{many}\r\n"), Bare(431)),
        ("a header without a name", format!("{post}: x\r\n\r\n"), Bare(400)),
        ("a header with a raw U+0000", format!("{post}x: \u{0}\r\n\r\n"), Bare(400)),
        ("a folded header", format!("{post}x: a\r\n b\r\n\r\n"), Bare(400)),
        ("a space before the colon", format!("{post}content-length : 2\r\n\r\n{{}}"), Bare(400)),
        ("a transfer packed with gzip", format!("{post}transfer-encoding: gzip\r\n\r\n"), Bare(400)),
        (
            "chunks in chunks",
            format!("{post}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
            MALFORMED,
        ),
        ("a coding that is none", format!("{post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"), Bare(400)),
    ] {
        let answer = talk(&intake, bytes.as_bytes(), Then::EndsSending).await;
        check(name, &answer, &expected);
        still_serves(&intake, name).await;
        kept += 1;
    }
    only_good_events_are_kept(&intake, kept).await;
}

#[tokio::test]
async fn bytes_behind_a_body_are_the_next_request_and_never_part_of_the_event() {
    let intake = Intake::start(&[]).await;
    let first = format!(
        "POST {EVENT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{GOOD}",
        GOOD.len()
    );
    let answer = talk(&intake, format!("{first}{first}nonsense\r\n\r\n").as_bytes(), Then::EndsSending).await;
    let statuses: Vec<_> = answer.matches("HTTP/1.1 ").zip(answer.split("HTTP/1.1 ").skip(1)).collect();
    let statuses: Vec<_> = statuses.iter().map(|(_, rest)| &rest[..3]).collect();
    assert_eq!(statuses, ["202", "202", "400"], "{answer}");
    still_serves(&intake, "pipelined requests").await;
    only_good_events_are_kept(&intake, 3).await;
}
