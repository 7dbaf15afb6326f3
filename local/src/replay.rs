//! The sample through HTTP, in batches, several in flight, each repeated until it is accepted.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use crate::error::Error;
use crate::sample::Happening;

const BATCH_EVENTS: usize = 250;
const IN_FLIGHT: usize = 4;
/// How long one batch is repeated before it is given up.
const DEADLINE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Posts all events to ingest at `url`; `progress` hears the number of events of each batch once it is accepted.
///
/// # Errors
/// When an event is rejected, or a batch is not accepted in time.
pub async fn run(url: &str, happenings: &[Happening], progress: impl Fn(u64)) -> Result<(), Error> {
    let client =
        Client::builder().timeout(Duration::from_secs(15)).build().expect("an HTTP client can be made");
    let url = format!("{url}/api/telemetry/prompt/batch");
    let batches = happenings.chunks(BATCH_EVENTS).map(|batch| post(&client, &url, batch));
    let mut accepted = stream::iter(batches).buffer_unordered(IN_FLIGHT);
    while let Some(events) = accepted.try_next().await? {
        progress(events);
    }
    Ok(())
}

/// Posts one batch until it is accepted. Repeating is safe: the ids are derived from content and time.
async fn post(client: &Client, url: &str, batch: &[Happening]) -> Result<u64, Error> {
    let events: Vec<Value> = batch.iter().map(Happening::to_json).collect();
    let body = json!({ "events": events });
    let start = Instant::now();
    loop {
        let answer = client.post(url).json(&body).send().await;
        let (pause, fault) = match answer {
            Ok(answer) if answer.status() == StatusCode::ACCEPTED => {
                return accepted(url, answer, batch.len()).await;
            }
            Ok(answer) if may_repeat(answer.status()) => (wanted_pause(&answer), answer.status().to_string()),
            Ok(answer) => {
                let status = answer.status();
                let body = answer.text().await.unwrap_or_default();
                return Err(Error::Http {
                    url: url.to_owned(),
                    answer: format!("answered {status}: {body}"),
                });
            }
            Err(error) => (Duration::from_millis(200), error.to_string()),
        };
        if start.elapsed() > DEADLINE {
            let answer = format!("did not accept a batch within {} s: {fault}", DEADLINE.as_secs());
            return Err(Error::Http { url: url.to_owned(), answer });
        }
        tokio::time::sleep(pause).await;
    }
}

fn may_repeat(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
    )
}

/// What the server asks for in seconds, within reason.
fn wanted_pause(answer: &Response) -> Duration {
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1)).min(LONGEST_PAUSE)
}

/// Every event of the sample is valid, so a rejected one is a fault of ours.
async fn accepted(url: &str, answer: Response, sent: usize) -> Result<u64, Error> {
    let body = answer.text().await.unwrap_or_default();
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    let sent = sent as u64;
    if answer["count"] == sent && answer["status"] == "accepted" {
        return Ok(sent);
    }
    Err(Error::Http { url: url.to_owned(), answer: format!("answered {body} to {sent} valid events") })
}
