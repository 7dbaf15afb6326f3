//! `local overload`: ten times what ingest can take, from clients fast and slow, and a consumer that is far behind.
//!
//! Capacity is low by configuration: few requests at once, and a Kafka client that waits before it sends. The modules
//! stand in reading order: what is offered, who drips beside it, who looks on, large bodies, and what lies before the consumer.

pub mod backlog;
pub mod bulk;
pub mod drip;
pub mod offer;
pub mod sight;

use std::process::ExitCode;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::config::OverloadArgs;
use crate::console::{complain, say};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::overload::offer::Offer;
use crate::stack::{BrokerChoice, Options, Stack};

/// Requests that ingest works on at once.
const IN_FLIGHT: u32 = 8;
/// How long its Kafka client waits for company before it sends. A record that comes last to a partition waits less, but
/// on average at least half of this; so no more than 40 requests a second can be done.
const LINGER: Duration = Duration::from_millis(400);
/// Ten times that.
const REQUESTS_A_SECOND: u32 = 10 * 2 * IN_FLIGHT * 1_000 / LINGER.as_millis() as u32;
/// What is done even if every record waits for the whole linger, halved for a machine that is busy with the rest.
const LEAST_A_SECOND: f64 = IN_FLIGHT as f64 / LINGER.as_secs_f64() / 2.0;
/// How soon everything is taken again when the load has ended.
const RECOVERY: Duration = Duration::from_secs(5);
/// Files that this process needs beside the slow connections.
const OTHER_FILES: u64 = 2_500;

/// Ingest's memory for bodies: a fraction of the default, so that fewer bodies exceed it.
const BODY_MEMORY_BYTES: u64 = 64 << 20;

/// What ingest may have taken: its queue to Kafka (128 MiB), 64 MiB, and 24 KiB for each connection that says little.
fn ingest_bytes(connections: usize) -> u64 {
    (192 << 20) + connections as u64 * (24 << 10)
}

/// What it may have taken after large bodies: their memory, and what a busy connection buffers.
fn ingest_bytes_with_bodies(connections: usize, bodies: usize) -> u64 {
    ingest_bytes(connections) + BODY_MEMORY_BYTES + bodies as u64 * (64 << 10)
}

/// Runs it for a person; fails when anything does not hold.
///
/// # Errors
/// When the stack does not start, or the person interrupts.
pub async fn command(arguments: &OverloadArgs) -> Result<ExitCode, Error> {
    let mut interrupt = Interrupt::listen();
    say("starting PostgreSQL, Apache Kafka, consumer and ingest …");
    let breaches = interrupt.or(run(BrokerChoice::Apache { nodes: 1 }, arguments, say)).await?;
    for breach in &breaches {
        complain(format!("FAILED: {breach}"));
    }
    Ok(if breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Does it on a stack with fresh data; answers with what does not hold, as sentences. `tell` gets the figures.
///
/// # Errors
/// When the stack does not start or a server does not answer.
pub async fn run(
    broker: BrokerChoice,
    arguments: &OverloadArgs,
    tell: impl Fn(String),
) -> Result<Vec<String>, Error> {
    allow_many_files(arguments.slow_connections as u64 + OTHER_FILES)?;
    let properties = format!("linger.ms={}", LINGER.as_millis());
    let ingest = [
        ("INGEST_MAX_REQUESTS_IN_FLIGHT", IN_FLIGHT.to_string()),
        ("INGEST_BODY_MEMORY_BYTES", BODY_MEMORY_BYTES.to_string()),
        // Large bodies wait for each other.
        ("INGEST_BODY_TIMEOUT_MS", "60000".to_owned()),
        ("KAFKA_PROPERTIES", properties),
    ];
    let options = Options {
        name: "overload-".to_owned(),
        ingest: ingest.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        ..Options::new(broker, true)
    };
    let mut stack = Stack::start(options).await?;
    let mut breaches = offer_too_much(&stack, arguments, &tell).await?;
    breaches.extend(backlog::catch_up(&mut stack, arguments.backlog, &tell).await?);
    stack.stop().await?;
    Ok(breaches)
}

async fn offer_too_much(
    stack: &Stack,
    arguments: &OverloadArgs,
    tell: &impl Fn(String),
) -> Result<Vec<String>, Error> {
    let offer = Offer::new(stack.ingest.url());
    let drip = drip::start(stack.ingest.url(), arguments.slow_connections);
    let sight = sight::start(stack.ingest.admin_url());
    let lasts = Duration::from_secs(arguments.seconds);
    let outcomes = offer.make(REQUESTS_A_SECOND, lasts).await;
    let most_open = drip.stop().await;
    let recovered = offer.until_taken(RECOVERY).await;
    let mut breaches = sight.stop().await;
    let peak = stack.ingest.id().and_then(crate::footprint::peak_memory).unwrap_or(u64::MAX);

    let seconds = lasts.as_secs_f64();
    tell(format!("{REQUESTS_A_SECOND} requests a second were offered for {seconds} s: {outcomes}"));
    tell(format!("{most_open} slow connections were open; ingest took {} MiB at the most", peak >> 20));
    breaches.extend(outcomes.breaches((LEAST_A_SECOND * seconds) as u64));
    if most_open < arguments.slow_connections * 9 / 10 {
        breaches
            .push(format!("only {most_open} of {} slow connections were open", arguments.slow_connections));
    }
    let bound = ingest_bytes(arguments.slow_connections);
    if peak > bound {
        breaches.push(format!("ingest took {} MiB, and may take {}", peak >> 20, bound >> 20));
    }
    match recovered {
        Some(after) => {
            tell(format!("{:.1} s after the load everything was taken again", after.as_secs_f64()));
        }
        None => breaches.push(format!("{} s after the load requests are still refused", RECOVERY.as_secs())),
    }
    breaches.extend(send_large_bodies(stack, &offer, arguments, tell).await);
    breaches.extend(offer.stored(stack).await?);
    Ok(breaches)
}

async fn send_large_bodies(
    stack: &Stack,
    offer: &Offer,
    arguments: &OverloadArgs,
    tell: &impl Fn(String),
) -> Vec<String> {
    let sight = sight::start(stack.ingest.admin_url());
    let answers = bulk::send(stack.ingest.url(), arguments.large_bodies).await;
    let recovered = offer.until_taken(RECOVERY).await;
    let mut breaches = sight.stop().await;
    let peak = stack.ingest.id().and_then(crate::footprint::peak_memory).unwrap_or(u64::MAX);
    tell(format!(
        "{} bodies of 1 MiB came at once: {answers}; ingest took {} MiB at the most",
        arguments.large_bodies,
        peak >> 20
    ));
    breaches.extend(answers.breaches((BODY_MEMORY_BYTES >> 20) as usize));
    let bound = ingest_bytes_with_bodies(arguments.slow_connections, arguments.large_bodies);
    if peak > bound {
        breaches.push(format!("ingest took {} MiB, and may take {}", peak >> 20, bound >> 20));
    }
    if recovered.is_none() {
        breaches.push(format!("{} s after the large bodies requests are still refused", RECOVERY.as_secs()));
    }
    breaches
}

/// As many as the system allows: a process begins with few.
fn allow_many_files(wanted: u64) -> Result<(), Error> {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        Ok(hard)
    });
    match raised {
        Ok(hard) if hard < wanted => Err(Error::Missing {
            what: format!("room for {wanted} open files ({hard} are allowed)"),
            remedy: "raise the hard limit (`ulimit -Hn`), or ask for fewer slow connections".to_owned(),
        }),
        // Who may not raise it finds out whether it was enough.
        _ => Ok(()),
    }
}
