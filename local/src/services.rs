//! The built executables of ingest and consumer as child processes on free ports.
//!
//! Each gets exactly the environment written here, so that no setting of the person's shell changes what it does, and
//! counts as started when its `/readyz` says so. Knows their settings' names and their admin port, nothing else.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::error::Error;
use crate::place;
use crate::port;
use crate::process::{Process, Program};

const READY_DEADLINE: Duration = Duration::from_secs(60);
const MIGRATE_DEADLINE: Duration = Duration::from_secs(120);
/// Above the 25 s that a service takes at most to drain.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// What both services must know about Kafka.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// HOST:PORT, separated by commas.
    pub bootstrap_servers: String,
    /// The events' topic; dead letters have one of their own beside it.
    pub topic: String,
    /// How many partitions a new topic gets.
    pub partitions: u16,
    /// How many copies of each.
    pub replication: u16,
    /// The consumers' group.
    pub group: String,
}

/// A service that runs, or was stopped to be started again. Dropping it kills it.
#[derive(Debug)]
pub struct Service {
    program: Program,
    process: Option<Process>,
    url: Option<String>,
    admin_url: String,
}

impl Service {
    /// Where it takes requests, such as `http://127.0.0.1:8080`; a consumer takes none.
    ///
    /// # Panics
    /// When it is a consumer.
    pub fn url(&self) -> &str {
        self.url.as_deref().expect("only ingest is asked for its address")
    }

    /// Where its metrics and health are.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// Its log file.
    pub fn log(&self) -> &Path {
        &self.program.log
    }

    /// Its process id while it runs.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Starts it on its ports and waits until it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in time.
    pub async fn start_again(&mut self) -> Result<(), Error> {
        self.launch()?;
        self.ready().await
    }

    /// Starts it without waiting for anything; for tests that start it while its surroundings are down.
    ///
    /// # Errors
    /// When the system can't start a process.
    pub fn launch(&mut self) -> Result<(), Error> {
        self.process = Some(self.program.start()?);
        Ok(())
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in time.
    pub async fn ready(&mut self) -> Result<(), Error> {
        self.until_well("/readyz").await
    }

    /// Waits until it is alive: earlier it would not know what to do with a signal.
    ///
    /// # Errors
    /// When it ends or is not alive in time.
    pub async fn alive(&mut self) -> Result<(), Error> {
        self.until_well("/livez").await
    }

    async fn until_well(&mut self, path: &str) -> Result<(), Error> {
        let start = Instant::now();
        let url = format!("{}{path}", self.admin_url);
        let client = reqwest::Client::new();
        while start.elapsed() < READY_DEADLINE {
            let asked = client.get(&url).timeout(Duration::from_secs(2)).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.process.as_mut().and_then(Process::status) {
                return Err(self.program.failed(format!("ended before {path} was well ({status})")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let seconds = READY_DEADLINE.as_secs();
        Err(self.program.failed(format!("was not ready within {seconds} s ({path})")))
    }

    /// Asks it to finish and waits; it is killed when it doesn't.
    ///
    /// # Errors
    /// When it had to be killed, or had failed.
    pub async fn stop(&mut self) -> Result<(), Error> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        if !process.stop(Signal::SIGTERM, STOP_GRACE).await {
            return Err(self.program.failed(format!("did not stop within {} s", STOP_GRACE.as_secs())));
        }
        match process.status() {
            Some(status) if !status.success() => Err(self.program.failed(format!("ended badly ({status})"))),
            _ => Ok(()),
        }
    }

    /// Kills it without warning.
    pub async fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9().await;
        }
    }

    /// Freezes it.
    pub fn pause(&mut self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a frozen one go on.
    pub fn resume(&mut self) {
        self.signal(Signal::SIGCONT);
    }

    /// Whether it runs (a frozen one does).
    pub fn runs(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.status().is_none())
    }

    /// Waits until it ends by itself, which a service never should.
    pub async fn ended(&mut self) -> Error {
        loop {
            let why = match self.process.as_mut().map(Process::status) {
                None => "does not run".to_owned(),
                Some(Some(status)) => format!("ended by itself ({status})"),
                Some(None) => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            };
            return self.program.failed(why);
        }
    }

    fn signal(&mut self, signal: Signal) {
        if let Some(process) = &mut self.process {
            process.signal(signal);
        }
    }
}

/// Runs `consumer migrate` as the database's owner.
///
/// # Errors
/// When it fails.
pub async fn migrate(name: &str, owner_url: &str) -> Result<(), Error> {
    let mut program = executable(&format!("{name}migrate"), "consumer")?.with(["migrate"]);
    program.environment.push(("MIGRATE_DATABASE_URL".to_owned(), owner_url.to_owned()));
    program.run(MIGRATE_DEADLINE).await
}

/// Starts `consumer run`, with the settings of `more` on top, and waits until it is ready. `name` is its log's.
///
/// # Errors
/// When it does not become ready.
pub async fn consumer(
    name: &str,
    kafka: &Kafka,
    database_url: &str,
    more: &[(String, String)],
) -> Result<Service, Error> {
    started(idle_consumer(name, kafka, database_url, more)?).await
}

/// The same, laid out but not started yet.
///
/// # Errors
/// When there is no such executable.
pub fn idle_consumer(
    name: &str,
    kafka: &Kafka,
    database_url: &str,
    more: &[(String, String)],
) -> Result<Service, Error> {
    let mut program = executable(name, "consumer")?.with(["run"]);
    program.environment = kafka_environment(kafka);
    let admin = address(port::free());
    let own = [("CONSUMER_DATABASE_URL", database_url), ("CONSUMER_ADMIN_LISTEN", &admin)];
    program.environment.extend(owned(own));
    program.environment.extend(owned([("CONSUMER_GROUP", kafka.group.as_str())]));
    program.environment.extend_from_slice(more);
    Ok(Service { program, process: None, url: None, admin_url: format!("http://{admin}") })
}

/// Starts `ingest` on `listen` (a loopback port), with the settings of `more` on top, and waits until it is ready. It
/// serves the web pages when they are built. `name` is its log's.
///
/// # Errors
/// When it does not become ready.
pub async fn ingest(
    name: &str,
    listen: u16,
    kafka: &Kafka,
    database_url: &str,
    more: &[(String, String)],
) -> Result<Service, Error> {
    started(idle_ingest(name, listen, kafka, database_url, more)?).await
}

/// The same, laid out but not started yet.
///
/// # Errors
/// When there is no such executable.
pub fn idle_ingest(
    name: &str,
    listen: u16,
    kafka: &Kafka,
    database_url: &str,
    more: &[(String, String)],
) -> Result<Service, Error> {
    let mut program = executable(name, "ingest")?;
    program.environment = kafka_environment(kafka);
    let (public, admin) = (address(listen), address(port::free()));
    let own = [
        ("INGEST_LISTEN", public.as_str()),
        ("INGEST_ADMIN_LISTEN", &admin),
        ("INGEST_DATABASE_URL", database_url),
    ];
    program.environment.extend(owned(own));
    let pages = place::root().join("web/demo/dist");
    if pages.is_dir() {
        program.environment.push(("INGEST_WEB_DIR".to_owned(), pages.display().to_string()));
    }
    program.environment.extend_from_slice(more);
    let (url, admin_url) = (Some(format!("http://{public}")), format!("http://{admin}"));
    Ok(Service { program, process: None, url, admin_url })
}

async fn started(mut service: Service) -> Result<Service, Error> {
    service.start_again().await?;
    Ok(service)
}

fn kafka_environment(kafka: &Kafka) -> Vec<(String, String)> {
    let (partitions, replication) = (kafka.partitions.to_string(), kafka.replication.to_string());
    owned([
        ("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers.as_str()),
        ("KAFKA_TOPIC", &kafka.topic),
        ("KAFKA_PARTITIONS", &partitions),
        ("KAFKA_REPLICATION", &replication),
    ])
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// The built executable, next to the running one (a test runs one folder deeper), otherwise in `target/debug`.
fn executable(name: &str, binary: &str) -> Result<Program, Error> {
    let own = std::env::current_exe().unwrap_or_default();
    let beside: Vec<PathBuf> = own.ancestors().skip(1).take(2).map(|folder| folder.join(binary)).collect();
    let found = beside.into_iter().chain([place::root().join("target/debug").join(binary)]);
    let path = found.into_iter().find(|path| path.is_file()).ok_or_else(|| Error::Missing {
        what: format!("the executable {binary}"),
        remedy: "run `cargo build --workspace --bins`".to_owned(),
    })?;
    let mut program = Program::new(name, path)?;
    program.inherits = false;
    Ok(program)
}
