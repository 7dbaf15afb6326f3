//! What the routes share.

use std::path::PathBuf;
use std::time::Duration;

use axum::extract::Request;
use sqlx::PgPool;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::access::Access;
use crate::clients::{Peer, RateLimit};
use crate::clock::Clock;
use crate::config::LimitArgs;
use crate::error::ApiError;
use crate::memory::BodyMemory;
use crate::metrics::Ledger;
use crate::producer::Producer;
use crate::proxies::Proxies;

/// One running intake.
pub struct App {
    /// The way to Kafka.
    pub producer: Producer,
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
    pub reads: Option<PgPool>,
    /// The folder of the web pages, if there is one.
    pub web_dir: Option<PathBuf>,
    /// Room for requests.
    pub room: Semaphore,
    /// Room for their bodies.
    pub body_memory: BodyMemory,
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

    /// How long the database may take.
    #[must_use]
    pub fn database_timeout(&self) -> Duration {
        Duration::from_millis(self.limits.database_timeout_ms)
    }
}
