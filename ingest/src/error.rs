//! Every way a request can fail, with its status, its stable code and its sentence. The only place that knows statuses.
//!
//! Answers are problem documents (RFC 9457). What went wrong inside is logged where it happened and never shown.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use schema::{Fault, RejectedEvent};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// Why a request failed, as RFC 9457 puts it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the code tells problems apart.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// One sentence: what is wrong and what to do.
    pub detail: String,
    /// The stable name of the problem.
    pub code: String,
    /// Every rule that the request breaks, where it was understood but is invalid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub errors: Option<Vec<Fault>>,
    /// The events of the batch, when all of them are invalid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rejected: Option<Vec<RejectedEvent>>,
}

/// The media type of a [`Problem`].
pub const PROBLEM: &str = "application/problem+json";

/// Clients spread their retries themselves; this only says that it is worth trying again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a request failed.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The body is not JSON.
    #[error("{0}")]
    Malformed(String),
    /// The body is not UTF-8.
    #[error("the body is not UTF-8, which JSON must be")]
    NotUtf8,
    /// The body does not unpack.
    #[error("the body is not valid {0} data")]
    NotUnpackable(&'static str),
    /// The body broke off.
    #[error("the body ended before it was complete")]
    Incomplete,
    /// Parameters of the query or the path have values that are not allowed.
    #[error("parameters are invalid: see errors")]
    InvalidParameters(Vec<Fault>),
    /// A secret is missing or wrong.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// There is nothing at this path.
    #[error("there is nothing at this path; /openapi.json lists what there is")]
    NotFound,
    /// The web pages were not built.
    #[error(
        "the web pages are not here: run `npm ci && npm run build` in web/, then start ingest with --web-dir web/demo/dist"
    )]
    NoWebPages,
    /// The path exists, for other methods.
    #[error("this path does not take this method; the Allow header lists those it takes")]
    MethodNotAllowed,
    /// The body did not arrive in time.
    #[error("the body was not complete within {} ms", .0.as_millis())]
    BodyTimeout(Duration),
    /// The body is too large on the wire.
    #[error("a body may have at most {limit} bytes; send fewer events at once")]
    BodyTooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// The body is too large unpacked.
    #[error("an unpacked body may have at most {limit} bytes; send fewer events at once")]
    UnpackedTooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// The batch has too many events.
    #[error(
        "a batch may have at most {} events, found {found}; send fewer at once",
        schema::limits::BATCH_EVENTS
    )]
    TooManyEvents {
        /// Events in the batch.
        found: usize,
    },
    /// A record is larger than the topic takes.
    #[error("an event is larger than the topic's max.message.bytes")]
    RecordTooLarge,
    /// The content type is none of ours.
    #[error("send JSON in UTF-8 with Content-Type application/json or text/plain")]
    UnsupportedMediaType,
    /// The content encoding is none of ours.
    #[error("send the body as it is, or with one Content-Encoding of gzip, deflate, br, zstd")]
    UnsupportedEncoding,
    /// The event breaks rules.
    #[error("the event is invalid: see errors")]
    InvalidEvent(Vec<Fault>),
    /// The batch is no batch, or empty.
    #[error("the batch is invalid: see errors")]
    InvalidBatch(Vec<Fault>),
    /// Every event of the batch breaks rules.
    #[error("every event of the batch is invalid: see rejected")]
    AllRejected(Vec<RejectedEvent>),
    /// The client is too fast.
    #[error("too many requests from this client; wait as long as Retry-After says")]
    RateLimited {
        /// Time until the next request is allowed.
        retry_after: Duration,
    },
    /// Too many requests are in flight.
    #[error("intake is at its capacity; try again")]
    Overloaded,
    /// The memory for bodies is taken.
    #[error("intake holds as many bytes of request bodies as it may; try again")]
    BodyMemory,
    /// Too many connections are open.
    #[error("too many connections are open; try again")]
    TooManyConnections,
    /// The connection begins with a header of the PROXY protocol that is not expected from this peer.
    #[error(
        "the connection begins with a header of the PROXY protocol: set INGEST_PROXY_PROTOCOL and name the sender in \
         INGEST_TRUSTED_PROXIES, or switch the protocol off at the load balancer"
    )]
    UnexpectedProxyHeader,
    /// The connection lacks the header of the PROXY protocol that is expected from this peer, or it is broken.
    #[error(
        "the connection does not begin with a header of the PROXY protocol, which INGEST_PROXY_PROTOCOL demands of \
         this peer: switch the protocol on at the load balancer, or unset INGEST_PROXY_PROTOCOL"
    )]
    NoProxyHeader,
    /// No broker can be reached, or the topic is not there.
    #[error("the event store cannot be reached at the moment; try again")]
    KafkaUnavailable,
    /// The machine's clock is wrong.
    #[error("this service's clock is wrong, so it takes no events at the moment; try again")]
    ClockWrong,
    /// The local queue is full.
    #[error("the event store is slower than the events come in; try again")]
    QueueFull,
    /// Kafka did not acknowledge everything in time, or refused.
    #[error("the events were not acknowledged; send them again with the same ids")]
    Unacknowledged,
    /// The database does not answer.
    #[error("statistics are not available at the moment; try again")]
    ReadsUnavailable,
    /// Too many readers wait for the database.
    #[error("too many reads wait for the database; try again")]
    TooManyReads,
    /// This process only takes events.
    #[error("this process only takes events (INGEST_SERVE=writes); ask one that serves reads")]
    ReadsNotServed,
    /// This process only answers reads.
    #[error("this process only answers reads (INGEST_SERVE=reads); send events to one that serves writes")]
    WritesNotServed,
    /// The process should get no traffic.
    #[error("not ready; the admin port's /readyz has the reason")]
    NotReady,
    /// No database is configured.
    #[error("statistics are not available: intake was started without INGEST_DATABASE_URL")]
    ReadsNotConfigured,
}

impl ApiError {
    /// The status and the stable name.
    #[must_use]
    pub const fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed_json"),
            Self::NotUtf8 => (StatusCode::BAD_REQUEST, "not_utf8"),
            Self::NotUnpackable(_) => (StatusCode::BAD_REQUEST, "not_unpackable"),
            Self::Incomplete => (StatusCode::BAD_REQUEST, "incomplete_body"),
            Self::InvalidParameters(_) => (StatusCode::BAD_REQUEST, "invalid_parameters"),
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::NoWebPages => (StatusCode::NOT_FOUND, "no_web_pages"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::BodyTimeout(_) => (StatusCode::REQUEST_TIMEOUT, "body_timeout"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::UnpackedTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "unpacked_too_large"),
            Self::TooManyEvents { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_events"),
            Self::RecordTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "record_too_large"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::UnsupportedEncoding => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding"),
            Self::InvalidEvent(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_event"),
            Self::InvalidBatch(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_batch"),
            Self::AllRejected(_) => (StatusCode::UNPROCESSABLE_ENTITY, "all_rejected"),
            Self::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::BodyMemory => (StatusCode::SERVICE_UNAVAILABLE, "body_memory"),
            Self::TooManyConnections => (StatusCode::SERVICE_UNAVAILABLE, "too_many_connections"),
            Self::UnexpectedProxyHeader => (StatusCode::BAD_REQUEST, "unexpected_proxy_header"),
            Self::NoProxyHeader => (StatusCode::BAD_REQUEST, "no_proxy_header"),
            Self::KafkaUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "kafka_unavailable"),
            Self::ClockWrong => (StatusCode::SERVICE_UNAVAILABLE, "clock_wrong"),
            Self::QueueFull => (StatusCode::SERVICE_UNAVAILABLE, "queue_full"),
            Self::Unacknowledged => (StatusCode::SERVICE_UNAVAILABLE, "unacknowledged"),
            Self::ReadsUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "reads_unavailable"),
            Self::ReadsNotConfigured => (StatusCode::SERVICE_UNAVAILABLE, "reads_not_configured"),
            Self::TooManyReads => (StatusCode::SERVICE_UNAVAILABLE, "too_many_reads"),
            Self::ReadsNotServed => (StatusCode::SERVICE_UNAVAILABLE, "reads_not_served"),
            Self::WritesNotServed => (StatusCode::SERVICE_UNAVAILABLE, "writes_not_served"),
            Self::NotReady => (StatusCode::SERVICE_UNAVAILABLE, "not_ready"),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            other if other.status_and_code().0 == StatusCode::SERVICE_UNAVAILABLE => Some(RETRY_AFTER),
            _ => None,
        }
    }

    /// The whole answer in HTTP/1.1, for a connection that no request can be read from. It ends the connection.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        let status = self.status_and_code().0;
        let retry_after = self.retry_after().map(|wait| format!("retry-after: {}\r\n", seconds(wait)));
        let body = serde_json::to_string(&self.into_problem()).expect("a problem is plain data");
        let retry_after = retry_after.unwrap_or_default();
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\n{retry_after}content-type: {PROBLEM}\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// The problem document, as it goes into the body.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        let (status, code) = self.status_and_code();
        let mut problem = Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: self.to_string(),
            code: code.to_owned(),
            errors: None,
            rejected: None,
        };
        match self {
            Self::InvalidEvent(faults) | Self::InvalidBatch(faults) | Self::InvalidParameters(faults) => {
                problem.errors = Some(faults);
            }
            Self::AllRejected(rejected) => problem.rejected = Some(rejected),
            _ => {}
        }
        problem
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        if status.is_server_error() {
            // Quiet, since under overload there are many; what is worth a look was logged where it happened.
            tracing::debug!(code, "refused");
        }
        let retry_after = self.retry_after();
        let body = serde_json::to_vec(&self.into_problem()).expect("a problem is plain data");
        let mut response =
            (status, [(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM))], body).into_response();
        let headers = response.headers_mut();
        if let Some(wait) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait)));
        }
        match code {
            "unauthorized" => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            "unsupported_encoding" => {
                headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd"));
            }
            _ => {}
        }
        response
    }
}

/// Whole seconds, rounded up.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs_f64().ceil() as u64
}
