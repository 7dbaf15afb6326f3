//! Accepts connections and speaks HTTP/1.1 on them, with the limits that a bare server lacks: time for the header, time
//! between requests, size of the header, number of connections. Where a proxy says who its client is, it is asked first.
//!
//! A connection beyond the cap gets a 503 and is closed at once: a client that waits in the backlog learns nothing,
//! and its timeout is longer than its retry. Knows nothing of routes.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Once};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::clients::Peer;
use crate::error::ApiError;
use crate::patience::{Patience, Times, Turn, Turns};
use crate::proxies::Proxies;
use crate::proxy_header;
use crate::stream::Stream;
use crate::{metrics, routes};

/// Bytes of one request's header. It holds every valid prompt id, percent-encoded.
const HEADER_BYTES: usize = 32 * 1024;
/// Bytes that one connection buffers.
const BUFFER_BYTES: usize = 64 * 1024;

/// The open connections.
pub struct Connections {
    line: Arc<Line>,
    room: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Cancelled when connections shall end after the request they are at.
    finish: CancellationToken,
}

/// What every connection needs.
struct Line {
    router: Router,
    http: http1::Builder,
    times: Times,
    /// Who begins its connections with a header of the PROXY protocol.
    announcers: Proxies,
    warned: Once,
}

impl Connections {
    /// None yet, and `capacity` at most. Connections of `announcers` begin with a header of the PROXY protocol.
    #[must_use]
    pub fn new(router: Router, capacity: u32, times: Times, announcers: Proxies) -> Self {
        let mut http = http1::Builder::new();
        // No time of hyper's for the header: the stream has one, and another for silence between requests.
        http.timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_header_size(HEADER_BYTES)
            .max_buf_size(BUFFER_BYTES);
        Self {
            line: Arc::new(Line { router, http, times, announcers, warned: Once::new() }),
            room: Arc::new(Semaphore::new(capacity as usize)),
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
        let finished = timeout(patience, self.tasks.wait()).await;
        if finished.is_ok() { 0 } else { self.tasks.len() }
    }

    fn open(&self, stream: TcpStream, peer: IpAddr) {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            metrics::connection_refused();
            refuse(&stream, ApiError::TooManyConnections);
            return;
        };
        let _best_effort = stream.set_nodelay(true);
        let (line, finish) = (Arc::clone(&self.line), self.finish.clone());
        self.tasks.spawn(async move {
            let _permit = permit;
            let _counted = metrics::connection_opened();
            line.serve(stream, peer, finish).await;
        });
    }
}

impl Line {
    async fn serve(&self, mut stream: TcpStream, peer: IpAddr, finish: CancellationToken) {
        let opened = Instant::now();
        let arrived = tokio::select! {
            arrived = timeout(self.times.header, self.arrive(&mut stream, peer)) => arrived,
            () = finish.cancelled() => return,
        };
        let (client, early) = match arrived {
            Ok(Ok(arrived)) => arrived,
            Ok(Err(problem)) => return refuse(&stream, problem),
            Err(_late) => return,
        };
        let turns = Turns::default();
        let patience = Patience::new(self.times, turns.clone(), opened);
        let service = service_fn(|request| respond(self.router.clone(), client, turns.begin(), request));
        let stream = Stream::new(stream, early, patience);
        let mut connection = pin!(self.http.serve_connection(stream, service));
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
    }

    /// Waits for the first bytes. Returns who the client is, and the bytes that were taken out of the stream.
    async fn arrive(&self, stream: &mut TcpStream, peer: IpAddr) -> Result<(IpAddr, Bytes), ApiError> {
        if self.announcers.trust(peer) {
            let header = proxy_header::read(stream).await;
            let header = header.map_err(|error| self.warn(peer, &error, ApiError::NoProxyHeader))?;
            return Ok((header.client.unwrap_or(peer), header.rest));
        }
        let mut first = [0; proxy_header::SIGNATURE_BYTES];
        // A connection that is broken already breaks once more when it is read.
        let length = stream.peek(&mut first).await.unwrap_or(0);
        if proxy_header::begins_one(&first[..length]) {
            let problem = ApiError::UnexpectedProxyHeader;
            return Err(self.warn(peer, &problem.to_string(), problem));
        }
        Ok((peer, Bytes::new()))
    }

    /// Logs a connection that begins wrongly, and returns its problem. Only the first is a warning: whoever reaches the
    /// listener can cause them.
    fn warn(&self, peer: IpAddr, reason: &dyn fmt::Display, problem: ApiError) -> ApiError {
        tracing::debug!(%peer, %reason, "refused a connection");
        self.warned.call_once(|| {
            tracing::warn!(%peer, %reason, "refused a connection; further ones are logged at the level debug");
        });
        problem
    }
}

/// Answers without having read a request. What does not fit into an empty socket buffer is not worth waiting for.
fn refuse(stream: &TcpStream, problem: ApiError) {
    // A socket that is closed with bytes unread resets the connection, and the answer may be lost.
    let _read = stream.try_read(&mut [0; 4 * 1024]);
    let _written = stream.try_write(&problem.into_bytes());
}

async fn respond(
    mut router: Router,
    client: IpAddr,
    _turn: Turn,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let start = Instant::now();
    let mut request = request.map(Body::new);
    routes::address::settle(&mut request);
    let route = routes::template(request.uri().path());
    request.extensions_mut().insert(Peer(client));
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
