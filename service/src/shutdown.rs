//! When to stop, and how long that may take.

use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal as listen};
use tokio_util::sync::CancellationToken;

/// How long a stop may take.
#[derive(Args, Clone, Copy, Debug)]
pub struct ShutdownArgs {
    /// Seconds from SIGTERM to the exit, at the most. Stay below the orchestrator's own patience (Kubernetes: 30).
    #[arg(long, env = "SHUTDOWN_GRACE_SECONDS", default_value_t = 25, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub shutdown_grace_seconds: u64,
}

impl ShutdownArgs {
    /// The grace period.
    #[must_use]
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_seconds)
    }
}

/// A token that is cancelled by the first SIGTERM or SIGINT. A second signal ends the process at once.
///
/// # Panics
/// When the system refuses a signal handler, which it does not for these two, or outside a tokio runtime.
#[must_use]
pub fn signal() -> CancellationToken {
    let token = CancellationToken::new();
    let mut terminate = listen(SignalKind::terminate()).expect("SIGTERM can be handled");
    let mut interrupt = listen(SignalKind::interrupt()).expect("SIGINT can be handled");
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! { _ = terminate.recv() => "SIGTERM", _ = interrupt.recv() => "SIGINT" }
        };
        let signal = next().await;
        tracing::info!(signal, "stopping");
        cancelled.cancel();
        let signal = next().await;
        tracing::warn!(signal, "a second signal: exiting at once");
        std::process::exit(130);
    });
    token
}

/// Ends the process at the first SIGTERM or SIGINT, with the code that a shell gives to that signal. For commands that
/// have nothing to finish: without this, a process that is PID 1 of its container ignores both.
///
/// # Panics
/// When the system refuses a signal handler, which it does not for these two, or outside a tokio runtime.
pub fn exit_on_signal() {
    let mut terminate = listen(SignalKind::terminate()).expect("SIGTERM can be handled");
    let mut interrupt = listen(SignalKind::interrupt()).expect("SIGINT can be handled");
    tokio::spawn(async move {
        let (signal, code) = tokio::select! {
            _ = terminate.recv() => ("SIGTERM", 143),
            _ = interrupt.recv() => ("SIGINT", 130),
        };
        tracing::warn!(signal, "ended before it was done; the command can be run again");
        std::process::exit(code);
    });
}
