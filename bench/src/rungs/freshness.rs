//! Time from accepted to visible in `prompt_performance`, when nothing else happens and under load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use local::error::Error;
use local::port;
use local::services;
use sqlx::{Connection as _, PgConnection};

use crate::clock::{median, percentile, ratios, unix_milliseconds};
use crate::config::Rung;
use crate::database::Database;
use crate::events::{Events, Prompts};
use crate::http::Connection;
use crate::load::Load;
use crate::report::{Goal, Row, thousands};
use crate::request::Request;
use crate::run::Run;
use crate::rungs::write;

/// How it is measured, for the report.
pub const NOTE: &str = "From the `202` of a single event about a prompt of its own until `prompt_performance` shows that \
    prompt, asked by SQL every 2 ms. Under load, batches of 100 come over HTTP at half of the rate that the plain COPY of \
    200,000 events (66 prompts) had a moment before, in the same round; load generator, ingest, broker, consumer and \
    PostgreSQL share the machine. Percentiles are those of a round's probes. Three loads go before that are not counted: \
    a new broker compiles itself for its first minute under load, which takes up to half a core.";

const TOPIC: &str = "bench-freshness";
const POLL: Duration = Duration::from_millis(2);
const VISIBLE_DEADLINE: Duration = Duration::from_secs(60);
const VISIBLE: &str = "select exists (select from public.prompt_performance where prompt_id = $1)";
/// Connections of the load.
const CONNECTIONS: usize = 16;
const BATCH: usize = 100;
/// Probes of a round without load.
const PROBES: u64 = 40;
/// Who probes at once, under load, for as long as it lasts.
const PROBERS: usize = 4;
const LOAD_SECONDS: f64 = 15.0;
/// What stands in the way of a second under load.
const LOADED: &str = "half of the write limit needs nearly all of both cores, since the limit is one core's work \
    without HTTP, Kafka or decoding: of the 200 % that two cores have, at 38,000 events a second PostgreSQL took 70 to \
    79, ingest 43, the consumer 30, the broker 30 and the load generator with its probes 14. Whatever comes on top, such \
    as autovacuum's 20 to 60 % for some seconds of a minute, makes batches grow, and those who come last wait: in a round \
    of 2 s that was to be seen second by second. Tried in turn, five or six rounds of six to fifteen seconds, after some \
    that were not counted: batches open for 100 ms (p99 456 ms) and 150 ms (427 ms) instead of 50 (1,004 ms), hence 100; \
    one connection instead of two at 36,000 a second (1.5 CPU seconds a million off, and less than half of the p99; \
    hence a second one only from 8,000 rows on; from 16,000 on, at 40,000 a second: no better); probes every 10 ms \
    instead of 2 (nothing); 64 records a turn of the reading loop instead of one (nothing that stood out); fetches of at \
    least 64 KiB or 25 ms (2 off in one comparison, nothing in another, and 20 ms on an idle event); `linger.ms` 10 and \
    20 (1 to 3 off, for as many milliseconds on each answer).";
/// Loads before the first that counts.
const WARM_UP: u32 = 3;

struct Place {
    url: String,
    reader_url: String,
    load: Load,
}

/// The rounds' figures.
#[derive(Default)]
struct Measured {
    /// Milliseconds of each probe, round by round.
    idle: Vec<Vec<f64>>,
    loaded: Vec<Vec<f64>>,
    /// Events a second: what was to be reached, and what was.
    wanted: Vec<f64>,
    reached: Vec<f64>,
}

/// Measures idle and at half of the write limit.
///
/// # Errors
/// When a part fails.
pub async fn measure(run: &mut Run) -> Result<Vec<Row>, Error> {
    run.progress(Rung::Freshness, "the events of the plain COPY");
    let mut limit = write::Limit::prepare(run).await?;
    let database = Database::prepare(&run.servers, "freshness").await?;
    let kafka = run.servers.kafka(TOPIC, "bench-freshness");
    run.make_topic(TOPIC).await?;
    let consumer = services::consumer("bench-consumer-1", &kafka, &database.urls.consumer_url, &[]);
    let mut consumer = consumer.await?;
    let mut ingest = services::ingest("bench-ingest", port::free(), &kafka, "", &[]).await?;
    let url = ingest.url().to_owned();
    let prompts = Prompts::library(66);
    let load = Load { url: url.clone(), connections: CONNECTIONS, batch: BATCH, prompts };
    let place = Place { url, reader_url: database.urls.ingest_url.clone(), load };

    for load in 0..WARM_UP {
        run.progress(Rung::Freshness, format!("warming up, {load} of {WARM_UP}"));
        let half = limit.rate(run).await? / 2.0;
        under_load(run, &place, half).await?;
    }
    let mut measured = Measured::default();
    for round in run.rounds() {
        let probes = run.options.scaled(PROBES, 5);
        let idle = prober(&place, run.seed(), probes, &AtomicBool::new(false)).await?;
        let half = limit.rate(run).await? / 2.0;
        let (loaded, reached) = under_load(run, &place, half).await?;
        let (p50, p99) = (percentile(&idle, 0.5), percentile(&loaded, 0.99));
        let load = thousands(reached);
        run.progress(
            Rung::Freshness,
            format!("round {round}: idle p50 {p50:.0} ms, p99 {p99:.0} ms at {load} events/s"),
        );
        measured.idle.push(idle);
        measured.loaded.push(loaded);
        measured.wanted.push(half);
        measured.reached.push(reached);
    }
    ingest.stop().await?;
    consumer.stop().await?;
    Ok(report(&measured))
}

/// Returns the probes' times in milliseconds, and the events a second that the load reached.
async fn under_load(run: &mut Run, place: &Place, per_second: f64) -> Result<(Vec<f64>, f64), Error> {
    let mut sender = place.load.prepare(run.seed()).await?;
    let seconds = (LOAD_SECONDS * run.options.scale).max(2.0);
    let events = (per_second * seconds) as u64;
    let over = AtomicBool::new(false);
    let sending = async {
        let sent = sender.send(events, Some(per_second)).await;
        over.store(true, Ordering::Relaxed);
        sent
    };
    let seeds: Vec<u64> = (0..PROBERS).map(|_| run.seed()).collect();
    let probing = try_join_all(seeds.into_iter().map(|seed| prober(place, seed, u64::MAX, &over)));
    let (probed, (accepted, took)) = tokio::try_join!(probing, sending)?;
    Ok((probed.concat(), accepted as f64 / took.as_secs_f64()))
}

/// Probes until there are enough or `over` is set. Returns the milliseconds until each was visible.
async fn prober(place: &Place, seed: u64, probes: u64, over: &AtomicBool) -> Result<Vec<f64>, Error> {
    let mut submitter = Connection::open(&place.url).await?;
    let mut reader =
        PgConnection::connect(&place.reader_url).await.map_err(Error::database("take a connection"))?;
    let mut events = Events::new(seed, Prompts::library(1));
    let mut times = Vec::new();
    for number in 0..probes {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let mut event = events.next_at(unix_milliseconds());
        event.prompt_id = format!("probe-{seed:016x}-{number}");
        let prompt_id = event.prompt_id.clone();
        submitter.submit(Request::batch(vec![event]).bytes()).await?;
        let accepted = Instant::now();
        until_visible(&mut reader, &prompt_id, accepted).await?;
        times.push(accepted.elapsed().as_secs_f64() * 1e3);
        // At another point of the consumer's rhythm each time.
        tokio::time::sleep(Duration::from_millis(number * 37 % 100)).await;
    }
    Ok(times)
}

async fn until_visible(reader: &mut PgConnection, prompt_id: &str, since: Instant) -> Result<(), Error> {
    loop {
        let asked = sqlx::query_scalar(VISIBLE).bind(prompt_id).fetch_one(&mut *reader).await;
        if asked.map_err(Error::database("look for a probe"))? {
            return Ok(());
        }
        if since.elapsed() > VISIBLE_DEADLINE {
            let what = format!("the event about {prompt_id} to be visible");
            return Err(Error::Late { what, seconds: VISIBLE_DEADLINE.as_secs() });
        }
        tokio::time::sleep(POLL).await;
    }
}

fn report(measured: &Measured) -> Vec<Row> {
    let row = |case: &str, rounds: &[Vec<f64>], share, goal| {
        let rounds: Vec<f64> = rounds.iter().map(|times| percentile(times, share)).collect();
        Row::new(Rung::Freshness, case).result(&rounds, goal, " ms")
    };
    let load = Row::new(Rung::Freshness, "load that was reached of half of the write limit")
        .compare(
            format!("{} events/s", thousands(median(&measured.reached))),
            format!("{} events/s", thousands(median(&measured.wanted))),
        )
        // Below it, the time under load says nothing.
        .result(
            &ratios(&measured.reached, &measured.wanted)
                .iter()
                .map(|ratio| 100.0 * ratio)
                .collect::<Vec<_>>(),
            Goal::AtLeast(95.0),
            " %",
        );
    vec![
        row("idle, p50", &measured.idle, 0.5, Goal::AtMost(150.0)),
        row("idle, p99", &measured.idle, 0.99, Goal::None),
        row("at half of the write limit, p50", &measured.loaded, 0.5, Goal::None),
        row("at half of the write limit, p99", &measured.loaded, 0.99, Goal::AtMost(1_000.0))
            .hindrance(LOADED),
        load,
    ]
}
