//! CPU of an event's way from HTTP into Kafka, beside that of a bare program that does no HTTP.

use local::error::Error;
use local::port;
use local::services::{self, Service};

use crate::clock::{median, ratios};
use crate::config::{LimitIntake, Rung, Work};
use crate::cpu::Usage;
use crate::events::Prompts;
use crate::limits;
use crate::load::Load;
use crate::report::{Goal, Row, thousands};
use crate::run::Run;

/// How it is measured, for the report.
pub const NOTE: &str = "CPU (user + system) of the ingest process per million events accepted over 64 keep-alive \
    connections, each with one request at a time, acks=all. The limit is a process that parses the same bodies into the \
    structs of the API, serializes each event, produces with the same settings and headers and waits for the \
    acknowledgements, 64 bodies at once: no HTTP, no validation. The lines with *own reader and rules* compare with the \
    same program when it reads, judges and encodes as ingest does, so that what is left is HTTP. The load generator is \
    this benchmark's own process.";

const CONNECTIONS: usize = 64;
const TOPIC: &str = "bench-intake";
/// What stands in the way of half of the run's CPU.
const SHARE: &str = "broker and load generator are cheap: the first gets whole record batches, the second \
    renders its requests beforehand. Under *limit* stands the share that the bare program would have in the \
    place of ingest: where that is above the goal, no ingest that parses, serializes and produces as it does can \
    meet it. By a profile of 100 a batch a quarter is librdkafka's thread (a third of that lz4), a tenth the \
    thread that takes the delivery reports, and nothing of HTTP above 2 %. By a profile of 1 a batch 22 % is the \
    kernel's on the threads that serve the clients, most of it for their sockets, 24 % librdkafka's threads, 9 % \
    JSON and the rules, 8 % allocation, 6 % tokio, 5 % hyper, and no function has more than 3 %: with the \
    kernel's part alone on top the bare program would have 49 %, so nothing but a server whose own work on a \
    request is next to none could meet the goal. Tried: mimalloc in place of glibc's allocator, which had 17 %; \
    one allocation an event less; trace ids that are not asked of the kernel one by one (2 %).";
/// The part of the events that goes before the clock runs.
const WARM_UP: u64 = 20;

#[derive(Clone, Copy)]
enum Contender {
    Ours,
    Limit(Work),
}

#[derive(Default)]
struct Measured {
    ours: Vec<Usage>,
    rates: Vec<f64>,
    bare: Vec<f64>,
    bare_rates: Vec<f64>,
    judged: Vec<f64>,
    judged_rates: Vec<f64>,
}

/// Measures batches of 100 and of 1.
///
/// # Errors
/// When a part fails.
pub async fn measure(run: &mut Run) -> Result<Vec<Row>, Error> {
    run.make_topic(TOPIC).await?;
    let kafka = run.servers.kafka(TOPIC, "nobody");
    // Writing needs no database.
    let mut ingest = services::ingest("bench-ingest", port::free(), &kafka, "", &[]).await?;
    let mut rows = Vec::new();
    for (batch, events, goal) in [(100, 400_000, 1.3), (1, 60_000, 6.0)] {
        let events = run.options.scaled(events, 3_000);
        let measured = rounds(run, &ingest, batch, events).await?;
        rows.extend(report(batch, &measured, goal));
    }
    ingest.stop().await?;
    Ok(rows)
}

async fn rounds(run: &mut Run, ingest: &Service, batch: usize, events: u64) -> Result<Measured, Error> {
    let mut measured = Measured::default();
    for round in run.rounds() {
        let contenders = [Contender::Ours, Contender::Limit(Work::Bare), Contender::Limit(Work::Judged)];
        for contender in run.order(contenders) {
            match contender {
                Contender::Ours => {
                    let (usage, rate) = ours(run, ingest, batch, events).await?;
                    measured.ours.push(usage);
                    measured.rates.push(rate);
                }
                Contender::Limit(work) => {
                    let (cpu, rate) = limit(run, batch, events, work).await?;
                    let (cpus, rates) = match work {
                        Work::Bare => (&mut measured.bare, &mut measured.bare_rates),
                        Work::Judged => (&mut measured.judged, &mut measured.judged_rates),
                    };
                    cpus.push(cpu);
                    rates.push(rate);
                }
            }
        }
        let (ours, bare) = (measured.ours.last(), measured.bare.last());
        let (ours, bare) = (ours.map_or(0.0, |usage| usage.own), bare.copied().unwrap_or(0.0));
        let line = format!("{batch} a batch, round {round}: {ours:.1} s CPU a million, the limit {bare:.1}");
        run.progress(Rung::Intake, line);
    }
    Ok(measured)
}

async fn ours(run: &mut Run, ingest: &Service, batch: usize, events: u64) -> Result<(Usage, f64), Error> {
    let prompts = Prompts::library(66);
    let load = Load { url: ingest.url().to_owned(), connections: CONNECTIONS, batch, prompts };
    // Made anew each time: ingest closes connections that idle, as they would in the others' turns.
    let mut sender = load.prepare(run.seed()).await?;
    sender.send(events / WARM_UP, None).await?;
    let own: Vec<u32> = ingest.id().into_iter().collect();
    let before = run.servers.usage(&own)?;
    let (accepted, took) = sender.send(events, None).await?;
    let used = run.servers.usage(&own)? - before;
    Ok((used.per_million(accepted), accepted as f64 / took.as_secs_f64()))
}

async fn limit(run: &Run, batch: usize, events: u64, work: Work) -> Result<(f64, f64), Error> {
    let arguments = LimitIntake {
        bootstrap_servers: run.servers.bootstrap_servers().to_owned(),
        topic: TOPIC.to_owned(),
        batch,
        events,
        in_flight: CONNECTIONS,
        work,
    };
    let outcome = limits::intake::measure(&arguments).await?;
    let events = outcome.events as f64;
    Ok((outcome.cpu_seconds * 1e6 / events, events / outcome.seconds))
}

fn report(batch: usize, measured: &Measured, goal: f64) -> Vec<Row> {
    let own: Vec<f64> = measured.ours.iter().map(|usage| usage.own).collect();
    let usage = Usage::median(&measured.ours);
    let cpu =
        format!("ingest {:.1}, broker {:.1}, generator {:.1}", usage.own, usage.broker, usage.generator);
    let text = |cpu: &[f64], rates: &[f64]| {
        format!("{:.2} s/M ({} events/s)", median(cpu), thousands(median(rates)))
    };
    let ours = text(&own, &measured.rates);
    let share = |usage: &Usage| 100.0 * usage.own / (usage.own + usage.broker + usage.generator);
    let shares: Vec<f64> = measured.ours.iter().map(share).collect();
    let bare = median(&measured.bare);
    let bare_share = 100.0 * bare / (bare + usage.broker + usage.generator);
    vec![
        Row::new(Rung::Intake, format!("CPU, {batch} a batch"))
            .compare(&ours, text(&measured.bare, &measured.bare_rates))
            .result(&ratios(&own, &measured.bare), Goal::AtMost(goal), "×")
            .cpu(&cpu),
        Row::new(Rung::Intake, format!("CPU, {batch} a batch, own reader and rules"))
            .compare(&ours, text(&measured.judged, &measured.judged_rates))
            .result(&ratios(&own, &measured.judged), Goal::None, "×")
            .cpu(&cpu),
        Row::new(Rung::Intake, format!("ingest's share of the run's CPU, {batch} a batch"))
            .compare(format!("{:.1} %", median(&shares)), format!("{bare_share:.1} % for the bare program"))
            .result(&shares, Goal::Below(50.0), " %")
            .hindrance(SHARE)
            .cpu(&cpu),
    ]
}
