//! One rule a method: each takes a field as sent and returns the value if it holds, or notes the fault.

use std::ops::RangeInclusive;

use uuid::Uuid;

use crate::fault::{Fault, FaultCode};
use crate::field::{Field, FromJson};
use crate::raw::{Tags, Text};
use crate::timestamp::RawTimestamp;
use crate::validate::{given, limits};

/// Collects the faults of one event.
#[derive(Default)]
pub(crate) struct Judge {
    faults: Vec<Fault>,
}

impl Judge {
    /// The event, if nothing was wrong with it.
    pub(crate) fn verdict<T>(self, event: Option<T>) -> Result<T, Vec<Fault>> {
        match event {
            Some(event) if self.faults.is_empty() => Ok(event),
            _ => Err(self.faults),
        }
    }

    pub(crate) fn given<'a, T: FromJson<'a>>(&mut self, field: Field<T>, path: &str) -> Option<T> {
        given(field, path).unwrap_or_else(|fault| {
            self.faults.push(fault);
            None
        })
    }

    /// Notes a missing value, unless the value is missing because it was at fault already.
    pub(crate) fn required<T>(&mut self, value: Option<T>, path: &str) -> Option<T> {
        if value.is_none() && self.faults.last().is_none_or(|fault| fault.field != path) {
            self.fault::<T>(path, FaultCode::Required, format!("{path} is required"));
        }
        value
    }

    pub(crate) fn id(&mut self, field: Field<Text<'_>>) -> Option<Uuid> {
        let text = self.given(field, "id")?;
        // Only the hyphenated form: it is what RFC 9562 calls a UUID's text, and one event must have one spelling.
        match Uuid::try_parse(&text) {
            Ok(id) if text.len() == uuid::fmt::Hyphenated::LENGTH => Some(id),
            _ => self.fault(
                "id",
                FaultCode::InvalidId,
                "expected a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91",
            ),
        }
    }

    /// An id as a client sends it: any UUID except nil and max. A client that cannot make ids sends one of these two with
    /// every event, and all of its events but the first would be dropped as duplicates.
    pub(crate) fn sent_id(&mut self, field: Field<Text<'_>>) -> Option<Uuid> {
        let id = self.id(field)?;
        if id.is_nil() || id.is_max() {
            let message =
                "the nil and the max UUID identify no event; send an id of its own with each event, or none";
            return self.fault("id", FaultCode::NilId, message);
        }
        Some(id)
    }

    /// A time as sent, in Unix milliseconds; only the lower bound is judged.
    pub(crate) fn timestamp(&mut self, field: Field<RawTimestamp<'_>>) -> Option<i64> {
        let path = "timestamp";
        let Some(time) = self.given(field, path)?.to_milliseconds() else {
            let message =
                "expected Unix milliseconds or RFC 3339 with an offset, such as 2026-01-31T12:00:00Z";
            return self.fault(path, FaultCode::InvalidTimestamp, message);
        };
        if time < limits::EARLIEST {
            let message =
                "expected a time from 2000-01-01T00:00:00Z on; a number counts milliseconds, not seconds";
            return self.fault(path, FaultCode::OutOfRange, message);
        }
        Some(time)
    }

    /// A time that a record must have and the table can hold.
    pub(crate) fn stored_time(&mut self, time: Option<i64>, path: &str) -> Option<i64> {
        let time = self.required(time, path)?;
        if !(limits::EARLIEST..=limits::LATEST).contains(&time) {
            return self.fault(path, FaultCode::OutOfRange, "expected a time from 2000-01-01 to 2100-01-01");
        }
        Some(time)
    }

    pub(crate) fn word<T>(
        &mut self,
        field: Field<Text<'_>>,
        path: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        words: &[&str],
    ) -> Option<T> {
        let text = self.given(field, path)?;
        parse(&text).or_else(|| {
            self.fault(path, FaultCode::NotAllowed, format!("expected one of: {}", words.join(", ")))
        })
    }

    pub(crate) fn prompt_id<'a>(&mut self, field: Field<Text<'a>>, path: &str) -> Option<Text<'a>> {
        let text = self.text(field, path, 1..=limits::PROMPT_ID)?;
        if text == "." || text == ".." {
            return self.fault(
                path,
                FaultCode::NotAllowed,
                "a prompt id may not be . or .., which paths swallow",
            );
        }
        Some(text)
    }

    pub(crate) fn text<'a>(
        &mut self,
        field: Field<Text<'a>>,
        path: &str,
        length: RangeInclusive<usize>,
    ) -> Option<Text<'a>> {
        let text = self.given(field, path)?;
        let broken = broken_text_rule(&text, &length);
        self.hold(text, path, broken)
    }

    pub(crate) fn tags<'a>(&mut self, field: Field<Tags<'a>>, path: &str) -> Option<Vec<Text<'a>>> {
        let tags = self.given(field, path)?;
        if tags.total > limits::TAGS {
            let message = format!("at most {} elements are allowed, found {}", limits::TAGS, tags.total);
            self.fault::<()>(path, FaultCode::TooMany, message);
        }
        let mut texts = Vec::with_capacity(tags.kept.len());
        for (index, element) in tags.kept.into_iter().enumerate() {
            let judged = match element {
                Field::Null => Err((FaultCode::WrongType, "expected a string, found null".to_owned())),
                element => given(element, "").map_err(|fault| (fault.code, fault.message)),
            };
            let broken = match judged {
                Ok(text) => {
                    let text = text.unwrap_or_default();
                    let broken = broken_text_rule(&text, &(0..=limits::TAG));
                    texts.push(text);
                    broken
                }
                Err(broken) => Some(broken),
            };
            if let Some((code, message)) = broken {
                self.fault::<()>(&format!("{path}[{index}]"), code, message);
            }
        }
        Some(texts)
    }

    pub(crate) fn finite(&mut self, field: Field<f64>, path: &str) -> Option<f64> {
        self.number(field, path, f64::MIN..=f64::MAX)
    }

    pub(crate) fn number(
        &mut self,
        field: Field<f64>,
        path: &str,
        range: RangeInclusive<f64>,
    ) -> Option<f64> {
        let number = self.given(field, path)?;
        if !range.contains(&number) {
            let message = format!("expected a number from {} to {}", range.start(), range.end());
            return self.fault(path, FaultCode::OutOfRange, message);
        }
        Some(number + 0.0) // −0 becomes 0: one value, one spelling
    }

    /// A whole number from 0 to 2^31 − 1.
    pub(crate) fn whole(&mut self, field: Field<f64>, path: &str) -> Option<i32> {
        let number = self.number(field, path, 0.0..=f64::from(i32::MAX))?;
        if number.fract() != 0.0 {
            return self.fault(path, FaultCode::NotWhole, "expected a whole number");
        }
        Some(number as i32)
    }

    /// A number rounded to a whole one from 0 to 2^31 − 1, half away from zero.
    pub(crate) fn rounded(&mut self, field: Field<f64>, path: &str) -> Option<i32> {
        let number = match field {
            Field::Given(number) => Field::Given(number.round()),
            other => other,
        };
        self.whole(number, path)
    }

    fn hold<T>(&mut self, value: T, path: &str, broken: Option<(FaultCode, String)>) -> Option<T> {
        match broken {
            None => Some(value),
            Some((code, message)) => self.fault(path, code, message),
        }
    }

    fn fault<T>(&mut self, path: &str, code: FaultCode, message: impl Into<String>) -> Option<T> {
        self.faults.push(Fault::new(path, code, message));
        None
    }
}

fn broken_text_rule(text: &str, length: &RangeInclusive<usize>) -> Option<(FaultCode, String)> {
    if text.len() < *length.start() {
        return Some((FaultCode::Empty, "expected at least one character".to_owned()));
    }
    // A code point takes at least one byte: most strings need no counting.
    if text.len() > *length.end() {
        let points = text.chars().count();
        if points > *length.end() {
            return Some((
                FaultCode::TooLong,
                format!("at most {} characters are allowed, found {points}", length.end()),
            ));
        }
    }
    text.as_bytes()
        .contains(&0)
        .then(|| (FaultCode::NullCharacter, "U+0000 cannot be stored; leave it out".to_owned()))
}
