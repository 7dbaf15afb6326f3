//! `dead-letters list`: one line a letter, as it is read. Values are what users sent and are not shown.

use std::io::Write;

use serde_json::json;

use crate::config::ListArgs;
use crate::letters::error::LettersError;
use crate::letters::letter::Letter;
use crate::letters::plain;
use crate::letters::reader::Reader;

/// As much of a key as a line has room for, and as a script may need.
const KEY: usize = 64;
const WHOLE_KEY: usize = 64 * 1024;

/// Lists the letters.
///
/// # Errors
/// See [`Reader`], or when `out` can't be written.
pub(crate) fn run(args: &ListArgs, out: &mut impl Write) -> Result<(), LettersError> {
    let mut reader = Reader::open(&args.reach.kafka)?;
    let mut listed = 0;
    while args.limit.is_none_or(|limit| listed < limit)
        && let Some(letter) = reader.next()?
    {
        if !args.filter.takes(&letter) {
            continue;
        }
        if args.json {
            writeln!(out, "{}", object(&letter))?;
        } else {
            if listed == 0 {
                line(out, "PARTITION", "OFFSET", ["AT", "REASON", "FROM", "KEY"])?;
            }
            let partition = letter.partition.to_string();
            line(
                out,
                &partition,
                &letter.offset.to_string(),
                columns(&letter).each_ref().map(String::as_str),
            )?;
        }
        listed += 1;
    }
    if !args.json {
        writeln!(out, "{}", plain::letters(listed))?;
    }
    Ok(out.flush()?)
}

fn columns(letter: &Letter) -> [String; 4] {
    let text = |text: Option<&str>| plain::optional(text.map(str::as_bytes), 200);
    [
        letter.at.and_then(plain::time).unwrap_or("-".to_owned()),
        text(letter.reason.as_deref()),
        text(letter.origin().as_deref()),
        plain::optional(letter.key.as_deref(), KEY),
    ]
}

fn line(out: &mut impl Write, partition: &str, offset: &str, rest: [&str; 4]) -> std::io::Result<()> {
    let [at, reason, from, key] = rest;
    writeln!(out, "{partition:>9}  {offset:>9}  {at:<24}  {reason:<22}  {from:<32}  {key}")
}

/// The same as a line, for programs.
fn object(letter: &Letter) -> serde_json::Value {
    json!({
        "partition": letter.partition,
        "offset": letter.offset,
        "at": letter.at.and_then(plain::time),
        "reason": letter.reason,
        "topic": letter.topic,
        "topicPartition": letter.source_partition.as_ref().and_then(|text| text.parse::<i32>().ok()),
        "topicOffset": letter.source_offset.as_ref().and_then(|text| text.parse::<i64>().ok()),
        "key": letter.key.as_ref().map(|key| plain::bytes(key, WHOLE_KEY)),
    })
}
