//! The limit of intake: a bare program that makes records of the same bodies and waits for Kafka, without HTTP.
//!
//! It runs as a process of its own, so that its CPU can be told from that of the benchmark. Parent and child are both
//! here; they speak through the child's arguments and one line of JSON.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::future::try_join_all;
use local::console::say;
use local::error::Error;
use schema::SubmittedBatch;
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use uuid::Uuid;

use crate::clock::unix_milliseconds;
use crate::config::{LimitIntake, Work};
use crate::cpu;
use crate::events::{Events, Prompts};
use crate::producer::{Producer, Receipt};
use crate::request;

/// As many different events as the load generator repeats on 64 connections.
const DIFFERENT_EVENTS: usize = 12_800;
const SEED: u64 = 64;
/// The part of the events that goes before the clock runs.
const WARM_UP: u64 = 20;

/// What the child measured.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Events acknowledged.
    pub events: u64,
    /// From the first body to the last acknowledgement.
    pub seconds: f64,
    /// Of the whole process, user and system, in that time.
    pub cpu_seconds: f64,
}

/// Runs the program and returns what it measured.
///
/// # Errors
/// When it fails.
pub async fn measure(arguments: &LimitIntake) -> Result<Outcome, Error> {
    let program = std::env::current_exe().map_err(Error::file("find", "bench".as_ref()))?;
    let numbers = [arguments.batch as u64, arguments.events, arguments.in_flight as u64];
    let [batch, events, in_flight] = numbers.map(|number| number.to_string());
    let work = match arguments.work {
        Work::Bare => "bare",
        Work::Judged => "judged",
    };
    let output = Command::new(&program)
        .arg("limit-intake")
        .args(["--bootstrap-servers", &arguments.bootstrap_servers, "--topic", &arguments.topic])
        .args(["--batch", &batch, "--events", &events, "--in-flight", &in_flight, "--work", work])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(Error::file("run", &program))?;
    serde_json::from_slice(&output.stdout).map_err(|_| Error::Process {
        name: "the limit of intake".to_owned(),
        why: format!("failed ({})", output.status),
        log: program,
        tail: format!("\n  | {}", String::from_utf8_lossy(&output.stderr).trim()),
    })
}

/// The program itself: does the work and prints the [`Outcome`].
///
/// # Errors
/// When Kafka does not acknowledge everything.
pub async fn child(arguments: LimitIntake) -> Result<(), Error> {
    let mut events = Events::new(SEED, Prompts::library(66));
    let bodies: Vec<String> = (0..DIFFERENT_EVENTS.div_ceil(arguments.batch))
        .map(|_| request::body(events.batch_at(unix_milliseconds(), arguments.batch)))
        .collect();
    let work = Arc::new(Worker {
        producer: Producer::new(&arguments.bootstrap_servers, &arguments.topic)?,
        bodies,
        work: arguments.work,
    });
    let requests = arguments.events.div_ceil(arguments.batch as u64);
    run(&work, requests.div_ceil(WARM_UP), arguments.in_flight).await?;

    let cpu_before = cpu::of_process(std::process::id())?;
    let begun = Instant::now();
    run(&work, requests, arguments.in_flight).await?;
    let outcome = Outcome {
        events: requests * arguments.batch as u64,
        seconds: begun.elapsed().as_secs_f64(),
        cpu_seconds: cpu::of_process(std::process::id())? - cpu_before,
    };
    say(serde_json::to_string(&outcome).expect("three numbers can be written"));
    Ok(())
}

struct Worker {
    producer: Producer,
    bodies: Vec<String>,
    work: Work,
}

async fn run(worker: &Arc<Worker>, requests: u64, in_flight: usize) -> Result<(), Error> {
    let taken = Arc::new(AtomicU64::new(0));
    let lanes = (0..in_flight).map(|_| {
        let (worker, taken) = (Arc::clone(worker), Arc::clone(&taken));
        tokio::spawn(async move {
            loop {
                let number = taken.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return Ok(());
                }
                worker.handle(&worker.bodies[number as usize % worker.bodies.len()]).await?;
            }
        })
    });
    try_join_all(lanes).await.expect("a lane does not panic").into_iter().collect()
}

impl Worker {
    async fn handle(&self, body: &str) -> Result<(), Error> {
        let receipt = Receipt::new();
        match self.work {
            Work::Bare => self.bare(body, &receipt)?,
            Work::Judged => self.judged(body, &receipt)?,
        }
        receipt.acknowledged().await
    }

    fn bare(&self, body: &str, receipt: &Arc<Receipt>) -> Result<(), Error> {
        let batch: SubmittedBatch = serde_json::from_str(body).expect("it was written by this process");
        let mut value = Vec::with_capacity(1024);
        for event in batch.events {
            value.clear();
            serde_json::to_writer(&mut value, &event).expect("writing to memory cannot fail");
            self.producer.send(&event.session_id, &value, receipt)?;
        }
        Ok(())
    }

    fn judged(&self, body: &str, receipt: &Arc<Receipt>) -> Result<(), Error> {
        let batch = schema::read_batch(body).expect("it is JSON").expect("it is a batch");
        let now = unix_milliseconds();
        let mut value = Vec::with_capacity(1024);
        for raw in batch.events {
            let accepted = raw.expect("it is an object").validate(now, Uuid::now_v7);
            let event = accepted.expect("a test shows that events follow every rule").event;
            schema::encode(&event, &mut value);
            self.producer.send(&event.session_id, &value, receipt)?;
        }
        Ok(())
    }
}
