//! Delivers events to ingest as our SDK does: with the same ids again and again, until they are acknowledged.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::chaos::ledger::Ledger;
use crate::random::Random;

/// As the SDK: twice ingest's own deadline.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_CEILING: Duration = Duration::from_secs(1);
/// The SDK's is a minute; a shorter one brings the load back sooner after each fault.
const LAST_CEILING: Duration = Duration::from_secs(4);

/// One request's events, the same at every try.
#[derive(Clone, Debug)]
pub struct Shipment {
    path: &'static str,
    body: String,
    ids: Vec<Uuid>,
}

/// Why a request has to be made again.
#[derive(Debug)]
struct Again {
    /// What the server asked for.
    wait: Duration,
}

/// A client of ingest.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    ledger: Arc<Ledger>,
}

impl Shipment {
    /// One event, to the route for one.
    pub fn single(id: Uuid, event: &Value) -> Shipment {
        Shipment { path: "/api/telemetry/prompt", body: event.to_string(), ids: vec![id] }
    }

    /// Several events as a batch.
    pub fn batch(events: Vec<(Uuid, Value)>) -> Shipment {
        let (ids, events): (Vec<Uuid>, Vec<Value>) = events.into_iter().unzip();
        let body = json!({ "events": events }).to_string();
        Shipment { path: "/api/telemetry/prompt/batch", body, ids }
    }
}

impl Client {
    /// `url` is ingest's; the ledger hears of everything that is sent and acknowledged.
    ///
    /// # Panics
    /// When the system has no sockets to make a client with.
    pub fn new(url: &str, ledger: Arc<Ledger>) -> Client {
        let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build();
        Client { http: http.expect("an HTTP client can be made"), url: url.to_owned(), ledger }
    }

    /// Sends until it is acknowledged, or answered in a way that no retry helps, which the ledger is told.
    pub async fn deliver(&self, shipment: &Shipment, random: &mut Random) {
        self.ledger.sending(&shipment.ids);
        let mut ceiling = FIRST_CEILING;
        while let Err(Again { wait }) = self.send(shipment).await {
            tokio::time::sleep(wait + ceiling.mul_f64(random.fraction())).await;
            ceiling = (ceiling * 2).min(LAST_CEILING);
        }
    }

    /// Reads the list of prompts. Returns whether it was answered, which nobody promises while something is broken.
    pub async fn look(&self) -> bool {
        let url = format!("{}/api/telemetry/prompts/performance", self.url);
        self.http.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    async fn send(&self, shipment: &Shipment) -> Result<(), Again> {
        let url = format!("{}{}", self.url, shipment.path);
        let request = self.http.post(url).header("content-type", "application/json");
        let again = Again { wait: Duration::ZERO };
        let Ok(answer) = request.body(shipment.body.clone()).send().await else { return Err(again) };
        let status = answer.status().as_u16();
        let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        // Without the whole answer nobody knows what it was; a 202 counts as soon as its status is there.
        let body = answer.text().await;
        match (status, asked) {
            (202, _) => self.accept(shipment, body.ok().as_deref()),
            (429 | 503, Some(seconds)) => return Err(Again { wait: Duration::from_secs(seconds) }),
            (408, _) => return Err(again),
            _ => self.ledger.surprise(format!("{} answered {status}: {body:?}", shipment.path)),
        }
        Ok(())
    }

    fn accept(&self, shipment: &Shipment, body: Option<&str>) {
        self.ledger.acknowledged(&shipment.ids);
        let Some(body) = body else { return };
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let whole = match shipment.ids.as_slice() {
            [id] if body.get("id").is_some() => body["id"] == json!(id),
            ids => body["count"] == json!(ids.len()) && body["status"] == "accepted",
        };
        if !whole {
            self.ledger.surprise(format!("{} answered 202 with {body}", shipment.path));
        }
    }
}
