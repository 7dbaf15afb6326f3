//! A neighbour goes away and comes back: nothing accepted is lost, and nothing is accepted that could be.

use std::fs;
use std::time::Duration;

use local::kafka::{Apache, Data};
use local::postgres::{Cluster, Options};
use local::testing::{TestDatabase, broker_is_apache, eventually};

use crate::oracle::assert_aggregates_equal_rows;
use crate::scene::{PATIENCE, Scene, event, shared_kafka};

#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_is_away_intake_goes_on_and_afterwards_every_row_is_there() {
    let mut postgres = Cluster::temporary(Options::fast("away-postgres")).await.unwrap();
    let database = postgres.database("telemetry").await.unwrap();
    let urls = [database.owner_url, database.consumer_url, database.ingest_url];
    let scene = Scene::on("away", shared_kafka(), urls).await;
    scene.accept(&[event("impression", "before")]).await;
    scene.settled(1).await;

    postgres.stop().await;
    for _ in 0..20 {
        scene.accept(&[event("impression", "meanwhile"), event("selection", "meanwhile")]).await;
    }
    assert_eq!(scene.admin_status(&scene.ingest, "/readyz").await, 200, "intake does not need Postgres");
    let read = scene.api.stats("before", "").await.unwrap_err().to_string();
    assert!(read.contains("503"), "{read}");
    eventually("the consumer to say that it is not ready", PATIENCE, || async {
        (scene.admin_status(&scene.consumer, "/readyz").await == 503).then_some(())
    })
    .await;
    assert_eq!(scene.admin_status(&scene.consumer, "/livez").await, 200);

    postgres.start_again().await.unwrap();
    scene.settled(41).await;
    let stats = scene.stats("meanwhile").await;
    assert_eq!((stats.impressions, stats.selections), (20, 20));
    assert_aggregates_equal_rows(&mut scene.sql().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_is_away_events_are_refused_and_afterwards_taken_without_a_restart() {
    if !broker_is_apache() {
        eprintln!("NOT TESTED: a broker that stops and comes back needs Apache Kafka");
        return;
    }
    let mut broker = Apache::start("gone-kafka", 1, Data::Temporary).await.unwrap();
    let database = TestDatabase::create().await;
    let mut kafka = shared_kafka();
    kafka.bootstrap_servers = broker.bootstrap_servers().to_owned();
    let urls = [database.owner_url(), database.consumer_url(), database.ingest_url()];
    let scene = Scene::on("gone", kafka, urls).await;
    scene.accept(&[event("impression", "p")]).await;

    broker.stop().await;
    let refused = eventually("events to be refused at once", PATIENCE, || async {
        let answer = scene.post_event(&event("impression", "p")).await;
        (answer.status() == 503).then_some(answer)
    });
    assert!(refused.await.headers().contains_key("retry-after"));
    eventually("ingest to say that it is not ready", PATIENCE, || async {
        (scene.admin_status(&scene.ingest, "/readyz").await == 503).then_some(())
    })
    .await;
    assert_eq!(scene.admin_status(&scene.ingest, "/livez").await, 200);
    eventually("the consumer to say that it is not ready", PATIENCE, || async {
        (scene.admin_status(&scene.consumer, "/readyz").await == 503).then_some(())
    })
    .await;

    broker.start_again().await.unwrap();
    let last = event("selection", "p");
    eventually("the same event to be accepted", PATIENCE, || async {
        (scene.post_event(&last).await.status() == 202).then_some(())
    })
    .await;
    // Refused events may have been kept by Kafka all the same; their senders would repeat them.
    eventually("the accepted events in the table", PATIENCE + Duration::from_secs(30), || async {
        let stats = scene.stats("p").await;
        (stats.impressions >= 1 && stats.selections == 1).then_some(())
    })
    .await;
    assert_aggregates_equal_rows(&mut scene.sql().await).await;

    let log = fs::read_to_string(scene.consumer.log()).unwrap();
    assert!(log.contains("Kafka is away; waiting for it"), "{log}");
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains(" WARN ")).collect();
    assert!(warnings.len() <= 5, "an outage is told, not repeated: {warnings:#?}");
}
