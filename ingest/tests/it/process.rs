//! The executable itself: it starts, counts, and stops on a signal with exit code 0.

use std::collections::BTreeMap;
use std::process::Stdio;

use local::testing::{bootstrap_servers, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::intake::{BATCH, DEADLINE, EVENT};

struct Running {
    child: Child,
    address: String,
    admin: String,
}

async fn start(arguments: &[&str]) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ingest"))
        .args([
            "--listen=127.0.0.1:0",
            "--admin-listen=127.0.0.1:0",
            "--log-format=json",
            "--drain-delay-ms=0",
        ])
        .args(["--kafka-bootstrap-servers", &bootstrap_servers(), "--kafka-topic", &local::testing::topic()])
        .args(arguments)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let listening = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("it says where it listens before it ends");
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == "listening" {
                let text = |name: &str| line[name].as_str().unwrap().to_owned();
                break (text("address"), text("admin_address"));
            }
        }
    };
    let (address, admin) = tokio::time::timeout(DEADLINE, listening).await.expect("it listens in time");
    // Its log must not fill the pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Running { child, address, admin }
}

/// The samples of the metrics by name and labels.
async fn samples(running: &Running) -> BTreeMap<String, f64> {
    let text = reqwest::get(format!("http://{}/metrics", running.admin)).await.unwrap().text().await.unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    samples.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

#[tokio::test]
async fn the_executable_counts_every_event_and_stops_on_sigterm() {
    let mut running = start(&[]).await;
    let client = reqwest::Client::new();
    let post = async |path: &str, body: String| {
        let request = client.post(format!("http://{}{path}", running.address));
        request.header("content-type", "application/json").body(body).send().await.unwrap().status().as_u16()
    };
    let event = json!({ "eventType": "impression", "promptId": "p", "sessionId": "s" });
    eventually("an event is taken", DEADLINE, async || {
        (post(EVENT, event.to_string()).await == 202).then_some(())
    })
    .await;
    let mut far = event.clone();
    far["timestamp"] = json!(4_000_000_000_000_i64);
    let mixed =
        json!({ "events": [event, far, {}, { "eventType": "x", "promptId": "p", "sessionId": "s" }] });
    assert_eq!(post(BATCH, mixed.to_string()).await, 202);
    assert_eq!(post(EVENT, "{}".to_owned()).await, 422);
    assert_eq!(post(EVENT, "{".to_owned()).await, 400);
    assert_eq!(post(BATCH, json!({ "events": vec![0; 1_001] }).to_string()).await, 413);

    let samples = samples(&running).await;
    let of = |name: &str| samples.get(name).copied().unwrap_or_else(|| panic!("{name} is in {samples:#?}"));
    assert_eq!(of("ingest_events_received_total"), 1.0 + 4.0 + 1.0 + 1_001.0);
    assert_eq!(of("ingest_events_accepted_total"), 3.0);
    assert_eq!(of("ingest_events_rejected_total{reason=\"required\"}"), 2.0);
    assert_eq!(of("ingest_events_rejected_total{reason=\"not_allowed\"}"), 1.0);
    assert_eq!(of("ingest_events_rejected_total{reason=\"too_many\"}"), 1_001.0);
    assert_eq!(of("ingest_events_unacknowledged_total"), 0.0);
    assert_eq!(of("ingest_events_in_flight"), 0.0);
    assert_eq!(of("ingest_events_clock_ahead_total"), 1.0);
    assert_eq!(of("ingest_kafka_brokers_up").min(1.0), 1.0);
    let route =
        "ingest_http_request_duration_seconds_count{route=\"/api/telemetry/prompt/batch\",status=\"202\"}";
    assert_eq!(of(route), 1.0);

    kill(Pid::from_raw(running.child.id().unwrap().cast_signed()), Signal::SIGTERM).unwrap();
    let exit = tokio::time::timeout(DEADLINE, running.child.wait()).await.expect("it stops in time").unwrap();
    assert_eq!(exit.code(), Some(0));
}

#[tokio::test]
async fn a_setting_that_cannot_work_ends_the_start_with_the_reason_and_without_secrets() {
    let output = Command::new(env!("CARGO_BIN_EXE_ingest"))
        .args([
            "--kafka-property",
            "acks=1",
            "--kafka-property",
            "sasl.password=hunter2",
            "--read-token",
            "s3cret-token",
        ])
        .args(["--database-url", "postgres://user:pa55word@localhost/x"])
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(said.contains("acks must be -1"), "{said}");
    for secret in ["hunter2", "s3cret-token", "pa55word"] {
        assert!(!said.contains(secret), "{said}");
    }
}
