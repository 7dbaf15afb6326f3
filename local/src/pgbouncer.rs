//! The system's PgBouncer in front of a PostgreSQL, with its default settings but for where it listens and how it shares
//! server processes out.
//!
//! It knows the deployment's logins by one password for all. Knows nothing of tables.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::unistd::{User, chown, geteuid};
use reqwest::Url;
use tokio::net::TcpStream;

use crate::error::Error;
use crate::logins;
use crate::place::Temporary;
use crate::port;
use crate::process::{Process, Program};

const START_DEADLINE: Duration = Duration::from_secs(30);
/// Debian's place, which is not in everybody's PATH.
const PATH: &str = "/usr/sbin/pgbouncer";

/// How long a client keeps a server process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As long as it is connected.
    Session,
    /// For a transaction.
    Transaction,
}

/// A running PgBouncer. Dropping it ends it.
#[derive(Debug)]
pub struct PgBouncer {
    // Before the folder, so that it is gone when its files go.
    _process: Process,
    port: u16,
    _folder: Temporary,
}

impl PgBouncer {
    /// Starts one in front of the server in `server_url`, whose logins all have `password`, and waits until it listens.
    /// `name` is its log's.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub async fn start(name: &str, server_url: &str, password: &str, mode: Mode) -> Result<Self, Error> {
        if !Path::new(PATH).exists() {
            let what = format!("PgBouncer ({PATH})");
            return Err(Error::Missing { what, remedy: "run `scripts/setup pgbouncer`".to_owned() });
        }
        let server = Url::parse(server_url).expect("a server's URL is a URL");
        let (folder, port) = (Temporary::new(name)?, port::free());
        let users = folder.path().join("users.txt");
        let lines = [logins::OWNER, logins::CONSUMER, logins::INGEST]
            .map(|login| format!("\"{login}\" \"{password}\"\n"));
        fs::write(&users, lines.concat()).map_err(Error::file("write", &users))?;
        let settings = folder.path().join("pgbouncer.ini");
        fs::write(&settings, ini(&server, port, &users, mode)).map_err(Error::file("write", &settings))?;
        let mut program = Program::new(name, PATH)?.with([settings.clone()]);
        program.user = unprivileged();
        for file in [&users, &settings] {
            protect(file, program.user.as_ref())?;
        }
        let mut process = program.start()?;
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if let Some(status) = process.status() {
                return Err(program.failed(format!("did not start ({status})")));
            }
            if start.elapsed() > START_DEADLINE {
                return Err(program.failed(format!("did not listen within {} s", START_DEADLINE.as_secs())));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { _process: process, port, _folder: folder })
    }

    /// The same URL by way of this PgBouncer.
    ///
    /// # Panics
    /// When it is not a URL with a host.
    pub fn url(&self, server_url: &str) -> String {
        let mut url = Url::parse(server_url).expect("a server's URL is a URL");
        url.set_port(Some(self.port)).expect("the URL has a host");
        url.to_string()
    }
}

fn ini(server: &Url, port: u16, users: &Path, mode: Mode) -> String {
    let mode = match mode {
        Mode::Session => "session",
        Mode::Transaction => "transaction",
    };
    format!(
        "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = {mode}\n",
        server.host_str().unwrap_or("127.0.0.1"),
        server.port().unwrap_or(5432),
        users.display()
    )
}

/// It holds passwords.
fn protect(file: &Path, user: Option<&User>) -> Result<(), Error> {
    fs::set_permissions(file, Permissions::from_mode(0o600)).map_err(Error::file("protect", file))?;
    let Some(user) = user else { return Ok(()) };
    let given = chown(file, Some(user.uid), Some(user.gid)).map_err(std::io::Error::from);
    given.map_err(Error::file("hand over", file))
}

/// It refuses to run as root.
fn unprivileged() -> Option<User> {
    let found = |name| User::from_name(name).ok().flatten();
    if geteuid().is_root() { found("postgres").or_else(|| found("nobody")) } else { None }
}
