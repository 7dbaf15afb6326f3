//! The services with all their secrets in files, talkative and in trouble: none of it is in a log or a metric.

use std::fs;

use local::testing::{PASSWORD, TestDatabase, create_topic, eventually};
use local::{port, services};

use crate::scene::{PATIENCE, shared_kafka};

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_log_or_a_metric_however_much_is_logged() {
    let database = TestDatabase::create().await;
    let kafka = shared_kafka();
    for topic in [kafka.topic.clone(), format!("{}.dead-letter", kafka.topic)] {
        create_topic(&topic, i32::from(kafka.partitions)).await;
    }
    services::migrate("secrets-", &database.owner_url()).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, secret: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("{secret}\n")).unwrap();
        (name.to_owned(), path.display().to_string())
    };
    // A broker without authentication asks for no password, but the client is told one.
    let properties = "sasl.username=prompt\nsasl.password=s3cret-kafka";
    let log = ("LOG_FILTER".to_owned(), "trace".to_owned());
    let ingest_settings = [
        write("INGEST_WRITE_KEYS_FILE", "s3cret-old\ns3cret-new"),
        write("INGEST_READ_TOKEN_FILE", "s3cret-token"),
        write("KAFKA_PROPERTIES_FILE", properties),
        log.clone(),
    ];
    let consumer_settings = [write("KAFKA_PROPERTIES_FILE", properties), log];
    let (reader, writer) = (database.ingest_url(), database.consumer_url());
    let ingest = services::ingest("secrets-ingest", port::free(), &kafka, &reader, &ingest_settings);
    let consumer = services::consumer("secrets-consumer", &kafka, &writer, &consumer_settings);
    let (mut ingest, mut consumer) = (ingest.await.unwrap(), consumer.await.unwrap());

    let http = reqwest::Client::new();
    let post = async |key: &str, query: &str| {
        let url = format!("{}/api/telemetry/prompt{query}", ingest.url());
        let event = serde_json::json!({"eventType": "skip", "promptId": "p", "sessionId": "s"});
        http.post(url).bearer_auth(key).json(&event).send().await.unwrap().status().as_u16()
    };
    assert_eq!(post("s3cret-old", "").await, 202);
    assert_eq!(post("", "?key=s3cret-new").await, 202);
    assert_eq!(post("s3cret-wrong", "?key=s3cret-wrong").await, 401);
    let read = format!("{}/api/telemetry/prompts/performance", ingest.url());
    eventually("the events are read back", PATIENCE, async || {
        let answer = http.get(&read).bearer_auth("s3cret-token").send().await.unwrap();
        (answer.json::<serde_json::Value>().await.unwrap()["total"] == 1).then_some(())
    })
    .await;

    for service in [&ingest, &consumer] {
        let metrics = http.get(format!("{}/metrics", service.admin_url())).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        assert!(!metrics.contains("s3cret"), "{metrics}");
    }
    ingest.stop().await.unwrap();
    consumer.stop().await.unwrap();
    for service in [&ingest, &consumer] {
        let log = fs::read_to_string(service.log()).unwrap();
        assert!(log.contains("TRACE") || log.contains("DEBUG"), "it is talkative");
        let leaks: Vec<_> = log.lines().filter(|line| line.contains("s3cret")).collect();
        assert!(leaks.is_empty(), "{leaks:#?}");
        // The database's password is a common word, so it is looked for where a URL or a message has it.
        assert!(!log.contains(&format!(":{PASSWORD}@")), "a URL is in {}", service.log().display());
    }
}
