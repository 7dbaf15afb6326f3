//! The two calls that take events: read, judge, hand to Kafka, wait for every acknowledgement, answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use schema::{
    Batch, BatchAccepted, EventAccepted, Fault, FaultCode, RawEvent, RejectedEvent, SubmissionStatus,
    SubmittedBatch, SubmittedEvent, TRACEPARENT_HEADER, limits,
};
use service::trace::Traceparent;
use uuid::Uuid;

use crate::body;
use crate::clock::ClockWrong;
use crate::error::ApiError;
use crate::metrics::Entry;
use crate::openapi::{JsonText, WriteProblems};
use crate::producer::{Pending, ProduceError, Submission};
use crate::routes::parameters::Parameters;
use crate::state::App;

/// Where one event goes.
pub const EVENT: &str = "/api/telemetry/prompt";
/// Where a batch goes.
pub const BATCH: &str = "/api/telemetry/prompt/batch";

/// Takes one event.
///
/// `202` means that Kafka has the event safe. Sending it again is harmless as long as it keeps its id, or, without an id,
/// its timestamp and content.
#[utoipa::path(
    post,
    path = EVENT,
    operation_id = "submitEvent",
    tag = "events",
    params(("key" = Option<String>, Query, description = "A write key, for senders that cannot set headers.")),
    request_body(content((SubmittedEvent = "application/json"), (inline(JsonText) = "text/plain"))),
    responses(
        (status = 202, description = "The event is safe.", body = EventAccepted),
        WriteProblems,
    ),
    security((), ("writeKey" = [])),
)]
pub async fn submit_event(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<EventAccepted>), ApiError> {
    let trace = admit(&app, &request)?;
    let received = body::read(request, &app.limits, &app.body_memory).await?;
    let _place = app.enter()?;
    let submission = app.producer()?.begin(&trace)?;
    let body = received.unpack(app.limits.max_unpacked_bytes as usize).await?;
    let (id, pending, entry) = hand_over_event(&app, body.text()?, submission)?;
    drop(body);
    acknowledge(&app, pending, entry).await?;
    Ok((StatusCode::ACCEPTED, Json(EventAccepted { id, status: SubmissionStatus::Accepted })))
}

/// Takes 1 to 1,000 events.
///
/// Each is judged on its own. `202` means that Kafka has all events safe but the rejected ones; a `503` means that some
/// may not be safe, and that all should be sent again.
#[utoipa::path(
    post,
    path = BATCH,
    operation_id = "submitBatch",
    tag = "events",
    params(("key" = Option<String>, Query, description = "A write key, for senders that cannot set headers.")),
    request_body(content((SubmittedBatch = "application/json"), (inline(JsonText) = "text/plain"))),
    responses(
        (status = 202, description = "The accepted events are safe.", body = BatchAccepted),
        WriteProblems,
    ),
    security((), ("writeKey" = [])),
)]
pub async fn submit_batch(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<BatchAccepted>), ApiError> {
    let trace = admit(&app, &request)?;
    let received = body::read(request, &app.limits, &app.body_memory).await?;
    let _place = app.enter()?;
    let submission = app.producer()?.begin(&trace)?;
    let body = received.unpack(app.limits.max_unpacked_bytes as usize).await?;
    let (count, rejected, pending, entry) = hand_over_batch(&app, body.text()?, submission)?;
    // Not kept while Kafka works: many requests may wait.
    drop(body);
    acknowledge(&app, pending, entry).await?;
    let status = if rejected.is_empty() { SubmissionStatus::Accepted } else { SubmissionStatus::Partial };
    Ok((StatusCode::ACCEPTED, Json(BatchAccepted { count, status, rejected })))
}

/// Who sends, may they, and may they now; and the trace that their events belong to.
fn admit(app: &App, request: &Request) -> Result<Traceparent, ApiError> {
    app.take_turn(request)?;
    app.access.writer(request.headers(), request.uri())?;
    app.producer()?;
    let mut parameters = Parameters::of(request.uri());
    parameters.take("key");
    parameters.verdict()?;
    let trace = request.headers().get(TRACEPARENT_HEADER).map(http::HeaderValue::as_bytes);
    Ok(Traceparent::from_header(trace))
}

fn hand_over_event<'a>(
    app: &'a App,
    text: &str,
    mut submission: Submission<'_>,
) -> Result<(Uuid, Pending, Entry<'a>), ApiError> {
    let received_at = app.clock.now()?;
    let event = schema::read_event(text).map_err(|malformed| ApiError::Malformed(malformed.to_string()))?;
    let mut entry = app.ledger.receive(1);
    let judged =
        event.map_err(|fault| vec![fault]).and_then(|event| event.validate(received_at, Uuid::now_v7));
    let accepted = judged.map_err(|faults| {
        entry.reject(reason(&faults));
        ApiError::InvalidEvent(faults)
    })?;
    if accepted.clock_ahead {
        app.ledger.clock_ahead();
    }
    submission.add(&accepted.event);
    Ok((accepted.event.id, submission.hand_over()?, entry))
}

fn hand_over_batch<'a>(
    app: &'a App,
    text: &str,
    mut submission: Submission<'_>,
) -> Result<(usize, Vec<RejectedEvent>, Pending, Entry<'a>), ApiError> {
    let received_at = app.clock.now()?;
    let batch = schema::read_batch(text).map_err(|malformed| ApiError::Malformed(malformed.to_string()))?;
    let Batch { events, total } = batch.map_err(|fault| ApiError::InvalidBatch(vec![fault]))?;
    let mut entry = app.ledger.receive(total);
    if total == 0 {
        let fault = Fault::new("events", FaultCode::Empty, "expected 1 to 1000 events, found none");
        return Err(ApiError::InvalidBatch(vec![fault]));
    }
    if total > limits::BATCH_EVENTS {
        entry.reject_all_of(total, FaultCode::TooMany);
        return Err(ApiError::TooManyEvents { found: total });
    }
    let mut rejected = Vec::new();
    for (index, event) in events.into_iter().enumerate() {
        let id = event.as_ref().ok().and_then(RawEvent::sent_id);
        match event.map_err(|fault| vec![fault]).and_then(|event| event.validate(received_at, Uuid::now_v7)) {
            Ok(accepted) => {
                if accepted.clock_ahead {
                    app.ledger.clock_ahead();
                }
                submission.add(&accepted.event);
            }
            Err(errors) => {
                entry.reject(reason(&errors));
                let id = id.map(Cow::into_owned);
                rejected.push(RejectedEvent { index, id, errors });
            }
        }
    }
    if rejected.len() == total {
        return Err(ApiError::AllRejected(rejected));
    }
    Ok((total - rejected.len(), rejected, submission.hand_over()?, entry))
}

async fn acknowledge(app: &App, pending: Pending, entry: Entry<'_>) -> Result<(), ApiError> {
    let start = Instant::now();
    let result = pending.acknowledged(app.limits.request_deadline()).await;
    app.ledger.acknowledged_after(start.elapsed());
    result?;
    entry.accept();
    Ok(())
}

impl From<ClockWrong> for ApiError {
    fn from(_: ClockWrong) -> Self {
        Self::ClockWrong
    }
}

impl From<ProduceError> for ApiError {
    fn from(error: ProduceError) -> Self {
        match error {
            ProduceError::Unavailable => Self::KafkaUnavailable,
            ProduceError::QueueFull => Self::QueueFull,
            ProduceError::TooLarge => Self::RecordTooLarge,
            ProduceError::Deadline => Self::Unacknowledged,
            ProduceError::Refused(code) => {
                tracing::warn!(%code, "Kafka refused a record");
                Self::Unacknowledged
            }
        }
    }
}

/// The label of a rejected event: the first rule it breaks.
fn reason(faults: &[Fault]) -> FaultCode {
    faults.first().map_or(FaultCode::WrongType, |fault| fault.code)
}
