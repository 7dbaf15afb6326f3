//! One guarded Kafka and one PostgreSQL with TLS for all tests here, with the rights that `deploy/` gives.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use local::certificates::{Authority, Certificate, HOST};
use local::kafka::{Apache, Guard, MECHANISM, Tools};
use local::postgres::{Cluster, Database, Options};
use local::process::Program;
use local::services::{self, Kafka, Service};
use local::{place, port, testing};
use tempfile::TempDir;
use tokio::sync::Mutex;

pub(crate) const TOPIC: &str = "prompt-telemetry";
pub(crate) const LETTERS: &str = "prompt-telemetry.dead-letter";
pub(crate) const GROUP: &str = "prompt-telemetry-consumer";
/// Ingest's login at Kafka.
pub(crate) const INGEST: &str = "telemetry-ingest";
/// The consumer's.
pub(crate) const CONSUMER: &str = "telemetry-consumer";
/// Whoever looks after dead letters.
pub(crate) const OPERATOR: &str = "telemetry-operator";
/// May write to the topic and see both, and not even ask how they are set.
pub(crate) const BARE: &str = "telemetry-bare";
/// May make topics of its own.
pub(crate) const FOUNDER: &str = "telemetry-founder";
/// The topic that it may make.
pub(crate) const FOUNDED: &str = "founded";
/// Has a password and no right at all.
pub(crate) const STRANGER: &str = "telemetry-stranger";

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The servers. They are gone with the last test that uses them.
pub(crate) struct Scene {
    pub(crate) kafka: Apache,
    pub(crate) postgres: Cluster,
    pub(crate) database: Database,
    pub(crate) authority: Authority,
    /// Nobody's servers are signed by it.
    pub(crate) wrong_authority: Authority,
    pub(crate) ingest_certificate: Certificate,
    pub(crate) consumer_certificate: Certificate,
    /// Held by whoever has a consumer in the one group that the rights allow, until that has left it: another member, or
    /// one that was killed and is waited for, would get a share of the partitions.
    pub(crate) membership: Mutex<()>,
    folder: TempDir,
}

impl Scene {
    /// The one that runs, or a new one; none where Apache Kafka can't be had, which `local test` says in its last lines.
    pub(crate) async fn shared() -> Option<Arc<Scene>> {
        static SHARED: Mutex<Weak<Scene>> = Mutex::const_new(Weak::new());
        if !testing::broker_is_apache() {
            return None;
        }
        let mut shared = SHARED.lock().await;
        if let Some(scene) = shared.upgrade() {
            return Some(scene);
        }
        let scene = Arc::new(Scene::start().await);
        *shared = Arc::downgrade(&scene);
        Some(scene)
    }

    async fn start() -> Scene {
        let folder = TempDir::new().unwrap();
        let make = async |name| {
            let own = folder.path().join(name);
            fs::create_dir(&own).unwrap();
            Authority::new(&own, name).await.unwrap()
        };
        let (authority, wrong_authority) = (make("authority").await, make("wrong-authority").await);
        let server = authority.issue("server").await.unwrap();
        let logins = [INGEST, CONSUMER, OPERATOR, BARE, FOUNDER, STRANGER];
        let guard = Guard::new(&server, &authority, &logins, folder.path()).unwrap();
        let options = Options { certificate: Some(server), ..Options::fast("rights-postgres") };
        let (kafka, postgres) =
            tokio::join!(Apache::start_guarded("rights-kafka", guard), Cluster::temporary(options));
        let (kafka, postgres) = (kafka.unwrap(), postgres.unwrap());
        let database = postgres.database("telemetry").await.unwrap();
        let scene = Scene {
            ingest_certificate: authority.issue(INGEST).await.unwrap(),
            consumer_certificate: authority.issue(CONSUMER).await.unwrap(),
            kafka,
            postgres,
            database,
            authority,
            wrong_authority,
            membership: Mutex::new(()),
            folder,
        };
        let owner = scene.verified(&scene.database.owner_url);
        tokio::join!(scene.grant(), async { services::migrate("rights-", &owner).await.unwrap() });
        scene
    }

    /// Runs the script that `deploy/` has for it, and gives two logins rights of another cut.
    async fn grant(&self) {
        let tools = Tools::install(self.folder()).await.unwrap();
        let settings = self.folder().join("administrator.properties");
        fs::write(&settings, self.guard().administrators_tools()).unwrap();
        let server = ["--bootstrap-server".into(), self.kafka.bootstrap_servers().to_owned()];
        let server = [&server[..], &["--command-config".into(), settings.display().to_string()]].concat();

        let script = place::root().join("deploy/kafka/rights.sh");
        let mut rights = Program::new("rights-script", script).unwrap().with(&server);
        let mut set = |name: &str, value: String| rights.environment.push((name.to_owned(), value));
        set("PATH", tools.path());
        set("INGEST_LOGIN", format!("User:{INGEST}"));
        set("CONSUMER_LOGIN", format!("User:{CONSUMER}"));
        set("OPERATOR_LOGIN", format!("User:{OPERATOR}"));
        set("KAFKA_PARTITIONS", "3".to_owned());
        set("KAFKA_REPLICATION", "1".to_owned());

        let more = |login: &str, operations: &[&str], topic: &str| {
            let tool = self.folder().join("kafka-acls.sh");
            let operations = operations.iter().flat_map(|operation| ["--operation", operation]);
            let rights = Program::new(&format!("rights-of-{login}"), tool).unwrap().with(&server);
            rights.with(["--add", "--allow-principal", &format!("User:{login}")]).with(operations).with([
                "--topic",
                topic,
                "--topic",
                &format!("{topic}.dead-letter"),
            ])
        };
        let bare = more(BARE, &["Write", "Describe"], TOPIC);
        let founder = more(FOUNDER, &["Create", "Write", "Describe"], FOUNDED);
        let more = async { bare.run(PATIENCE).await.and(founder.run(PATIENCE).await) };
        let (rights, more) = tokio::join!(rights.run(2 * PATIENCE), more);
        rights.and(more).unwrap();
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn guard(&self) -> &Guard {
        self.kafka.guard().unwrap()
    }

    /// `localhost:PORT` for clients with a password.
    pub(crate) fn password_servers(&self) -> String {
        format!("{HOST}:{}", self.guard().password_port())
    }

    /// `localhost:PORT` for clients with a certificate.
    pub(crate) fn certificate_servers(&self) -> String {
        format!("{HOST}:{}", self.guard().certificate_port())
    }

    /// What a client with a password sets.
    pub(crate) fn with_password(&self, login: &str) -> Vec<(&'static str, String)> {
        vec![
            ("security.protocol", "sasl_ssl".to_owned()),
            ("sasl.mechanism", MECHANISM.to_owned()),
            ("sasl.username", login.to_owned()),
            ("sasl.password", self.guard().password().to_owned()),
            ("ssl.ca.location", text(&self.authority.own.chain)),
        ]
    }

    /// What a client with a certificate sets.
    pub(crate) fn with_certificate(&self, own: &Certificate) -> Vec<(&'static str, String)> {
        vec![
            ("security.protocol", "ssl".to_owned()),
            ("ssl.certificate.location", text(&own.chain)),
            ("ssl.key.location", text(&own.key)),
            ("ssl.ca.location", text(&self.authority.own.chain)),
        ]
    }

    /// A database URL by which the server must prove to be the one that is meant.
    pub(crate) fn verified(&self, url: &str) -> String {
        let url = url.replace("127.0.0.1", HOST);
        format!("{url}?sslmode=verify-full&sslrootcert={}", self.authority.own.chain.display())
    }

    /// Ingest, not started yet, on these servers with these properties.
    pub(crate) fn ingest(
        &self,
        name: &str,
        servers: &str,
        properties: &[(&str, String)],
        url: &str,
    ) -> Service {
        self.ingest_on(name, &kafka(servers, TOPIC), properties, url)
    }

    pub(crate) fn ingest_on(
        &self,
        name: &str,
        kafka: &Kafka,
        properties: &[(&str, String)],
        url: &str,
    ) -> Service {
        let name = format!("rights-{name}");
        services::idle_ingest(&name, port::free(), kafka, url, &[environment(properties)]).unwrap()
    }

    /// The consumer, not started yet.
    pub(crate) fn consumer(
        &self,
        name: &str,
        servers: &str,
        properties: &[(&str, String)],
        url: &str,
    ) -> Service {
        let (name, kafka) = (format!("rights-{name}"), kafka(servers, TOPIC));
        services::idle_consumer(&name, &kafka, url, &[environment(properties)]).unwrap()
    }
}

pub(crate) fn kafka(servers: &str, topic: &str) -> Kafka {
    Kafka {
        bootstrap_servers: servers.to_owned(),
        topic: topic.to_owned(),
        partitions: 3,
        replication: 1,
        group: GROUP.to_owned(),
    }
}

fn environment(properties: &[(&str, String)]) -> (String, String) {
    let lines: Vec<String> = properties.iter().map(|(name, value)| format!("{name}={value}")).collect();
    ("KAFKA_PROPERTIES".to_owned(), lines.join("\n"))
}

pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}

/// An event with a prompt of its own.
pub(crate) fn event(prompt_id: &str) -> serde_json::Value {
    serde_json::json!({
        "id": uuid::Uuid::now_v7(), "eventType": "impression", "promptId": prompt_id, "sessionId": "session",
    })
}
