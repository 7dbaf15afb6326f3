//! Every metric of intake: names, what they count, and the ledger that must always balance.
//!
//! Ledger: received = accepted + rejected + unacknowledged + in flight, in events. An event counts as received once the
//! body that holds it was understood as JSON; what is refused before that (no JSON, no room, no Kafka) is in the HTTP
//! histogram only. No label comes from user data.

use std::time::Duration;

use http::StatusCode;
use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use schema::FaultCode;
use service::metrics::Metrics;

use crate::reads::ReadError;

const HTTP_SECONDS: &str = "ingest_http_request_duration_seconds";
const ACK_SECONDS: &str = "ingest_produce_ack_duration_seconds";
const BODY_MEMORY: &str = "ingest_body_memory_bytes";
const READ_WAIT_SECONDS: &str = "ingest_database_wait_seconds";
const READS_FAILED: &str = "ingest_reads_failed_total";
const REJECTED: &str = "ingest_events_rejected_total";

const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Starts recording in this process and describes the metrics.
#[must_use]
pub fn install() -> Metrics {
    let metrics =
        Metrics::install(&[(HTTP_SECONDS, SECONDS), (ACK_SECONDS, SECONDS), (READ_WAIT_SECONDS, SECONDS)]);
    describe_counter!("ingest_events_received_total", "Events in bodies that were JSON.");
    describe_counter!("ingest_events_accepted_total", "Events that Kafka acknowledged.");
    describe_counter!(REJECTED, "Events that break a rule, by the first rule they break.");
    describe_counter!(
        "ingest_events_unacknowledged_total",
        "Valid events that the client was told to send again."
    );
    describe_counter!(
        "ingest_events_clock_ahead_total",
        "Events whose time was over 24 h ahead and was replaced."
    );
    describe_gauge!("ingest_events_in_flight", "Events received and not yet answered.");
    describe_gauge!("ingest_producer_queue_messages", "Records that wait for Kafka in this process.");
    describe_gauge!("ingest_producer_queue_bytes", "Their size.");
    describe_gauge!(
        "ingest_kafka_brokers_up",
        "Brokers with a working connection at their advertised address."
    );
    describe_gauge!("ingest_ready", "1 while events are taken, 0 while /readyz says what is waited for.");
    describe_gauge!("ingest_connections", "Open connections.");
    describe_gauge!(BODY_MEMORY, "Bytes of request bodies in memory, on the wire and unpacked.");
    describe_counter!("ingest_connections_refused_total", "Connections refused because too many were open.");
    describe_histogram!(HTTP_SECONDS, "From a request's header to its answer, by route and status.");
    describe_histogram!(ACK_SECONDS, "From handing a request's events to Kafka's client to its last report.");
    describe_reads();
    metrics
}

fn describe_reads() {
    describe_gauge!("ingest_database_up", "1 while the database answers, 0 while it does not.");
    describe_gauge!("ingest_database_connections", "Open connections to the database.");
    describe_gauge!(
        "ingest_reads_in_flight",
        "Reads that wait for a connection or for the database's answer."
    );
    describe_counter!(READS_FAILED, "Reads without an answer, by reason: full, late or failed.");
    describe_histogram!(READ_WAIT_SECONDS, "Time that a read waits for a connection.");
}

/// Records one answered request.
pub fn http_answered(route: &'static str, status: StatusCode, duration: Duration) {
    histogram!(HTTP_SECONDS, "route" => route, "status" => status_label(status)).record(duration);
}

/// The numbers that are counted for every request, looked up once.
#[derive(Clone)]
pub struct Ledger {
    received: Counter,
    accepted: Counter,
    unacknowledged: Counter,
    clock_ahead: Counter,
    in_flight: Gauge,
    ack_seconds: Histogram,
}

impl Ledger {
    /// The ledger of the recorder that [`install`] installed.
    #[must_use]
    pub fn new() -> Self {
        let ledger = Self {
            received: counter!("ingest_events_received_total"),
            accepted: counter!("ingest_events_accepted_total"),
            unacknowledged: counter!("ingest_events_unacknowledged_total"),
            clock_ahead: counter!("ingest_events_clock_ahead_total"),
            in_flight: gauge!("ingest_events_in_flight"),
            ack_seconds: histogram!(ACK_SECONDS),
        };
        // A counter that is not there yet looks like one that is missing.
        for counter in [&ledger.received, &ledger.accepted, &ledger.unacknowledged, &ledger.clock_ahead] {
            counter.increment(0);
        }
        ledger.in_flight.increment(0.0);
        ledger
    }

    /// Enters events that were received. They are in flight until the entry is settled or dropped.
    #[must_use]
    pub fn receive(&self, events: usize) -> Entry<'_> {
        self.received.increment(events as u64);
        self.in_flight.increment(events as f64);
        Entry { ledger: self, in_flight: events }
    }

    /// Notes an event whose time was replaced.
    pub fn clock_ahead(&self) {
        self.clock_ahead.increment(1);
    }

    /// Notes how long Kafka took for a request, whatever came of it.
    pub fn acknowledged_after(&self, duration: Duration) {
        self.ack_seconds.record(duration);
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

/// Events in flight. What is left when it is dropped, by an error or because the client went away, is unacknowledged.
pub struct Entry<'a> {
    ledger: &'a Ledger,
    in_flight: usize,
}

impl Entry<'_> {
    /// One event breaks a rule.
    pub fn reject(&mut self, code: FaultCode) {
        self.reject_all_of(1, code);
    }

    /// `events` of them break the same rule.
    pub fn reject_all_of(&mut self, events: usize, code: FaultCode) {
        counter!(REJECTED, "reason" => code.as_str()).increment(events as u64);
        self.leave(events);
    }

    /// Kafka has acknowledged all that is left.
    pub fn accept(mut self) {
        self.ledger.accepted.increment(self.in_flight as u64);
        self.leave(self.in_flight);
    }

    fn leave(&mut self, events: usize) {
        self.ledger.in_flight.decrement(events as f64);
        self.in_flight -= events;
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.ledger.unacknowledged.increment(self.in_flight as u64);
        self.leave(self.in_flight);
    }
}

/// Notes what Kafka's client says of itself.
pub fn producer_queue(messages: u64, bytes: u64) {
    gauge!("ingest_producer_queue_messages").set(messages as f64);
    gauge!("ingest_producer_queue_bytes").set(bytes as f64);
}

/// Records whether the database answers.
pub fn database_up(up: bool) {
    gauge!("ingest_database_up").set(if up { 1.0 } else { 0.0 });
}

/// Records a read without an answer.
pub fn read_failed(error: ReadError) {
    let reason = match error {
        ReadError::Full => "full",
        ReadError::Late => "late",
        ReadError::Failed => "failed",
    };
    counter!(READS_FAILED, "reason" => reason).increment(1);
}

/// Records how long a read waited for a connection.
pub fn reader_waited(duration: Duration) {
    histogram!(READ_WAIT_SECONDS).record(duration);
}

/// Counts a read until it is dropped.
#[must_use]
pub fn read_begun() -> Counted {
    Counted::new(gauge!("ingest_reads_in_flight"))
}

/// Counts a connection to the database until it is dropped.
#[must_use]
pub fn database_connected() -> Counted {
    Counted::new(gauge!("ingest_database_connections"))
}

/// Notes how many brokers are connected.
pub fn brokers_up(brokers: usize) {
    gauge!("ingest_kafka_brokers_up").set(brokers as f64);
}

/// The bytes of bodies in memory.
pub fn body_memory() -> Gauge {
    let gauge = gauge!(BODY_MEMORY);
    gauge.increment(0.0);
    gauge
}

/// Records whether events are taken.
pub fn ready(ready: bool) {
    gauge!("ingest_ready").set(f64::from(u8::from(ready)));
}

/// One more in a gauge, until it is dropped.
pub struct Counted(Gauge);

impl Counted {
    fn new(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

/// Counts a client's connection until it is dropped.
#[must_use]
pub fn connection_opened() -> Counted {
    Counted::new(gauge!("ingest_connections"))
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Notes a connection that was one too many.
pub fn connection_refused() {
    counter!("ingest_connections_refused_total").increment(1);
}

/// The statuses we answer with, without an allocation.
fn status_label(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200 => "200",
        202 => "202",
        204 => "204",
        206 => "206",
        304 => "304",
        400 => "400",
        401 => "401",
        404 => "404",
        405 => "405",
        408 => "408",
        413 => "413",
        415 => "415",
        416 => "416",
        422 => "422",
        429 => "429",
        503 => "503",
        _ => "other",
    }
}
