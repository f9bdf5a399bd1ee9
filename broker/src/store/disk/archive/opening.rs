//! Opening sled so that neither a kill nor a loss of power in the middle of it loses anything.
//!
//! sled 0.34 repairs its files in place while it opens them: it writes a snapshot, renames it, removes the one before and
//! overwrites what only the one before needs, and syncs no directory in between. So there is a durable copy under a name
//! that says it is whole, until what opening did is durable as well; a start that finds the copy begins again from it. A
//! new database gets its name only when all of it is durable.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ArchiveError;
use crate::store::disk::journal::sync_dir;

/// sled's page cache. What is read here is read once.
const CACHE_BYTES: u64 = 16 << 20;
/// sled's unit of reuse. A leaf of its tree, which has up to 17 values, must be smaller than a quarter of it: what is not
/// goes to files that are never synced.
pub(super) const SEGMENT_BYTES: usize = 512 << 10;
/// How long the lock of a database that was closed may be held by threads that are still ending.
const LOCKED_MAX: Duration = Duration::from_secs(10);

/// Bytes that are copied at once.
const COPIED_BYTES: usize = 256 << 10;

/// An open database.
pub(super) struct Opened {
    pub(super) tree: sled::Db,
    /// A handle of our own to sled's one file.
    file: File,
}

impl Opened {
    /// Makes all that was written durable: sled's own flush does not sync the file.
    pub(super) fn sync(&self) -> Result<(), ArchiveError> {
        self.tree.flush()?;
        Ok(self.file.sync_all()?)
    }
}

/// Opens the database of that name in `parent`, or makes it.
pub(super) fn open(parent: &Path, name: &str) -> Result<Opened, ArchiveError> {
    let (path, copy) = (parent.join(name), copy_of(parent, name));
    if copy.exists() {
        // The last start did not come to its end.
        replace(&copy, &path)?;
    } else if !path.exists() {
        make(parent, name)?;
    } else if let Err(error) = replace(&path, &copy) {
        tracing::warn!(%error, "the archive is opened without a copy, for which there is no room: do not cut the power");
        remove(&copy.with_extension("new"))?;
    }
    let tree = open_at(&path)?;
    sync_all(&path)?;
    if copy.exists() {
        // Half a copy must not have this name.
        let old = parent.join(format!("{name}.old"));
        remove(&old)?;
        fs::rename(&copy, &old)?;
        sync_dir(parent)?;
        remove(&old)?;
    }
    let file = File::open(path.join("db"))?;
    Ok(Opened { tree, file })
}

/// Makes an empty database under another name, fills it, and gives it its own when all of it is durable.
pub(super) fn make_and_fill(
    parent: &Path,
    name: &str,
    fill: impl FnOnce(&sled::Db) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let new = parent.join(format!("{name}.new"));
    remove(&new)?;
    let tree = open_at(&new)?;
    fill(&tree)?;
    tree.flush()?;
    drop(tree);
    sync_all(&new)?;
    fs::rename(&new, parent.join(name))?;
    Ok(sync_dir(parent)?)
}

fn make(parent: &Path, name: &str) -> Result<(), ArchiveError> {
    make_and_fill(parent, name, |_| Ok(()))
}

/// Where the copy of a database is while it is opened.
pub(super) fn copy_of(parent: &Path, name: &str) -> PathBuf {
    parent.join(format!("{name}.copy"))
}

fn open_at(path: &Path) -> Result<sled::Db, ArchiveError> {
    for entry in fs::read_dir(path).into_iter().flatten() {
        let path = entry?.path();
        // A kill while it is opened can leave this behind, after which it never opens again.
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(path)?;
        }
    }
    let config = sled::Config::default()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        .segment_size(SEGMENT_BYTES)
        .mode(sled::Mode::LowSpace)
        .flush_every_ms(None);
    let started = Instant::now();
    loop {
        match config.open() {
            Err(sled::Error::Io(error))
                if error.to_string().contains("acquire lock") && started.elapsed() < LOCKED_MAX =>
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            other => return Ok(other?),
        }
    }
}

/// Syncs a directory and all that is below it.
fn sync_all(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_dir(dir)
}

/// Puts a durable copy of a directory in place of another one.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let new = to.with_extension("new");
    remove(&new)?;
    copy(from, &new)?;
    sync_all(&new)?;
    remove(to)?;
    fs::rename(&new, to)?;
    to.parent().map_or(Ok(()), sync_dir)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            // Written by hand, so that a recording of the system calls tells what was written.
            let (mut source, mut copied) = (File::open(entry.path())?, File::create(target)?);
            let mut buffer = vec![0; COPIED_BYTES];
            loop {
                let count = source.read(&mut buffer)?;
                if count == 0 {
                    break;
                }
                copied.write_all(&buffer[..count])?;
            }
        }
    }
    Ok(())
}

/// Removes a directory that may not be there.
pub(super) fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
