//! Clients that say they are somebody else, in a header of the PROXY protocol, and proxies that send a broken one.
//!
//! Who is who shows in the rate limit: each client may send one event a minute or so.

use super::Expected::{self, Closed, Problem};
use super::{GOOD, check, only_good_events_are_kept, request};
use crate::intake::{EVENT, Intake, raw};

const LIMIT: [&str; 2] = ["--rate-limit-per-second=1", "--rate-limit-burst=1"];
const UNEXPECTED: Expected = Problem(400, "unexpected_proxy_header");
const MISSING: Expected = Problem(400, "no_proxy_header");

async fn intake(arguments: &[&str]) -> Intake {
    Intake::start(&[&LIMIT[..], arguments].concat()).await
}

fn text_header(client: &str) -> Vec<u8> {
    format!("PROXY TCP4 {client} 198.51.100.9 51820 8080\r\n").into_bytes()
}

fn binary_header(client: [u8; 4]) -> Vec<u8> {
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" as &[u8], &client, &[198, 51, 100, 9, 0xca, 0x6c, 0x1f, 0x90]]
        .concat()
}

/// Sends a good event behind `header`; returns the answer.
async fn send(intake: &Intake, header: &[u8], more: &str) -> String {
    let headers = format!("content-type: application/json{more}");
    raw(intake.address, &[header, &request(EVENT, &headers, GOOD.as_bytes())].concat()).await
}

fn is_taken(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 202")
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_client_is_whom_its_header_names() {
    let intake = intake(&["--proxy-protocol", "--trusted-proxies=127.0.0.0/8"]).await;
    for number in 1..=10 {
        let text = send(&intake, &text_header(&format!("192.0.2.{number}")), "").await;
        assert!(is_taken(&text), "{text}");
        let binary = send(&intake, &binary_header([203, 0, 113, number]), "").await;
        assert!(is_taken(&binary), "{binary}");
    }
    // One client, whatever it puts into its request.
    let mut refused = 0;
    for number in 0..20 {
        let forged = format!("\r\nx-forwarded-for: 10.9.8.{number}");
        refused += usize::from(!is_taken(&send(&intake, &text_header("198.18.0.1"), &forged).await));
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn a_header_of_the_proxy_protocol_is_refused_from_everybody_else() {
    let switched_off: &[&str] = &["--trusted-proxies=127.0.0.0/8"];
    let of_others: &[&str] = &["--proxy-protocol", "--trusted-proxies=192.0.2.0/24,::/1"];
    for arguments in [&[], switched_off, of_others] {
        let intake = intake(arguments).await;
        for header in [text_header("192.0.2.7"), b"PROXY UNKNOWN\r\n".to_vec(), binary_header([192, 0, 2, 7])]
        {
            let answer = send(&intake, &header, "").await;
            check(&format!("{arguments:?}"), &answer, &UNEXPECTED);
            assert!(answer.contains("INGEST_PROXY_PROTOCOL"), "{answer}");
        }
        let answer = send(&intake, b"", "").await;
        assert!(is_taken(&answer), "{answer}");
        only_good_events_are_kept(&intake, 1).await;
    }
}

#[tokio::test]
async fn a_trusted_proxy_that_sends_no_header_or_a_broken_one_is_refused() {
    let arguments = ["--proxy-protocol", "--trusted-proxies=127.0.0.0/8", "--header-timeout-ms=300"];
    let intake = intake(&arguments).await;
    let too_long = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"[..], &[0; 70_000]].concat();
    for (name, header, expected) in [
        ("none", b"" as &[u8], MISSING),
        ("an address that is none", b"PROXY TCP4 192.0.2.777 198.51.100.9 1 2\r\n", MISSING),
        ("an address of the other family", b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", MISSING),
        ("a line without end", &[b'P'; 5_000], MISSING),
        ("in lower case", b"proxy TCP4 192.0.2.7 198.51.100.9 1 2\r\n", MISSING),
        ("version 3", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x0c\0\0\0\0\0\0\0\0\0\0\0\0", MISSING),
    ] {
        check(name, &send(&intake, header, "").await, &expected);
    }
    // More than fits into the buffer; the end of the connection may overtake its answer.
    let answer = send(&intake, &too_long, "").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    // The second header is the first line of a request, and no such method exists.
    let twice = [text_header("192.0.2.7"), text_header("192.0.2.8")].concat();
    let answer = send(&intake, &twice, "").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    for unfinished in [b"" as &[u8], b"PROXY TCP4 192", b"\r\n\r\n\0\r\nQ"] {
        check("unfinished", &raw(intake.address, unfinished).await, &Closed);
    }
    only_good_events_are_kept(&intake, 0).await;
}

#[tokio::test]
async fn a_check_of_the_proxy_itself_is_the_proxys_own() {
    let intake = intake(&["--proxy-protocol", "--trusted-proxies=127.0.0.0/8"]).await;
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
    for header in [b"PROXY UNKNOWN\r\n" as &[u8], local] {
        let get = "GET /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let answer = raw(intake.address, &[header, get.as_bytes()].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
