//! Loss of power, played through on files.
//!
//! A program that keeps its word runs under `strace`, and says in a file of its own what it has promised by then. Of the
//! calls that were seen, a model knows at each moment what is durable, what was only written, and what is promised. For
//! the moments at which it matters the files are made that a loss of power may leave, torn writes included; opened
//! again, they must hold what was promised.
//!
//! ```text
//! subject's workload ─ strace ─> parse ─> trace ─> operation: a history of operations on inodes
//!                                                      │
//! subject's check <── image: files <── disk: durable content, pending changes <── judge: step by step
//! ```
//!
//! * [`Subject`]: who is put to the proof
//! * `record`: runs it under `strace`; `parse` reads the lines, `trace` makes operations of them, and
//!   `namespace` knows what is called how
//! * `disk`: what is durable; `image`: what a loss of power leaves; `content`: a file's bytes
//! * `judge`: at which moments, how many images, and who failed
//!
//! Images are built from memory, in a file system in memory where there is one.

mod content;
mod disk;
mod image;
mod judge;
mod namespace;
mod operation;
mod parse;
mod record;
#[cfg(test)]
mod tests;
mod trace;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

pub use content::Content;
pub use disk::{Disk, Rules};
pub use image::Variant;
pub use judge::{Failure, Judge, Report};
pub use operation::{History, Inode, Operation, Place, ROOT, Step};
pub use parse::{Call, parse};
pub use record::{Recording, Stage, play};
pub use trace::{CALLS, Translator};

/// A program that promises that something is durable.
pub trait Subject: Sync {
    /// How often [`Subject::workload`] runs, one process after another on the same files, before the power is lost.
    fn lives(&self) -> u64 {
        1
    }

    /// Does its work on the files in `directory`, in a process of its own that is recorded, and promises batch after
    /// batch. It may find files there: those that its life before left, or a loss of power; then it goes on from what it
    /// finds, with the number after it. A life that is to end as by `kill -9` ends with [`std::process::exit`].
    fn workload(&self, directory: &Path, seed: u64, promises: &mut Promises);

    /// Opens what a loss of power left, after the promises up to `promised` were made: those that are numbered up to some
    /// number must hold in full, none after it at all, and the number must not be smaller than `promised`.
    ///
    /// # Errors
    ///
    /// What was promised and does not hold, or what is there and never was.
    fn check(&self, image: &Path, seed: u64, promised: u64) -> Result<(), String>;
}

/// Where a workload says what it has promised.
pub struct Promises {
    file: File,
    last: u64,
}

impl Promises {
    /// Goes on in a file of promises.
    ///
    /// # Errors
    ///
    /// Those of files.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        let text = fs::read_to_string(path)?;
        let numbers = text.lines().filter_map(|line| line.strip_prefix("promised ")?.parse().ok());
        Ok(Self { file, last: numbers.max().unwrap_or_default() })
    }

    /// The last promise, of this life or one before it; 0 is none.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Promises that everything up to `number` will survive.
    pub fn promise(&mut self, number: u64) {
        self.last = number;
        // One call: it is recorded as one.
        self.file.write_all(format!("promised {number}\n").as_bytes()).expect("promises can be written");
    }
}

/// A directory for images: in memory, if there is room.
///
/// # Errors
///
/// Those of making one.
pub fn scratch() -> io::Result<tempfile::TempDir> {
    let builder = |directory: &Path| tempfile::Builder::new().prefix("tidewire-power-").tempdir_in(directory);
    builder(Path::new("/dev/shm")).or_else(|_| builder(&std::env::temp_dir()))
}
