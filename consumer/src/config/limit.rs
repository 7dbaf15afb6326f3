//! How large a share of a minute's records may become dead letters.

use std::fmt;
use std::str::FromStr;

/// A share in percent, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetterLimit(Option<u32>);

impl DeadLetterLimit {
    /// 1 to 99; `None` when there is no limit.
    #[must_use]
    pub fn percent(self) -> Option<u32> {
        self.0
    }
}

impl FromStr for DeadLetterLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        let percent = text.strip_suffix('%').unwrap_or(text).parse().ok();
        let percent = percent.filter(|percent| (1..=99).contains(percent));
        percent.map(|percent| Self(Some(percent))).ok_or("expected 1 to 99 (percent), or off".to_owned())
    }
}

impl fmt::Display for DeadLetterLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(percent) => write!(formatter, "{percent}%"),
            None => formatter.write_str("off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DeadLetterLimit;

    #[test]
    fn it_is_a_share_or_off_and_reads_what_it_prints() {
        for text in ["1%", "10%", "99%", "off"] {
            assert_eq!(text.parse::<DeadLetterLimit>().unwrap().to_string(), text);
        }
        assert_eq!("25".parse::<DeadLetterLimit>().unwrap().percent(), Some(25));
        for text in ["0", "100", "-1", "", "%", "ten", "1.5"] {
            assert!(text.parse::<DeadLetterLimit>().is_err(), "{text}");
        }
    }
}
