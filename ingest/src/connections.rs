//! Accepts connections and speaks HTTP/1.1 on them, with the limits that a bare server lacks: time for the header, size
//! of the header, number of connections.
//!
//! A connection beyond the cap gets a 503 and is closed at once: a client that waits in the backlog learns nothing,
//! and its timeout is longer than its retry. Knows nothing of routes.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::clients::Peer;
use crate::config::LimitArgs;
use crate::stream::Stream;
use crate::{metrics, routes};

/// Bytes of one request's header. It holds every valid prompt id, percent-encoded.
const HEADER_BYTES: usize = 32 * 1024;
/// Bytes that one connection buffers.
const BUFFER_BYTES: usize = 64 * 1024;

const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
    content-type: application/problem+json\r\ncontent-length: 147\r\n\r\n\
    {\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\
    \"detail\":\"too many connections are open; try again\",\"code\":\"too_many_connections\"}";

/// The open connections.
pub struct Connections {
    router: Router,
    http: http1::Builder,
    room: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Cancelled when connections shall end after the request they are at.
    finish: CancellationToken,
}

impl Connections {
    /// None yet.
    #[must_use]
    pub fn new(router: Router, limits: &LimitArgs) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(limits.header_timeout_ms))
            .max_header_size(HEADER_BYTES)
            .max_buf_size(BUFFER_BYTES);
        Self {
            router,
            http,
            room: Arc::new(Semaphore::new(limits.max_connections as usize)),
            tasks: TaskTracker::new(),
            finish: CancellationToken::new(),
        }
    }

    /// Accepts connections until `stop` is cancelled, then closes the listener.
    pub async fn accept(&self, listener: TcpListener, stop: &CancellationToken) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.open(stream, peer.ip()),
                Err(error) => wait_out(&error).await,
            }
        }
    }

    /// Lets every connection finish the request it is at, for `patience` at most. Returns how many were cut off.
    pub async fn finish(&self, patience: Duration) -> usize {
        self.finish.cancel();
        self.tasks.close();
        let finished = tokio::time::timeout(patience, self.tasks.wait()).await;
        if finished.is_ok() { 0 } else { self.tasks.len() }
    }

    fn open(&self, stream: TcpStream, peer: IpAddr) {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            metrics::connection_refused();
            // What does not fit into an empty socket buffer is not worth waiting for.
            let _written = stream.try_write(TOO_MANY);
            return;
        };
        let router = self.router.clone();
        let service = service_fn(move |request| respond(router.clone(), peer, request));
        let _best_effort = stream.set_nodelay(true);
        let connection = self.http.serve_connection(Stream::new(stream), service);
        let finish = self.finish.clone();
        self.tasks.spawn(async move {
            let _permit = permit;
            let _counted = metrics::connection_opened();
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = finish.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
}

async fn respond(
    mut router: Router,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let start = Instant::now();
    let route = routes::template(request.uri().path());
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    let response = router.call(request).await?;
    let duration = start.elapsed();
    metrics::http_answered(route, response.status(), duration);
    // The query may hold a key, and the path what the client likes: only the template is logged.
    tracing::debug!(route, status = response.status().as_u16(), ?duration, "answered");
    Ok(response)
}

/// A client that was gone before we came is its own business. Out of descriptors: some must be closed first.
async fn wait_out(error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    tracing::error!(%error, "no connection can be accepted; trying again in 100 ms");
    tokio::time::sleep(Duration::from_millis(100)).await;
}
