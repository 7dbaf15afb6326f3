//! Child processes: nothing is left behind, however their parent ends.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Duration;

use futures::FutureExt;
use local::port;
use local::postgres::{Cluster, Options};
use local::process::Program;
use local::testing::eventually;
use nix::sys::signal::Signal;

/// Whether a process exists that is more than a line in the table waiting for its parent.
fn lives(id: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

#[tokio::test]
async fn a_panic_leaves_no_server_and_no_data_behind() {
    let port = std::sync::Mutex::new(None);
    let test = async {
        let cluster = Cluster::temporary(Options::fast("test-cluster-panic")).await.unwrap();
        *port.lock().unwrap() = Some(cluster.port());
        panic!("as a test would");
    };
    assert!(AssertUnwindSafe(test).catch_unwind().await.is_err());
    let port = port.lock().unwrap().unwrap();
    std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
    let arguments = format!("port={port}");
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains(&arguments), "{:?} is left", entry.path());
    }
}

#[tokio::test]
async fn a_killed_parent_takes_its_children_along() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("child");
    // The parent is a process of its own, which starts its child the way `Program` does, and is then killed.
    let script = "setpriv --pdeathsig KILL sleep 600 & echo $! > \"$0\"; wait";
    let mut parent = Program::new("test-parent", "sh").unwrap();
    parent = parent.with(["-c", script]).with([&file]);
    let mut parent = parent.start().unwrap();
    let deadline = Duration::from_secs(30);
    let child: u32 = eventually("the child's id", deadline, || async {
        std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok())
    })
    .await;
    let command = format!("/proc/{child}/comm");
    eventually("the child to run", deadline, || async {
        std::fs::read_to_string(&command).is_ok_and(|name| name.trim() == "sleep").then_some(())
    })
    .await;
    parent.kill9().await;
    eventually("the child's end", deadline, || async { (!lives(child)).then_some(()) }).await;
}

#[tokio::test]
async fn a_program_that_will_not_stop_is_killed() {
    let program = Program::new("test-stubborn", "sh").unwrap();
    let program = program.with(["-c", "trap '' TERM; echo deaf; while true; do sleep 1; done"]);
    let mut process = program.start().unwrap();
    eventually("the trap to be set", Duration::from_secs(30), || async {
        program.log_tail().contains("deaf").then_some(())
    })
    .await;
    assert!(!process.stop(Signal::SIGTERM, Duration::from_millis(100)).await);
    assert!(!lives(process.id()));
}

#[tokio::test]
async fn a_failure_names_the_log_and_shows_its_end() {
    let program = Program::new("test-failing", "sh").unwrap();
    let program = program.with(["-c", "echo out of cheese; exit 3"]);
    let error = program.run(Duration::from_secs(30)).await.unwrap_err().to_string();
    assert!(error.contains("exit status: 3"), "{error}");
    assert!(error.contains("out of cheese"), "{error}");
    assert!(error.contains("test-failing.log"), "{error}");
}

#[tokio::test]
async fn a_missing_program_is_an_error() {
    let program = Program::new("test-missing", Path::new("/no/such/program")).unwrap();
    let error = program.run(Duration::from_secs(30)).await.unwrap_err().to_string();
    assert!(error.contains("/no/such/program"), "{error}");
}

#[test]
fn a_preferred_port_is_taken_when_it_is_free() {
    let wanted = port::free();
    assert_eq!(port::prefer(wanted), wanted);
}
