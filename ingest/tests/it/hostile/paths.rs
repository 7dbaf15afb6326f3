//! Paths and parameters.

use serde_json::Value;

use super::Expected::{Bare, Problem};
use super::{Expected, check};
use crate::intake::raw;
use crate::reads::start;

const INVALID: Expected = Problem(400, "invalid_parameters");

fn get(path: &[u8]) -> Vec<u8> {
    [b"GET ", path, b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"].concat()
}

#[tokio::test]
async fn whatever_stands_for_a_prompt_id_is_that_id_and_never_another_path() {
    let reads = start().await;
    let long = "a".repeat(256);
    let crabs = "%F0%9F%A6%80".repeat(256);
    for (path, id) in [
        (b"%2F" as &[u8], "/"),
        (b"a%2Fb", "a/b"),
        (b"a%2F..%2F..%2Fb", "a/../../b"),
        (b"%2Fetc%2Fpasswd", "/etc/passwd"),
        (b"..%2f", "../"),
        (b"....", "...."),
        (b"%252F", "%2F"),
        (b"%252e%252e", "%2e%2e"),
        (b"%", "%"),
        (b"%zz", "%zz"),
        (b"a;b=c", "a;b=c"),
        (b"a%3Bdrop%20table%20x--", "a;drop table x--"),
        (b"'%20or%20''='", "' or ''='"),
        (b"%0D%0Ax-evil:%201", "\r\nx-evil: 1"),
        (b"%F0%9F%A6%80", "🦀"),
        ("🦀".as_bytes(), "🦀"),
        (b"%E2%80%AE", "\u{202e}"),
        (long.as_bytes(), &long),
        (crabs.as_bytes(), &"🦀".repeat(256)),
    ] {
        let path = [b"/api/telemetry/prompt/", path, b"/stats"].concat();
        let answer = raw(reads.intake.address, &get(&path)).await;
        let name = String::from_utf8_lossy(&path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
        let stats: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!((&stats["promptId"], &stats["impressions"]), (&id.into(), &0.into()), "{name}");
    }
}

#[tokio::test]
async fn what_no_prompt_id_can_be_is_refused() {
    let reads = start().await;
    let long = "a".repeat(10_000);
    let crabs = "%F0%9F%A6%80".repeat(257);
    let longest = "a".repeat(40_000);
    for (path, expected) in [
        (b"." as &[u8], INVALID),
        (b"..", INVALID),
        (b"%2e", INVALID),
        (b"%2E%2e", INVALID),
        (b".%2e", INVALID),
        (b"", INVALID),
        (b"%00", INVALID),
        (b"a%00b", INVALID),
        (b"%FF", INVALID),
        (b"%C0%AF", INVALID),
        (b"%ED%A0%80", INVALID),
        (b"\xff", Bare(400)),
        (long.as_bytes(), INVALID),
        (crabs.as_bytes(), INVALID),
        (longest.as_bytes(), Bare(431)),
        (b"%00/a", INVALID),
        (b"a/%FF", INVALID),
        (b"a\0b", Bare(400)),
        (b"a b", Bare(400)),
    ] {
        let whole = [b"/api/telemetry/prompt/", path, b"/stats"].concat();
        let answer = raw(reads.intake.address, &get(&whole)).await;
        check(&String::from_utf8_lossy(&whole[..whole.len().min(80)]), &answer, &expected);
    }
    let list = "/api/telemetry/prompts/performance?";
    for query in
        ["search=%00", "lens=%00", "limit=1e2", "limit=99999999999999999999", "offset=-1", "limit=%EF%BC%91"]
    {
        let answer = raw(reads.intake.address, &get(format!("{list}{query}").as_bytes())).await;
        check(query, &answer, &INVALID);
    }
    let answer = raw(reads.intake.address, &get(b"/api/telemetry/prompt/p/stats")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
