//! Ctrl-C and its kin, as an orderly end instead of a sudden one.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::Error;

/// The signals that ask this process to end. From the making of this on, they no longer end it by themselves.
#[derive(Debug)]
pub struct Interrupt {
    signals: [Signal; 3],
}

impl Interrupt {
    /// Listens. Must be called within a runtime.
    ///
    /// # Panics
    /// When the system has no signals.
    pub fn listen() -> Interrupt {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        Interrupt { signals: kinds.map(|kind| signal(kind).expect("these three signals can be caught")) }
    }

    /// Waits for one of them.
    pub async fn wait(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// Does `work` unless a signal comes first, which drops the work.
    ///
    /// # Errors
    /// The work's, or [`Error::Interrupted`].
    pub async fn or<T>(&mut self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            done = work => done,
            () = self.wait() => Err(Error::Interrupted),
        }
    }
}
