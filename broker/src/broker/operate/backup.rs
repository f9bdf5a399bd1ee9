//! A copy of the store while it is in use: see [`Store::backup`](crate::store::Store::backup).

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::broker::Broker;
use crate::store::Exported;

/// The folder within the data directory.
const FOLDER: &str = "backups";

/// Tells the files of copies apart that are made at the same time.
static COPIES: AtomicU64 = AtomicU64::new(0);

/// One file is made at a time.
static TURN: Mutex<()> = Mutex::new(());

impl Broker {
    /// Makes a backup in the folder `backups` of the data directory, under a name that says no other folder. Takes as long as
    /// writing takes. Returns where it is.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`], [`io::ErrorKind::Unsupported`] where the store keeps nothing, and those of the disk.
    pub fn backup_as(&self, name: &str) -> io::Result<(PathBuf, Exported)> {
        if !is_plain(name) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no name of a file"));
        }
        let path = self.backup_folder()?.join(name);
        // Whoever looks whether a name is free must be the only one who takes it.
        let _turn = TURN.lock();
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let exported = self.store.backup(&path)?;
        tracing::info!(path = %path.display(), lines = exported.lines, "backed up");
        Ok((path, exported))
    }

    /// Makes a backup to be read, which leaves no file behind. It is made as a whole first, so that whoever reads slowly keeps
    /// nobody waiting.
    ///
    /// # Errors
    ///
    /// As [`Broker::backup_as`].
    pub fn backup(&self) -> io::Result<(impl Read + Send + use<>, Exported)> {
        let copy = COPIES.fetch_add(1, Ordering::Relaxed);
        let path = self.backup_folder()?.join(format!(".copy-{}-{copy}", std::process::id()));
        let exported = self.store.backup(&path)?;
        let file = File::open(&path)?;
        fs::remove_file(&path)?;
        Ok((file, exported))
    }

    /// For the broker alone: what is in it is what clients have sent.
    fn backup_folder(&self) -> io::Result<PathBuf> {
        if !self.store.keeps_records() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let folder = self.config().data_dir.join(FOLDER);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(folder)
    }
}

/// Longest name of a file, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// Whether a name leads nowhere else, and is one in every file system.
fn is_plain(name: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for (name, expected) in [
            ("monday", true),
            ("2026-11-29.jsonl", true),
            ("", false),
            (".", false),
            ("..", false),
            (".hidden", false),
            ("/etc/passwd", false),
            ("a/b", false),
            ("../b", false),
            ("a/", false),
            ("a\0b", false),
            ("\u{d7}", false),
        ] {
            assert_eq!(is_plain(name), expected, "{name:?}");
        }
    }
}
