//! A pipeline of its own for one test: a fresh database and topic on the shared servers, and both services as processes.

use std::time::Duration;

use local::api::{Api, Stats};
use local::services::{self, Kafka, Service};
use local::testing::{TestDatabase, bootstrap_servers, create_topic, eventually, topic};
use local::{group, port};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Scene {
    pub(crate) ingest: Service,
    pub(crate) consumer: Service,
    pub(crate) kafka: Kafka,
    pub(crate) api: Api,
    pub(crate) owner_url: String,
    http: Client,
    // Dropped last: it drops the database.
    _database: Option<TestDatabase>,
}

impl Scene {
    /// On the servers that all tests share.
    pub(crate) async fn start(name: &str) -> Scene {
        let database = TestDatabase::create().await;
        let kafka = shared_kafka();
        // The services would create them, but not on the embedded broker.
        for topic in [kafka.topic.clone(), format!("{}.dead-letter", kafka.topic)] {
            create_topic(&topic, i32::from(kafka.partitions)).await;
        }
        let urls = [database.owner_url(), database.consumer_url(), database.ingest_url()];
        let scene = Self::on(name, kafka, urls).await;
        Scene { _database: Some(database), ..scene }
    }

    /// On a database with these URLs (owner, consumer, ingest) and any Kafka.
    pub(crate) async fn on(name: &str, kafka: Kafka, urls: [String; 3]) -> Scene {
        let [owner_url, consumer_url, ingest_url] = urls;
        services::migrate(&format!("{name}-"), &owner_url).await.unwrap();
        let consumer =
            services::consumer(&format!("{name}-consumer"), &kafka, &consumer_url, &[]).await.unwrap();
        let ingest = services::ingest(&format!("{name}-ingest"), port::free(), &kafka, &ingest_url, &[])
            .await
            .unwrap();
        let api = Api::new(ingest.url());
        let http = Client::builder().timeout(Duration::from_secs(15)).build().unwrap();
        Scene { ingest, consumer, kafka, api, owner_url, http, _database: None }
    }

    pub(crate) async fn post_event(&self, event: &Value) -> Response {
        self.post("/api/telemetry/prompt", event).await
    }

    pub(crate) async fn post_batch(&self, events: &[Value]) -> Response {
        self.post("/api/telemetry/prompt/batch", &json!({ "events": events })).await
    }

    /// Posts a batch of which everything must be accepted.
    pub(crate) async fn accept(&self, events: &[Value]) {
        let answer = self.post_batch(events).await;
        assert_eq!(answer.status(), 202);
        let body: Value = answer.json().await.unwrap();
        assert_eq!((&body["count"], &body["status"]), (&json!(events.len()), &json!("accepted")));
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.http.post(format!("{}{path}", self.ingest.url())).json(body).send().await.unwrap()
    }

    /// Waits until the table has exactly this many rows and the group has committed everything.
    pub(crate) async fn settled(&self, rows: i64) {
        let what = format!("{rows} rows and no lag");
        eventually(&what, PATIENCE, || async {
            let kafka = self.kafka.clone();
            let lag = tokio::task::spawn_blocking(move || group::lag(&kafka)).await.unwrap();
            (self.rows().await == rows && lag.ok() == Some(0)).then_some(())
        })
        .await;
    }

    pub(crate) async fn rows(&self) -> i64 {
        let mut connection = self.sql().await;
        sqlx::query_scalar("select count(*) from prompt_telemetry").fetch_one(&mut connection).await.unwrap()
    }

    pub(crate) async fn sql(&self) -> PgConnection {
        PgConnection::connect(&self.owner_url).await.unwrap()
    }

    pub(crate) async fn stats(&self, prompt_id: &str) -> Stats {
        self.api.stats(prompt_id, "").await.unwrap()
    }

    /// A number of a service's metrics page: the sum over all labels.
    pub(crate) async fn metric(&self, service: &Service, name: &str) -> f64 {
        let page = self.http.get(format!("{}/metrics", service.admin_url())).send().await.unwrap();
        let page = page.text().await.unwrap();
        let of_metric = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{'))
        };
        page.lines()
            .filter(of_metric)
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// The status of a path on a service's admin port.
    pub(crate) async fn admin_status(&self, service: &Service, path: &str) -> u16 {
        self.http.get(format!("{}{path}", service.admin_url())).send().await.unwrap().status().as_u16()
    }
}

/// A topic and group of this test alone on the shared broker.
pub(crate) fn shared_kafka() -> Kafka {
    let topic = topic();
    let group = format!("{topic}-group");
    Kafka { bootstrap_servers: bootstrap_servers(), topic, partitions: 4, replication: 1, group }
}

/// A valid event of a kind; ids are fresh.
pub(crate) fn event(kind: &str, prompt_id: &str) -> Value {
    json!({
        "id": uuid::Uuid::now_v7(), "eventType": kind, "promptId": prompt_id, "sessionId": "session",
        "timestamp": 1_769_860_800_000_i64,
    })
}
