//! A small disk for the table of events, which can be filled and emptied: a tmpfs that root mounts.
//!
//! Only the table lies on it, in a tablespace of its own: with the rest of the data on it a full disk would stop Postgres
//! altogether, which is another fault.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::geteuid;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::error::Error;
use crate::place::Temporary;

const CHUNK: usize = 1 << 20;

/// The disk. It is unmounted when this is dropped.
#[derive(Debug)]
pub struct Disk {
    folder: Temporary,
}

impl Disk {
    /// Mounts one with room for `mebibytes` (taken from memory as it fills) and moves the table there. `None` when the
    /// system lets only root mount, and this is not root or not on its own machine.
    ///
    /// # Errors
    /// When Postgres does not take it.
    pub async fn mount(mebibytes: u64, superuser: &mut PgConnection) -> Result<Option<Disk>, Error> {
        unmount_stale();
        if !geteuid().is_root() {
            return Ok(None);
        }
        let data: String = sqlx::query_scalar("show data_directory")
            .fetch_one(&mut *superuser)
            .await
            .map_err(Error::database("tell where its data is"))?;
        let folder = Temporary::new("chaos-disk")?;
        if !mount(folder.path(), mebibytes, Path::new(&data))? {
            return Ok(None);
        }
        let disk = Disk { folder };
        let script = format!(
            "create tablespace chaos location '{}'; alter table public.prompt_telemetry set tablespace chaos",
            disk.folder.path().display()
        );
        for statement in script.split("; ") {
            let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *superuser).await;
            done.map_err(Error::database("move the table to the small disk"))?;
        }
        Ok(Some(disk))
    }

    /// Takes all the room that is left. Blocks the thread for as long as memory takes.
    ///
    /// # Errors
    /// Other than that the disk is full.
    pub fn fill(&self) -> Result<(), Error> {
        let path = self.ballast();
        let mut file = File::create(&path).map_err(Error::file("make", &path))?;
        let mut size = CHUNK;
        let zeros = vec![0; CHUNK];
        while size > 0 {
            match file.write(&zeros[..size]) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => size /= 2,
                Err(error) => return Err(Error::file("fill", &path)(error)),
            }
        }
        Ok(())
    }

    /// Gives it back.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn empty(&self) -> Result<(), Error> {
        let path = self.ballast();
        fs::remove_file(&path).map_err(Error::file("remove", &path))
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(self.folder.path());
    }
}

/// Mounts a tmpfs that belongs to whoever `data` belongs to. False when the system does not allow it.
fn mount(place: &Path, mebibytes: u64, data: &Path) -> Result<bool, Error> {
    use std::os::unix::fs::MetadataExt;

    let owner = fs::metadata(data).map_err(Error::file("look at", data))?;
    let options = format!("size={mebibytes}m,mode=0700,uid={},gid={}", owner.uid(), owner.gid());
    let mut command = Command::new("mount");
    let done = command.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(place).output();
    Ok(done.is_ok_and(|done| done.status.success()))
}

/// Lazily: whoever still has a file open there keeps that file, and nothing else.
fn unmount(place: &Path) {
    let _best_effort = Command::new("umount").arg("--lazy").arg(place).output();
}

/// Unmounts the disks of runs that were killed.
fn unmount_stale() {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for place in places.filter(|place| place.ends_with("-chaos-disk")) {
        let maker = place.rsplit('/').next().and_then(|name| name.split('-').nth(1));
        if maker.is_some_and(|maker| !Path::new("/proc").join(maker).exists()) {
            unmount(Path::new(place));
            let _best_effort = fs::remove_dir(place);
        }
    }
}
