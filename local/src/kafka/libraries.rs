//! Apache Kafka's jars, resolved once by Maven from the pinned poms beside this crate.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::fetched;
use crate::place;
use crate::process::Program;

/// The version that `local/kafka/pom.xml` pins.
pub const VERSION: &str = "4.4.0";

/// The version that `local/kafka/tools/pom.xml` pins.
const TOOLS_VERSION: &str = "4.1.1";

const DEADLINE: Duration = Duration::from_secs(300);

/// The folder with the broker's jars. The first call asks Maven.
pub(super) async fn brokers() -> Result<PathBuf, Error> {
    resolve("local/kafka/pom.xml", &format!("kafka-libs-{VERSION}")).await
}

/// The folder with the jars of the command line tools. The first call asks Maven.
pub(super) async fn tools() -> Result<PathBuf, Error> {
    resolve("local/kafka/tools/pom.xml", &format!("kafka-tools-{TOOLS_VERSION}")).await
}

async fn resolve(pom: &str, name: &str) -> Result<PathBuf, Error> {
    let folder = place::local()?.join(name);
    fetched::once(&folder, async |unfinished| ask_maven(pom, unfinished).await).await?;
    Ok(folder)
}

async fn ask_maven(pom: &str, folder: &Path) -> Result<(), Error> {
    maven(pom, folder)?.run(DEADLINE).await.map_err(|failure| match failure {
        Error::Process { log, tail, .. } => Error::Libraries { log, tail },
        other => other,
    })
}

fn maven(pom: &str, target: &Path) -> Result<Program, Error> {
    let pom = place::root().join(pom);
    let mut output: OsString = "-DoutputDirectory=".into();
    output.push(target);
    let arguments = ["--batch-mode", "--no-transfer-progress", "-DincludeScope=runtime", "-f"];
    let program = Program::new("maven", "mvn")?.with(arguments).with([pom.into_os_string(), output]);
    Ok(program.with(["dependency:copy-dependencies"]))
}

#[cfg(test)]
mod tests {
    use crate::kafka::libraries::{TOOLS_VERSION, VERSION};

    #[test]
    fn the_poms_pin_the_versions_that_we_say() {
        let brokers = ("kafka_2.13", VERSION, include_str!("../../kafka/pom.xml"));
        let tools = ("kafka-tools", TOOLS_VERSION, include_str!("../../kafka/tools/pom.xml"));
        for (artifact, version, pom) in [brokers, tools] {
            let dependency =
                format!("<artifactId>{artifact}</artifactId>\n      <version>{version}</version>");
            assert!(pom.contains(&dependency), "{artifact} is not {version} in its pom");
        }
    }
}
