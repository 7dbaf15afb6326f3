//! A steady load of single events and batches from several clients at once, until it is told to end.
//!
//! Each client has one request under way, like a browser's tab, so a stack that does not answer is not buried. Now and
//! then one sends again what was acknowledged already, as two tabs with one queue do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::chaos::client::{Client, Shipment};
use crate::random::Random;

/// Clients that send one event a request, and how long each rests in between: 80 events a second.
const SINGLES: u64 = 8;
const SINGLE_REST: Duration = Duration::from_millis(100);
/// Clients that send batches, and how long each rests: about 250 events a second.
const BATCHERS: u64 = 4;
const BATCH_REST: Duration = Duration::from_millis(400);
/// How long a reader rests.
const LOOK_REST: Duration = Duration::from_millis(500);
const BATCH: std::ops::Range<usize> = 10..41;
/// One shipment in so many is sent twice.
const TWICE_IN: usize = 50;
/// Batches of this many events make a burst.
const BURST_BATCH: usize = 1_000;

const PROMPTS: usize = 40;
const LENSES: [&str; 3] = ["engineer", "academic", "citizen"];
const STAGES: [&str; 4] = ["genesis", "exploration", "synthesis", "advocacy"];

/// The clients.
#[derive(Debug)]
pub struct Load {
    client: Client,
    seed: u64,
    ending: Arc<AtomicBool>,
    tasks: Mutex<JoinSet<()>>,
}

impl Load {
    /// Starts all clients; what they send follows from `seed`, but for ids and times.
    pub fn start(client: Client, seed: u64) -> Load {
        let ending = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        tasks.spawn(look(client.clone(), Arc::clone(&ending)));
        for number in 0..SINGLES + BATCHERS {
            let random = Random::new(seed ^ number.wrapping_mul(0x9E37_79B9));
            let (client, ending) = (client.clone(), Arc::clone(&ending));
            tasks.spawn(async move { work(&client, number < SINGLES, random, &ending).await });
        }
        Load { client, seed, ending, tasks: Mutex::new(tasks) }
    }

    /// Sends this many full batches on top, all at once; they are delivered whenever the stack takes them.
    pub async fn burst(&self, batches: u64) {
        let mut tasks = self.tasks.lock().await;
        for number in 0..batches {
            let mut random = Random::new(self.seed.wrapping_add(number));
            let client = self.client.clone();
            tasks.spawn(async move {
                let shipment = Shipment::batch((0..BURST_BATCH).map(|_| event(&mut random)).collect());
                client.deliver(&shipment, &mut random).await;
            });
        }
    }

    /// No new events: waits until what is under way is acknowledged, and gives up what is not within `patience`.
    pub async fn finish(self, patience: Duration) {
        self.ending.store(true, Ordering::Relaxed);
        let mut tasks = self.tasks.into_inner();
        let _gives_up =
            tokio::time::timeout(patience, async { while tasks.join_next().await.is_some() {} }).await;
        tasks.shutdown().await;
    }
}

/// One person looks at the panel all the time, so that there are reads for faults to break.
async fn look(client: Client, ending: Arc<AtomicBool>) {
    while !ending.load(Ordering::Relaxed) {
        client.look().await;
        tokio::time::sleep(LOOK_REST).await;
    }
}

async fn work(client: &Client, single: bool, mut random: Random, ending: &AtomicBool) {
    while !ending.load(Ordering::Relaxed) {
        let shipment = if single {
            let (id, event) = event(&mut random);
            Shipment::single(id, &event)
        } else {
            let count = BATCH.start + random.below(BATCH.len());
            Shipment::batch((0..count).map(|_| event(&mut random)).collect())
        };
        client.deliver(&shipment, &mut random).await;
        if random.below(TWICE_IN) == 0 {
            client.deliver(&shipment, &mut random).await;
        }
        tokio::time::sleep(if single { SINGLE_REST } else { BATCH_REST }).await;
    }
}

/// A valid event with a fresh id; some have no lens and no stage.
pub fn event(random: &mut Random) -> (Uuid, Value) {
    let id = Uuid::now_v7();
    let kind = *random.pick(&["impression", "impression", "impression", "selection", "completion"]);
    let mut event = json!({
        "id": id,
        "eventType": kind,
        "promptId": format!("prompt-{}", random.below(PROMPTS)),
        "sessionId": format!("session-{}", random.below(500)),
        "timestamp": chrono::Utc::now().timestamp_millis(),
        "scoring": { "rank": random.below(8), "finalScore": random.fraction() },
    });
    if random.below(4) > 0 {
        event["context"] = json!({
            "lensId": random.pick(&LENSES), "stage": random.pick(&STAGES), "entropy": random.fraction(),
        });
    }
    if kind == "completion" {
        let delta = (random.fraction() * 2e6).round() / 1e6 - 1.0;
        event["outcome"] = json!({ "dwellTimeMs": random.below(60_000), "entropyDelta": delta.max(-1.0) });
    }
    (id, event)
}
