//! The read routes as a client sees them, by the contract.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

const TIMEOUT: Duration = Duration::from_secs(10);

/// One prompt's aggregates.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Which prompt.
    pub prompt_id: String,
    /// How often it was shown.
    pub impressions: u64,
    /// How often it was clicked.
    pub selections: u64,
    /// How often it was answered.
    pub completions: u64,
    /// Selections / impressions, 4 decimals.
    pub selection_rate: f64,
    /// Over completions, −1..1, 4 decimals.
    #[serde(deserialize_with = "present")]
    pub avg_entropy_delta: Option<f64>,
    /// Over completions, in milliseconds.
    #[serde(deserialize_with = "present")]
    pub avg_dwell_time_ms: Option<f64>,
    /// The newest event's time, in Unix milliseconds; RFC 3339 on the wire.
    #[serde(rename = "lastSurfaced", deserialize_with = "milliseconds")]
    pub last_surfaced_ms: Option<i64>,
}

impl Stats {
    /// What an unknown prompt has: zeros and nulls.
    pub fn nothing(prompt_id: &str) -> Stats {
        Stats {
            prompt_id: prompt_id.to_owned(),
            impressions: 0,
            selections: 0,
            completions: 0,
            selection_rate: 0.0,
            avg_entropy_delta: None,
            avg_dwell_time_ms: None,
            last_surfaced_ms: None,
        }
    }
}

/// A page of the list.
#[derive(Clone, Debug, Deserialize)]
pub struct Performance {
    /// The page.
    pub prompts: Vec<Stats>,
    /// How many there are on all pages.
    pub total: u64,
}

/// Ingest at some address.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    url: String,
}

impl Api {
    /// `url` is like `http://127.0.0.1:8080`.
    ///
    /// # Panics
    /// When the system has no randomness or no sockets to make a client with.
    pub fn new(url: &str) -> Api {
        let client = Client::builder().timeout(TIMEOUT).build().expect("an HTTP client can be made");
        Api { client, url: url.to_owned() }
    }

    /// The stats of one prompt; `query` like `lens=random`, or empty.
    ///
    /// # Errors
    /// When the answer is not a 200 as in the contract.
    pub async fn stats(&self, prompt_id: &str, query: &str) -> Result<Stats, Error> {
        self.get(&format!("{}/api/telemetry/prompt/{prompt_id}/stats?{query}", self.url)).await
    }

    /// The list; `query` like `limit=10&sort=impressions`.
    ///
    /// # Errors
    /// When the answer is not a 200 as in the contract.
    pub async fn performance(&self, query: &str) -> Result<Performance, Error> {
        self.get(&format!("{}/api/telemetry/prompts/performance?{query}", self.url)).await
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, Error> {
        let fault = |answer: String| Error::Http { url: url.to_owned(), answer };
        let answer = self.client.get(url).send().await;
        let answer = answer.map_err(|error| fault(format!("does not answer: {error}")))?;
        let status = answer.status();
        let body = answer.text().await.map_err(|error| fault(format!("broke off: {error}")))?;
        if status != reqwest::StatusCode::OK {
            return Err(fault(format!("answered {status}: {body}")));
        }
        serde_json::from_str(&body)
            .map_err(|error| fault(format!("answered {body}, which is not as agreed: {error}")))
    }
}

/// Null is a value here, and absence is a breach of the contract, which plain `Option` would let pass.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Option::deserialize(deserializer)
}

fn milliseconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let time: Option<DateTime<Utc>> = match Option::<String>::deserialize(deserializer)? {
        None => None,
        Some(text) => Some(text.parse().map_err(serde::de::Error::custom)?),
    };
    Ok(time.map(|time| time.timestamp_millis()))
}
