//! Events over HTTP as fast as they are accepted, or at a steady pace.
//!
//! Every connection has requests of its own, rendered before the clock runs. At a pace, each request has a time at which
//! it is due, whatever became of the others: a server that falls behind is not spared.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::try_join_all;
use local::error::Error;
use local::random::Random;
use tokio::time::Instant;

use crate::clock::unix_milliseconds;
use crate::events::{Events, Ids, Prompts};
use crate::http::Connection;
use crate::request::Request;

/// How many events' worth of different requests each connection repeats.
const DIFFERENT_EVENTS: usize = 200;

/// What is sent.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where to; such as `http://127.0.0.1:8080`.
    pub url: String,
    /// Keep-alive connections, with one request at a time on each.
    pub connections: usize,
    /// Events in a request.
    pub batch: usize,
    /// Which prompts they are about.
    pub prompts: Prompts,
}

/// The connections of a load, ready to send.
#[derive(Debug)]
pub struct Sender {
    batch: usize,
    lanes: Vec<Lane>,
}

#[derive(Debug)]
struct Lane {
    connection: Connection,
    requests: Vec<Request>,
    ids: Ids,
}

/// The requests that are still to be sent, shared by all lanes.
struct Tickets {
    taken: AtomicU64,
    all: u64,
    begun: Instant,
    /// Between two requests, when there is a pace.
    interval: Option<Duration>,
}

impl Load {
    /// Connects and renders. `seed` must differ between the senders of a run, for their ids.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn prepare(&self, seed: u64) -> Result<Sender, Error> {
        let mut random = Random::new(seed);
        let mut lanes = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            let mut events = Events::new(random.number(), self.prompts.clone());
            let now = unix_milliseconds();
            let requests = (0..DIFFERENT_EVENTS.div_ceil(self.batch))
                .map(|_| Request::batch(events.batch_at(now, self.batch)))
                .collect();
            let connection = Connection::open(&self.url).await?;
            lanes.push(Lane { connection, requests, ids: Ids::new(random.number()) });
        }
        Ok(Sender { batch: self.batch, lanes })
    }
}

impl Sender {
    /// Sends `events` (rounded up to whole requests) as fast as it can, or `per_second`. Returns how many were accepted,
    /// and how long that took.
    ///
    /// # Errors
    /// When one request is not accepted.
    pub async fn send(&mut self, events: u64, per_second: Option<f64>) -> Result<(u64, Duration), Error> {
        let requests = events.div_ceil(self.batch as u64);
        let interval = per_second.map(|rate| Duration::from_secs_f64(self.batch as f64 / rate));
        let begun = Instant::now();
        let tickets = Arc::new(Tickets { taken: AtomicU64::new(0), all: requests, begun, interval });
        // Tasks of their own, so that they spread over the cores.
        let lanes = self.lanes.drain(..).map(|lane| tokio::spawn(lane.send(Arc::clone(&tickets))));
        let lanes = try_join_all(lanes).await.expect("a lane does not panic");
        self.lanes = lanes.into_iter().collect::<Result<_, _>>()?;
        Ok((requests * self.batch as u64, begun.elapsed()))
    }
}

impl Lane {
    async fn send(mut self, tickets: Arc<Tickets>) -> Result<Lane, Error> {
        let requests = self.requests.len();
        let mut turn = 0;
        while tickets.take().await {
            let request = &mut self.requests[turn % requests];
            request.renew(&mut self.ids);
            self.connection.submit(request.bytes()).await?;
            turn += 1;
        }
        Ok(self)
    }
}

impl Tickets {
    /// Waits until the next request is due; false when there is none.
    async fn take(&self) -> bool {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        if number >= self.all {
            return false;
        }
        if let Some(interval) = self.interval {
            tokio::time::sleep_until(self.begun + interval.mul_f64(number as f64)).await;
        }
        true
    }
}
