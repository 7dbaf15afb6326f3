//! A PostgreSQL that is installed: where its binaries are, which version, and who may run them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{User, chown, geteuid};

use crate::error::Error;
use crate::postgres::release;
use crate::process::Program;

/// An installed PostgreSQL.
#[derive(Debug)]
pub(super) struct Installation {
    binaries: PathBuf,
    /// Such as `15.18`.
    pub(super) version: String,
    /// Whom the server runs as: PostgreSQL refuses to run as root.
    pub(super) user: Option<User>,
}

impl Installation {
    /// The system's: the newest one in Debian's places, otherwise the one in PATH.
    pub(super) fn of_the_system() -> Result<Installation, Error> {
        Installation::at(in_debian_places().or_else(in_path).ok_or_else(missing)?)
    }

    /// The pinned one of `major`, fetched when it is not there yet.
    pub(super) async fn of_major(major: u32) -> Result<Installation, Error> {
        Installation::at(release::binaries(major).await?)
    }

    fn at(binaries: PathBuf) -> Result<Installation, Error> {
        let version = version(&binaries).ok_or_else(missing)?;
        let user = if geteuid().is_root() { Some(unprivileged()?) } else { None };
        let found = Installation { binaries, version, user };
        let oldest = *release::MAJORS.start();
        if found.major() < oldest {
            let what = format!("PostgreSQL {oldest} or newer (found {})", found.version);
            return Err(Error::Missing { what, remedy: "install a newer one".to_owned() });
        }
        Ok(found)
    }

    /// One of its client programs, such as `pg_dump`, to be run as whoever runs this.
    pub(super) fn client(&self, name: &str, binary: &str) -> Result<Program, Error> {
        Program::new(name, self.binaries.join(binary))
    }

    /// One of its programs, to be run as the right user.
    pub(super) fn program(&self, name: &str, binary: &str) -> Result<Program, Error> {
        let mut program = self.client(name, binary)?;
        program.user.clone_from(&self.user);
        Ok(program)
    }

    /// Gives a folder to the user that runs the server.
    pub(super) fn hand_over(&self, folder: &Path) -> Result<(), Error> {
        let Some(user) = &self.user else { return Ok(()) };
        let given = chown(folder, Some(user.uid), Some(user.gid)).map_err(std::io::Error::from);
        given.map_err(Error::file("hand over", folder))
    }

    /// Whether this version can read the data of an existing cluster.
    pub(super) fn check_data(&self, data: &Path) -> Result<(), Error> {
        let file = data.join("PG_VERSION");
        let written_by = fs::read_to_string(&file).map_err(Error::file("read", &file))?;
        if written_by.trim() == self.major().to_string() {
            return Ok(());
        }
        let what = format!("PostgreSQL {}, which wrote {}", written_by.trim(), data.display());
        Err(Error::Missing { what, remedy: "run `make clean-data` to start afresh".to_owned() })
    }

    fn major(&self) -> u32 {
        self.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
    }
}

fn in_debian_places() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let with_server =
        versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("postgres").exists());
    with_server.max_by_key(|bin| {
        let version = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        version.and_then(|name| name.parse::<u32>().ok())
    })
}

fn in_path() -> Option<PathBuf> {
    let found = Command::new("sh").args(["-c", "command -v postgres"]).output().ok()?;
    let postgres = fs::canonicalize(String::from_utf8(found.stdout).ok()?.trim()).ok()?;
    let binaries = postgres.parent()?;
    binaries.join("initdb").exists().then(|| binaries.to_owned())
}

/// From `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version(binaries: &Path) -> Option<String> {
    let answer = Command::new(binaries.join("postgres")).arg("--version").output().ok()?;
    let answer = String::from_utf8(answer.stdout).ok()?;
    answer.split_whitespace().nth(2).map(str::to_owned)
}

fn unprivileged() -> Result<User, Error> {
    let find = |name| User::from_name(name).ok().flatten();
    find("postgres").or_else(|| find("nobody")).ok_or_else(|| Error::Missing {
        what: "an unprivileged user to run PostgreSQL as (postgres or nobody)".to_owned(),
        remedy: "add one, or run this as yourself rather than as root".to_owned(),
    })
}

fn missing() -> Error {
    Error::Missing { what: "PostgreSQL".to_owned(), remedy: "run `scripts/setup postgres`".to_owned() }
}
