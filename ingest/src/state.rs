//! What the routes share.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::clients::{Peer, RateLimit};
use crate::clock::Clock;
use crate::config::{LimitArgs, Serve};
use crate::error::ApiError;
use crate::memory::BodyMemory;
use crate::metrics::Ledger;
use crate::producer::Producer;
use crate::proxies::Proxies;
use crate::reads::Reads;

/// One running intake.
pub struct App {
    /// Which routes this process serves.
    pub serve: Serve,
    /// The way to Kafka, where events are taken.
    pub producer: Option<Arc<Producer>>,
    /// What time it is.
    pub clock: Clock,
    /// The count of events.
    pub ledger: Ledger,
    /// Who may do what.
    pub access: Access,
    /// Sizes and times.
    pub limits: LimitArgs,
    /// Requests a client may make, if that is limited.
    pub rate_limit: Option<RateLimit>,
    /// The proxies that may say who a client is.
    pub proxies: Proxies,
    /// The way to the aggregates, if there is one.
    pub reads: Option<Arc<Reads>>,
    /// The folder of the web pages, if there is one.
    pub web_dir: Option<PathBuf>,
    /// Room for requests to write. Readers have their own.
    pub room: Semaphore,
    /// Room for their bodies.
    pub body_memory: BodyMemory,
    /// Cancelled when intake stops; set once it serves.
    pub stop: OnceLock<CancellationToken>,
}

impl App {
    /// Counts a request against its client's limit.
    ///
    /// # Errors
    /// [`ApiError::RateLimited`].
    pub fn take_turn(&self, request: &Request) -> Result<(), ApiError> {
        let peer = request.extensions().get::<Peer>();
        let (Some(limit), Some(Peer(peer))) = (&self.rate_limit, peer) else { return Ok(()) };
        limit.take(self.proxies.client(*peer, request.headers()))
    }

    /// Takes a place among the requests in flight, until the permit is dropped.
    ///
    /// # Errors
    /// [`ApiError::Overloaded`], at once, when there is none.
    pub fn enter(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        self.room.try_acquire().map_err(|_| ApiError::Overloaded)
    }

    /// The way to Kafka.
    ///
    /// # Errors
    /// [`ApiError::WritesNotServed`] in a process that only answers reads.
    pub fn producer(&self) -> Result<&Producer, ApiError> {
        self.producer.as_deref().ok_or(ApiError::WritesNotServed)
    }

    /// The way to the aggregates.
    ///
    /// # Errors
    /// [`ApiError::ReadsNotServed`] in a process that only takes events, [`ApiError::ReadsNotConfigured`] without a
    /// database.
    pub fn reads(&self) -> Result<&Reads, ApiError> {
        match (&self.reads, self.serve) {
            (Some(reads), _) => Ok(reads),
            (None, Serve::Writes) => Err(ApiError::ReadsNotServed),
            (None, Serve::All | Serve::Reads) => Err(ApiError::ReadsNotConfigured),
        }
    }

    /// Whether traffic may come: what the process is there for works, and nobody has asked it to stop. That is Kafka
    /// wherever events are taken, since only they are lost with a client that gives up; otherwise the database.
    ///
    /// # Errors
    /// What it waits for, as one sentence.
    pub fn ready(&self) -> Result<(), String> {
        if self.stop.get().is_none_or(CancellationToken::is_cancelled) {
            return Err("intake is stopping".to_owned());
        }
        match (&self.producer, &self.reads) {
            (Some(producer), _) => {
                self.clock.now().map_err(|error| error.to_string())?;
                producer.ready()
            }
            (None, Some(reads)) => reads.ready(),
            (None, None) => Ok(()),
        }
    }
}
