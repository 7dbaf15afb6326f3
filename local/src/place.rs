//! Where things lie: the checkout, its `.local` folder, and the data outside of it.
//!
//! Data lies in one folder per checkout. It is `.local/data`, but for root it is under `/var/tmp`, because the
//! unprivileged user that must run PostgreSQL then can seldom enter root's folders. `.local/NAME` links to what is
//! kept there; what is temporary carries the process id of its maker, so that remains of a killed run are found.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::unistd::geteuid;

use crate::error::Error;

/// The checkout that this executable was built from.
pub fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().expect("the crate lies inside the checkout").to_owned()
}

/// `.local` in the checkout: everything that `local` writes and git ignores. Made when missing.
///
/// # Errors
/// When it can't be made.
pub fn local() -> Result<PathBuf, Error> {
    make(root().join(".local"))
}

/// The log file of the program `name`, in a folder that exists.
///
/// # Errors
/// When the folder can't be made.
pub fn log(name: &str) -> Result<PathBuf, Error> {
    Ok(make(local()?.join("logs"))?.join(format!("{name}.log")))
}

/// The folder of data that stays between runs, linked from `.local/NAME`. It need not exist yet.
///
/// # Errors
/// When its parent can't be made, or belongs to somebody else.
pub fn kept(name: &str) -> Result<PathBuf, Error> {
    let folder = data()?.join(name);
    let link = local()?.join(name);
    if !link.is_symlink() {
        std::os::unix::fs::symlink(&folder, &link).map_err(Error::file("make the link", &link))?;
    }
    Ok(folder)
}

/// Removes the kept data, and what is left of killed runs; answers where it was. Runs that live keep theirs.
///
/// # Errors
/// When a demo still runs on it, or the system refuses.
pub fn clean() -> Result<PathBuf, Error> {
    let _lock = lock()?;
    let data = data()?;
    remove_orphans(&data)?;
    for name in ["postgres", "kafka"] {
        let (folder, link) = (data.join(name), local()?.join(name));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Error::file("remove", &folder))?;
        }
        if link.is_symlink() {
            fs::remove_file(&link).map_err(Error::file("remove", &link))?;
        }
    }
    Ok(data)
}

/// The right to use the kept data, held until the file is dropped or the process ends.
///
/// # Errors
/// When another process has it.
pub fn lock() -> Result<File, Error> {
    let path = local()?.join("lock");
    let file = File::create(&path).map_err(Error::file("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Taken {
            what: "another demo runs in this checkout".to_owned(),
            remedy: "stop it with Ctrl-C first",
        }),
        Err(TryLockError::Error(source)) => Err(Error::File { doing: "lock", path, source }),
    }
}

/// An empty folder that is gone when this is dropped.
#[derive(Debug)]
pub struct Temporary(PathBuf);

impl Temporary {
    /// Makes one, and removes those whose makers are no more.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new(name: &str) -> Result<Temporary, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let data = data()?;
        remove_orphans(&data)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = data.join(format!("temporary-{}-{number}-{name}", std::process::id()));
        fs::create_dir(&path).map_err(Error::file("make", &path))?;
        Ok(Temporary(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What can't be removed now is removed by the next run.
        let _best_effort = fs::remove_dir_all(&self.0);
    }
}

/// Where all data of this checkout lies.
fn data() -> Result<PathBuf, Error> {
    if !geteuid().is_root() {
        return make(local()?.join("data"));
    }
    let checkout = root().display().to_string().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let folder = PathBuf::from(format!("/var/tmp/prompt-telemetry{checkout}"));
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o755).create(&folder).map_err(Error::file("make", &folder))?;
    // Anybody may write to /var/tmp, so the folder could be another user's trap.
    let found = fs::symlink_metadata(&folder).map_err(Error::file("look at", &folder))?;
    if !found.is_dir() || found.uid() != 0 {
        let what = format!("{} belongs to somebody else", folder.display());
        return Err(Error::Taken { what, remedy: "remove it" });
    }
    Ok(folder)
}

fn remove_orphans(data: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(data).map_err(Error::file("list", data))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let maker = name.strip_prefix("temporary-").and_then(|rest| rest.split('-').next());
        if maker.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Two runs may tidy at once, and the second finds less than it saw.
            let _best_effort = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

fn make(folder: PathBuf) -> Result<PathBuf, Error> {
    fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
    Ok(folder)
}
