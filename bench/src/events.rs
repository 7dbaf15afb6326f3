//! Events as the front end sends them, the same in every run but for their ids and times.
//!
//! 80 % impressions, 15 % selections, 5 % completions; 6 lenses, 4 stages; about 530 bytes of JSON each. Knows nothing
//! of where they go.

use local::random::Random;
use schema::{
    EventType, Stage, SubmittedContext, SubmittedEvent, SubmittedMatchDetails, SubmittedOutcome,
    SubmittedScoring, SubmittedTimestamp,
};
use uuid::Uuid;

/// The personas.
pub const LENSES: [&str; 6] =
    ["lens-engineer", "lens-academic", "lens-citizen", "lens-geopolitical", "lens-family", "lens-freestyle"];
/// What conversations are about.
pub const TOPICS: [&str; 8] = [
    "distributed-systems",
    "local-first-software",
    "governance-and-trust",
    "economics-of-attention",
    "open-infrastructure",
    "privacy-by-design",
    "knowledge-commons",
    "energy-and-climate",
];
/// What conversations come to.
pub const MOMENTS: [&str; 4] = ["first-visit", "entropy-rising", "journey-complete", "returning-visitor"];
/// How many events come from one session.
const SESSION_EVENTS: u64 = 20;

/// How often each prompt comes up, as the sums of their shares: 1 is the last.
#[derive(Clone, Debug)]
pub struct Prompts(Vec<f64>);

impl Prompts {
    /// A library of `count` prompts. A small one is skewed as Zipf has it, the second prompt half as often as the first.
    /// A large one is even, which is the harder case: the more different prompts a batch has, the more aggregates.
    pub fn library(count: usize) -> Prompts {
        let weight = |rank: usize| if count <= 100 { 1.0 / (rank + 1) as f64 } else { 1.0 };
        let total: f64 = (0..count).map(weight).sum();
        let sums = (0..count).scan(0.0, |sum, rank| {
            *sum += weight(rank) / total;
            Some(*sum)
        });
        Prompts(sums.collect())
    }

    /// The sums: a fraction belongs to the first prompt whose sum exceeds it.
    pub fn sums(&self) -> &[f64] {
        &self.0
    }

    /// The id of the prompt with this rank, from 0.
    pub fn id(rank: usize) -> String {
        format!("prompt-{rank:06}")
    }

    fn draw(&self, random: &mut Random) -> String {
        let fraction = random.fraction();
        // The last sum may be a hair below 1.
        Prompts::id(self.0.partition_point(|sum| *sum <= fraction).min(self.0.len() - 1))
    }
}

/// Fresh ids: UUIDs of version 7.
#[derive(Clone, Debug)]
pub struct Ids(Random);

impl Ids {
    /// Ids that no other seed gives.
    pub fn new(seed: u64) -> Ids {
        Ids(Random::new(seed))
    }

    /// The id of an event that happened at `now` (Unix milliseconds).
    pub fn fresh(&mut self, now: i64) -> Uuid {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.0.number().to_be_bytes());
        bytes[8..].copy_from_slice(&self.0.number().to_be_bytes()[..2]);
        uuid::Builder::from_unix_timestamp_millis(now.unsigned_abs(), &bytes).into_uuid()
    }
}

/// No event that happens at `now` (Unix milliseconds) or later has a smaller id.
pub fn smallest_id(now: i64) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(now.unsigned_abs(), &[0; 10]).into_uuid()
}

/// An endless series of events.
#[derive(Clone, Debug)]
pub struct Events {
    random: Random,
    ids: Ids,
    prompts: Prompts,
    made: u64,
}

impl Events {
    /// The series of `seed` about these prompts.
    pub fn new(seed: u64, prompts: Prompts) -> Events {
        let mut random = Random::new(seed);
        let ids = Ids::new(random.number());
        Events { random, ids, prompts, made: 0 }
    }

    /// The next event, that happened at `now` (Unix milliseconds).
    pub fn next_at(&mut self, now: i64) -> SubmittedEvent {
        let random = &mut self.random;
        let event_type = match random.fraction() {
            share if share < 0.80 => EventType::Impression,
            share if share < 0.95 => EventType::Selection,
            _ => EventType::Completion,
        };
        // Several sessions are open at once.
        let open = 16 * (self.made / (16 * SESSION_EVENTS)) + random.below(16) as u64;
        let session = Random::new(open).number();
        self.made += 1;
        SubmittedEvent {
            id: Some(self.ids.fresh(now)),
            event_type,
            prompt_id: self.prompts.draw(random),
            session_id: format!("session-{session:016x}"),
            timestamp: Some(SubmittedTimestamp::Milliseconds(now)),
            context: Some(context(random)),
            scoring: Some(scoring(random)),
            outcome: (event_type == EventType::Completion).then(|| outcome(random, &self.prompts)),
        }
    }

    /// The next `count` events.
    pub fn batch_at(&mut self, now: i64, count: usize) -> Vec<SubmittedEvent> {
        (0..count).map(|_| self.next_at(now)).collect()
    }
}

fn context(random: &mut Random) -> SubmittedContext {
    let topics = random.shuffled(TOPICS).into_iter().take(3).map(str::to_owned).collect();
    SubmittedContext {
        stage: Some(*random.pick(Stage::ALL)),
        lens_id: Some((*random.pick(&LENSES)).to_owned()),
        entropy: Some(number(random, 1.0)),
        interaction_count: Some(random.below(40) as i32),
        active_topics: Some(topics),
        active_moments: Some(vec![(*random.pick(&MOMENTS)).to_owned()]),
    }
}

fn scoring(random: &mut Random) -> SubmittedScoring {
    SubmittedScoring {
        final_score: Some(number(random, 5.0)),
        rank: Some(random.below(4) as i32),
        match_details: Some(SubmittedMatchDetails {
            stage_match: Some(random.below(2) == 1),
            lens_weight: Some(number(random, 1.0)),
            topic_weight: Some(number(random, 2.0)),
            moment_boost: Some(number(random, 1.0)),
            base_weight: Some(number(random, 1.0)),
        }),
    }
}

fn outcome(random: &mut Random, prompts: &Prompts) -> SubmittedOutcome {
    SubmittedOutcome {
        dwell_time_ms: Some(random.below(60_000) as f64),
        entropy_delta: Some(number(random, 2.0) - 1.0),
        follow_up_prompt_id: Some(prompts.draw(random)),
    }
}

/// From 0 to `end`, with 4 decimals.
fn number(random: &mut Random, end: f64) -> f64 {
    (random.fraction() * end * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use crate::events::{Events, Prompts};

    const NOW: i64 = 1_764_000_000_000;

    #[test]
    fn events_follow_every_rule_and_have_the_size_they_should() {
        let mut events = Events::new(1, Prompts::library(66));
        let made = events.batch_at(NOW, 2_000);
        let texts: Vec<String> = made.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        for text in &texts {
            let raw = schema::read_event(text).unwrap().unwrap();
            raw.validate(NOW, || unreachable!("every event has its id")).unwrap();
        }
        let mean = texts.iter().map(String::len).sum::<usize>() / texts.len();
        assert!((510..550).contains(&mean), "{mean} bytes on average");
        let ids: HashSet<_> = made.iter().map(|event| event.id.unwrap()).collect();
        assert_eq!(ids.len(), made.len());
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn the_same_seed_gives_the_same_events() {
        let events = |seed| Events::new(seed, Prompts::library(10_000)).batch_at(NOW, 50);
        assert_eq!(events(3), events(3));
        assert_ne!(events(3), events(4));
    }

    #[test]
    fn a_small_library_is_skewed_and_a_large_one_is_not() {
        let most = |prompts: usize| {
            let mut shown = HashMap::new();
            for event in Events::new(5, Prompts::library(prompts)).batch_at(NOW, 20_000) {
                *shown.entry(event.prompt_id).or_insert(0_u32) += 1;
            }
            (shown.len(), shown.into_values().max().unwrap())
        };
        let (prompts, most_shown) = most(66);
        assert_eq!(prompts, 66);
        assert!((3_500..5_000).contains(&most_shown), "{most_shown}");
        let (prompts, most_shown) = most(10_000);
        assert!(prompts > 8_000 && most_shown < 20, "{prompts} {most_shown}");
    }
}
