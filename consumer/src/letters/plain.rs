//! What a record holds, as text that a terminal can show: nothing in it moves the cursor, and its length is bounded.

use chrono::{DateTime, SecondsFormat};

/// The bytes as text with control characters escaped, or in hex after `0x` when they are no text; `most` of them.
pub(crate) fn bytes(bytes: &[u8], most: usize) -> String {
    let mut shown = String::new();
    let end = match std::str::from_utf8(bytes) {
        Ok(text) => {
            let end = text.floor_char_boundary(most);
            escape(&text[..end], &mut shown);
            end
        }
        Err(_) => {
            let end = bytes.len().min(most);
            shown.push_str("0x");
            shown.extend(bytes[..end].iter().map(|byte| format!("{byte:02x}")));
            end
        }
    };
    if end < bytes.len() {
        shown.push_str(&format!("… ({} more bytes)", bytes.len() - end));
    }
    shown
}

/// The same for what may be absent.
pub(crate) fn optional(value: Option<&[u8]>, most: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| bytes(value, most))
}

/// So many letters, in words.
pub(crate) fn letters(count: u64) -> String {
    format!("{count} letter{}", if count == 1 { "" } else { "s" })
}

/// Unix milliseconds as RFC 3339.
pub(crate) fn time(milliseconds: i64) -> Option<String> {
    let time = DateTime::from_timestamp_millis(milliseconds)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn escape(text: &str, shown: &mut String) {
    for letter in text.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, optional, time};

    #[test]
    fn control_characters_are_escaped_and_what_is_no_text_is_hex() {
        assert_eq!(bytes("é\u{1b}[2J\n".as_bytes(), 100), "é\\u{1b}[2J\\n");
        assert_eq!(bytes(&[0xFF, 0x00], 100), "0xff00");
        assert_eq!((optional(None, 9), optional(Some(b""), 9)), ("-".to_owned(), String::new()));
    }

    #[test]
    fn what_is_long_is_cut_and_says_by_how_much() {
        assert_eq!(bytes("aéa".as_bytes(), 2), "a… (3 more bytes)");
        assert_eq!(bytes(&[0xFF; 5], 2), "0xffff… (3 more bytes)");
    }

    #[test]
    fn a_time_beyond_the_calendar_is_none() {
        assert_eq!(time(1_769_860_800_001).as_deref(), Some("2026-01-31T12:00:00.001Z"));
        assert_eq!(time(i64::MAX), None);
    }
}
