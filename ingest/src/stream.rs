//! A TCP stream that closes without losing the answer, and that a client who neither reads nor writes cannot hold for ever.
//!
//! A socket that is closed with bytes unread resets the connection, and the client may never see the answer that was
//! sent before, such as a 413 to a body that is still coming. So the end is in two steps: tell the client that nothing
//! more will come, then read and drop what it still sends, for a bounded time and size.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::patience::Patience;

/// How long the client may go on sending after the last answer, and how long it may be silent meanwhile. A system short of
/// memory for its sockets drops segments; both ends then repeat theirs after pauses that double.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_SILENCE: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 16 << 20;
/// How long the client may leave a full window unread.
const WRITE_STALL: Duration = Duration::from_secs(30);

/// The stream of one connection.
pub struct Stream {
    tcp: TokioIo<TcpStream>,
    /// What was read before this was made.
    early: Bytes,
    patience: Patience,
    closing: Option<Closing>,
    stalled: Option<Pin<Box<Sleep>>>,
}

struct Closing {
    /// When there is no more waiting at all.
    until: Instant,
    /// When the client has been silent for too long.
    silent: Pin<Box<Sleep>>,
    dropped: usize,
}

impl Closing {
    fn new() -> Self {
        Self { until: Instant::now() + LINGER, silent: Box::pin(sleep(LINGER_SILENCE)), dropped: 0 }
    }

    fn drop_bytes(&mut self, count: usize) {
        self.dropped += count;
        self.silent.as_mut().reset(self.until.min(Instant::now() + LINGER_SILENCE));
    }

    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.dropped >= LINGER_BYTES {
            return Poll::Ready(());
        }
        self.silent.as_mut().poll(context)
    }
}

impl Stream {
    /// Wraps a stream. `early` are the first bytes of the client, where some were read already.
    #[must_use]
    pub fn new(tcp: TcpStream, early: Bytes, patience: Patience) -> Self {
        Self { tcp: TokioIo::new(tcp), early, patience, closing: None, stalled: None }
    }

    /// Passes a finished write on; an unfinished one may not stay so for too long.
    fn unless_stalled<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            self.patience.spoke();
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_STALL)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.has_remaining() {
            let length = self.early.remaining().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(length));
            self.patience.heard();
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut self.tcp).poll_read(context, buffer);
        if read.is_ready() {
            self.patience.heard();
            return read;
        }
        // A client that does not read its answer has a limit of its own.
        if self.stalled.is_none() {
            ready!(self.patience.poll_exhausted(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(context, bytes);
        self.unless_stalled(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(context, slices);
        self.unless_stalled(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.tcp).poll_flush(context);
        // After an answer hyper does not read again while an earlier read is pending, so the alarm is set here.
        if self.patience.poll_exhausted(context).is_ready() {
            context.waker().wake_by_ref();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if stream.closing.is_none() {
            ready!(Pin::new(&mut stream.tcp).poll_shutdown(context))?;
        }
        let closing = stream.closing.get_or_insert_with(Closing::new);
        loop {
            if closing.poll_over(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut space = [MaybeUninit::uninit(); 16 * 1024];
            let mut buffer = ReadBuf::uninit(&mut space);
            // An error is as good as an end: nothing more will come.
            match ready!(Pin::new(&mut stream.tcp).poll_read(context, buffer.unfilled())) {
                Ok(()) if !buffer.filled().is_empty() => closing.drop_bytes(buffer.filled().len()),
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}
