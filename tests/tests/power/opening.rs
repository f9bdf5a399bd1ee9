//! Opening a sled database so that a loss of power in the middle of it loses nothing.
//!
//! sled repairs its files in place while it opens them: it writes a snapshot, renames it, removes the one before, and
//! overwrites segments that only the one before needs, without a sync of the directory between. So there is a copy,
//! under a name that says it is whole, until what opening did is durable; a start that finds it begins again from it.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::thread;

/// To open a database whose lock is still held.
const TRIES: usize = 100_000;

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    /// Whether a new database gets its name only when all of it is durable.
    pub(crate) renames: bool,
    /// Whether snapshots are left to sled.
    pub(crate) keeps_snapshots: bool,
    /// Whether there is a copy while it is opened.
    pub(crate) copies: bool,
    /// sled's unit of reuse.
    pub(crate) segment_bytes: usize,
}

impl Opening {
    /// Opens the database `sled` in a directory, or makes it.
    pub(crate) fn start(self, directory: &Path) -> Result<sled::Db, String> {
        let wrong = |error: io::Error| error.to_string();
        let (path, copy) = (directory.join("sled"), directory.join("sled.copy"));
        if copy.exists() {
            replace(&copy, &path).map_err(wrong)?;
        } else if !path.exists() {
            self.make(directory)?;
        } else if self.copies {
            replace(&path, &copy).map_err(wrong)?;
        }
        let database = self.open(&path)?;
        sync_all(&path).map_err(wrong)?;
        if copy.exists() {
            // Half a copy must not have this name.
            remove(&directory.join("sled.old")).map_err(wrong)?;
            fs::rename(&copy, directory.join("sled.old")).map_err(wrong)?;
            sync(directory).map_err(wrong)?;
            remove(&directory.join("sled.old")).map_err(wrong)?;
        }
        Ok(database)
    }

    /// Makes an empty database, all of it durable.
    fn make(self, directory: &Path) -> Result<(), String> {
        let wrong = |error: io::Error| error.to_string();
        let path = directory.join("sled");
        let new = if self.renames { directory.join("sled.new") } else { path.clone() };
        remove(&new).map_err(wrong)?;
        drop(self.open(&new)?);
        sync_all(&new).map_err(wrong)?;
        if self.renames {
            fs::rename(&new, &path).map_err(wrong)?;
        }
        sync(directory).map_err(wrong)
    }

    fn open(self, path: &Path) -> Result<sled::Db, String> {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("snap.") && (!self.keeps_snapshots || name.ends_with(".generating")) {
                fs::remove_file(entry.path()).map_err(|error| error.to_string())?;
            }
        }
        let config = sled::Config::new()
            .path(path)
            .flush_every_ms(None)
            .cache_capacity(64 << 20)
            .segment_size(self.segment_bytes);
        // A database that was dropped holds its lock until the last of its threads has noticed.
        for _ in 0..TRIES {
            match config.open() {
                Err(sled::Error::Io(error)) if error.to_string().contains("acquire lock") => {
                    thread::yield_now();
                }
                other => return other.map_err(|error| format!("it does not open: {error}")),
            }
        }
        Err("its lock is held".to_owned())
    }
}

/// Syncs a file or a directory.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Syncs a directory and all that is below it.
fn sync_all(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { sync_all(&entry.path())? } else { sync(&entry.path())? }
    }
    sync(directory)
}

/// Makes a durable copy of a directory; it gets its name when it is whole.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let new = to.with_extension("new");
    remove(&new)?;
    copy(from, &new)?;
    sync_all(&new)?;
    remove(to)?;
    fs::rename(&new, to)?;
    sync(to.parent().unwrap_or(to))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            // Not `fs::copy`: what the kernel copies by itself is not seen by who records.
            fs::write(target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
