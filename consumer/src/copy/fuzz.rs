//! The fuzz target of the COPY encoder: whatever event there is, a second reader of PostgreSQL's format, written from its
//! documentation, finds the same values in its row. `make fuzz` feeds it a million inputs.

use proptest::prelude::{prop_assert_eq, proptest};
use schema::strategies::{Progress, hostile_bytes};
use schema::{Event, Stage};

use crate::copy::{HEADER, TRAILER, append_row, fields};

/// Inputs in a plain test run.
const FEW: u32 = 8_000;
/// Milliseconds from 1970 to 2000, from where PostgreSQL counts.
const MILLENNIUM: i64 = 946_684_800_000;

static ENCODER: Progress = Progress::new("COPY encoder");

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Null,
    Uuid([u8; 16]),
    Text(String),
    Texts(Vec<String>),
    /// The bits, so that zeros of either sign differ.
    Double(u64),
    Integer(i32),
    Bool(bool),
    /// Microseconds since 1970.
    Time(i64),
}

/// What the columns are, in the order of the table's own description.
const KINDS: &[u8; 22] = b"utttpttdiaadddddibidtp";

/// Reads a whole COPY stream: the header, tuples of fields, the trailer.
fn read_stream(stream: &[u8]) -> Vec<Vec<Cell>> {
    let mut rest = stream;
    assert_eq!(eat(&mut rest, 11), b"PGCOPY\n\xff\r\n\0");
    assert_eq!((i32_of(&mut rest), i32_of(&mut rest)), (0, 0), "flags, length of the extension");
    let mut rows = Vec::new();
    loop {
        match i16::from_be_bytes(eat(&mut rest, 2).try_into().unwrap()) {
            -1 => break,
            count => {
                assert_eq!(count as usize, KINDS.len());
                rows.push(KINDS.iter().map(|kind| cell(*kind, &mut rest)).collect());
            }
        }
    }
    assert!(rest.is_empty(), "{} bytes behind the trailer", rest.len());
    rows
}

fn cell(kind: u8, rest: &mut &[u8]) -> Cell {
    let length = i32_of(rest);
    if length == -1 {
        return Cell::Null;
    }
    let value = eat(rest, usize::try_from(length).unwrap());
    match kind {
        b'u' => Cell::Uuid(value.try_into().unwrap()),
        b't' => Cell::Text(String::from_utf8(value.to_vec()).unwrap()),
        b'a' => Cell::Texts(texts(value)),
        b'd' => Cell::Double(u64::from_be_bytes(value.try_into().unwrap())),
        b'i' => Cell::Integer(i32::from_be_bytes(value.try_into().unwrap())),
        b'b' => Cell::Bool(
            matches!(value, [1]) || {
                assert_eq!(value, [0]);
                false
            },
        ),
        b'p' => Cell::Time(i64::from_be_bytes(value.try_into().unwrap()) + MILLENNIUM * 1_000),
        _ => unreachable!("no such kind"),
    }
}

/// An array: dimensions, whether there are nulls, the elements' type; each dimension's length and first index; elements.
fn texts(mut value: &[u8]) -> Vec<String> {
    let rest = &mut value;
    let dimensions = i32_of(rest);
    assert_eq!((i32_of(rest), i32_of(rest)), (0, 25), "no nulls, type text");
    let count = if dimensions == 0 { 0 } else { i32_of(rest) };
    if dimensions != 0 {
        assert_eq!((dimensions, i32_of(rest)), (1, 1), "one dimension, counted from 1");
    }
    let text = |_| {
        let length = usize::try_from(i32_of(rest)).unwrap();
        String::from_utf8(eat(rest, length).to_vec()).unwrap()
    };
    let texts = (0..count).map(text).collect();
    assert!(value.is_empty());
    texts
}

fn i32_of(rest: &mut &[u8]) -> i32 {
    i32::from_be_bytes(eat(rest, 4).try_into().unwrap())
}

fn eat<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (value, after) = rest.split_at(count);
    *rest = after;
    value
}

/// The row that the event should have, column by column.
fn row_of(event: &Event<'_>) -> Vec<Cell> {
    let text = |text: Option<&str>| text.map_or(Cell::Null, |text| Cell::Text(text.to_owned()));
    let double = |number: Option<f64>| number.map_or(Cell::Null, |number| Cell::Double(number.to_bits()));
    let integer = |number: Option<i32>| number.map_or(Cell::Null, Cell::Integer);
    let texts = |texts: Option<Vec<std::borrow::Cow<'_, str>>>| {
        texts.map_or(Cell::Null, |texts| Cell::Texts(texts.iter().map(ToString::to_string).collect()))
    };
    let context = event.context.clone().unwrap_or_default();
    let scoring = event.scoring.unwrap_or_default();
    let details = scoring.match_details.unwrap_or_default();
    let outcome = event.outcome.clone().unwrap_or_default();
    vec![
        Cell::Uuid(*event.id.as_bytes()),
        text(Some(event.event_type.as_str())),
        text(Some(&event.prompt_id)),
        text(Some(&event.session_id)),
        Cell::Time(event.timestamp * 1_000),
        text(context.stage.map(Stage::as_str)),
        text(context.lens_id.as_deref()),
        double(context.entropy),
        integer(context.interaction_count),
        texts(context.active_topics),
        texts(context.active_moments),
        double(scoring.final_score),
        double(details.lens_weight),
        double(details.topic_weight),
        double(details.moment_boost),
        double(details.base_weight),
        integer(scoring.rank),
        details.stage_match.map_or(Cell::Null, Cell::Bool),
        integer(outcome.dwell_time_ms),
        double(outcome.entropy_delta),
        text(outcome.follow_up_prompt_id.as_deref()),
        Cell::Time(event.received_at * 1_000),
    ]
}

proptest! {
    #![proptest_config(Progress::config(FEW))]

    #[test]
    fn a_second_reader_of_the_copy_format_finds_every_value_again(
        inputs in proptest::collection::vec(hostile_bytes(), 1..4),
    ) {
        ENCODER.one_more(FEW);
        let events: Vec<_> = inputs.iter().filter_map(|bytes| schema::decode(Some(b"1"), Some(bytes)).ok()).collect();
        let mut stream = HEADER.to_vec();
        for event in &events {
            let begin = stream.len();
            append_row(event, &mut stream);
            let bytes: usize = fields(&stream[begin..]).map(|field| 4 + field.map_or(0, <[u8]>::len)).sum();
            prop_assert_eq!(bytes + 2, stream.len() - begin);
        }
        stream.extend_from_slice(TRAILER);
        prop_assert_eq!(read_stream(&stream), events.iter().map(row_of).collect::<Vec<_>>());
    }
}
