//! The metrics as an operator sees them: a real Prometheus on the project's own configuration.

use std::fs;
use std::time::Duration;

use local::process::Program;
use local::testing::eventually;
use local::{place, port};
use serde_json::Value;

use crate::scene::{PATIENCE, Scene, event};

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_on_our_configuration_sees_a_rate_above_zero() {
    let scene = Scene::start("monitoring").await;
    let folder = tempfile::tempdir().unwrap();
    let deploy = place::root().join("deploy");
    for file in ["prometheus.yml", "alerts.yml"] {
        fs::copy(deploy.join(file), folder.path().join(file)).unwrap();
    }
    fs::create_dir(folder.path().join("targets")).unwrap();
    for (file, service) in [("ingest.yml", &scene.ingest), ("consumer.yml", &scene.consumer)] {
        let template = fs::read_to_string(deploy.join("targets").join(file)).unwrap();
        let address = service.admin_url().trim_start_matches("http://");
        let target = template.lines().map(|line| match line.split_once("targets:") {
            Some((indent, _)) => format!("{indent}targets: [\"{address}\"]"),
            None => line.to_owned(),
        });
        fs::write(folder.path().join("targets").join(file), target.collect::<Vec<_>>().join("\n")).unwrap();
    }
    let listen = format!("127.0.0.1:{}", port::free());
    let program = Program::new("monitoring-prometheus", "prometheus").unwrap().with([
        format!("--config.file={}", folder.path().join("prometheus.yml").display()),
        format!("--storage.tsdb.path={}", folder.path().join("data").display()),
        format!("--web.listen-address={listen}"),
    ]);
    let _prometheus = program.start().unwrap();

    let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    for metric in ["ingest_events_accepted_total", "consumer_events_inserted_total"] {
        let url = reqwest::Url::parse_with_params(
            &format!("http://{listen}/api/v1/query"),
            [("query", format!("sum(rate({metric}[1m]))"))],
        )
        .unwrap();
        eventually(&format!("Prometheus to see {metric} rise"), 2 * PATIENCE, || async {
            scene.accept(&[event("impression", "watched")]).await;
            let answer: Value = http.get(url.clone()).send().await.ok()?.json().await.ok()?;
            let rate: f64 = answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()?;
            (rate > 0.0).then_some(())
        })
        .await;
    }
}
