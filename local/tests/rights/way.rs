//! An event goes all the way with TLS everywhere and least rights.

use local::api::Api;
use local::testing::eventually;
use sqlx::{Connection, PgConnection};

use crate::scene::{CONSUMER, INGEST, PATIENCE, Scene, event};

#[tokio::test]
async fn an_event_goes_from_http_to_its_numbers_by_password_or_by_certificate() {
    let Some(scene) = Scene::shared().await else { return };
    let _alone = scene.membership.lock().await;
    let by_password = (scene.password_servers(), scene.with_password(INGEST), scene.with_password(CONSUMER));
    let by_certificate = (
        scene.certificate_servers(),
        scene.with_certificate(&scene.ingest_certificate),
        scene.with_certificate(&scene.consumer_certificate),
    );
    for (way, (servers, ingest, consumer)) in [("password", by_password), ("certificate", by_certificate)] {
        let consumer_url = scene.verified(&scene.database.consumer_url);
        let ingest_url = scene.verified(&scene.database.ingest_url);
        let mut consumer = scene.consumer(&format!("{way}-consumer"), &servers, &consumer, &consumer_url);
        let mut ingest = scene.ingest(&format!("{way}-ingest"), &servers, &ingest, &ingest_url);
        let (one, other) = tokio::join!(consumer.start_again(), ingest.start_again());
        one.and(other).unwrap();

        let url = format!("{}/api/telemetry/prompt", ingest.url());
        let answer = reqwest::Client::new().post(url).json(&event(way)).send().await.unwrap();
        assert_eq!(answer.status(), 202, "{way}");
        let api = Api::new(ingest.url());
        eventually("the event to be counted", PATIENCE, || async {
            (api.stats(way, "").await.unwrap().impressions == 1).then_some(())
        })
        .await;
        assert_eq!(sessions_without_tls(&scene).await, 0, "{way}");
        for service in [&mut ingest, &mut consumer] {
            let log = std::fs::read_to_string(service.log()).unwrap();
            let mut faults = log.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR"));
            // There is but one broker here, and on a slow machine it is not connected within the first second.
            assert!(
                faults.all(|line| line.contains("ONE COPY") || line.contains("not ready")),
                "{way}: {log}"
            );
            service.stop().await.unwrap();
        }
    }
}

/// How many of our services' connections to the database are not encrypted.
async fn sessions_without_tls(scene: &Scene) -> i64 {
    let mut administrator = PgConnection::connect(&scene.postgres.superuser_url()).await.unwrap();
    let sessions = "select count(*), count(*) filter (where not ssl) from pg_stat_ssl join pg_stat_activity \
                    using (pid) where application_name like 'prompt-telemetry-%'";
    let (all, open): (i64, i64) = sqlx::query_as(sessions).fetch_one(&mut administrator).await.unwrap();
    assert!(all >= 2, "{all} sessions: neither service is there");
    open
}
