//! The query of a request: a route takes the parameters that it knows, and what is left is refused.
//!
//! So a misspelt name, or one of a later version, is never ignored. Every fault is reported at once.

use std::fmt::Display;
use std::ops::RangeInclusive;

use axum::extract::Query;
use http::Uri;
use schema::{Fault, FaultCode};

use crate::error::ApiError;

/// How much of an unknown name is repeated in the answer.
const NAME_SHOWN: usize = 64;

/// The query of a request, and what is wrong with it.
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    /// What the route has asked for.
    known: Vec<&'static str>,
    faults: Vec<Fault>,
}

impl Parameters {
    pub(crate) fn of(uri: &Uri) -> Self {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri).map(|Query(pairs)| pairs);
        Self { pairs: pairs.unwrap_or_default(), known: Vec::new(), faults: Vec::new() }
    }

    /// Nothing was wrong. Called when every parameter that the route knows was taken.
    pub(crate) fn verdict(mut self) -> Result<(), ApiError> {
        let mut unknown: Vec<_> = std::mem::take(&mut self.pairs).into_iter().map(|(name, _)| name).collect();
        unknown.retain(|name| !self.known.contains(&name.as_str()));
        unknown.sort_unstable();
        unknown.dedup();
        let message = match self.known.as_slice() {
            [] => "this route has no parameters".to_owned(),
            known => format!("not known here; known are: {}", known.join(", ")),
        };
        for name in unknown {
            let shown: String = name.chars().take(NAME_SHOWN).collect();
            self.fault(&shown, FaultCode::NotAllowed, &message);
        }
        if self.faults.is_empty() { Ok(()) } else { Err(ApiError::InvalidParameters(self.faults)) }
    }

    /// The last value of a name that is given several times. From now on the name is known.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let index = self.pairs.iter().rposition(|(found, _)| found == name)?;
        Some(self.pairs.swap_remove(index).1)
    }

    pub(crate) fn number(&mut self, name: &'static str, default: i64, range: RangeInclusive<i64>) -> i64 {
        let Some(text) = self.take(name) else { return default };
        let found = text.parse().ok().filter(|number| range.contains(number));
        found.unwrap_or_else(|| {
            let message = format!("expected a whole number from {} to {}", range.start(), range.end());
            self.fault(name, FaultCode::OutOfRange, message);
            default
        })
    }

    pub(crate) fn text(&mut self, name: &str, text: String, length: RangeInclusive<usize>) -> String {
        let points = text.chars().count();
        if !length.contains(&points) {
            let code = if points == 0 { FaultCode::Empty } else { FaultCode::TooLong };
            let message =
                format!("expected {} to {} characters, found {points}", length.start(), length.end());
            self.fault(name, code, message);
        }
        if text.contains('\0') {
            self.fault(name, FaultCode::NullCharacter, "U+0000 cannot be stored, so nothing has it");
        }
        text
    }

    pub(crate) fn not_allowed(&mut self, name: &str, words: &[&str]) {
        self.fault(name, FaultCode::NotAllowed, format!("expected one of: {}", words.join(", ")));
    }

    pub(crate) fn fault(&mut self, name: &str, code: FaultCode, message: impl Display) {
        self.faults.push(Fault::new(name, code, message.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::Parameters;
    use crate::error::ApiError;

    fn refused(query: &str, known: &[&'static str]) -> Vec<(String, String)> {
        let uri: Uri = format!("/?{query}").parse().unwrap();
        let mut parameters = Parameters::of(&uri);
        for name in known {
            parameters.take(name);
        }
        match parameters.verdict() {
            Ok(()) => Vec::new(),
            Err(ApiError::InvalidParameters(faults)) => {
                faults.into_iter().map(|fault| (fault.field, fault.message)).collect()
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_parameter_that_no_route_asks_for_is_refused_with_those_that_it_knows() {
        let known = &["lens", "stage"];
        assert_eq!(refused("", known), []);
        assert_eq!(refused("lens=a&lens=b&stage=c", known), []);
        let message = "not known here; known are: lens, stage".to_owned();
        let unknown = [("_".to_owned(), message.clone()), ("window".to_owned(), message)];
        assert_eq!(refused("window=7d&lens=a&_=1&window=8d", known), unknown);
        assert_eq!(refused("x", &[])[0].1, "this route has no parameters");
        assert_eq!(refused(&"x".repeat(10_000), known)[0].0.len(), 64);
    }
}
