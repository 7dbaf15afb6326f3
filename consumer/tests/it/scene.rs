//! A topic, a consumer group and a migrated database that one test has to itself, and what tests ask of them.

use std::time::Duration;

use clap::Parser;
use consumer::config::{Cli, Command, Config};
use consumer::migrate::migrate;
use consumer::server::Consumer;
use local::testing::{TestDatabase, bootstrap_servers, broker_is_apache, create_topic, eventually, topic};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use service::topics::ensure_topics;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Longer than anything may take, a rebalance after a crash included.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const PARTITIONS: i32 = 4;

/// The same aggregates by two ways, less what is equal. The right-hand one is plain SQL over the rows.
const DIFFERENCE: &str = "
    with truth as (
        select prompt_id,
            count(*) filter (where event_type = 'impression') as impressions,
            count(*) filter (where event_type = 'selection') as selections,
            count(*) filter (where event_type = 'completion') as completions,
            coalesce(round(count(*) filter (where event_type = 'selection')::numeric
                / nullif(count(*) filter (where event_type = 'impression'), 0), 4), 0)::float8 as selection_rate,
            round(avg(round(outcome_entropy_delta::numeric, 6)) filter (where event_type = 'completion'), 4)::float8
                as avg_entropy_delta,
            round(avg(outcome_dwell_time_ms) filter (where event_type = 'completion'), 0)::float8 as avg_dwell_time_ms,
            max(\"timestamp\") as last_surfaced
        from prompt_telemetry group by prompt_id)
    select count(*) from ((table truth except select * from prompt_performance)
        union all (select * from prompt_performance except table truth)) as difference";

pub(crate) struct Scene {
    pub(crate) database: TestDatabase,
    pub(crate) topic: String,
    producer: FutureProducer,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let scene = Self::unmigrated().await;
        migrate(&scene.database.owner_url()).await.unwrap();
        scene
    }

    pub(crate) async fn unmigrated() -> Self {
        let (database, topic) = (TestDatabase::create().await, topic());
        let scene = Self { database, topic, producer: producer() };
        if !broker_is_apache() {
            // It creates topics only in its own way.
            create_topic(&scene.topic, PARTITIONS).await;
            create_topic(&format!("{}.dead-letter", scene.topic), PARTITIONS).await;
        }
        ensure_topics(&scene.config(&[]).kafka, PATIENCE).await.unwrap();
        scene
    }

    pub(crate) fn arguments(&self, database_url: &str, more: &[&str]) -> Vec<String> {
        let common = [
            ("--database-url", database_url),
            ("--admin-listen", "127.0.0.1:0"),
            ("--group", &self.topic),
            ("--kafka-bootstrap-servers", &bootstrap_servers()),
            ("--kafka-topic", &self.topic),
            ("--kafka-partitions", &PARTITIONS.to_string()),
            ("--kafka-property", "session.timeout.ms=6000"),
            ("--kafka-property", "heartbeat.interval.ms=500"),
        ];
        let common = common.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value.to_owned()]);
        ["consumer".to_owned(), "run".to_owned()]
            .into_iter()
            .chain(common)
            .chain(more.iter().map(|&argument| argument.to_owned()))
            .collect()
    }

    pub(crate) fn config(&self, more: &[&str]) -> Config {
        self.config_as(&self.database.consumer_url(), more)
    }

    pub(crate) fn config_as(&self, database_url: &str, more: &[&str]) -> Config {
        match Cli::try_parse_from(self.arguments(database_url, more)).unwrap().command {
            Command::Run(config) => config,
            _ => unreachable!("it was told to run"),
        }
    }

    /// A consumer that has its partitions and its database.
    pub(crate) async fn start(&self, more: &[&str]) -> Consumer {
        let consumer = Consumer::start(self.config(more)).await.unwrap();
        wait_ready(&consumer).await;
        consumer
    }

    /// Sends records as intake does. Returns when all are acknowledged.
    pub(crate) async fn produce<'a>(&self, values: impl IntoIterator<Item = &'a String>) {
        self.produce_with(&self.producer, values).await;
    }

    /// The same by a client that knows nothing of what the topic was before.
    pub(crate) async fn produce_anew<'a>(&self, values: impl IntoIterator<Item = &'a String>) {
        self.produce_with(&producer(), values).await;
    }

    async fn produce_with<'a>(
        &self,
        producer: &FutureProducer,
        values: impl IntoIterator<Item = &'a String>,
    ) {
        let headers = || OwnedHeaders::new().insert(Header { key: "schema-version", value: Some("1") });
        let send = |(place, value): (usize, &'a String)| {
            let key = place.to_string();
            let record = FutureRecord::to(&self.topic).key(&key).payload(value).headers(headers());
            producer.send_result(record).map_err(|(error, _)| error).unwrap()
        };
        let sent: Vec<_> = values.into_iter().enumerate().map(send).collect();
        for delivery in sent {
            delivery.await.unwrap().map_err(|(error, _)| error).unwrap();
        }
    }

    pub(crate) async fn produce_record(&self, record: FutureRecord<'_, [u8], [u8]>) {
        self.producer.send(record, PATIENCE).await.map_err(|(error, _)| error).unwrap();
    }

    /// The name of the database.
    pub(crate) fn database_name(&self) -> String {
        self.database.superuser_url().rsplit_once('/').unwrap().1.to_owned()
    }

    /// Ends the sessions of the consumer.
    pub(crate) async fn end_sessions(&self) {
        let end = "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and application_name = 'prompt-telemetry-consumer'";
        execute(&mut self.superuser().await, end).await;
    }

    pub(crate) async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.database.owner_url()).await.unwrap()
    }

    pub(crate) async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&self.database.superuser_url()).await.unwrap()
    }

    pub(crate) async fn count(&self, query: &str) -> i64 {
        count(&mut self.superuser().await, query).await
    }

    pub(crate) async fn rows(&self) -> i64 {
        self.count("select count(*) from prompt_telemetry").await
    }

    /// Waits for exactly so many rows; more than that fails at once.
    pub(crate) async fn wait_for_rows(&self, wanted: i64) {
        let mut connection = self.superuser().await;
        let connection = &mut connection;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let rows = count(connection, "select count(*) from prompt_telemetry").await;
            assert!(rows <= wanted, "{rows} rows instead of {wanted}");
            if rows == wanted {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "waited in vain: {rows} rows instead of {wanted}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn assert_aggregates_equal_the_rows(&self) {
        assert_eq!(self.count(DIFFERENCE).await, 0, "prompt_performance differs from the rows");
    }

    /// Waits until a backend of the consumer waits for somebody else's lock.
    pub(crate) async fn wait_for_blocked_writer(&self) {
        let blocked = "select count(*) from pg_stat_activity where datname = current_database()
            and application_name = 'prompt-telemetry-consumer' and wait_event_type = 'Lock'";
        eventually("the consumer waits for a lock", PATIENCE, || async {
            (self.count(blocked).await > 0).then_some(())
        })
        .await;
    }

    /// The sum of the group's committed offsets: how many records count as done.
    pub(crate) fn committed(&self) -> i64 {
        let offsets = self.group().committed_offsets(self.partitions(&self.topic), PATIENCE).unwrap();
        offsets
            .elements()
            .iter()
            .filter_map(|partition| partition.offset().to_raw())
            .filter(|&offset| offset > 0)
            .sum()
    }

    pub(crate) async fn wait_for_committed(&self, wanted: i64) {
        eventually(&format!("offsets sum up to {wanted}"), PATIENCE, || async {
            (self.committed() == wanted).then_some(())
        })
        .await;
    }

    /// Makes the group, which must have no members, begin anew.
    pub(crate) fn reset_offsets(&self) {
        let mut offsets = self.partitions(&self.topic);
        offsets.set_all_offsets(Offset::Offset(0)).unwrap();
        self.group().commit(&offsets, CommitMode::Sync).unwrap();
    }

    /// Waits for so many dead letters and reads them; more than that fails.
    pub(crate) async fn dead_letters(&self, wanted: usize) -> Vec<OwnedMessage> {
        self.read(&format!("{}.dead-letter", self.topic), wanted).await
    }

    /// The same for the records on the events' topic.
    pub(crate) async fn records(&self, wanted: usize) -> Vec<OwnedMessage> {
        self.read(&self.topic, wanted).await
    }

    /// How many records were ever on the events' topic.
    pub(crate) fn end(&self) -> i64 {
        self.ends(&self.group(), &self.topic)
    }

    async fn read(&self, topic: &str, wanted: usize) -> Vec<OwnedMessage> {
        let reader = self.group();
        let mut start = self.partitions(topic);
        start.set_all_offsets(Offset::Beginning).unwrap();
        reader.assign(&start).unwrap();
        let wanted_sum = wanted as i64;
        eventually(&format!("{wanted} records on {topic}"), PATIENCE, || async {
            (self.ends(&reader, topic) >= wanted_sum).then_some(())
        })
        .await;
        assert_eq!(self.ends(&reader, topic), wanted_sum, "records on {topic}");
        let read = || reader.poll(PATIENCE).expect("a record comes").unwrap().detach();
        (0..wanted).map(|_| read()).collect()
    }

    fn ends(&self, reader: &BaseConsumer, topic: &str) -> i64 {
        (0..PARTITIONS).map(|it| reader.fetch_watermarks(topic, it, PATIENCE).unwrap().1).sum()
    }

    fn group(&self) -> BaseConsumer {
        ClientConfig::new()
            .set("bootstrap.servers", bootstrap_servers())
            .set("group.id", &self.topic)
            .set("enable.auto.commit", "false")
            .set("fetch.message.max.bytes", "8000000")
            .create()
            .unwrap()
    }

    fn partitions(&self, topic: &str) -> TopicPartitionList {
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_range(topic, 0, PARTITIONS - 1);
        partitions
    }
}

fn producer() -> FutureProducer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers())
        .set("message.max.bytes", "8000000")
        .set("linger.ms", "5")
        .create()
        .unwrap()
}

pub(crate) async fn wait_ready(consumer: &Consumer) {
    let url = format!("http://{}/readyz", consumer.admin_addr());
    eventually("the consumer is ready", PATIENCE, || async {
        reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()).then_some(())
    })
    .await;
}

/// Waits until the consumer is not ready, with this word in the reason.
pub(crate) async fn wait_unready(consumer: &Consumer, word: &str) {
    eventually(&format!("the readiness speaks of {word}"), PATIENCE, || async {
        let (status, text) = readiness(consumer).await;
        (status == 503 && text.contains(word)).then_some(())
    })
    .await;
}

/// The status and the text of the readiness.
pub(crate) async fn readiness(consumer: &Consumer) -> (u16, String) {
    let answer = reqwest::get(format!("http://{}/readyz", consumer.admin_addr())).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Connects to another database of the same server than the scene's own.
pub(crate) async fn neighbour(scene: &Scene) -> PgConnection {
    let url = scene.database.superuser_url();
    let (server, _) = url.rsplit_once('/').unwrap();
    PgConnection::connect(&format!("{server}/postgres")).await.unwrap()
}

/// Stops it and expects a clean end.
pub(crate) async fn stop(mut consumer: Consumer) {
    consumer.stop();
    tokio::time::timeout(PATIENCE, consumer.wait()).await.expect("it stops in time").unwrap();
}

pub(crate) async fn execute(connection: &mut PgConnection, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(connection).await.unwrap();
}

pub(crate) async fn count(connection: &mut PgConnection, query: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(connection).await.unwrap()
}

/// A header's text; the last one of that name.
pub(crate) fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let found = headers.iter().filter(|header| header.key == name).last()?;
    Some(String::from_utf8(found.value?.to_vec()).unwrap())
}
