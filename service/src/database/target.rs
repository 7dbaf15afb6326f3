//! Which of several hosts will do: `target_session_attrs`, as libpq has it.

use std::fmt;

/// What a server must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    /// A standby, or any server when no host is one.
    PreferStandby,
}

const WORDS: [(&str, Target); 6] = [
    ("any", Target::Any),
    ("read-write", Target::ReadWrite),
    ("read-only", Target::ReadOnly),
    ("primary", Target::Primary),
    ("standby", Target::Standby),
    ("prefer-standby", Target::PreferStandby),
];

impl Target {
    /// Of libpq's words.
    pub(super) fn parse(text: &str) -> Option<Self> {
        WORDS.iter().find(|(word, _)| *word == text).map(|(_, target)| *target)
    }

    /// Of the words of the Java driver's `targetServerType`.
    pub(super) fn parse_java(text: &str) -> Option<Self> {
        match text {
            "any" | "preferPrimary" => Some(Self::Any),
            "primary" | "master" => Some(Self::Primary),
            "secondary" | "slave" => Some(Self::Standby),
            "preferSecondary" | "preferSlave" => Some(Self::PreferStandby),
            _ => None,
        }
    }

    /// The words that [`Target::parse`] takes.
    pub(super) fn words() -> String {
        WORDS.map(|(word, _)| word).join(", ")
    }

    /// What to ask of all hosts first, and what next.
    pub(super) fn in_turn(self) -> &'static [Self] {
        match self {
            Self::Any => &[Self::Any],
            Self::ReadWrite => &[Self::ReadWrite],
            Self::ReadOnly => &[Self::ReadOnly],
            Self::Primary => &[Self::Primary],
            Self::Standby => &[Self::Standby],
            Self::PreferStandby => &[Self::Standby, Self::Any],
        }
    }

    /// Whether a server in this state is one.
    pub(super) fn will_do(self, in_recovery: bool, read_only: bool) -> bool {
        match self {
            Self::Any | Self::PreferStandby => true,
            Self::ReadWrite => !in_recovery && !read_only,
            Self::ReadOnly => in_recovery || read_only,
            Self::Primary => !in_recovery,
            Self::Standby => in_recovery,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = WORDS.iter().find(|(_, target)| target == self).map_or("any", |(word, _)| word);
        formatter.write_str(word)
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_server_will_do_by_what_it_takes() {
        let servers =
            [("primary", false, false), ("read-only primary", false, true), ("standby", true, true)];
        for (word, expected) in [
            ("any", [true, true, true]),
            ("read-write", [true, false, false]),
            ("read-only", [false, true, true]),
            ("primary", [true, true, false]),
            ("standby", [false, false, true]),
        ] {
            let target = Target::parse(word).unwrap();
            assert_eq!(target.to_string(), word);
            for ((server, in_recovery, read_only), expected) in servers.iter().zip(expected) {
                assert_eq!(target.will_do(*in_recovery, *read_only), expected, "{word}: {server}");
            }
        }
        assert_eq!(Target::parse("prefer-standby").unwrap().in_turn(), [Target::Standby, Target::Any]);
        assert_eq!(Target::parse("readwrite"), None);
    }
}
