//! The librdkafka properties that a user sets: one per flag, or one per line of a variable or file.
//!
//! Nothing but a line break separates properties, since any other character may be part of a password. Values may be
//! secrets and are never shown.

use std::fmt;

/// Properties as one argument has them, in the order given.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(Vec<(String, String)>);

impl Properties {
    /// Reads one property. Its value may have several lines, as a certificate in PEM does.
    pub(crate) fn one(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        property(text).map(|property| Self(vec![property]))
    }

    /// Reads one property per line. Empty lines and lines that begin with `#` are skipped.
    pub(crate) fn lines(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}');
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(property).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("expected NAME=VALUE with the name of a librdkafka property".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::Properties;

    /// The password that Azure Event Hubs asks for.
    const AZURE: &str =
        "Endpoint=sb://north.example/;SharedAccessKeyName=writer;SharedAccessKey=bm90IGEga2V5=";

    #[test]
    fn a_line_is_one_property_whatever_characters_its_value_has() {
        let text = format!("sasl.username=$ConnectionString\r\n\n# a comment\n sasl.password = {AZURE}\n");
        let found = Properties::lines(&text).unwrap();
        let expected = [("sasl.username", "$ConnectionString"), ("sasl.password", AZURE)];
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        for value in ["a,b", "a b", "a#b", "a=b", "a:b|c&d", "\"quoted\"", "ü😀"] {
            let found = Properties::lines(&format!("x.y={value}")).unwrap();
            assert_eq!(found.iter().collect::<Vec<_>>(), [("x.y", value)]);
        }
    }

    #[test]
    fn a_file_as_windows_saves_it_is_read() {
        let found = Properties::lines("\u{feff}linger.ms=1\r\nacks=all\r\n").unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), [("linger.ms", "1"), ("acks", "all")]);
    }

    #[test]
    fn a_flag_is_one_property_whose_value_may_have_lines() {
        let certificate = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----";
        let found = Properties::one(&format!("ssl.ca.pem={certificate}\n")).unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), [("ssl.ca.pem", certificate)]);
        assert!(Properties::one("").unwrap().is_empty());
    }

    #[test]
    fn a_line_without_a_name_or_without_a_value_is_refused() {
        for wrong in ["linger.ms", "=1", " = 1", "acks=all\nhunter2"] {
            assert!(!Properties::lines(wrong).unwrap_err().contains("hunter2"), "{wrong}");
        }
    }
}
