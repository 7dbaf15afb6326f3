//! What a promise of ours needs one property of a Kafka client to be.
//!
//! A rule is about the value that librdkafka will use, however it came to be, so that second names make no difference.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use rdkafka::config::NativeClientConfig;

use crate::kafka::SettingsError;

/// A rule about one property, with the reason and the remedy.
#[derive(Clone, Debug)]
pub struct Rule {
    property: &'static str,
    need: Need,
    why: Cow<'static, str>,
    remedy: Cow<'static, str>,
}

#[derive(Clone, Debug)]
enum Need {
    Is(&'static str),
    Within(RangeInclusive<u64>),
    IsNot(&'static str),
    Lacks(&'static str),
    Unset,
}

impl Rule {
    /// The property must have this value, written as librdkafka writes it (`-1` for `acks=all`).
    pub fn is(property: &'static str, value: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(property, Need::Is(value), why.into())
    }

    /// The property is a number and must be in this range.
    pub fn within(
        property: &'static str,
        range: RangeInclusive<u64>,
        why: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(property, Need::Within(range), why.into())
    }

    /// The property must not have this value.
    pub fn is_not(property: &'static str, value: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(property, Need::IsNot(value), why.into())
    }

    /// The property's value must not contain this text.
    pub fn lacks(property: &'static str, text: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(property, Need::Lacks(text), why.into())
    }

    /// A user may not set the property at all. A name that ends with a dot stands for all that begin with it.
    pub fn unset(property: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(property, Need::Unset, why.into())
    }

    /// What to do, in place of "leave it out".
    #[must_use]
    pub fn or(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.remedy = remedy.into();
        self
    }

    fn new(property: &'static str, need: Need, why: Cow<'static, str>) -> Self {
        Self { property, need, why, remedy: Cow::Borrowed("leave it out") }
    }

    /// Whether the settings of a client keep to the rule. `set` are the user's properties by their canonical names.
    ///
    /// # Errors
    /// [`SettingsError::Refused`].
    pub(crate) fn check(&self, native: &NativeClientConfig, set: &[&str]) -> Result<(), SettingsError> {
        let value = || native.get(self.property).unwrap_or_default();
        let must = match &self.need {
            Need::Unset => {
                let is_it = |name: &&str| {
                    *name == self.property
                        || (self.property.ends_with('.') && name.starts_with(self.property))
                };
                let Some(found) = set.iter().find(|name| is_it(name)) else { return Ok(()) };
                return Err(self.refused(found, "cannot be set".to_owned()));
            }
            Need::Is(wanted) if value() == *wanted => return Ok(()),
            Need::Is(wanted) => format!("must be {wanted}"),
            Need::Within(range) if value().parse().is_ok_and(|value| range.contains(&value)) => return Ok(()),
            Need::Within(range) if *range.end() == u64::MAX => format!("must be {} or more", range.start()),
            Need::Within(range) => format!("must be {} to {}", range.start(), range.end()),
            Need::IsNot(wrong) if value() != *wrong => return Ok(()),
            Need::IsNot(wrong) => format!("must not be {wrong}"),
            Need::Lacks(text) if !value().contains(text) => return Ok(()),
            Need::Lacks(text) => format!("must not contain {text}"),
        };
        Err(self.refused(self.property, must))
    }

    fn refused(&self, property: &str, must: String) -> SettingsError {
        SettingsError::Refused {
            property: property.to_owned(),
            must,
            why: self.why.to_string(),
            remedy: self.remedy.to_string(),
        }
    }
}
