//! The journal: where every change is written first, a group at a time, in files of a fixed size.
//!
//! Segments are numbered and used one after the other. Their room is taken when they are begun, so that a full disk shows
//! there and not in the middle of a group, and a sync has no file size to write. To write over what has been written once is
//! the cheapest to sync: a segment that is no longer needed is kept for that, and the keeper makes one ready where none is.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::frame::{self, SEGMENT_HEADER};

/// Bytes that are zeroed at once.
const ZEROED_BYTES: usize = 1 << 20;
/// Files that are kept for later segments.
const SPARES_MAX: usize = 2;
const SUFFIX: &str = ".journal";
const SPARE_SUFFIX: &str = ".spare";

/// The journal's files, which the committer writes and others read.
#[derive(Debug)]
pub(super) struct Segments {
    dir: PathBuf,
    files: Mutex<BTreeMap<u32, Arc<File>>>,
    spares: Mutex<Vec<PathBuf>>,
    /// The segment that is written, and how far.
    written: Mutex<(u32, u64)>,
}

impl Segments {
    /// The segments in `dir`, which is made if it is not there.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        if !dir.exists() {
            fs::create_dir_all(dir)?;
            dir.parent().map_or(Ok(()), sync_dir)?;
        }
        let (mut files, mut spares) = (BTreeMap::new(), Vec::new());
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(number) = name.strip_suffix(SUFFIX).and_then(|number| number.parse().ok()) {
                files.insert(number, Arc::new(OpenOptions::new().read(true).write(true).open(&path)?));
            } else if name.ends_with(SPARE_SUFFIX) {
                spares.push(path);
            }
        }
        Ok(Self {
            dir: dir.to_owned(),
            files: Mutex::new(files),
            spares: Mutex::new(spares),
            written: Mutex::default(),
        })
    }

    /// The numbers of the segments there are, in order.
    pub(super) fn numbers(&self) -> Vec<u32> {
        self.files.lock().keys().copied().collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.files.lock().len()
    }

    /// A segment's file. Whoever holds it can read it, even if the segment is given up meanwhile.
    pub(super) fn file(&self, segment: u32) -> Option<Arc<File>> {
        self.files.lock().get(&segment).cloned()
    }

    /// Where what is in a segment ends, as far as it is known: behind that, it may be written at any moment.
    pub(super) fn end(&self, segment: u32) -> u64 {
        let (written, end) = *self.written.lock();
        if written == segment { end } else { u64::MAX }
    }

    /// Where a segment lies.
    pub(super) fn path(&self, segment: u32) -> PathBuf {
        self.dir.join(format!("{segment:010}{SUFFIX}"))
    }

    /// All bytes of a segment.
    pub(super) fn read(&self, segment: u32) -> io::Result<Vec<u8>> {
        let file = self.file(segment).ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Begins the segment of that number, with room for `size` bytes; it is there after a loss of power.
    fn begin(&self, number: u32, size: u64) -> io::Result<Arc<File>> {
        let path = self.path(number);
        let spare = self.spares.lock().pop();
        let begun = self.begin_at(&path, number, size, spare.as_deref());
        if begun.is_err() {
            let _ = fs::remove_file(&path);
        }
        let file = Arc::new(begun?);
        self.files.lock().insert(number, Arc::clone(&file));
        Ok(file)
    }

    fn begin_at(&self, path: &Path, number: u32, size: u64, spare: Option<&Path>) -> io::Result<File> {
        if let Some(spare) = spare {
            fs::rename(spare, path)?;
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        if file.metadata()?.len() != size {
            file.set_len(0)?;
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size)?;
        }
        file.write_all_at(&frame::segment_header(number), 0)?;
        file.sync_all()?;
        sync_dir(&self.dir)?;
        Ok(file)
    }

    /// Gives up a segment for good. Its file is kept for a later one if nobody reads it.
    pub(super) fn retire(&self, number: u32) -> io::Result<()> {
        let Some(file) = self.files.lock().remove(&number) else { return Ok(()) };
        let path = self.path(number);
        let mut spares = self.spares.lock();
        if Arc::strong_count(&file) == 1 && spares.len() < SPARES_MAX {
            let spare = path.with_extension(&SPARE_SUFFIX[1..]);
            fs::rename(&path, &spare)?;
            spares.push(spare);
        } else {
            fs::remove_file(&path)?;
        }
        drop(spares);
        sync_dir(&self.dir)
    }

    /// Whether a file should be made ready for a later segment.
    pub(super) fn wants_spare(&self) -> bool {
        self.spares.lock().is_empty()
    }

    /// Makes a file ready for a later segment, all of it written once.
    pub(super) fn make_spare(&self, size: u64) -> io::Result<()> {
        let path = self.dir.join(format!("new{SPARE_SUFFIX}"));
        let made = File::create(&path).and_then(|file| {
            let (zeroes, mut left) = (vec![0; ZEROED_BYTES], size);
            while left > 0 {
                let count = left.min(ZEROED_BYTES as u64);
                (&file).write_all(&zeroes[..count as usize])?;
                left -= count;
            }
            file.sync_all()
        });
        if made.is_err() {
            let _ = fs::remove_file(&path);
        }
        made?;
        self.spares.lock().push(path);
        Ok(())
    }

    /// Gives back the room of files that are kept for later: the disk is full.
    pub(super) fn drop_spares(&self) {
        for spare in self.spares.lock().drain(..) {
            let _ = fs::remove_file(spare);
        }
    }
}

/// Makes what was created, renamed or removed in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Writes the journal. There is one, in the committer.
#[derive(Debug)]
pub(super) struct Journal {
    segments: Arc<Segments>,
    segment_bytes: u64,
    current: Option<Current>,
    next_segment: u32,
    next_group: u64,
}

#[derive(Debug)]
struct Current {
    number: u32,
    file: Arc<File>,
    len: u64,
}

/// Where a frame was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) segment: u32,
    pub(super) offset: u64,
}

impl Journal {
    /// Goes on behind what there is: `next_segment` and `next_group` were never used.
    pub(super) fn new(
        segments: Arc<Segments>,
        segment_bytes: u64,
        next_segment: u32,
        next_group: u64,
    ) -> Self {
        Self { segments, segment_bytes, current: None, next_segment, next_group }
    }

    /// Writes a group, whose facts stand in `frame` behind room for the header. It is not durable yet.
    ///
    /// # Errors
    ///
    /// The disk's. The group may be tried again: that begins a new segment, since nobody knows what of this one is there.
    pub(super) fn append(&mut self, frame: &mut Vec<u8>) -> io::Result<Written> {
        let facts_end = frame.len();
        let len = facts_end.next_multiple_of(8) as u64;
        let is_fitting = |current: &Current| current.len + len <= self.segment_bytes;
        if !self.current.as_ref().is_some_and(is_fitting) {
            self.rotate(len)?;
        }
        let Some(current) = &mut self.current else { return Err(io::ErrorKind::NotFound.into()) };
        frame::finish(frame, current.number, self.next_group).map_err(io::Error::other)?;
        let written = Written { segment: current.number, offset: current.len };
        let result = current.file.write_all_at(frame, current.len);
        // As it was, for a second try.
        frame.truncate(facts_end);
        if let Err(error) = result {
            self.current = None;
            return Err(error);
        }
        current.len += len;
        *self.segments.written.lock() = (current.number, current.len);
        self.next_group += 1;
        Ok(written)
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    ///
    /// The disk's. What was not durable before may be lost then, whatever a second try would say: see
    /// [`Journal::append`].
    pub(super) fn sync(&mut self) -> io::Result<()> {
        let Some(current) = &self.current else { return Ok(()) };
        current.file.sync_data().inspect_err(|_| self.current = None)
    }

    fn rotate(&mut self, len: u64) -> io::Result<()> {
        // What was written without a sync is not to be forgotten with its file.
        self.sync()?;
        self.current = None;
        let number = self.next_segment;
        let size = self.segment_bytes.max(SEGMENT_HEADER as u64 + len);
        let file = self.segments.begin(number, size)?;
        self.next_segment += 1;
        self.current = Some(Current { number, file, len: SEGMENT_HEADER as u64 });
        Ok(())
    }
}
