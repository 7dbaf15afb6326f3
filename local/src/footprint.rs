//! What processes take, and whether any is left: read from `/proc`. Knows no particular program.

use std::fs;
use std::path::PathBuf;

/// The most memory that a process has had at once, in bytes (`VmHWM`); `None` when it is gone.
pub fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim_end().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The processes that `parent` has started and that still are, in no order.
pub fn children(parent: u32) -> Vec<u32> {
    let own = |process: &u32| parent_of(*process) == Some(parent);
    processes().into_iter().filter(own).collect()
}

/// The processes, other than this one, whose command line, environment or working directory contains `mark`: each
/// with its id and command line.
pub fn marked(mark: &str) -> Vec<String> {
    let own = std::process::id();
    let others = processes().into_iter().filter(|process| *process != own);
    others.filter(|process| mentions(*process, mark)).map(describe).collect()
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// From `PID (NAME) STATE PARENT …`, where the name may hold anything.
fn parent_of(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    status.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn mentions(process: u32, mark: &str) -> bool {
    let folder = PathBuf::from(format!("/proc/{process}"));
    // What is gone meanwhile, or a line in the table waiting for its parent, has none of the three.
    let text = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
    let place = fs::read_link(folder.join("cwd")).unwrap_or_default();
    [text("cmdline"), text("environ"), place.into_os_string().into_encoded_bytes()]
        .iter()
        .any(|bytes| String::from_utf8_lossy(bytes).contains(mark))
}

fn describe(process: u32) -> String {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    format!("{process} {}", String::from_utf8_lossy(&line).replace('\0', " ").trim_end())
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::thread;
    use std::time::{Duration, Instant};

    use crate::footprint::{children, marked, peak_memory};

    #[test]
    fn a_child_is_seen_while_it_runs_and_not_afterwards() {
        let mark = uuid::Uuid::new_v4().to_string();
        let mut child = Command::new("sleep").arg("600").env("MARK", &mark).spawn().unwrap();
        assert!(children(std::process::id()).contains(&child.id()));
        // For a moment after its start a program has no command line yet.
        let line = format!("{} sleep 600", child.id());
        let deadline = Instant::now() + Duration::from_secs(10);
        while marked(&mark) != [line.as_str()] && Instant::now() < deadline {
            thread::yield_now();
        }
        let found = marked(&mark);
        let memory = peak_memory(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, [line]);
        assert!(memory.is_some_and(|bytes| bytes > 4096), "{memory:?}");
        assert!(marked(&mark).is_empty());
        assert_eq!(peak_memory(child.id()), None);
    }
}
