//! `dead-letters show`: all of one letter.

use std::io::Write;

use crate::config::ShowArgs;
use crate::letters::error::LettersError;
use crate::letters::letter::Letter;
use crate::letters::plain;
use crate::letters::reader::{Reader, Span};

/// Shows the letter.
///
/// # Errors
/// See [`Reader`]; when there is no such letter, or `out` can't be written.
pub(crate) fn run(args: &ShowArgs, out: &mut impl Write) -> Result<(), LettersError> {
    let mut reader = Reader::open(&args.reach.kafka)?;
    let span = reader.span(args.partition)?;
    let out_of_range = |held: String| LettersError::OutOfRange {
        topic: args.reach.kafka.dead_letter_topic(),
        partition: args.partition,
        offset: args.offset,
        held,
    };
    if !(span.low..span.high).contains(&args.offset) {
        return Err(out_of_range(span.held()));
    }
    reader.narrow(Span { low: args.offset, high: args.offset + 1, ..span });
    let letter = reader.next()?.ok_or_else(|| out_of_range("holds no letter there".to_owned()))?;
    write(&letter, args.bytes as usize, out)?;
    Ok(out.flush()?)
}

impl Span {
    /// What the partition holds, in words.
    pub(crate) fn held(&self) -> String {
        if self.low == self.high {
            return "holds no letters".to_owned();
        }
        format!("holds {} to {}", self.low, self.high - 1)
    }
}

fn write(letter: &Letter, most: usize, out: &mut impl Write) -> std::io::Result<()> {
    let text = |text: Option<&str>| plain::optional(text.map(str::as_bytes), most);
    let mut line = |name: &str, value: &str| writeln!(out, "{name:<12} {value}");
    line("partition", &letter.partition.to_string())?;
    line("offset", &letter.offset.to_string())?;
    line("at", letter.at.and_then(plain::time).as_deref().unwrap_or("-"))?;
    line("reason", &text(letter.reason.as_deref()))?;
    line("error", &text(letter.error.as_deref()))?;
    line("from", &text(letter.origin().as_deref()))?;
    line("key", &plain::optional(letter.key.as_deref(), most))?;
    for header in &letter.headers {
        match header {
            Some((name, value)) => {
                let name = plain::bytes(name.as_bytes(), most);
                line("header", &format!("{name}: {}", plain::optional(value.as_deref(), most)))?;
            }
            None => line("header", "(its name is not UTF-8)")?,
        }
    }
    if let Some(bytes) = &letter.truncated {
        line("truncated", &format!("the record's value had {} bytes", plain::bytes(bytes.as_bytes(), 20)))?;
    }
    match &letter.value {
        Some(value) => writeln!(out, "value        {} bytes\n{}", value.len(), plain::bytes(value, most)),
        None => writeln!(out, "value        none"),
    }
}
