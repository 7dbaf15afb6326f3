//! A server that can't prove who it is gets nothing: neither a login nor an event.

use std::fs;
use std::sync::Arc;

use local::services::Service;
use local::testing::eventually;
use reqwest::{Client, StatusCode};

use crate::scene::{CONSUMER, INGEST, PATIENCE, Scene, event, text};

#[tokio::test]
async fn a_kafka_with_a_certificate_of_another_authority_is_refused() {
    let Some(scene) = Scene::shared().await else { return };
    let servers = scene.password_servers();
    let misled = |login| {
        replaced(scene.with_password(login), "ssl.ca.location", &text(&scene.wrong_authority.own.chain))
    };
    refused_by_both(&scene, "wrong-authority", &servers, misled, "certificate verify failed").await;
}

#[tokio::test]
async fn a_kafka_whose_certificate_names_another_host_is_refused() {
    let Some(scene) = Scene::shared().await else { return };
    let servers = scene.password_servers().replace("localhost", "127.0.0.1");
    let honest = |login| scene.with_password(login);
    refused_by_both(&scene, "wrong-host", &servers, honest, "certificate verify failed").await;
}

#[tokio::test]
async fn a_wrong_password_is_told_as_one() {
    let Some(scene) = Scene::shared().await else { return };
    let servers = scene.password_servers();
    let misled = |login| replaced(scene.with_password(login), "sasl.password", "not-the-password");
    let log = refused_by_both(&scene, "wrong-password", &servers, misled, "uthentication failed").await;
    assert!(!log.contains("not-the-password"), "{log}");
}

#[tokio::test]
async fn a_postgres_with_a_certificate_of_another_authority_is_refused() {
    let Some(scene) = Scene::shared().await else { return };
    let wrong = text(&scene.wrong_authority.own.chain);
    let misled = |url: &str| scene.verified(url).replace(&text(&scene.authority.own.chain), &wrong);
    let urls = (misled(&scene.database.ingest_url), misled(&scene.database.consumer_url));
    refused_postgres(&scene, "wrong-authority-sql", urls, "UnknownIssuer").await;
}

#[tokio::test]
async fn a_postgres_whose_certificate_names_another_host_is_refused() {
    let Some(scene) = Scene::shared().await else { return };
    let misled = |url: &str| scene.verified(url).replace("localhost", "127.0.0.1");
    let urls = (misled(&scene.database.ingest_url), misled(&scene.database.consumer_url));
    refused_postgres(&scene, "wrong-host-sql", urls, "not valid for name").await;
}

/// Neither service gets ready, no event is taken, and both logs say why. Returns both.
async fn refused_by_both(
    scene: &Arc<Scene>,
    name: &str,
    servers: &str,
    properties: impl Fn(&'static str) -> Vec<(&'static str, String)>,
    why: &str,
) -> String {
    let ingest_url = scene.verified(&scene.database.ingest_url);
    let consumer_url = scene.verified(&scene.database.consumer_url);
    let mut ingest = scene.ingest(&format!("{name}-ingest"), servers, &properties(INGEST), &ingest_url);
    let mut consumer =
        scene.consumer(&format!("{name}-consumer"), servers, &properties(CONSUMER), &consumer_url);
    ingest.launch().unwrap();
    consumer.launch().unwrap();
    let logs = said(&ingest, why).await + &said(&consumer, why).await;
    for service in [&ingest, &consumer] {
        assert_eq!(ready(service).await.0, StatusCode::SERVICE_UNAVAILABLE, "{name}");
        assert_eq!(get(&format!("{}/livez", service.admin_url())).await.0, StatusCode::OK, "{name}");
    }
    eventually("the consumer to say why it is not ready", PATIENCE, || async {
        ready(&consumer).await.1.contains(why).then_some(())
    })
    .await;
    let url = format!("{}/api/telemetry/prompt", ingest.url());
    let answer = Client::new().post(url).json(&event("never")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{name}");
    logs
}

/// Intake goes on without its read routes; the consumer is not ready.
async fn refused_postgres(scene: &Arc<Scene>, name: &str, urls: (String, String), why: &str) {
    let servers = scene.password_servers();
    let (ingest_url, consumer_url) = urls;
    let _alone = scene.membership.lock().await;
    let mut ingest =
        scene.ingest(&format!("{name}-ingest"), &servers, &scene.with_password(INGEST), &ingest_url);
    let mut consumer =
        scene.consumer(&format!("{name}-consumer"), &servers, &scene.with_password(CONSUMER), &consumer_url);
    consumer.launch().unwrap();
    ingest.start_again().await.unwrap();
    let read = get(&format!("{}/api/telemetry/prompts/performance", ingest.url())).await;
    assert_eq!(read.0, StatusCode::SERVICE_UNAVAILABLE, "{name}: {}", read.1);
    assert!(!read.1.contains(why), "the answer tells strangers about our database: {}", read.1);
    said(&ingest, why).await;
    said(&consumer, why).await;
    let (status, reason) = ready(&consumer).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{name}");
    assert!(reason.contains("certificate") || reason.contains("Kafka"), "{name}: {reason}");
    consumer.stop().await.unwrap();
}

/// Waits until the service's log has `why`; returns the log.
async fn said(service: &Service, why: &str) -> String {
    let what = format!("{} to say {why:?}", service.log().display());
    eventually(&what, PATIENCE, || async {
        let log = fs::read_to_string(service.log()).unwrap();
        log.contains(why).then_some(log)
    })
    .await
}

async fn ready(service: &Service) -> (StatusCode, String) {
    get(&format!("{}/readyz", service.admin_url())).await
}

async fn get(url: &str) -> (StatusCode, String) {
    let answer = reqwest::get(url).await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

fn replaced(properties: Vec<(&'static str, String)>, name: &str, value: &str) -> Vec<(&'static str, String)> {
    let keep_or_replace = |(known, old)| if known == name { (known, value.to_owned()) } else { (known, old) };
    properties.into_iter().map(keep_or_replace).collect()
}
