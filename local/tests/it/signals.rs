//! Commands that end when they are told to, also as PID 1 of a container, where a signal does nothing by itself. A
//! process that handles the signal ends with a code; one that does not is killed and has none.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use local::testing::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::TcpListener;

use crate::program::executable;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_migration_that_waits_for_the_database_ends_when_told_to() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130)] {
        let silent = Silent::listen().await;
        let url = format!("postgres://owner:secret@{}/events?sslmode=disable", silent.address);
        silent.ends(&["migrate", "--database-url", &url], signal, code).await;
    }
}

#[tokio::test]
async fn a_command_on_dead_letters_that_waits_for_kafka_ends_when_told_to() {
    for arguments in [
        &["list"][..],
        &["show", "--partition", "0", "--offset", "0"],
        &["replay"],
        &["drop", "--partition", "0", "--before-offset", "1"],
    ] {
        let silent = Silent::listen().await;
        let servers = ["--kafka-bootstrap-servers", &silent.address];
        silent.ends(&[&["dead-letters"], arguments, &servers].concat(), Signal::SIGTERM, 143).await;
    }
}

/// A server that takes connections and never answers.
struct Silent {
    listener: TcpListener,
    address: String,
}

impl Silent {
    async fn listen() -> Silent {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Silent { listener, address }
    }

    /// Signals the consumer's command once it has connected, and waits for its end.
    async fn ends(&self, arguments: &[&str], signal: Signal, code: i32) {
        let mut command = Command::new(executable("consumer"));
        let child = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut child = Ended(child);
        let connected = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        let _connection = connected.expect("the command connects").unwrap();
        kill(Pid::from_raw(i32::try_from(child.0.id()).unwrap()), signal).unwrap();
        let what = format!("{arguments:?} to end after {signal}");
        let status = eventually(&what, PATIENCE, || std::future::ready(child.0.try_wait().unwrap())).await;
        assert_eq!(status.code(), Some(code), "{arguments:?}: {status}");
    }
}

/// A child that does not outlive a failed test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _has_ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}
