//! Somebody else's program in the foreground: it has the terminal, its end is ours, and an interrupt ends it first.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

use crate::error::Error;
use crate::interrupt::Interrupt;

/// How long an interrupted program may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// Runs it to its end in a process group of its own, so that an interrupt ends what it has started too. Answers with
/// its exit code.
///
/// # Errors
/// When it can't be started, or the person interrupts.
pub async fn run(mut command: Command, interrupt: &mut Interrupt) -> Result<u8, Error> {
    let name = command.get_program().to_owned();
    command.process_group(0).stdin(std::process::Stdio::null());
    let child = tokio::process::Command::from(command).kill_on_drop(true).spawn();
    let mut child = child.map_err(Error::file("start", name.as_ref()))?;
    let status = tokio::select! {
        status = child.wait() => status.map_err(Error::file("wait for", name.as_ref()))?,
        () = interrupt.wait() => {
            end_group(&mut child).await;
            return Err(Error::Interrupted);
        }
    };
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

async fn end_group(child: &mut Child) {
    let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw) else { return };
    let _gone = killpg(group, Signal::SIGTERM);
    let _late = tokio::time::timeout(GRACE, child.wait()).await;
    let _gone = killpg(group, Signal::SIGKILL);
}
