//! The admin listener: metrics, liveness and readiness, on a port of its own that the public never reaches.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// What a service says of itself. An `Err` holds the reason as one sentence.
pub trait Health: Send + Sync + 'static {
    /// Whether the process works. It must not depend on Kafka or Postgres: a restart would not bring those back.
    ///
    /// # Errors
    /// Why a restart is due.
    fn live(&self) -> Result<(), String>;

    /// Whether the process can take work now.
    ///
    /// # Errors
    /// What it waits for.
    fn ready(&self) -> Result<(), String>;
}

/// The bound listener.
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Binds the listener; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves `/metrics`, `/livez` and `/readyz` until `stop` is cancelled. Stop it last: while a service drains, its
    /// readiness must still be told.
    pub async fn serve(self, health: Arc<dyn Health>, metrics: Metrics, stop: CancellationToken) {
        let upkeep = keep_up(metrics.clone());
        let serve = axum::serve(self.listener, router(health, metrics));
        tokio::select! {
            result = async { serve.await } => {
                if let Err(error) = result {
                    tracing::error!(%error, "the admin listener ended");
                }
            }
            () = upkeep => {}
            () = stop.cancelled() => {}
        }
    }
}

fn router(health: Arc<dyn Health>, metrics: Metrics) -> Router {
    let live = Arc::clone(&health);
    Router::new()
        .route("/metrics", get(move || async move { text(StatusCode::OK, metrics.render()) }))
        .route("/livez", get(move || async move { verdict(live.live(), "alive") }))
        .route("/readyz", get(move || async move { verdict(health.ready(), "ready") }))
}

fn verdict(verdict: Result<(), String>, good: &str) -> Response {
    match verdict {
        Ok(()) => text(StatusCode::OK, format!("{good}\n")),
        Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

fn text(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body).into_response()
}

async fn keep_up(metrics: Metrics) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    loop {
        tick.tick().await;
        metrics.run_upkeep();
    }
}
