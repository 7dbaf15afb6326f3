//! What the figures were taken on.

use std::fs;
use std::process::Command;

use crate::servers::SETTINGS;

/// One line for each thing that a reader must know to compare. `postgres` is the server's version.
pub fn description(postgres: &str) -> Vec<String> {
    let settings: Vec<String> = SETTINGS.iter().map(|(name, value)| format!("{name} {value}")).collect();
    vec![
        format!(
            "machine: {}, {} cores, {} GiB of memory, Linux {}",
            processor(),
            cores(),
            memory(),
            kernel()
        ),
        format!(
            "servers: PostgreSQL {}, Apache Kafka {} (one node, 12 partitions, 512 MiB heap, Java {})",
            postgres,
            local::kafka::VERSION,
            local::kafka::java_version().unwrap_or_else(unknown),
        ),
        format!(
            "PostgreSQL's settings: its defaults (fsync and synchronous_commit on), but {}",
            settings.join(", ")
        ),
        format!(
            "services: built by {}, {} profile",
            first_line("rustc", &["--version"]),
            if cfg!(debug_assertions) { "development" } else { "release" }
        ),
        format!("date: {}", chrono::Utc::now().format("%Y-%m-%d")),
    ]
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find(|line| line.starts_with("model name"));
    model.and_then(|line| line.split_once(": ")).map_or_else(unknown, |(_, model)| model.trim().to_owned())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, std::num::NonZero::get)
}

fn memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    (kibibytes.unwrap_or(0) + (1 << 19)) >> 20
}

fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(|_| unknown(), |text| text.trim().to_owned())
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let answer = Command::new(program).args(arguments).current_dir(local::place::root()).output();
    let line = answer.ok().and_then(|answer| String::from_utf8(answer.stdout).ok());
    line.and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_else(unknown)
}

fn unknown() -> String {
    "unknown".to_owned()
}
