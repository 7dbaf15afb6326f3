//! Topics made by the administrator's script, by a service that may, and by one that may not even ask how they are set.

use std::fs;

use local::testing::eventually;

use crate::clients::Login;
use crate::scene::{BARE, FOUNDED, FOUNDER, LETTERS, PATIENCE, STRANGER, Scene, TOPIC, kafka};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[tokio::test]
async fn the_script_and_a_service_that_may_make_the_same_topics() {
    let Some(scene) = Scene::shared().await else { return };
    let servers = kafka(&scene.password_servers(), FOUNDED);
    let founder = scene.with_password(FOUNDER);
    let mut ingest = scene.ingest_on("founder", &servers, &founder, "");
    ingest.start_again().await.unwrap();
    let administrator = Login::administrator(&scene);
    for (by_script, by_service, days) in
        [(TOPIC, FOUNDED.to_owned(), 7), (LETTERS, format!("{FOUNDED}.dead-letter"), 30)]
    {
        for setting in
            ["min.insync.replicas", "unclean.leader.election.enable", "retention.ms", "cleanup.policy"]
        {
            let wanted = administrator.setting(by_script, setting).await.unwrap();
            assert_eq!(administrator.setting(&by_service, setting).await.unwrap(), wanted, "{setting}");
            assert!(
                setting != "retention.ms" || wanted == (days * DAY_MS).to_string(),
                "{by_script}: {wanted}"
            );
        }
    }
    ingest.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_that_may_not_read_settings_says_so_and_works() {
    let Some(scene) = Scene::shared().await else { return };
    let servers = kafka(&scene.password_servers(), TOPIC);
    let mut ingest = scene.ingest_on("bare", &servers, &scene.with_password(BARE), "");
    ingest.start_again().await.unwrap();
    eventually("a warning that nobody has checked the topic", PATIENCE, || async {
        fs::read_to_string(ingest.log()).unwrap().contains("DescribeConfigs").then_some(())
    })
    .await;
    ingest.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_that_is_not_shown_its_topics_says_what_it_lacks() {
    let Some(scene) = Scene::shared().await else { return };
    let servers = kafka(&scene.password_servers(), TOPIC);
    let mut ingest = scene.ingest_on("stranger", &servers, &scene.with_password(STRANGER), "");
    ingest.launch().unwrap();
    eventually("the log to tell about the missing right", PATIENCE, || async {
        fs::read_to_string(ingest.log()).unwrap().contains("allow the login to describe it").then_some(())
    })
    .await;
    let ready = reqwest::get(format!("{}/readyz", ingest.admin_url())).await.unwrap();
    assert_eq!(ready.status(), 503);
}
