//! A machine whose clock is wrong: nothing is accepted that could never be stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use ingest::clock::Clock;
use serde_json::json;

use crate::faults::Broker;
use crate::intake::{BATCH, EVENT, Intake, problem};
use crate::topic;

const DAY: u64 = 24 * 60 * 60;

#[tokio::test]
async fn while_the_clock_is_wrong_intake_says_so_and_accepts_nothing_and_goes_on_when_it_is_right() {
    let broker = Broker::start();
    let seconds = Arc::new(AtomicU64::new(DAY));
    let shown = Arc::clone(&seconds);
    let clock = Clock::of(move || UNIX_EPOCH + Duration::from_secs(shown.load(Ordering::Relaxed)));
    let servers = broker.cluster.bootstrap_servers();
    let intake = Intake::start_with_clock(&servers, broker.topic.clone(), &[], clock).await;
    let event = json!({ "eventType": "impression", "promptId": "p", "sessionId": "s" });
    // 1970, and the last day of 2099, whose events may be stamped a day later.
    for wrong in [DAY, 4_102_444_800 - DAY + 1] {
        seconds.store(wrong, Ordering::Relaxed);
        intake.until_waiting_for("clock is wrong").await;
        seconds.store(1_800_000_000, Ordering::Relaxed);
        intake.until_ready().await;
        seconds.store(wrong, Ordering::Relaxed);
        problem(intake.send(EVENT, &event).await, 503, "clock_wrong").await;
        problem(intake.send(BATCH, &json!({ "events": [event] })).await, 503, "clock_wrong").await;
    }
    seconds.store(1_800_000_000, Ordering::Relaxed);
    assert_eq!(intake.send(EVENT, &event).await.status(), 202);
    let records = topic::records(&servers, &broker.topic).await;
    let received: Vec<_> = records.iter().map(|record| &record.value["receivedAt"]).collect();
    assert_eq!(received, [1_800_000_000_000_u64]);
}
