//! Postgres away, hung, or not prepared: nothing is dead-lettered, nothing is committed, and all of it comes later.

use crate::events::events;
use crate::scene::{Scene, execute, neighbour, stop, wait_unready};
use consumer::migrate::migrate;
use consumer::server::Consumer;

#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_is_away_events_wait_and_then_every_one_is_stored() {
    let scene = Scene::new().await;
    let consumer = scene.start(&["--batch-records", "100"]).await;
    scene.produce(&events(300)).await;
    scene.wait_for_rows(300).await;
    scene.wait_for_committed(300).await;

    let mut neighbour = neighbour(&scene).await;
    let url = scene.database.superuser_url();
    let name = url.rsplit_once('/').unwrap().1;
    execute(&mut neighbour, &format!("alter database {name} allow_connections false")).await;
    execute(
        &mut neighbour,
        &format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"),
    )
    .await;
    scene.produce(&events(2_000)).await;
    wait_unready(&consumer, "Postgres").await;
    assert_eq!(scene.committed(), 300);

    execute(&mut neighbour, &format!("alter database {name} allow_connections true")).await;
    scene.wait_for_rows(2_300).await;
    scene.wait_for_committed(2_300).await;
    scene.dead_letters(0).await;
    scene.assert_aggregates_equal_the_rows().await;
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_migration_it_waits_and_says_what_to_run() {
    let scene = Scene::unmigrated().await;
    scene.produce(&events(10)).await;
    let consumer = Consumer::start(scene.config(&[])).await.unwrap();
    wait_unready(&consumer, "consumer migrate").await;
    migrate(&scene.database.owner_url()).await.unwrap();
    scene.wait_for_rows(10).await;
    scene.dead_letters(0).await;
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_an_answer_is_given_up_and_tried_again() {
    let scene = Scene::new().await;
    let consumer = scene.start(&["--write-timeout-seconds", "1", "--batch-records", "10"]).await;
    let mut owner = scene.owner().await;
    execute(&mut owner, "begin; lock table prompt_telemetry in access exclusive mode").await;
    scene.produce(&events(50)).await;
    wait_unready(&consumer, "Postgres").await;
    assert_eq!(scene.committed(), 0);
    execute(&mut owner, "commit").await;
    scene.wait_for_rows(50).await;
    scene.wait_for_committed(50).await;
    stop(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_kafka_it_starts_waits_and_stops() {
    let scene = Scene::new().await;
    let mut config = scene.config(&[]);
    // Nobody listens on port 1.
    config.kafka.kafka_bootstrap_servers = "127.0.0.1:1".to_owned();
    let consumer = Consumer::start(config).await.unwrap();
    wait_unready(&consumer, "Kafka").await;
    stop(consumer).await;
}
