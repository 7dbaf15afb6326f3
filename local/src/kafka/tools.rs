//! Kafka's command line tools under the names that its own distribution gives them, for scripts that call them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::kafka::libraries;

const TOOLS: [(&str, &str); 2] = [
    ("kafka-acls.sh", "org.apache.kafka.tools.AclCommand"),
    ("kafka-topics.sh", "org.apache.kafka.tools.TopicCommand"),
];

/// A folder with the tools, to be put into PATH.
#[derive(Debug)]
pub struct Tools(PathBuf);

impl Tools {
    /// Puts them into `folder`, which exists.
    ///
    /// # Errors
    /// When Kafka's jars can't be had, or the folder can't be written to.
    pub async fn install(folder: &Path) -> Result<Tools, Error> {
        let libraries = libraries::tools().await?;
        for (name, class) in TOOLS {
            let script = format!(
                "#!/bin/sh\nexec java -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
                 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '{}/*' {class} \"$@\"\n",
                libraries.display()
            );
            let file = folder.join(name);
            fs::write(&file, script).map_err(Error::file("write", &file))?;
            fs::set_permissions(&file, Permissions::from_mode(0o755))
                .map_err(Error::file("protect", &file))?;
        }
        Ok(Tools(folder.to_owned()))
    }

    /// What PATH must be for scripts to find them.
    pub fn path(&self) -> String {
        let others = std::env::vars_os().find(|(name, _)| name == "PATH").map(|(_, value)| value);
        let others = others.unwrap_or_default();
        format!("{}:{}", self.0.display(), others.to_string_lossy())
    }
}
