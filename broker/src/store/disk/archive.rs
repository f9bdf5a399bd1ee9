//! The archive: what rests, in sled. One thread touches it, in big pieces.
//!
//! sled 0.34 needs care, each point with a test in `tests/tests/power/` or `tests/tests/store/`:
//!
//! * `flush` does not sync the file: `opening` does that through a handle of its own.
//! * Leaves beyond a quarter of a segment go to files that are never synced, and a leaf has up to 17 values: here no value
//!   is longer than [`PART_BYTES`], what is longer is cut into parts, and keys are short.
//! * Neither a kill nor a loss of power is safe while it is made or opened: `opening`.
//! * `flush_async` can deadlock, and a background flush has no one to report to: both are left alone.
//! * A failing disk puts it into a state that it never leaves: [`Archive::reopen`].
//! * It does not give back or reuse all the room of what was removed: [`Archive::renew`] makes a new one.
//!
//! Every value has a version and a checksum over its key and itself.

mod opening;

use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use self::opening::Opened;
use super::codec::Malformed;
use super::journal::sync_dir;

/// Bytes of a value at most, but for its header.
pub(super) const PART_BYTES: usize = 6 * 1024;
/// The version of the format that is written. A store with a higher one is refused.
pub(super) const VERSION: u8 = 1;
/// Version, number of parts, checksum.
const HEADER: usize = 1 + 4 + 4;
/// The archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArchiveError {
    #[error("sled: {0}")]
    Sled(#[from] sled::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What the folders are called, behind which stands their number; the highest counts.
const NAME: &str = "archive-";
/// Parts that are copied at once when an archive is made anew.
const COPIED_AT_ONCE: usize = 64;

/// See the module.
pub(super) struct Archive {
    /// Where the folders of archives are.
    parent: PathBuf,
    number: u32,
    db: Option<Opened>,
}

/// One row that was read: its key without the number of the part, and its value, put together.
pub(super) type Row = (Vec<u8>, Result<Vec<u8>, Malformed>);

impl Archive {
    /// Opens the archive in `parent`, or makes it.
    pub(super) fn open(parent: &Path) -> Result<Self, ArchiveError> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(parent)? {
            let name = entry?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.strip_prefix(NAME)?.parse::<u32>().ok()));
        }
        let newest = numbers.iter().copied().max().unwrap_or(1);
        let mut archive = Self { parent: parent.to_owned(), number: newest, db: None };
        // One whose place another has taken.
        for number in numbers.into_iter().filter(|number| *number < newest) {
            archive.discard(number)?;
        }
        archive.reopen()?;
        Ok(archive)
    }

    /// Opens it anew: after an error sled takes nothing any more.
    pub(super) fn reopen(&mut self) -> Result<(), ArchiveError> {
        self.db = None;
        self.db = Some(opening::open(&self.parent, &name_of(self.number))?);
        Ok(())
    }

    /// Copies what there is into a new archive, which takes the place of this one. `between` is called between its pieces.
    pub(super) fn renew(&mut self, mut between: impl FnMut(&Self)) -> Result<(), ArchiveError> {
        let next = self.number + 1;
        opening::make_and_fill(&self.parent, &name_of(next), |tree| {
            let mut last: Option<Vec<u8>> = None;
            loop {
                let start = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
                let (mut batch, mut copied) = (sled::Batch::default(), 0);
                for part in self.db()?.tree.range::<&[u8], _>((start, Bound::Unbounded)).take(COPIED_AT_ONCE)
                {
                    let (key, value) = part?;
                    (last, copied) = (Some(key.to_vec()), copied + 1);
                    batch.insert(key, value);
                }
                if copied == 0 {
                    return Ok(());
                }
                tree.apply_batch(batch)?;
                between(self);
            }
        })?;
        let old = std::mem::replace(&mut self.number, next);
        self.reopen()?;
        self.discard(old)
    }

    fn discard(&self, number: u32) -> Result<(), ArchiveError> {
        opening::remove(&self.parent.join(name_of(number)))?;
        opening::remove(&opening::copy_of(&self.parent, &name_of(number)))?;
        Ok(sync_dir(&self.parent)?)
    }

    /// Bytes that it takes on disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        let files = fs::read_dir(self.parent.join(name_of(self.number))).into_iter().flatten().flatten();
        files
            .filter_map(|entry| entry.metadata().ok())
            .filter(fs::Metadata::is_file)
            .map(|file| file.len())
            .sum()
    }

    fn db(&self) -> Result<&Opened, ArchiveError> {
        self.db.as_ref().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected).into())
    }

    /// The version of the format that a row is in, whether it can be read or not.
    pub(super) fn version_of(&self, key: &[u8]) -> Result<Option<u8>, ArchiveError> {
        let first = self.db()?.tree.scan_prefix(key).values().next().transpose()?;
        Ok(first.and_then(|value| value.first().copied()))
    }

    /// Every row whose key begins with `prefix`, in the order of the keys.
    pub(super) fn scan(&self, prefix: &[u8], mut visit: impl FnMut(Row)) -> Result<(), ArchiveError> {
        let mut parts = Parts::default();
        for row in self.db()?.tree.scan_prefix(prefix) {
            let (key, value) = row?;
            if let Some(row) = parts.add(&key, &value) {
                visit(row);
            }
        }
        if let Some(row) = parts.finish() {
            visit(row);
        }
        Ok(())
    }

    /// The value of a key; `None` where there is none.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Result<Vec<u8>, Malformed>>, ArchiveError> {
        let mut found = None;
        self.scan(key, |(row, value)| {
            if row == key {
                found = Some(value);
            }
        })?;
        Ok(found)
    }

    /// Puts a value in place of what the key had.
    pub(super) fn put(&self, key: &[u8], value: &[u8]) -> Result<(), ArchiveError> {
        let mut batch = sled::Batch::default();
        let count = value.len().div_ceil(PART_BYTES).max(1);
        for old in self.parts_of(key)? {
            if part_number(&old).is_none_or(|number| number as usize >= count) {
                batch.remove(old);
            }
        }
        for part in 0..count {
            let bytes = &value[part * PART_BYTES..value.len().min((part + 1) * PART_BYTES)];
            let mut key = key.to_vec();
            key.extend_from_slice(&(part as u32).to_be_bytes());
            let value = seal(&key, count as u32, bytes);
            batch.insert(key, value);
        }
        Ok(self.db()?.tree.apply_batch(batch)?)
    }

    /// Removes a key and its value.
    pub(super) fn remove(&self, key: &[u8]) -> Result<(), ArchiveError> {
        let mut batch = sled::Batch::default();
        self.parts_of(key)?.into_iter().for_each(|part| batch.remove(part));
        Ok(self.db()?.tree.apply_batch(batch)?)
    }

    /// Makes all that was put and removed durable.
    pub(super) fn sync(&self) -> Result<(), ArchiveError> {
        self.db()?.sync()
    }

    fn parts_of(&self, key: &[u8]) -> Result<Vec<sled::IVec>, ArchiveError> {
        let keys = self.db()?.tree.scan_prefix(key).keys();
        let mut parts = Vec::new();
        for part in keys {
            let part = part?;
            if part.len() == key.len() + 4 {
                parts.push(part);
            }
        }
        Ok(parts)
    }
}

fn name_of(number: u32) -> String {
    format!("{NAME}{number:06}")
}

/// A part with its header before it.
fn seal(key: &[u8], count: u32, bytes: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER + bytes.len());
    value.push(VERSION);
    value.extend_from_slice(&count.to_le_bytes());
    value.extend_from_slice(&checksum(key, count, bytes).to_le_bytes());
    value.extend_from_slice(bytes);
    value
}

fn checksum(key: &[u8], count: u32, bytes: &[u8]) -> u32 {
    let checksum = crc32c::crc32c(key);
    let checksum = crc32c::crc32c_append(checksum, &count.to_le_bytes());
    crc32c::crc32c_append(checksum, bytes)
}

/// What is inside a part, and how many belong together.
fn unseal<'v>(key: &[u8], value: &'v [u8]) -> Result<(u32, &'v [u8]), Malformed> {
    let (header, bytes) = value.split_at_checked(HEADER).ok_or(Malformed)?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let count = word(1);
    match header[0] == VERSION && word(5) == checksum(key, count, bytes) {
        true => Ok((count, bytes)),
        false => Err(Malformed),
    }
}

fn part_number(key: &[u8]) -> Option<u32> {
    key.last_chunk().map(|number| u32::from_be_bytes(*number))
}

/// Puts rows together whose parts come one after the other.
#[derive(Default)]
struct Parts {
    key: Option<Vec<u8>>,
    value: Vec<u8>,
    expected: u32,
    found: u32,
    is_damaged: bool,
}

impl Parts {
    /// Adds a part; returns the row before it if that is over.
    fn add(&mut self, key: &[u8], value: &[u8]) -> Option<Row> {
        let (name, number) = (&key[..key.len().saturating_sub(4)], part_number(key));
        let finished = if self.key.as_deref() == Some(name) { None } else { self.finish() };
        self.key.get_or_insert_with(|| name.to_vec());
        match unseal(key, value) {
            Ok((count, bytes)) if number == Some(self.found) => {
                self.expected = count;
                self.value.extend_from_slice(bytes);
            }
            _ => self.is_damaged = true,
        }
        self.found += 1;
        finished
    }

    fn finish(&mut self) -> Option<Row> {
        let Self { key, value, expected, found, is_damaged } = std::mem::take(self);
        let is_whole = !is_damaged && expected == found;
        key.map(|key| (key, if is_whole { Ok(value) } else { Err(Malformed) }))
    }
}
