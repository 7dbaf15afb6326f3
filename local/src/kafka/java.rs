//! The Java that Apache Kafka 4 needs: 17 or newer.

use std::process::Command;

use crate::error::Error;

const OLDEST: u32 = 17;

/// The version of the `java` in PATH, such as `17.0.15`, when there is one.
pub fn version() -> Option<String> {
    let answer = Command::new("java").arg("-version").output().ok()?;
    parse(&String::from_utf8_lossy(&answer.stderr)).map(str::to_owned)
}

/// Refuses a Java that is missing or too old.
pub(super) fn check() -> Result<(), Error> {
    let found = version();
    let missing = |what| Error::Missing {
        what,
        remedy: "run `scripts/setup kafka`, or use the embedded broker, which needs no Java".to_owned(),
    };
    let Some(found) = found else {
        return Err(missing(format!("Java {OLDEST} or newer, which Apache Kafka needs,")));
    };
    if major(&found).is_none_or(|major| major < OLDEST) {
        return Err(missing(format!("Java {OLDEST} or newer, which Apache Kafka needs (found {found}),")));
    }
    Ok(())
}

/// From a first line such as `openjdk version "17.0.15" 2025-04-15`, which other lines may precede.
fn parse(answer: &str) -> Option<&str> {
    let line = answer.lines().find(|line| line.contains(" version \""))?;
    line.split('"').nth(1)
}

/// `17` of `17.0.15`, `8` of `1.8.0_292`, `21` of `21-ea`.
fn major(version: &str) -> Option<u32> {
    let mut numbers = version.split(|letter: char| !letter.is_ascii_digit());
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        major => Some(major),
    }
}

#[cfg(test)]
mod tests {
    use crate::kafka::java::{major, parse};

    #[test]
    fn the_version_is_found_after_other_lines() {
        let answer = "Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"17.0.15\" 2025-04-15\n";
        assert_eq!(parse(answer), Some("17.0.15"));
        assert_eq!(parse("sh: java: not found"), None);
    }

    #[test]
    fn old_and_new_version_schemes_are_understood() {
        assert_eq!(major("17.0.15"), Some(17));
        assert_eq!(major("1.8.0_292"), Some(8));
        assert_eq!(major("21-ea"), Some(21));
        assert_eq!(major("fast"), None);
    }
}
