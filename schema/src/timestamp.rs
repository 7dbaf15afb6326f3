//! The time of an event: Unix milliseconds or RFC 3339 on the wire, Unix milliseconds within.

use std::borrow::Cow;

use chrono::DateTime;

use crate::field::{Field, FromJson};

/// A time as sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RawTimestamp<'a> {
    /// Unix milliseconds; a fraction is cut off.
    Number(f64),
    /// RFC 3339, with an offset or `Z`.
    Text(Cow<'a, str>),
}

impl RawTimestamp<'_> {
    /// Unix milliseconds, cut (not rounded) to whole ones; `None` when the text is not RFC 3339.
    ///
    /// A number beyond ±2^53, where milliseconds can't be told apart any more, stays beyond every allowed range.
    pub(crate) fn to_milliseconds(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number.floor() as i64),
            Self::Text(text) => DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis()),
        }
    }
}

impl<'de> FromJson<'de> for RawTimestamp<'de> {
    const EXPECTED: &'static str = "Unix milliseconds or an RFC 3339 string";

    fn from_number(number: f64) -> Field<Self> {
        Field::Given(Self::Number(number))
    }

    fn from_text(text: Cow<'de, str>) -> Field<Self> {
        Field::Given(Self::Text(text))
    }
}
