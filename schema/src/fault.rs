//! What can be wrong with an event: where, which rule, and a sentence that says what to do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One broken rule of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// Path from the event to the value, such as `context.activeTopics[3]`; empty for the event itself.
    pub field: String,
    /// The rule that is broken.
    pub code: FaultCode,
    /// One plain sentence: what is expected, and what was found where that helps.
    pub message: String,
}

impl Fault {
    /// A fault of the value at `field`.
    pub fn new(field: impl Into<String>, code: FaultCode, message: impl Into<String>) -> Self {
        Self { field: field.into(), code, message: message.into() }
    }
}

/// The stable names of the rules. They are part of the API: clients match on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultCode {
    /// A value that must be there is absent or null.
    Required,
    /// The JSON type is another than the field's.
    WrongType,
    /// The same key stands twice in one object.
    DuplicateField,
    /// A string is empty that must not be.
    Empty,
    /// A string has more code points than allowed.
    TooLong,
    /// A list has more elements than allowed.
    TooMany,
    /// A number or a time lies outside its range.
    OutOfRange,
    /// A number has a fraction where a whole one is expected.
    NotWhole,
    /// The word is not in the list of allowed ones.
    NotAllowed,
    /// Not a UUID.
    InvalidId,
    /// The nil or the max UUID, which clients send that cannot make ids.
    NilId,
    /// Neither Unix milliseconds nor RFC 3339.
    InvalidTimestamp,
    /// The string holds U+0000, which Postgres text cannot store.
    NullCharacter,
}

impl FaultCode {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::WrongType => "wrong_type",
            Self::DuplicateField => "duplicate_field",
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::TooMany => "too_many",
            Self::OutOfRange => "out_of_range",
            Self::NotWhole => "not_whole",
            Self::NotAllowed => "not_allowed",
            Self::InvalidId => "invalid_id",
            Self::NilId => "nil_id",
            Self::InvalidTimestamp => "invalid_timestamp",
            Self::NullCharacter => "null_character",
        }
    }
}
