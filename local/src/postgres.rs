//! A PostgreSQL cluster of our own, run on a free loopback port by the system's binaries or by those of another major.
//!
//! TCP only, every login with a password. As root an unprivileged user runs it. It can be stopped, killed and
//! started again on the same data and port. Knows nothing of tables; the roles are those of [`logins`].

mod encryption;
mod installation;
mod release;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, chown};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::certificates::Certificate;
use crate::error::Error;
use crate::footprint;
use crate::logins;
use crate::place::{self, Temporary};
use crate::port;
use crate::postgres::installation::Installation;
use crate::process::{Process, Program};

pub use crate::postgres::release::MAJORS;

const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_GRACE: Duration = Duration::from_secs(20);

/// What kind of cluster is wanted.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of its log.
    pub name: String,
    /// The major version, one of [`MAJORS`], which is fetched once; the system's when absent.
    pub major: Option<u32>,
    /// Whether what is committed survives a power cut. Tests do without, for speed.
    pub durable: bool,
    /// How many clients may be connected at once.
    pub max_connections: u16,
    /// Further settings of postgresql.conf, name and value.
    pub settings: Vec<(String, String)>,
    /// The password of all logins; a random one when absent.
    pub password: Option<String>,
    /// What it shows to clients that ask for TLS; without one it refuses them.
    pub certificate: Option<Certificate>,
}

impl Options {
    /// As safe as PostgreSQL is by default: for the demo and the benchmarks.
    pub fn durable(name: &str) -> Options {
        Options {
            name: name.to_owned(),
            major: None,
            durable: true,
            max_connections: 100,
            settings: Vec::new(),
            password: None,
            certificate: None,
        }
    }

    /// Without fsync and with room for many test connections; what is committed survives the server's death, but not the
    /// machine's.
    pub fn fast(name: &str) -> Options {
        Options { durable: false, max_connections: 300, ..Options::durable(name) }
    }
}

/// The URLs of one database, one for each login.
#[derive(Clone, Debug)]
pub struct Database {
    /// The administrator's.
    pub superuser_url: String,
    /// The owner's, who runs the migrations.
    pub owner_url: String,
    /// The consumer's.
    pub consumer_url: String,
    /// Ingest's, for the read routes.
    pub ingest_url: String,
}

/// One of the system's client programs, such as `pg_dump`, whose log has `name`.
///
/// # Errors
/// When PostgreSQL is not installed.
pub fn client(name: &str, binary: &str) -> Result<Program, Error> {
    Installation::of_the_system()?.client(name, binary)
}

/// A PostgreSQL server with its data. Dropping it stops the server, and removes the data when it is temporary.
#[derive(Debug)]
pub struct Cluster {
    // Before the folder, so that the server is gone when its files go.
    process: Option<Process>,
    program: Program,
    port: u16,
    password: String,
    version: String,
    _temporary: Option<Temporary>,
}

impl Cluster {
    /// A new cluster whose data goes with it.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start.
    pub async fn temporary(options: Options) -> Result<Cluster, Error> {
        let temporary = Temporary::new(&options.name)?;
        let folder = temporary.path().to_owned();
        Cluster::start(options, &folder, Some(temporary)).await
    }

    /// The cluster of this checkout, linked from `.local/postgres`: made when missing, kept afterwards. The caller
    /// holds [`place::lock`].
    ///
    /// # Errors
    /// When PostgreSQL is not installed, its version does not fit the data, or it does not start.
    pub async fn kept(options: Options) -> Result<Cluster, Error> {
        let folder = place::kept("postgres")?;
        fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
        Cluster::start(options, &folder, None).await
    }

    /// The server's version, such as `15.18`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The loopback port it listens on, the same for its whole life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The administrator's URL, to the database `postgres`.
    pub fn superuser_url(&self) -> String {
        self.url("postgres", "postgres")
    }

    /// The database `name`, made when missing, empty then, and owned by [`logins::OWNER`]; the logins are made too.
    ///
    /// # Errors
    /// The server's.
    pub async fn database(&self, name: &str) -> Result<Database, Error> {
        let mut connection = self.connect().await.map_err(Error::database("log the administrator in"))?;
        logins::ensure(&mut connection, &self.password).await.map_err(Error::database("make the logins"))?;
        let exists = sqlx::query_scalar("select exists (select from pg_database where datname = $1)");
        let exists = exists.bind(name).fetch_one(&mut connection).await;
        if !exists.map_err(Error::database("list its databases"))? {
            let created = logins::create_database(&mut connection, name).await;
            created.map_err(Error::database("make the database"))?;
        }
        connection.close().await.map_err(Error::database("close the connection"))?;
        Ok(Database {
            superuser_url: self.url("postgres", name),
            owner_url: self.url(logins::OWNER, name),
            consumer_url: self.url(logins::CONSUMER, name),
            ingest_url: self.url(logins::INGEST, name),
        })
    }

    /// Stops the server in order: clients are disconnected, everything is written.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop(Signal::SIGINT, STOP_GRACE).await;
        }
    }

    /// Kills the server without warning.
    pub async fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9().await;
        }
    }

    /// Freezes the server and every backend: connections stay open and nothing answers.
    pub fn pause(&mut self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a frozen one go on.
    pub fn resume(&mut self) {
        self.signal(Signal::SIGCONT);
    }

    /// Starts the stopped or killed server on the same data and port, and waits until it answers.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub async fn start_again(&mut self) -> Result<(), Error> {
        let start = Instant::now();
        self.process = Some(self.program.start()?);
        while start.elapsed() < START_DEADLINE {
            if self.connect().await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            let process = self.process.as_mut().expect("it was started above");
            if let Some(status) = process.status() {
                // The children of a killed server need a moment to notice, and hold its memory until then.
                if !self.program.log_tail().contains("pre-existing shared memory block") {
                    return Err(self.program.failed(format!("did not start ({status})")));
                }
                self.process = Some(self.program.start()?);
            }
        }
        Err(self.program.failed(format!("did not answer within {} s", START_DEADLINE.as_secs())))
    }

    async fn start(
        mut options: Options,
        folder: &Path,
        temporary: Option<Temporary>,
    ) -> Result<Cluster, Error> {
        let installation = match options.major {
            Some(major) => Installation::of_major(major).await?,
            None => Installation::of_the_system()?,
        };
        if let Some(certificate) = &options.certificate {
            options.settings.extend(encryption::install(certificate, folder, &installation)?);
        }
        let data = folder.join("data");
        let password = remembered_password(folder, options.password.as_deref(), &installation)?;
        if data.join("PG_VERSION").exists() {
            installation.check_data(&data)?;
        } else {
            init(&installation, &options.name, folder, &data).await?;
        }
        let port = port::free();
        let mut program = installation.program(&options.name, "postgres")?;
        program = program.with(["-D".into(), data.into_os_string()]).with(settings(&options, port));
        // Immediate shutdown: its children go with it, and the log is replayed at the next start.
        program.last_signal = Signal::SIGQUIT;
        let version = installation.version.clone();
        let mut cluster = Cluster { process: None, program, port, password, version, _temporary: temporary };
        cluster.start_again().await?;
        Ok(cluster)
    }

    /// To the server first: while it is frozen it makes no further children.
    fn signal(&mut self, signal: Signal) {
        if let Some(process) = &mut self.process {
            process.signal(signal);
            for child in footprint::children(process.id()) {
                let child = i32::try_from(child).expect("process ids are small");
                let _gone_meanwhile = kill(Pid::from_raw(child), signal);
            }
        }
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect(&self.superuser_url()).await
    }

    fn url(&self, login: &str, database: &str) -> String {
        format!("postgres://{login}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }
}

impl Drop for Cluster {
    /// A frozen server could not be stopped, and its backends would outlive it.
    fn drop(&mut self) {
        self.resume();
    }
}

fn settings(options: &Options, port: u16) -> Vec<String> {
    let mut settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        format!("max_connections={}", options.max_connections),
    ];
    if !options.durable {
        // Not synchronous_commit: without it what was committed last is still in the server's memory, and dies with it.
        settings.extend(["fsync", "full_page_writes"].map(|name| format!("{name}=off")));
    }
    settings.extend(options.settings.iter().map(|(name, value)| format!("{name}={value}")));
    settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

/// Makes the cluster beside its final place and moves it there, so that an interrupted start leaves no half of one.
async fn init(installation: &Installation, name: &str, folder: &Path, data: &Path) -> Result<(), Error> {
    let unfinished = folder.join("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(Error::file("remove", &unfinished))?;
    }
    fs::create_dir(&unfinished).map_err(Error::file("make", &unfinished))?;
    installation.hand_over(&unfinished)?;
    let mut initdb = installation.program(&format!("{name}-initdb"), "initdb")?.with([
        "--username=postgres",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]);
    initdb = initdb.with([format!("--pwfile={}", password_file(folder).display())]);
    initdb = initdb.with(["-D".into(), unfinished.clone().into_os_string()]);
    initdb.run(START_DEADLINE).await?;
    fs::rename(&unfinished, data).map_err(Error::file("move", &unfinished))
}

fn password_file(folder: &Path) -> PathBuf {
    folder.join("password")
}

/// The password that the cluster in `folder` was or will be made with.
fn remembered_password(folder: &Path, wanted: Option<&str>, by: &Installation) -> Result<String, Error> {
    let file = password_file(folder);
    if file.exists() {
        return fs::read_to_string(&file).map_err(Error::file("read", &file));
    }
    let password = wanted.map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    fs::write(&file, "").map_err(Error::file("write", &file))?;
    fs::set_permissions(&file, Permissions::from_mode(0o600)).map_err(Error::file("protect", &file))?;
    fs::write(&file, &password).map_err(Error::file("write", &file))?;
    if let Some(user) = &by.user {
        let given = chown(&file, Some(user.uid), Some(user.gid)).map_err(std::io::Error::from);
        given.map_err(Error::file("hand over", &file))?;
    }
    Ok(password)
}
