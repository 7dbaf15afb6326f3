//! What stands in a body.

use super::Expected::{Fault, Invalid, Problem, Taken};
use super::{Expected, GOOD, check, only_good_events_are_kept, request, send_to_both, still_serves};
use crate::intake::{BATCH, EVENT, Intake, raw};

const MALFORMED: Expected = Problem(400, "malformed_json");
const NOT_UTF8: Expected = Problem(400, "not_utf8");

/// An event with every field; `§` stands where each of its texts can be replaced.
const TEXTS: [(&str, &str); 10] = [
    ("id", r#"{"eventType":"skip","promptId":"good","sessionId":"s","id":§}"#),
    ("eventType", r#"{"eventType":§,"promptId":"good","sessionId":"s"}"#),
    ("promptId", r#"{"eventType":"skip","promptId":§,"sessionId":"s"}"#),
    ("sessionId", r#"{"eventType":"skip","promptId":"good","sessionId":§}"#),
    ("timestamp", r#"{"eventType":"skip","promptId":"good","sessionId":"s","timestamp":§}"#),
    ("context.stage", r#"{"eventType":"skip","promptId":"good","sessionId":"s","context":{"stage":§}}"#),
    ("context.lensId", r#"{"eventType":"skip","promptId":"good","sessionId":"s","context":{"lensId":§}}"#),
    (
        "context.activeTopics[0]",
        r#"{"eventType":"skip","promptId":"good","sessionId":"s","context":{"activeTopics":[§]}}"#,
    ),
    (
        "context.activeMoments[0]",
        r#"{"eventType":"skip","promptId":"good","sessionId":"s","context":{"activeMoments":[§]}}"#,
    ),
    (
        "outcome.followUpPromptId",
        r#"{"eventType":"skip","promptId":"good","sessionId":"s","outcome":{"followUpPromptId":§}}"#,
    ),
];

const NUMBERS: [(&str, &str); 4] = [
    ("timestamp", r#"{"eventType":"skip","promptId":"good","sessionId":"s","timestamp":§}"#),
    ("context.entropy", r#"{"eventType":"skip","promptId":"good","sessionId":"s","context":{"entropy":§}}"#),
    ("scoring.rank", r#"{"eventType":"skip","promptId":"good","sessionId":"s","scoring":{"rank":§}}"#),
    (
        "outcome.dwellTimeMs",
        r#"{"eventType":"skip","promptId":"good","sessionId":"s","outcome":{"dwellTimeMs":§}}"#,
    ),
];

type Row = (String, Vec<u8>, Expected);

/// `§` of the template filled with bytes, which need not be text.
fn filled(template: &str, value: &[u8]) -> Vec<u8> {
    let (before, after) = template.split_once('§').unwrap();
    [before.as_bytes(), value, after.as_bytes()].concat()
}

fn with(fragment: &str) -> Vec<u8> {
    format!("{{{fragment},{}", &GOOD[1..]).into_bytes()
}

/// Sends each row to both calls, and a good event after each.
async fn each_gets_its_answer(rows: Vec<Row>) {
    let intake = Intake::start(&[]).await;
    let mut kept = 0;
    for (name, body, expected) in &rows {
        send_to_both(&intake, name, body, expected).await;
        still_serves(&intake, name).await;
        kept += if matches!(expected, Taken) { 3 } else { 1 };
    }
    only_good_events_are_kept(&intake, kept).await;
}

#[tokio::test]
async fn a_body_that_is_cut_off_anywhere_is_malformed() {
    let intake = Intake::start(&[]).await;
    let event = r#"{"eventType":"skip","promptId":"good","sessionId":"é","timestamp":1767225600123,
        "context":{"entropy":0.5,"activeTopics":["a\u00e9","b"]},"scoring":null,"outcome":{"entropyDelta":-1e-1}}"#;
    let batch = format!("{{\"events\":[{event},{event}]}}");
    let json = "content-type: application/json";
    for (path, whole) in [(EVENT, event), (BATCH, &batch)] {
        let lengths = (0..whole.len()).filter(|length| path == EVENT || length % 7 == 0);
        for length in lengths {
            let answer = raw(intake.address, &request(path, json, &whole.as_bytes()[..length])).await;
            let expected = if whole.is_char_boundary(length) { MALFORMED } else { NOT_UTF8 };
            check(&format!("{path} cut after {length} bytes"), &answer, &expected);
        }
    }
    still_serves(&intake, "every cut").await;
    only_good_events_are_kept(&intake, 1).await;
}

#[tokio::test]
async fn deep_nesting_is_malformed_or_passed_over_and_never_overflows_a_stack() {
    let wrong_type = |field: &str| Fault(field.to_owned(), "wrong_type");
    let context = || wrong_type("context");
    let topic = || wrong_type("context.activeTopics[0]");
    let mut rows: Vec<Row> = Vec::new();
    for (name, open, close, in_context, in_topics) in [
        ("lists", "[", "]", context(), topic()),
        ("objects", "{\"a\":", "}", Taken, wrong_type("context.activeTopics")),
        ("lists of objects", "[{\"\":", "}]", context(), topic()),
    ] {
        let mut row =
            |place: &str, body: Vec<u8>, expected| rows.push((format!("{name} {place}"), body, expected));
        let unclosed = open.repeat(100_000);
        let closed = format!("{unclosed}1{}", close.repeat(100_000));
        row("without an end", unclosed.clone().into_bytes(), MALFORMED);
        row("without an end in an unknown field", with(&format!("\"x\":{unclosed}")), MALFORMED);
        row("without an end for a context", with(&format!("\"context\":{unclosed}")), MALFORMED);
        row("with one end too many", format!("{closed}{close}").into_bytes(), MALFORMED);
        row("as an event", closed.clone().into_bytes(), Invalid);
        row("in an unknown field", with(&format!("\"x\":{closed}")), Taken);
        row("for a context", with(&format!("\"context\":{closed}")), in_context);
        row("for topics", with(&format!("\"context\":{{\"activeTopics\":{closed}}}")), in_topics);
    }
    each_gets_its_answer(rows).await;
}

#[tokio::test]
async fn keys_that_stand_twice_are_named() {
    let mut rows: Vec<Row> = Vec::new();
    let twice = [
        ("id", r#""id":null,"id":null"#),
        ("timestamp", r#""timestamp":1767225600123,"timestamp":1767225600123"#),
        ("context", r#""context":{},"context":{}"#),
        ("context", r#""context":null,"context":{}"#),
        ("context.entropy", r#""context":{"entropy":0.1,"entropy":0.2}"#),
        ("context.activeTopics", r#""context":{"activeTopics":[],"active\u0054opics":[]}"#),
        ("scoring.rank", r#""scoring":{"rank":1,"rank":1}"#),
        ("scoring.matchDetails.baseWeight", r#""scoring":{"matchDetails":{"baseWeight":1,"baseWeight":1}}"#),
        ("outcome.dwellTimeMs", r#""outcome":{"dwellTimeMs":1,"dwellTimeMs":1}"#),
        ("sessionId", r#""sessionId":"other""#),
        ("promptId", r#""promptId":"\u0067ood""#),
        ("eventType", r#""eventType":"skip""#),
    ];
    for (field, fragment) in twice {
        rows.push((format!("{field} twice"), with(fragment), Fault(field.to_owned(), "duplicate_field")));
    }
    rows.push(("an unknown key twice".to_owned(), with(r#""x":1,"x":{"y":1,"y":2}"#), Taken));
    let many = format!("\"context\":{{{}}}", vec!["\"entropy\":0.1"; 10_000].join(","));
    rows.push((
        "a key 10,000 times".to_owned(),
        with(&many),
        Fault("context.entropy".to_owned(), "duplicate_field"),
    ));
    each_gets_its_answer(rows).await;
}

#[tokio::test]
async fn what_is_no_number_and_what_no_number_can_be_are_malformed() {
    let mut rows: Vec<Row> = Vec::new();
    let spelled = [
        "NaN",
        "nan",
        "NAN",
        "-NaN",
        "+NaN",
        "nan(1)",
        "1.#QNAN",
        "Infinity",
        "-Infinity",
        "+Infinity",
        "infinity",
        "INFINITY",
        "inf",
        "-inf",
        "+inf",
        "Inf",
        "1.#INF",
        "∞",
        "0x7ff0000000000000",
        "1/0",
    ];
    let digits = "9".repeat(100_000);
    for (field, template) in NUMBERS {
        let mut row = |name: &str, value: &str, expected| {
            rows.push((format!("{name} for {field}"), filled(template, value.as_bytes()), expected));
        };
        for spelled in spelled {
            row(spelled, spelled, MALFORMED);
            let code = if field == "timestamp" { "invalid_timestamp" } else { "wrong_type" };
            row(&format!("{spelled:?}"), &format!("{spelled:?}"), Fault(field.to_owned(), code));
        }
        for huge in ["1e400", "-1e400", "1E+99999999999999999999", digits.as_str(), "1e0400"] {
            row(&huge[..huge.len().min(9)], huge, MALFORMED);
        }
        for broken in ["01", "+1", ".5", "1.", "1e", "--1", "1_000", "0b1", "1,5", "１"] {
            row(broken, broken, MALFORMED);
        }
    }
    each_gets_its_answer(rows).await;
}

#[tokio::test]
async fn numbers_out_of_range_are_named_and_those_next_to_nothing_are_taken() {
    let mut rows: Vec<Row> = Vec::new();
    let zeros = format!("0.{}1", "0".repeat(100_000));
    let [time, entropy, rank, dwell] = NUMBERS;
    let out_of_range = |field: &str| Fault(field.to_owned(), "out_of_range");
    for ((field, template), values) in [
        (entropy, ["1e308", "-1e308", "1.0000000000000002", "-5e-324"]),
        (rank, ["2147483648", "18446744073709551616", "340282366920938463463374607431768211456", "-1"]),
        (dwell, ["2147483647.5", "9223372036854775808", "1e308", "-1"]),
        (time, ["-1", "-9223372036854775809", "-1e308", "0"]),
    ] {
        for value in values {
            rows.push((
                format!("{value} for {field}"),
                filled(template, value.as_bytes()),
                out_of_range(field),
            ));
        }
    }
    for tiny in ["1e-400", "-0", "0e99999999999", zeros.as_str()] {
        let name = format!("{} for an entropy", &tiny[..tiny.len().min(9)]);
        rows.push((name, filled(entropy.1, tiny.as_bytes()), Taken));
    }
    each_gets_its_answer(rows).await;
}

#[tokio::test]
async fn u_0000_and_lone_surrogates_are_found_in_every_text() {
    let mut rows: Vec<Row> = Vec::new();
    for (field, template) in TEXTS {
        let mut row = |name: &str, value: &[u8], expected| {
            rows.push((format!("{name} in {field}"), filled(template, value), expected));
        };
        let null = match field {
            "id" => "invalid_id",
            "timestamp" => "invalid_timestamp",
            "eventType" | "context.stage" => "not_allowed",
            _ => "null_character",
        };
        for escaped in [br#""a\u0000b""# as &[u8], br#""\u0000""#, br#""a\u0000""#] {
            row("an escaped U+0000", escaped, Fault(field.to_owned(), null));
        }
        row("a raw U+0000", b"\"a\0b\"", MALFORMED);
        row("an overlong U+0000", b"\"a\xc0\x80b\"", NOT_UTF8);
        for surrogate in [
            br#""\ud800""# as &[u8],
            br#""\udfff""#,
            br#""\udc00\ud800""#,
            br#""\ud83e\ud83e""#,
            br#""\ud83ea""#,
            br#""\ud83e\n""#,
            br#""\uDBFF""#,
        ] {
            row("an escaped lone surrogate", surrogate, MALFORMED);
        }
        row("a raw lone surrogate", b"\"\xed\xa0\x80\"", NOT_UTF8);
        row("an escape that is none", br#""\u12""#, MALFORMED);
        row("an escape that is none", br#""\x00""#, MALFORMED);
        row("a raw line break", b"\"a\nb\"", MALFORMED);
    }
    each_gets_its_answer(rows).await;
}

#[tokio::test]
async fn what_is_not_utf_8_is_refused() {
    let mut rows: Vec<Row> = Vec::new();
    for (name, bytes) in [
        ("a continuation alone", b"\x80" as &[u8]),
        ("a sequence that breaks off", b"\xf0\x9f\xa6"),
        ("a code point beyond the last", b"\xf4\x90\x80\x80"),
        ("a byte that never occurs", b"\xff"),
        ("an overlong slash", b"\xc0\xaf"),
        ("Latin-1", b"caf\xe9"),
    ] {
        for (field, template) in TEXTS {
            let value = [b"\"", bytes, b"\""].concat();
            rows.push((format!("{name} in {field}"), filled(template, &value), NOT_UTF8));
        }
        rows.push((format!("{name} behind an event"), [GOOD.as_bytes(), bytes].concat(), NOT_UTF8));
    }
    let utf16 = |big_endian: bool| -> Vec<u8> {
        let units = GOOD.encode_utf16();
        units.flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let two_marks = [b"\xef\xbb\xbf\xef\xbb\xbf", GOOD.as_bytes()].concat();
    rows.push(("UTF-8 with two marks".to_owned(), two_marks, MALFORMED));
    rows.push((
        "UTF-16 with a mark, little end first".to_owned(),
        [b"\xff\xfe".to_vec(), utf16(false)].concat(),
        NOT_UTF8,
    ));
    rows.push((
        "UTF-16 with a mark, big end first".to_owned(),
        [b"\xfe\xff".to_vec(), utf16(true)].concat(),
        NOT_UTF8,
    ));
    rows.push(("UTF-16 without a mark, little end first".to_owned(), utf16(false), MALFORMED));
    rows.push(("UTF-16 without a mark, big end first".to_owned(), utf16(true), MALFORMED));
    each_gets_its_answer(rows).await;
}
