//! Who may do what: write keys and the read token, compared in constant time and never shown.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::Query;
use http::{HeaderMap, Uri, header};
use serde::Deserialize;
use subtle::{Choice, ConstantTimeEq};

use crate::error::ApiError;

/// A key or token. It has no `Debug` or `Display`, so that no log line can hold it.
#[derive(Clone)]
pub struct Secret(String);

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.trim().to_owned()))
    }
}

impl Secret {
    /// Whether there is nothing to keep secret.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One secret, as a file holds it.
    pub(crate) fn one(text: &str) -> Result<Self, String> {
        Ok(Self(text.trim().to_owned()))
    }

    /// Secrets as a file holds them: one a line, or with commas between; at least one, since none would open the routes.
    pub(crate) fn several(text: &str) -> Result<Vec<Self>, String> {
        let parts = text.split(['\n', ',']).map(str::trim).filter(|part| !part.is_empty());
        let secrets: Vec<_> = parts.map(|part| Self(part.to_owned())).collect();
        if secrets.is_empty() {
            return Err(
                "expected one key a line, found none: write one into it, or leave the setting out".to_owned()
            );
        }
        Ok(secrets)
    }
}

/// The secrets that open the routes. An empty list opens them to everybody.
pub struct Access {
    write_keys: Vec<Secret>,
    read_tokens: Vec<Secret>,
}

/// The query parameter that carries the write key of a beacon, which cannot send headers.
#[derive(Deserialize)]
struct KeyParameter {
    key: String,
}

impl Access {
    /// Guards writes by any of `write_keys`, reads by `read_token`.
    #[must_use]
    pub fn new(write_keys: Vec<Secret>, read_token: Option<Secret>) -> Self {
        Self { write_keys, read_tokens: read_token.into_iter().collect() }
    }

    /// Lets a writer pass with `Authorization: Bearer KEY` or `?key=KEY`.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`] without a valid key, where keys are configured.
    pub fn writer(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
        if self.write_keys.is_empty() {
            return Ok(());
        }
        let parameter = || Query::<KeyParameter>::try_from_uri(uri).ok().map(|Query(query)| query.key);
        let from_header = bearer(headers).is_some_and(|key| is_one_of(key, &self.write_keys));
        if from_header || parameter().is_some_and(|key| is_one_of(&key, &self.write_keys)) {
            return Ok(());
        }
        Err(ApiError::Unauthorized("send a write key as `Authorization: Bearer KEY` or `?key=KEY`"))
    }

    /// Lets a reader pass with `Authorization: Bearer TOKEN`.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`] without the token, where one is configured.
    pub fn reader(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if self.read_tokens.is_empty()
            || bearer(headers).is_some_and(|token| is_one_of(token, &self.read_tokens))
        {
            return Ok(());
        }
        Err(ApiError::Unauthorized("send the read token as `Authorization: Bearer TOKEN`"))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, credentials) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| credentials.trim())
}

/// Compares with every secret, whichever fits, so that the time tells nothing but lengths.
fn is_one_of(candidate: &str, secrets: &[Secret]) -> bool {
    let found = secrets
        .iter()
        .fold(Choice::from(0), |found, secret| found | candidate.as_bytes().ct_eq(secret.0.as_bytes()));
    found.into()
}
