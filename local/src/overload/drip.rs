//! Connections that send their headers a byte at a time and come back when they are closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::random::Random;

const HEAD: &[u8] = b"POST /api/telemetry/prompt HTTP/1.1\r\nhost: slow\r\nx-slow: ";
const REST: Duration = Duration::from_secs(2);
/// The first connections are spread over this time.
const RAMP: Duration = Duration::from_secs(3);

/// The connections. Dropping it closes them.
#[derive(Debug)]
pub struct Drip {
    tasks: JoinSet<()>,
    open: Arc<Open>,
}

#[derive(Debug, Default)]
struct Open {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Opens `count` connections to the server at `url` and keeps that many open.
pub fn start(url: &str, count: usize) -> Drip {
    let address = url.trim_start_matches("http://");
    let (mut tasks, open) = (JoinSet::new(), Arc::new(Open::default()));
    let mut random = Random::new(3);
    for _ in 0..count {
        let (address, open) = (address.to_owned(), Arc::clone(&open));
        let wait = RAMP.mul_f64(random.fraction());
        tasks.spawn(async move {
            tokio::time::sleep(wait).await;
            loop {
                // That it is closed is what the server should do.
                let _closed = drip(&address, &open).await;
                tokio::time::sleep(REST).await;
            }
        });
    }
    Drip { tasks, open }
}

impl Drip {
    /// Closes them all; answers with how many were open at once.
    pub async fn stop(mut self) -> usize {
        self.tasks.shutdown().await;
        self.open.most.load(Ordering::Relaxed)
    }
}

async fn drip(address: &str, open: &Open) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let _counted = Counted::new(open);
    stream.write_all(HEAD).await?;
    loop {
        tokio::time::sleep(REST).await;
        stream.write_all(b"a").await?;
    }
}

struct Counted<'a>(&'a Open);

impl Counted<'_> {
    fn new(open: &Open) -> Counted<'_> {
        let now = open.now.fetch_add(1, Ordering::Relaxed) + 1;
        open.most.fetch_max(now, Ordering::Relaxed);
        Counted(open)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}
