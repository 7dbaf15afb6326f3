//! What the integration tests of every crate stand on: fresh databases, unused topics and patience.
//!
//! The servers are started once by `local test`, which passes their addresses in the environment; a test that
//! finds none says which command to run. Everything here panics instead of returning errors, since a test that
//! lacks its surroundings has failed. Knows nothing of the services.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, Producer};
use reqwest::Url;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::logins;

/// The password of every login on the test cluster, those that a test creates for itself included.
pub const PASSWORD: &str = "telemetry";

/// The variable with the URL of the test cluster's superuser.
pub const POSTGRES_VARIABLE: &str = "TEST_POSTGRES_URL";
/// The variable with the bootstrap servers of the test broker.
pub const KAFKA_VARIABLE: &str = "TEST_KAFKA_BOOTSTRAP_SERVERS";
/// The variable that says what the broker is: `apache` or `embedded`.
pub const BROKER_VARIABLE: &str = "TEST_BROKER";

const METADATA_DEADLINE: Duration = Duration::from_secs(30);

/// A fresh database of its own for one test. Dropping it drops the database, as well as it can.
#[derive(Debug)]
pub struct TestDatabase {
    superuser: Url,
}

impl TestDatabase {
    /// An empty database owned by `telemetry_owner`; the deployment's logins exist and are members of their groups.
    ///
    /// # Panics
    /// When the test cluster is not there or refuses.
    pub async fn create() -> TestDatabase {
        let server = server_url();
        let name = format!("test_{}", Uuid::new_v4().simple());
        let mut connection = connect(&server).await;
        logins::ensure(&mut connection, PASSWORD).await.expect("the test cluster takes new logins");
        logins::create_database(&mut connection, &name).await.expect("the test cluster takes a new database");
        connection.close().await.expect("the connection to the test cluster closes");
        let mut superuser = server;
        superuser.set_path(&name);
        TestDatabase { superuser }
    }

    /// The URL of the cluster's superuser.
    pub fn superuser_url(&self) -> String {
        self.superuser.to_string()
    }

    /// The URL of the database's owner, who runs the migrations.
    pub fn owner_url(&self) -> String {
        self.url_as(logins::OWNER)
    }

    /// The URL of the consumer's login.
    pub fn consumer_url(&self) -> String {
        self.url_as(logins::CONSUMER)
    }

    /// The URL of the login that ingest reads with.
    pub fn ingest_url(&self) -> String {
        self.url_as(logins::INGEST)
    }

    /// The test cluster's port on this machine.
    pub fn port(&self) -> u16 {
        self.superuser.port().unwrap_or(5432)
    }

    /// The URL of any other login, whose password is [`PASSWORD`].
    pub fn url_as(&self, login: &str) -> String {
        let mut url = self.superuser.clone();
        url.set_username(login).expect("a postgres URL has room for a login");
        url.set_password(Some(PASSWORD)).expect("a postgres URL has room for a password");
        url.to_string()
    }
}

impl Drop for TestDatabase {
    /// On a thread and runtime of its own: the test's runtime may be ending, and may not be blocked. An error is
    /// ignored, since the whole cluster goes when the tests end.
    fn drop(&mut self) {
        let name = self.superuser.path().trim_start_matches('/').to_owned();
        let dropper = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(drop_database(&name)).map_err(std::io::Error::other)
        });
        let _best_effort = dropper.join();
    }
}

/// The bootstrap servers of the broker that all tests share.
///
/// # Panics
/// When there is none.
pub fn bootstrap_servers() -> String {
    variable(KAFKA_VARIABLE)
}

/// Whether the shared broker is a real Apache Kafka rather than the embedded stand-in.
///
/// # Panics
/// When there is no broker.
pub fn broker_is_apache() -> bool {
    variable(BROKER_VARIABLE) == "apache"
}

/// A topic name that nobody else uses. The topic does not exist yet; the embedded broker makes it when asked for.
pub fn topic() -> String {
    format!("test-{}", Uuid::new_v4().simple())
}

/// Makes the topic on the shared broker, whichever it is, with `partitions` partitions (4 on the embedded one, which
/// makes topics only by itself, when a producer asks about one).
///
/// # Panics
/// When the broker refuses.
pub async fn create_topic(topic: &str, partitions: i32) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers());
    if broker_is_apache() {
        let admin: AdminClient<DefaultClientContext> = config.create().expect("an admin client can be made");
        let wanted = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let answer = admin.create_topics([&wanted], &AdminOptions::new()).await.expect("the broker answers");
        assert!(answer.iter().all(Result::is_ok), "the topic was refused: {answer:?}");
    }
    let producer: BaseProducer = config.create().expect("a producer can be made");
    eventually("the new topic to have leaders", METADATA_DEADLINE, || async {
        let metadata = producer.client().fetch_metadata(Some(topic), Duration::from_secs(1)).ok()?;
        let partitions = metadata.topics().first()?.partitions();
        (!partitions.is_empty() && partitions.iter().all(|partition| partition.leader() >= 0)).then_some(())
    })
    .await;
}

/// Calls `probe` until it answers `Some`, every 20 ms to begin with and every 250 ms in the end.
///
/// # Panics
/// When `deadline` has passed; the message has `what` was awaited and how long.
pub async fn eventually<T, F, Fut>(what: &str, deadline: Duration, mut probe: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let start = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        let left = deadline.saturating_sub(start.elapsed());
        match tokio::time::timeout(left, probe()).await {
            Ok(Some(value)) => return value,
            Ok(None) if start.elapsed() < deadline => tokio::time::sleep(pause).await,
            Ok(None) | Err(_) => panic!("waited {:.1?} in vain: {what}", start.elapsed()),
        }
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}

fn server_url() -> Url {
    Url::parse(&variable(POSTGRES_VARIABLE)).expect("the test cluster's URL is a URL")
}

async fn connect(url: &Url) -> PgConnection {
    PgConnection::connect(url.as_str()).await.expect("the test cluster answers; run `make test`")
}

async fn drop_database(name: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(server_url().as_str()).await?;
    let statement = format!("drop database if exists \"{name}\" with (force)");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no command line: `local test` can only hand them variables"
)]
fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run `make test`, which starts the servers"))
}
