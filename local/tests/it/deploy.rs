//! What `deploy/` and the runbook say of metrics, alerts and versions against what is true of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use local::place;
use serde_json::{Value, json};

#[test]
fn the_alert_rules_are_valid_and_pass_their_own_tests() {
    promtool(&["check", "config", "deploy/prometheus.yml"]);
    promtool(&["check", "rules", "deploy/alerts.yml"]);
    promtool(&["test", "rules", "deploy/alerts.test.yml"]);
}

#[test]
fn every_alert_is_tested_and_has_its_section_in_the_runbook() {
    let (rules, tests, runbook) =
        (read("deploy/alerts.yml"), read("deploy/alerts.test.yml"), read("docs/runbook.md"));
    let alerts: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 11, "{alerts:?}");
    for alert in alerts {
        assert!(tests.contains(alert), "{alert} has no test");
        assert!(runbook.contains(&format!("\n### {alert}\n")), "{alert} is not in the runbook");
        let link = format!("runbook_url: docs/runbook.md#{}\n", alert.to_lowercase());
        assert!(rules.contains(&link), "{alert} has no link");
    }
}

#[test]
fn every_metric_is_in_the_runbook_and_no_other_is_asked_for() {
    let defined: BTreeSet<String> = ["ingest/src/metrics.rs", "consumer/src/metrics.rs"]
        .iter()
        .flat_map(|file| metrics(&read(file)))
        .collect();
    assert!(defined.len() > 20, "{defined:?}");
    assert_eq!(metrics(&read("docs/runbook.md")), defined);
    for file in
        ["deploy/alerts.yml", "deploy/alerts.test.yml", "deploy/grafana/dashboards/prompt-telemetry.json"]
    {
        let unknown: Vec<_> = metrics(&read(file)).difference(&defined).cloned().collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}");
    }
}

#[test]
fn every_question_of_the_dashboard_is_one_that_prometheus_understands() {
    let dashboard: Value =
        serde_json::from_str(&read("deploy/grafana/dashboards/prompt-telemetry.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let rules: Vec<Value> = targets
        .enumerate()
        .map(|(number, target)| {
            let question = target["expr"].as_str().unwrap().replace("$__rate_interval", "1m");
            json!({"record": format!("dashboard:{number}"), "expr": question})
        })
        .collect();
    assert!(rules.len() > 30, "{}", rules.len());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yml"); // JSON is YAML
    fs::write(&file, json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string()).unwrap();
    promtool(&["check", "rules", file.to_str().unwrap()]);
}

#[test]
fn the_images_have_the_versions_that_are_used_without_them() {
    let toolchain = read("rust-toolchain.toml");
    let rust = toolchain.split("channel = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(read("Dockerfile").contains(&format!("FROM rust:{rust}-")), "Rust {rust}");
    let kafka = local::kafka::VERSION;
    assert!(read("docker-compose.yml").contains(&format!("image: apache/kafka:{kafka}\n")), "Kafka {kafka}");
}

/// Words that are a metric of ours; what a histogram adds to its name is taken off.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let ours = words.filter(|word| word.starts_with("ingest_") || word.starts_with("consumer_"));
    let bare = |word: &str| {
        let ends = ["_bucket", "_sum", "_count"];
        ends.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned()
    };
    ours.map(bare).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(place::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn promtool(arguments: &[&str]) {
    let tool = Path::new("promtool");
    let output =
        Command::new(tool).args(arguments).current_dir(place::root()).output().unwrap_or_else(|error| {
            panic!("promtool cannot be run ({error}): run `scripts/setup prometheus`")
        });
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said}");
}
