//! Inputs that somebody hostile, or a broken disk, might send: any bytes, any JSON, and records and the files of
//! `corpus/` damaged in every way.

use std::ops::Range;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::strategies::corpus::CORPUS;
use crate::strategies::{any_json, valid_event};
use crate::validate::limits;

/// No input is longer, so that one of them costs little.
const LONGEST: usize = 16 * 1024;
/// So many valid records are damaged again and again, since making a new one costs a hundred times as much.
const RECORDS: usize = 2_000;
/// What JSON, numbers or text might stumble over.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "null",
    "true",
    "NaN",
    "-0",
    "-",
    "1e400",
    "1e-400",
    "0.5",
    "9007199254740993",
    "18446744073709551616",
    "-1",
    "\0",
    "\u{feff}",
    "\u{2028}",
    " ",
    "\n",
    "\"id\":null,",
    "\"context\":{},",
    "\"promptId\":\"..\",",
    "2024-02-29T23:59:60Z",
    "+23:59",
    "\u{2212}",
    "e",
    "E+9",
    ".",
];

static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut runner = TestRunner::deterministic();
    let strategy = record();
    let mut record = || strategy.new_tree(&mut runner).expect("the strategy rejects little").current();
    let records: Vec<_> = (0..RECORDS).map(|_| record().to_string().into_bytes()).collect();
    // As many of either kind, so that each comes as often.
    let corpus = CORPUS.iter().map(|(_, bytes)| bytes.to_vec()).cycle().take(RECORDS);
    records.into_iter().chain(corpus).collect()
});

/// Bytes that may or may not be the value of a record.
pub fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let damaged = (any::<Index>(), vec(damage(), 0..4)).prop_map(|(seed, damages)| {
        let mut bytes = seed.get(&SEEDS).clone();
        for damage in damages {
            damage.apply(&mut bytes);
        }
        bytes
    });
    prop_oneof![
        1 => vec(any::<u8>(), 0..256),
        1 => any_json().prop_map(|value| value.to_string().into_bytes()),
        1 => record().prop_map(|value| value.to_string().into_bytes()),
        13 => damaged,
    ]
}

/// The value of one of a few thousand valid records, as JSON: the same ones in every run, and cheap to have.
pub fn some_record() -> impl Strategy<Value = Value> {
    (0..RECORDS).prop_map(|place| serde_json::from_slice(&SEEDS[place]).expect("it was written as JSON"))
}

/// The value of a valid record, as JSON.
pub fn record() -> impl Strategy<Value = Value> {
    let times = limits::EARLIEST..=limits::LATEST;
    (valid_event(), any::<u128>(), times.clone(), times).prop_map(
        |(mut event, id, timestamp, received_at)| {
            event["id"] = json!(uuid::Uuid::from_u128(id));
            if event["timestamp"].is_null() {
                event["timestamp"] = json!(timestamp);
            }
            event["receivedAt"] = json!(received_at);
            event
        },
    )
}

/// One damage. Places are shares of whatever length there is.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u32),
    Set(Index, u8),
    Cut(Index),
    /// A piece again.
    Repeat(Index, Index),
    /// A piece of another seed in place of what is there.
    Splice(Index, Index, Index, Index),
    Insert(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    prop_oneof![
        (place(), 0..8_u32).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        place().prop_map(Damage::Cut),
        (place(), place()).prop_map(|(from, to)| Damage::Repeat(from, to)),
        (place(), place(), place(), place())
            .prop_map(|(at, seed, from, to)| Damage::Splice(at, seed, from, to)),
        (place(), place()).prop_map(|(at, token)| Damage::Insert(at, token)),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let ends = bytes.len() + 1;
        match self {
            Self::Cut(at) => bytes.truncate(at.index(ends)),
            // What has no byte has none to change.
            Self::Flip(..) | Self::Set(..) if bytes.is_empty() => {}
            Self::Flip(at, bit) => bytes[at.index(ends - 1)] ^= 1 << bit,
            Self::Set(at, byte) => bytes[at.index(ends - 1)] = *byte,
            Self::Repeat(from, to) => {
                let piece = bytes[span(from, to, ends)].to_vec();
                let at = to.index(ends);
                bytes.splice(at..at, piece);
            }
            Self::Splice(at, seed, from, to) => {
                let other = seed.get(&SEEDS);
                let piece = &other[span(from, to, other.len() + 1)];
                let at = at.index(ends);
                bytes.splice(at..(at + piece.len()).min(ends - 1), piece.iter().copied());
            }
            Self::Insert(at, token) => {
                let at = at.index(ends);
                bytes.splice(at..at, token.get(TOKENS).bytes());
            }
        }
        bytes.truncate(LONGEST);
    }
}

fn span(from: &Index, to: &Index, ends: usize) -> Range<usize> {
    let (from, to) = (from.index(ends), to.index(ends));
    from.min(to)..from.max(to)
}
