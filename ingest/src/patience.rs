//! How long a connection waits for its client: for a header that has begun, and for the next request.
//!
//! Hyper has one time for both. A header must be complete soon, or slow clients hold every connection; an idle connection
//! must stay open for longer than the load balancer in front reuses it. Bodies have a time of their own
//! (see [`crate::body`]).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::LimitArgs;

/// The two times.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// From the first byte of a header to its last; on a new connection, from its start.
    pub header: Duration,
    /// From the last byte of an answer to the first byte of the next request.
    pub idle: Duration,
}

impl Times {
    /// As configured.
    #[must_use]
    pub fn of(limits: &LimitArgs) -> Self {
        Self {
            header: Duration::from_millis(limits.header_timeout_ms),
            idle: Duration::from_millis(limits.idle_timeout_ms),
        }
    }
}

/// What the requests of one connection and its stream share: how many requests have begun and ended. An odd count means
/// that one is being answered.
#[derive(Clone, Debug, Default)]
pub struct Turns(Arc<AtomicU64>);

/// A request that is being answered, until it is dropped.
pub struct Turn(Turns);

impl Turns {
    /// Begins a request. HTTP/1.1 has one at a time.
    #[must_use]
    pub fn begin(&self) -> Turn {
        self.0.fetch_add(1, Ordering::Relaxed);
        Turn(self.clone())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// When the client's silence ends its connection.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    ForFirstByte {
        until: Instant,
    },
    ForHeader {
        until: Instant,
    },
    /// A request is being answered.
    Not,
}

/// The waiting of one connection.
pub struct Patience {
    times: Times,
    turns: Turns,
    seen: u64,
    waiting: Waiting,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Of a connection that was opened at `opened`: its first header must be complete in time from then.
    #[must_use]
    pub fn new(times: Times, turns: Turns, opened: Instant) -> Self {
        let waiting = Waiting::ForHeader { until: opened + times.header };
        Self { times, turns, seen: 0, waiting, alarm: None }
    }

    /// Bytes of the client came in.
    pub fn heard(&mut self) {
        self.follow_turns();
        if let Waiting::ForFirstByte { .. } = self.waiting {
            self.waiting = Waiting::ForHeader { until: Instant::now() + self.times.header };
        }
    }

    /// Bytes of an answer went out: the silence begins only now.
    pub fn spoke(&mut self) {
        self.follow_turns();
        if let Waiting::ForFirstByte { until } = &mut self.waiting {
            *until = Instant::now() + self.times.idle;
        }
    }

    /// Is ready when the client has been silent for too long, and otherwise wakes the task then.
    pub fn poll_exhausted(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.follow_turns();
        let (Waiting::ForFirstByte { until } | Waiting::ForHeader { until }) = self.waiting else {
            return Poll::Pending;
        };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if until < alarm.deadline() {
            alarm.as_mut().reset(until);
        }
        // An alarm that is too early is moved only when it rings: once in the idle time, not once for each request.
        loop {
            ready!(alarm.as_mut().poll(context));
            if until <= Instant::now() {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(until);
        }
    }

    fn follow_turns(&mut self) {
        let turns = self.turns.0.load(Ordering::Relaxed);
        if turns != self.seen {
            self.seen = turns;
            self.waiting = if turns % 2 == 1 {
                Waiting::Not
            } else {
                Waiting::ForFirstByte { until: Instant::now() + self.times.idle }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::time::{Instant, advance, timeout};

    use super::{Patience, Times, Turns};

    const TIMES: Times = Times { header: Duration::from_secs(10), idle: Duration::from_secs(75) };

    /// Seconds until the patience ends, 1,000 at most.
    async fn lasts(patience: &mut Patience) -> u64 {
        let start = Instant::now();
        let _never =
            timeout(Duration::from_secs(1_000), poll_fn(|context| patience.poll_exhausted(context))).await;
        start.elapsed().as_secs()
    }

    async fn pass(patience: &mut Patience, seconds: u64) {
        let _alarm = timeout(Duration::ZERO, poll_fn(|context| patience.poll_exhausted(context))).await;
        advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_has_the_time_of_a_header_however_it_drips() {
        let mut patience = Patience::new(TIMES, Turns::default(), Instant::now());
        for _ in 0..3 {
            pass(&mut patience, 2).await;
            patience.heard();
        }
        assert_eq!(lasts(&mut patience).await, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_it_is_the_idle_time_and_from_the_first_byte_on_that_of_a_header() {
        let turns = Turns::default();
        let mut patience = Patience::new(TIMES, turns.clone(), Instant::now());
        for _ in 0..3 {
            drop(turns.begin());
            pass(&mut patience, 60).await;
            patience.heard();
            pass(&mut patience, 3).await;
        }
        assert_eq!(lasts(&mut patience).await, 7);
        drop(turns.begin());
        assert_eq!(lasts(&mut patience).await, 75);
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_request_is_answered_nobody_waits_and_silence_begins_with_its_last_byte() {
        let turns = Turns::default();
        let mut patience = Patience::new(TIMES, turns.clone(), Instant::now());
        patience.heard();
        let turn = turns.begin();
        assert_eq!(lasts(&mut patience).await, 1_000);
        drop(turn);
        for _ in 0..5 {
            pass(&mut patience, 70).await;
            patience.spoke();
        }
        assert_eq!(lasts(&mut patience).await, 75);
    }
}
