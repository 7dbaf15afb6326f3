//! Settings that are secrets: given as a value, or as the path of a file that holds it.
//!
//! Both are read while the command line is parsed. What is said of one that is no good never holds any part of it, which
//! clap's own parsers would show. Knows nothing of what the secrets are for.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, Command};
use thiserror::Error;

/// The most that a file may hold.
const FILE_BYTES: u64 = 64 * 1024;

/// Reads a secret out of its text. The `Err` says what was expected, and nothing of what was found.
pub type Parse<T> = fn(&str) -> Result<T, String>;

/// The value of an argument that is a secret.
#[must_use]
pub fn value<T>(parse: Parse<T>) -> SecretValue<T> {
    SecretValue { flag: parse, variable: parse }
}

/// The value of an argument that is a secret, where a flag holds one thing and the variable a list.
#[must_use]
pub fn value_or_lines<T>(flag: Parse<T>, variable: Parse<T>) -> SecretValue<T> {
    SecretValue { flag, variable }
}

/// The value of an argument that is the path of a file with a secret: text in UTF-8, at most 64 KiB, line breaks at its
/// end not counted.
#[must_use]
pub fn file<T>(parse: Parse<T>) -> SecretFile<T> {
    SecretFile(parse)
}

/// What a file held; nothing when the path was empty, which compose files pass for "not set".
#[derive(Clone, Debug)]
pub struct InFile<T>(Option<T>);

impl<T> InFile<T> {
    /// What it held.
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

/// A secret was given twice.
#[derive(Debug, Error)]
#[error("{0} and {0}_FILE are both set, and only one can count: unset the other")]
pub struct GivenTwice(&'static str);

/// The secret of a setting, whichever way it was given. `name` is its variable.
///
/// # Errors
/// It was given both ways.
pub fn either<T>(
    name: &'static str,
    value: Option<T>,
    file: Option<InFile<T>>,
) -> Result<Option<T>, GivenTwice> {
    match (value, file.and_then(|file| file.0)) {
        (Some(_), Some(_)) => Err(GivenTwice(name)),
        (value, in_file) => Ok(value.or(in_file)),
    }
}

/// See [`value`] and [`value_or_lines`].
#[derive(Clone, Copy)]
pub struct SecretValue<T> {
    flag: Parse<T>,
    variable: Parse<T>,
}

/// See [`file`].
#[derive(Clone, Copy)]
pub struct SecretFile<T>(Parse<T>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for SecretValue<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        self.parse_ref_(command, argument, value, ValueSource::CommandLine)
    }

    fn parse_ref_(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<T, clap::Error> {
        let parse = if source == ValueSource::EnvVariable { self.variable } else { self.flag };
        let text = value.to_str().ok_or_else(|| "expected text in UTF-8".to_owned());
        text.and_then(parse).map_err(|reason| refused(command, argument, &reason))
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for SecretFile<T> {
    type Value = InFile<T>;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        path: &OsStr,
    ) -> Result<InFile<T>, clap::Error> {
        if path.is_empty() {
            return Ok(InFile(None));
        }
        let path = Path::new(path);
        let parsed = read(path).and_then(|text| (self.0)(&text));
        parsed
            .map(|secret| InFile(Some(secret)))
            .map_err(|reason| refused(command, argument, &format!("{}: {reason}", path.display())))
    }
}

fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let unreadable = |error: io::Error| format!("{error}; is it the right file, and may this user read it?");
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(format!(
            "it has more than {FILE_BYTES} bytes, too many for a secret; is it the right file?"
        ));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8; is it the right file?".to_owned())?;
    if text.trim().is_empty() {
        return Err("it is empty: write the secret into it, or leave the setting out".to_owned());
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// clap's error, but without the value, which clap would repeat.
fn refused(command: &Command, argument: Option<&Arg>, reason: &str) -> clap::Error {
    let flag = argument.map(ToString::to_string).unwrap_or_default();
    let variable = argument.and_then(Arg::get_env).map(|name| format!(" ({})", name.display()));
    let message = format!("{flag}{}: {reason}\n", variable.unwrap_or_default());
    clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use clap::Parser;

    use super::{InFile, either, file, value};

    /// The secret must be a number, so that there are wrong ones.
    #[derive(Debug, Parser)]
    struct Arguments {
        #[arg(long, value_parser = value(number))]
        pin: Option<u32>,
        #[arg(long, value_parser = file(number))]
        pin_file: Option<InFile<u32>>,
    }

    fn number(text: &str) -> Result<u32, String> {
        text.parse().map_err(|_| "expected a number".to_owned())
    }

    fn pin(arguments: &[&str]) -> Result<Option<u32>, String> {
        let parsed = Arguments::try_parse_from([&["test"], arguments].concat());
        let Arguments { pin, pin_file } = parsed.map_err(|error| error.to_string())?;
        either("PIN", pin, pin_file).map_err(|error| error.to_string())
    }

    /// A file of this test alone, gone with it.
    struct Written(PathBuf);

    impl Written {
        fn new(content: impl AsRef<[u8]>) -> Self {
            let path = std::env::temp_dir().join(uuid::Uuid::new_v4().to_string());
            fs::write(&path, content).unwrap();
            Self(path)
        }

        fn pin(&self) -> Result<Option<u32>, String> {
            pin(&["--pin-file", self.0.to_str().unwrap()])
        }
    }

    impl Drop for Written {
        fn drop(&mut self) {
            let _gone = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn a_secret_is_the_value_or_what_the_file_holds_without_the_line_break_at_its_end() {
        assert_eq!(pin(&["--pin=42"]), Ok(Some(42)));
        for content in ["42", "42\n", "42\r\n", "42\n\n"] {
            assert_eq!(Written::new(content).pin(), Ok(Some(42)), "{content:?}");
        }
        let largest = format!("42{}", "\n".repeat(64 * 1024 - 2));
        assert_eq!(Written::new(largest).pin(), Ok(Some(42)));
    }

    #[test]
    fn one_that_is_given_both_ways_is_refused_unless_one_way_is_empty() {
        let file = Written::new("42");
        let both = pin(&["--pin=42", "--pin-file", file.0.to_str().unwrap()]).unwrap_err();
        assert!(both.contains("PIN and PIN_FILE are both set"), "{both}");
        assert_eq!(pin(&["--pin=42", "--pin-file="]), Ok(Some(42)));
        assert_eq!(pin(&["--pin-file="]), Ok(None));
    }

    #[test]
    fn a_file_that_holds_no_secret_is_refused_with_its_path_and_the_remedy() {
        let too_large = "4".repeat(64 * 1024 + 1);
        for (content, remedy) in [
            (b"" as &[u8], "it is empty"),
            (b" \n\n", "it is empty"),
            (too_large.as_bytes(), "65536 bytes"),
            (b"\xff", "UTF-8"),
        ] {
            let file = Written::new(content);
            let reason = file.pin().unwrap_err();
            assert!(reason.contains(remedy) && reason.contains(file.0.to_str().unwrap()), "{reason}");
        }
        let reason = pin(&["--pin-file=/nowhere/at/all"]).unwrap_err();
        assert!(reason.contains("/nowhere/at/all") && reason.contains("may this user read it"), "{reason}");
        assert!(pin(&["--pin-file=/"]).unwrap_err().contains("is it the right file"));
    }

    #[test]
    fn a_wrong_secret_is_refused_by_the_arguments_name_and_never_shown() {
        let by_value = pin(&["--pin=hunter2"]).unwrap_err();
        assert!(by_value.contains("--pin <PIN>: expected a number"), "{by_value}");
        let by_file = Written::new("hunter2").pin().unwrap_err();
        assert!(by_file.contains("expected a number"), "{by_file}");
        for said in [by_value, by_file] {
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
