//! `.local/stack.env`: the addresses of the running stack for other programs, one `NAME=value` a line.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::error::Error;
use crate::place;
use crate::stack::Stack;

/// The file, which is gone when this is dropped.
#[derive(Debug)]
pub struct EnvFile(PathBuf);

impl EnvFile {
    /// Writes it for a stack that is ready. It appears whole, readable by its owner alone, since it holds a password.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(stack: &Stack) -> Result<EnvFile, Error> {
        let path = path()?;
        let unfinished = path.with_extension("env.unfinished");
        fs::write(&unfinished, "").map_err(Error::file("write", &unfinished))?;
        let private = fs::set_permissions(&unfinished, Permissions::from_mode(0o600));
        private.map_err(Error::file("protect", &unfinished))?;
        fs::write(&unfinished, text(stack)).map_err(Error::file("write", &unfinished))?;
        fs::rename(&unfinished, &path).map_err(Error::file("write", &path))?;
        Ok(EnvFile(path))
    }

    /// Removes what a killed run has left, before a new one starts.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn remove_stale() -> Result<(), Error> {
        let path = path()?;
        if path.exists() {
            fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
        Ok(())
    }
}

impl Drop for EnvFile {
    fn drop(&mut self) {
        let _best_effort = fs::remove_file(&self.0);
    }
}

fn path() -> Result<PathBuf, Error> {
    Ok(place::local()?.join("stack.env"))
}

fn text(stack: &Stack) -> String {
    addresses(stack).map(|(name, value)| format!("{name}={value}\n")).concat()
}

/// The addresses, by the names that other programs read them under.
pub fn addresses(stack: &Stack) -> [(&'static str, &str); 5] {
    [
        ("INGEST_URL", stack.ingest.url()),
        ("INGEST_ADMIN_URL", stack.ingest.admin_url()),
        ("CONSUMER_ADMIN_URL", stack.consumer.admin_url()),
        ("DATABASE_URL", &stack.database.owner_url),
        ("KAFKA_BOOTSTRAP_SERVERS", &stack.kafka.bootstrap_servers),
    ]
}
