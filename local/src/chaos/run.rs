//! One run from its seed to its verdict.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};

use crate::chaos::client::Client;
use crate::chaos::inflict::Scene;
use crate::chaos::ledger::{Counts, Ledger};
use crate::chaos::load::Load;
use crate::chaos::schedule::{self, Limits, Step};
use crate::chaos::stage::{Options, Stage};
use crate::chaos::verdict;
use crate::error::Error;
use crate::footprint;

/// How many faults may be under way at once.
const LANES: usize = 2;
/// How long clients go on trying when the faults are over, before they give up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the faults, their order and the load follow from.
    pub seed: u64,
    /// How many brokers: 1 or 3.
    pub nodes: u16,
    /// How many faults.
    pub faults: usize,
    /// The longest that a fault lasts.
    pub longest: Duration,
    /// The longest rest before a fault.
    pub rest: Duration,
    /// What the names of the logs begin with.
    pub name: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// What does not hold, as sentences; empty when the run is passed.
    pub breaches: Vec<String>,
    /// How much was sent.
    pub counts: Counts,
    /// The most memory of each service, in MiB.
    pub peaks: Vec<(String, u64)>,
    /// Whether there was a disk that could be filled.
    pub has_disk: bool,
}

/// Does it on a stack of its own. `tell` gets a line for each fault, and one more for a fault with something to tell.
///
/// # Errors
/// When the trial itself fails: a server does not start, or does not do what is asked of it.
pub async fn run(plan: &Plan, tell: impl Fn(String)) -> Result<Report, Error> {
    let disk_mebibytes = 64 + plan.faults as u64 * 4;
    let options = Options { name: plan.name.clone(), nodes: plan.nodes, disk_mebibytes };
    let stage = Stage::start(&options).await?;
    let has_disk = stage.disk.is_some();
    if !has_disk {
        tell(
            "WARNING: THE FULL DISK IS LEFT OUT: only root may mount a disk small enough to fill".to_owned(),
        );
    }
    let ledger = Arc::new(Ledger::default());
    let load = Load::start(Client::new(&stage.ingest_url, Arc::clone(&ledger)), plan.seed);
    let scene = Scene { stage: &stage, load: &load, ledger: &ledger };
    inflict_all(scene, plan, &tell).await?;

    tell("all faults are over; waiting for the clients and the consumers".to_owned());
    scene.expect_running("ingest", &mut *stage.ingest.lock().await);
    for (number, consumer) in (1..).zip(&stage.consumers) {
        scene.expect_running(&format!("consumer {number}"), &mut *consumer.lock().await);
    }
    stage.ready().await?;
    load.finish(PATIENCE).await;
    let mut breaches = verdict::pass(&stage, &ledger).await?;
    let peaks = stage.peaks().into_iter().map(|(name, peak)| (name, peak >> 20)).collect();
    let topic = stage.kafka.topic.clone();
    breaches.extend(panics(&stage).await);
    breaches.extend(stage.stop().await);
    breaches.extend(leaked(&topic));
    Ok(Report { breaches, counts: ledger.counts(), peaks, has_disk })
}

async fn inflict_all(scene: Scene<'_>, plan: &Plan, tell: &impl Fn(String)) -> Result<(), Error> {
    let limits = Limits {
        faults: plan.faults,
        brokers: usize::from(plan.nodes),
        longest: plan.longest,
        rest: plan.rest,
    };
    let begun = Instant::now();
    let one = |Step { number, rest, fault }| async move {
        tokio::time::sleep(rest).await;
        tell(format!("#{number:<3} {:6.1} s  {fault}", begun.elapsed().as_secs_f64()));
        if let Some(note) = scene.inflict(&fault).await? {
            tell(format!("#{number:<3} {:6.1} s    {note}", begun.elapsed().as_secs_f64()));
        }
        Ok(())
    };
    stream::iter(schedule::draw(plan.seed, &limits)).map(one).buffer_unordered(LANES).try_collect().await
}

/// A service that panicked may well have gone on.
async fn panics(stage: &Stage) -> Vec<String> {
    let mut logs = vec![stage.ingest.lock().await.log().to_owned()];
    for service in stage.consumers.iter().chain([&stage.third]) {
        logs.push(service.lock().await.log().to_owned());
    }
    let panicked = |log: &std::path::Path| {
        let text = std::fs::read(log).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().find(|line| line.contains("panicked")).map(str::to_owned)
    };
    logs.iter().filter_map(|log| Some(format!("{}: {}", log.display(), panicked(log)?))).collect()
}

/// Whatever still runs of this run: services know its topic, and servers have this process's temporary folders.
fn leaked(topic: &str) -> Vec<String> {
    let folders = format!("/temporary-{}-", std::process::id());
    let left = [topic, &folders].into_iter().flat_map(footprint::marked);
    left.map(|process| format!("a process is left: {process}")).collect()
}
