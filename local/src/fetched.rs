//! Folders that are filled once, by a download, and used by many runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Fills `folder` by `fetch`, unless that was done before. Several processes may ask at once: one fetches, the others
/// wait for it. `fetch` gets another folder, which does not exist; it gets its final name only when it is complete.
///
/// # Errors
/// Those of `fetch`, or when the system refuses.
pub(crate) async fn once(
    folder: &Path,
    fetch: impl AsyncFnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    let _lock = lock(beside(folder, "lock")).await?;
    if folder.exists() {
        return Ok(());
    }
    let unfinished = beside(folder, "unfinished");
    remove(&unfinished)?;
    fetch(&unfinished).await?;
    fs::rename(&unfinished, folder).map_err(Error::file("move", &unfinished))
}

fn beside(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    name.into()
}

async fn lock(path: PathBuf) -> Result<File, Error> {
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
