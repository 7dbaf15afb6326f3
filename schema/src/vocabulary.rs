//! The closed word lists of the contract: event types and stages. Every other list of them (the SQL checks, the
//! OpenAPI description, the TypeScript types) is generated from these or tested against them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Declares an enum whose variants have one wire name each, with the list of all of them.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "lowercase")]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// Every value, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Every wire name, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The wire name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The value with this wire name, if there is one. Case counts.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

vocabulary! {
    /// What happened to a prompt.
    EventType {
        /// It was shown.
        Impression = "impression",
        /// It was clicked.
        Selection = "selection",
        /// It was answered; the outcome says how that went.
        Completion = "completion",
        /// Somebody judged it.
        Feedback = "feedback",
        /// It was passed over.
        Skip = "skip",
    }
}

vocabulary! {
    /// How far a conversation has come.
    Stage {
        /// The first exchanges.
        Genesis = "genesis",
        /// Looking around.
        Exploration = "exploration",
        /// Drawing things together.
        Synthesis = "synthesis",
        /// Speaking for a result.
        Advocacy = "advocacy",
    }
}

#[cfg(test)]
mod tests {
    use super::{EventType, Stage};

    #[test]
    fn every_word_parses_to_the_value_that_prints_it() {
        for (value, word) in EventType::ALL.iter().zip(EventType::WORDS) {
            assert_eq!(EventType::parse(word), Some(*value));
            assert_eq!(serde_json::to_string(value).unwrap(), format!("\"{word}\""));
        }
        for (value, word) in Stage::ALL.iter().zip(Stage::WORDS) {
            assert_eq!(Stage::parse(word), Some(*value));
            assert_eq!(serde_json::to_string(value).unwrap(), format!("\"{word}\""));
        }
        assert_eq!(EventType::parse("Impression"), None);
    }
}
