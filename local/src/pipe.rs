//! A pipe between the services and a server on this machine, which can be made slow, or made to swallow what it is given.
//!
//! It carries bytes and knows no protocol. A connection that has fallen silent stays so until its client closes it, as with
//! a firewall that has forgotten it; the server sees it end.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const CHUNK: usize = 8 * 1024;
/// How long a slow pipe rests after each chunk, and what it carries in a second: less than the load needs.
const REST: Duration = Duration::from_millis(20);
const BYTES_PER_SECOND: f64 = 32.0 * 1024.0;

/// The pipe. Dropping it closes its entrance; connections go on until either side ends them.
#[derive(Debug)]
pub struct Pipe {
    port: u16,
    target: u16,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    slow: bool,
    /// New connections are accepted and never answered.
    silent: bool,
    /// How often the connections of that time fell silent.
    silenced: u64,
}

impl Pipe {
    /// A pipe to a port of this machine, with an entrance on another one.
    ///
    /// # Panics
    /// When no port is left.
    pub async fn open(target: u16) -> Pipe {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port is free");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let (state, _) = watch::channel(State::default());
        let accepting = tokio::spawn(accept(listener, target, state.clone()));
        Pipe { port, target, state, accepting }
    }

    /// The URL of the server behind it, as one that leads through it.
    pub fn through(&self, url: &str) -> String {
        url.replace(&format!(":{}/", self.target), &format!(":{}/", self.port))
    }

    /// Makes it slow, or as quick as it can be.
    pub fn slow(&self, slow: bool) {
        self.state.send_modify(|state| state.slow = slow);
    }

    /// The connections that are open now fall silent for good.
    pub fn silence(&self) {
        self.state.send_modify(|state| state.silenced += 1);
    }

    /// From now on, new connections are silent from the beginning, or work.
    pub fn refuse_answers(&self, silent: bool) {
        self.state.send_modify(|state| state.silent = silent);
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: u16, state: watch::Sender<State>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(carry(client, target, state.subscribe()))),
            // No file is left for it; some will be.
            Err(_) => tokio::time::sleep(REST).await,
        }
    }
}

async fn carry(mut client: TcpStream, target: u16, state: watch::Receiver<State>) {
    let silenced = state.borrow().silenced;
    let mut ears = state.clone();
    tokio::select! {
        biased;
        heard = ears.wait_for(|state| state.silent || state.silenced > silenced) => drop(heard),
        () = forward(&mut client, target, &state) => return,
    }
    let mut swallowed = [0; CHUNK];
    while matches!(client.read(&mut swallowed).await, Ok(1..)) {}
}

/// Carries bytes both ways until one side ends.
async fn forward(client: &mut TcpStream, target: u16, state: &watch::Receiver<State>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    // Only delays are wanted that were asked for.
    let _without = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::select! {
        () = pump(from_client, to_server, state) => {}
        () = pump(from_server, to_client, state) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    state: &watch::Receiver<State>,
) {
    let mut chunk = [0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        if state.borrow().slow {
            tokio::time::sleep(REST + Duration::from_secs_f64(length as f64 / BYTES_PER_SECOND)).await;
        }
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::Pipe;

    /// A server that says everything once more.
    async fn echo() -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        port
    }

    async fn answers(client: &mut TcpStream) -> bool {
        client.write_all(b"word").await.unwrap();
        let mut word = [0; 4];
        timeout(Duration::from_millis(500), client.read_exact(&mut word)).await.is_ok()
    }

    #[tokio::test]
    async fn connections_that_fell_silent_stay_silent_and_new_ones_work_when_they_are_to() {
        let target = echo().await;
        let pipe = Pipe::open(target).await;
        let connect = || TcpStream::connect(("127.0.0.1", pipe.port));
        let mut old = connect().await.unwrap();
        assert!(answers(&mut old).await);
        pipe.slow(true);
        assert!(answers(&mut old).await);
        pipe.slow(false);

        pipe.silence();
        assert!(!answers(&mut old).await);
        assert!(answers(&mut connect().await.unwrap()).await);
        pipe.refuse_answers(true);
        let mut refused = connect().await.unwrap();
        assert!(!answers(&mut refused).await);
        pipe.refuse_answers(false);
        assert!(answers(&mut connect().await.unwrap()).await);
        assert!(!answers(&mut refused).await && !answers(&mut old).await);
        assert_eq!(
            pipe.through(&format!("postgres://a@b:{target}/d")),
            format!("postgres://a@b:{}/d", pipe.port)
        );
    }
}
