//! The admin listener: metrics, liveness and readiness, on a port of its own that the public never reaches.
//!
//! A connection may be silent for 75 s, longer than Prometheus or a probe pauses between two requests, and a header must
//! be complete in the same time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::listener;
use crate::metrics::Metrics;

/// The time from one request's answer until the next one's header is complete.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// The pause after a connection could not be accepted, usually because there are no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
        let listener = listener::bind(address).await?;
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
        tokio::select! {
            () = accept(&self.listener, router(health, metrics), IDLE_TIMEOUT) => {}
            () = upkeep => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Serves connections until the future is dropped, which closes them.
async fn accept(listener: &TcpListener, router: Router, idle_timeout: Duration) {
    let mut http = http1::Builder::new();
    // Hyper starts this time when it waits for a header, so it also ends an idle connection.
    http.timer(TokioTimer::new()).header_read_timeout(idle_timeout);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                let service = TowerToHyperService::new(router.clone());
                connections.spawn(http.serve_connection(TokioIo::new(stream), service));
            }
            Err(error) => {
                tracing::error!(%error, "the admin listener cannot accept a connection; trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::accept;
    use crate::listener;

    const DEADLINE: Duration = Duration::from_secs(20);

    /// Sends `bytes` and reads until the other side closes the connection.
    async fn talk(bytes: &[u8]) -> String {
        let listener = listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/livez", get(async || "alive"));
        let served = accept(&listener, router, Duration::from_millis(200));
        let talk = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let mut answer = String::new();
            let _reset = stream.read_to_string(&mut answer).await;
            answer
        };
        tokio::select! {
            answer = tokio::time::timeout(DEADLINE, talk) => answer.expect("the connection is closed in time"),
            () = served => unreachable!("it accepts for ever"),
        }
    }

    #[tokio::test]
    async fn an_idle_connection_and_one_with_half_a_header_are_closed() {
        let answer = talk(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("alive"), "{answer}");
        for unfinished in [b"" as &[u8], b"GET /livez HTTP/1.1\r\nhost: "] {
            assert!(!talk(unfinished).await.contains("200"));
        }
    }
}
