//! Requests at a steady rate, whatever becomes of those before, and what each is answered.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::RETRY_AFTER;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::chaos::ledger::Ledger;
use crate::chaos::load;
use crate::error::Error;
use crate::oracle;
use crate::random::Random;
use crate::stack::Stack;

/// Ingest's own deadline, and a second for the way there and back on a busy machine.
const DEADLINE: Duration = Duration::from_secs(6);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Requests in a row that must be taken before all is well again.
const IN_A_ROW: u32 = 5;
const DRAIN_DEADLINE: Duration = Duration::from_secs(60);

/// Who offers, and what became of each event.
#[derive(Debug)]
pub struct Offer {
    http: reqwest::Client,
    url: String,
    ledger: Arc<Ledger>,
}

/// How requests were answered.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    /// By status; 0 for no answer at all.
    by_status: BTreeMap<u16, u64>,
    slowest: Duration,
    without_retry_after: u64,
}

struct Outcome {
    status: u16,
    retry_after: bool,
    took: Duration,
}

impl Offer {
    /// To ingest at `url`.
    ///
    /// # Panics
    /// When the system has no sockets to make a client with.
    pub fn new(url: &str) -> Offer {
        let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build();
        let http = http.expect("an HTTP client can be made");
        Offer { http, url: format!("{url}/api/telemetry/prompt"), ledger: Arc::default() }
    }

    /// Makes that many requests a second for as long as `lasts`, and waits for the last answer.
    pub async fn make(&self, a_second: u32, lasts: Duration) -> Outcomes {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / a_second);
        // Who is late makes up for it: the rate is the point.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let begun = Instant::now();
        let (mut requests, mut outcomes) = (JoinSet::new(), Outcomes::default());
        let mut random = Random::new(1);
        while begun.elapsed() < lasts {
            tokio::select! {
                _ = ticks.tick() => {
                    let request = self.request(&mut random);
                    requests.spawn(request);
                }
                Some(done) = requests.join_next() => outcomes.add(&done.expect("a request does not panic")),
            }
        }
        while let Some(done) = requests.join_next().await {
            outcomes.add(&done.expect("a request does not panic"));
        }
        outcomes
    }

    /// Waits until several requests in a row are taken; `None` when that takes longer than `patience`.
    pub async fn until_taken(&self, patience: Duration) -> Option<Duration> {
        let begun = Instant::now();
        let (mut random, mut in_a_row) = (Random::new(2), 0);
        while begun.elapsed() < patience {
            let outcome = self.request(&mut random).await;
            in_a_row = if outcome.status == 202 { in_a_row + 1 } else { 0 };
            if in_a_row == IN_A_ROW {
                return Some(begun.elapsed());
            }
        }
        None
    }

    /// Whether what was taken, and nothing else, is stored in the end.
    ///
    /// # Errors
    /// When the consumer or a server does not answer.
    pub async fn stored(&self, stack: &Stack) -> Result<Vec<String>, Error> {
        stack.drained(DRAIN_DEADLINE).await?;
        let mut owner = crate::chaos::stage::connect(&stack.database.owner_url).await?;
        let ids: Vec<Uuid> = sqlx::query_scalar("select id from prompt_telemetry")
            .fetch_all(&mut owner)
            .await
            .map_err(Error::database("list the ids"))?;
        let comparison = self.ledger.compare(&ids.into_iter().collect::<HashSet<_>>());
        let mut breaches = oracle::differences(&mut owner).await?;
        if !comparison.lost.is_empty() || !comparison.invented.is_empty() {
            breaches.push(format!("what is stored is not what was taken: {comparison:?}"));
        }
        Ok(breaches)
    }

    fn request(&self, random: &mut Random) -> impl Future<Output = Outcome> + use<> {
        let (id, event) = load::event(random);
        let request = self.http.post(&self.url).header("content-type", "application/json");
        let request = request.body(event.to_string());
        let ledger = Arc::clone(&self.ledger);
        async move {
            ledger.sending(&[id]);
            let begun = Instant::now();
            let answer = request.send().await;
            let took = begun.elapsed();
            let Ok(answer) = answer else { return Outcome { status: 0, retry_after: false, took } };
            let status = answer.status().as_u16();
            if status == 202 {
                ledger.acknowledged(&[id]);
            }
            Outcome { status, retry_after: answer.headers().contains_key(RETRY_AFTER), took }
        }
    }
}

impl Outcomes {
    /// What is not as it should be: fewer than `least` taken, an answer other than taken or shed, one that says not when
    /// to come again, one too late.
    pub fn breaches(&self, least: u64) -> Vec<String> {
        let mut breaches = Vec::new();
        let of = |status: u16| self.by_status.get(&status).copied().unwrap_or(0);
        for (status, count) in &self.by_status {
            match status {
                202 | 429 | 503 => {}
                0 => breaches.push(format!("{count} requests got no answer")),
                other => breaches.push(format!("{count} requests were answered {other}")),
            }
        }
        if of(202) < least {
            breaches.push(format!("only {} requests were taken, and {least} should have been", of(202)));
        }
        if of(429) + of(503) == 0 {
            breaches.push("nothing was shed: this was no load beyond capacity".to_owned());
        }
        if self.without_retry_after > 0 {
            breaches.push(format!("{} refusals say not when to come again", self.without_retry_after));
        }
        if self.slowest > DEADLINE {
            breaches.push(format!("an answer took {:.1} s", self.slowest.as_secs_f64()));
        }
        breaches
    }

    fn add(&mut self, outcome: &Outcome) {
        *self.by_status.entry(outcome.status).or_default() += 1;
        self.slowest = self.slowest.max(outcome.took);
        self.without_retry_after += u64::from(matches!(outcome.status, 429 | 503) && !outcome.retry_after);
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (status, count) in &self.by_status {
            write!(formatter, "{count} × {status}, ")?;
        }
        write!(formatter, "the slowest answer after {:.2} s", self.slowest.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::overload::offer::{Outcome, Outcomes};

    fn outcomes(of: &[(u16, bool, u64)]) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for (status, retry_after, seconds) in of {
            let took = Duration::from_secs(*seconds);
            outcomes.add(&Outcome { status: *status, retry_after: *retry_after, took });
        }
        outcomes
    }

    #[test]
    fn some_taken_and_the_others_told_when_to_come_again_is_as_it_should_be() {
        let fine = outcomes(&[(202, false, 1), (503, true, 0), (429, true, 0)]);
        assert_eq!(fine.breaches(1), Vec::<String>::new());
    }

    #[test]
    fn every_other_answer_is_a_breach() {
        for (wrong, word) in [
            ((500, false, 0), "answered 500"),
            ((0, false, 0), "no answer"),
            ((503, false, 0), "not when"),
            ((202, false, 7), "took 7.0 s"),
        ] {
            let breaches = outcomes(&[(202, false, 1), (503, true, 0), wrong]).breaches(1);
            assert!(breaches.len() == 1 && breaches[0].contains(word), "{breaches:?}");
        }
        assert!(outcomes(&[(503, true, 0)]).breaches(1)[0].contains("only 0"));
        assert!(outcomes(&[(202, false, 0)]).breaches(1)[0].contains("no load beyond capacity"));
    }
}
