//! What is known of Kafka, and so what intake waits for. The listener reports, readiness reads.
//!
//! A request asks only whether events can be sent, which is two loads; the sentences are for readiness.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::producer::ProduceError;

/// For so long nothing may be acknowledged, while records fail, before readiness says so; and for so long after the last
/// failure it does.
const PATIENCE: Duration = Duration::from_secs(10);

/// How far the way to Kafka is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Link {
    /// No server answers.
    Down,
    /// A bootstrap server answers, and no broker at the address that it advertises.
    Bootstrap,
    /// A broker answers, and the client has no producer id yet.
    NoProducerId,
    /// Records can be sent.
    Up,
}

/// What is known.
#[derive(Debug)]
pub(crate) struct Cluster {
    link: AtomicU8,
    topic_is_there: AtomicBool,
    /// Why the topic is not there.
    missing: Mutex<String>,
    /// Which client's word counts.
    generation: AtomicU64,
    is_troubled: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
    /// Somebody saw a sign that the topic is gone.
    pub(crate) doubt: Notify,
}

/// Records fail, and none has been acknowledged since the first.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    since: Instant,
    last: Instant,
    error: ProduceError,
}

impl Cluster {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Self {
            link: AtomicU8::new(Link::Down as u8),
            topic_is_there: AtomicBool::new(false),
            missing: Mutex::new("the topics are not known to exist yet".to_owned()),
            generation: AtomicU64::new(0),
            is_troubled: AtomicBool::new(false),
            trouble: Mutex::new(None),
            doubt: Notify::new(),
        }
    }

    /// Whether events can be sent.
    pub(crate) fn is_usable(&self) -> bool {
        self.link.load(Ordering::Acquire) == Link::Up as u8 && self.topic_is_there.load(Ordering::Acquire)
    }

    /// A new client takes the place of the old one, of which nothing is listened to any more. Returns its number.
    pub(crate) fn next_client(&self) -> u64 {
        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        self.link.store(Link::Down as u8, Ordering::Release);
        generation
    }

    /// How far the client of this number got.
    pub(crate) fn linked(&self, generation: u64, link: Link) {
        if self.generation.load(Ordering::Acquire) == generation {
            self.link.store(link as u8, Ordering::Release);
        }
    }

    /// The topic is there, or is not, for the reason given.
    pub(crate) fn topic(&self, found: Result<(), String>) {
        self.topic_is_there.store(found.is_ok(), Ordering::Release);
        if let Err(reason) = found {
            *lock(&self.missing) = reason;
        }
    }

    /// A record was acknowledged.
    pub(crate) fn acknowledged(&self) {
        if self.is_troubled.load(Ordering::Relaxed) {
            *lock(&self.trouble) = None;
            self.is_troubled.store(false, Ordering::Relaxed);
        }
    }

    /// A record failed at `now`, and not for its own sake.
    pub(crate) fn failed(&self, error: ProduceError, now: Instant) {
        let mut trouble = lock(&self.trouble);
        // Failures far apart are not one trouble.
        let before = trouble.filter(|trouble| now.duration_since(trouble.last) <= PATIENCE);
        *trouble = Some(Trouble { since: before.map_or(now, |trouble| trouble.since), last: now, error });
        self.is_troubled.store(true, Ordering::Relaxed);
    }

    /// What is waited for at `now`, if anything.
    pub(crate) fn ready(&self, now: Instant) -> Result<(), String> {
        let link = self.link.load(Ordering::Acquire);
        if link == Link::Down as u8 {
            return Err("no connection to a Kafka broker is up".to_owned());
        }
        if link == Link::Bootstrap as u8 {
            return Err(
                "a Kafka bootstrap server answers, but no broker at the address that it advertises: check \
                        advertised.listeners, DNS and firewalls"
                    .to_owned(),
            );
        }
        if link == Link::NoProducerId as u8 {
            return Err(
                "Kafka gives this client no producer id, without which nothing can be sent: the log has its \
                        reason"
                    .to_owned(),
            );
        }
        if !self.topic_is_there.load(Ordering::Acquire) {
            return Err(lock(&self.missing).clone());
        }
        match *lock(&self.trouble) {
            Some(Trouble { since, last, error })
                if last.duration_since(since) >= PATIENCE && now.duration_since(last) <= PATIENCE =>
            {
                let seconds = last.duration_since(since).as_secs();
                Err(format!("Kafka has acknowledged no event for {seconds} s: {error}"))
            }
            _ => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Cluster, Link};
    use crate::producer::ProduceError;

    fn usable() -> Cluster {
        let cluster = Cluster::new();
        let client = cluster.next_client();
        cluster.linked(client, Link::Up);
        cluster.topic(Ok(()));
        cluster
    }

    #[test]
    fn each_wait_has_a_sentence_of_its_own_and_only_the_last_step_is_ready() {
        let cluster = Cluster::new();
        let client = cluster.next_client();
        let now = Instant::now();
        for (link, said) in [
            (Link::Down, "no connection"),
            (Link::Bootstrap, "advertised.listeners"),
            (Link::NoProducerId, "producer id"),
            (Link::Up, "not known to exist"),
        ] {
            cluster.linked(client, link);
            assert!(cluster.ready(now).unwrap_err().contains(said) && !cluster.is_usable());
        }
        cluster.topic(Ok(()));
        assert!(cluster.ready(now).is_ok() && cluster.is_usable());
        cluster.topic(Err("it is gone".to_owned()));
        assert_eq!(cluster.ready(now), Err("it is gone".to_owned()));
        assert!(!cluster.is_usable());
    }

    #[test]
    fn a_client_that_was_replaced_is_not_listened_to() {
        let cluster = usable();
        let fresh = cluster.next_client();
        assert!(!cluster.is_usable());
        cluster.linked(fresh - 1, Link::Up);
        assert!(!cluster.is_usable());
        cluster.linked(fresh, Link::Up);
        assert!(cluster.is_usable());
    }

    #[test]
    fn failures_without_a_success_for_ten_seconds_are_a_reason_until_one_succeeds_or_they_end() {
        let cluster = usable();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        for second in [0, 4, 9] {
            cluster.failed(ProduceError::Deadline, after(second));
            assert!(cluster.ready(after(second)).is_ok(), "{second}");
        }
        cluster.failed(ProduceError::Deadline, after(10));
        assert!(cluster.ready(after(11)).unwrap_err().contains("no event for 10 s"));
        // Requests are let in all the same: one that succeeds ends it.
        assert!(cluster.is_usable());
        assert!(cluster.ready(after(21)).is_ok());
        cluster.failed(ProduceError::Deadline, after(12));
        assert!(cluster.ready(after(12)).is_err());
        cluster.acknowledged();
        assert!(cluster.ready(after(12)).is_ok());
        cluster.failed(ProduceError::Deadline, after(50));
        cluster.failed(ProduceError::Deadline, after(80));
        assert!(cluster.ready(after(80)).is_ok());
    }
}
