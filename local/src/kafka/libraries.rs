//! Apache Kafka's jars, resolved once by Maven from the pinned pom beside this crate.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::place;
use crate::process::Program;

/// The version that `local/kafka/pom.xml` pins.
pub const VERSION: &str = "4.4.0";

const DEADLINE: Duration = Duration::from_secs(300);

/// The folder with the jars. The first call asks Maven; the folder has its final name only when it is complete.
pub(super) async fn resolve() -> Result<PathBuf, Error> {
    let folder = place::local()?.join(format!("kafka-libs-{VERSION}"));
    let _lock = lock().await?;
    if folder.exists() {
        return Ok(folder);
    }
    let unfinished = folder.with_extension("unfinished");
    remove(&unfinished)?;
    let maven = maven(&unfinished)?;
    if let Err(failure) = maven.run(DEADLINE).await {
        return Err(match failure {
            Error::Process { log, tail, .. } => Error::Libraries { log, tail },
            other => other,
        });
    }
    fs::rename(&unfinished, &folder).map_err(Error::file("move", &unfinished))?;
    Ok(folder)
}

fn maven(target: &Path) -> Result<Program, Error> {
    let pom = place::root().join("local/kafka/pom.xml");
    let mut output: OsString = "-DoutputDirectory=".into();
    output.push(target);
    let arguments = ["--batch-mode", "--no-transfer-progress", "-DincludeScope=runtime", "-f"];
    let program = Program::new("maven", "mvn")?.with(arguments).with([pom.into_os_string(), output]);
    Ok(program.with(["dependency:copy-dependencies"]))
}

/// Several test programs may need the jars first, at the same time.
async fn lock() -> Result<File, Error> {
    let path = place::local()?.join("kafka-libs.lock");
    let file = File::create(&path).map_err(Error::file("open", &path))?;
    let locking = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    let locked = locking.await.expect("waiting for a lock does not panic");
    locked.map_err(Error::file("lock", &path))
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", folder)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::kafka::libraries::VERSION;

    #[test]
    fn the_pom_pins_the_version_that_we_say() {
        let pom = include_str!("../../kafka/pom.xml");
        let dependency = format!("<artifactId>kafka_2.13</artifactId>\n      <version>{VERSION}</version>");
        assert!(pom.contains(&dependency), "local/kafka/pom.xml and VERSION differ");
    }
}
