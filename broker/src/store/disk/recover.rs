//! A restart: the archive is read, then the journal's segments in order, and everything that is derived is counted anew.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::archive::{Archive, ArchiveError, VERSION};
use super::codec::{Malformed, Reader};
use super::damage::Damage;
use super::fact::{Body, Fact};
use super::frame::{FORMAT, Found, Header, Scan, read_segment_header};
use super::image::{Image, MessageChunk, StoredMessage};
use super::journal::Segments;
use super::place::{Location, Place, Whereabouts};
use super::rows::{self, Listed, Meta};
use crate::store::fetch::Owner;

/// How often a long restart says how far it is.
const PROGRESS: Duration = Duration::from_secs(1);

/// A store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{0} is in use by another process")]
    InUse(String),
    /// It was written by a later version.
    #[error(
        "{what} has format {found}, and this version reads formats up to {FORMAT}: use the version of tidewire that wrote it, or a later one"
    )]
    TooNew {
        /// What was found.
        what: String,
        /// Its version.
        found: u32,
    },
    /// The disk.
    #[error("{path}: {error}")]
    Io {
        /// Which file or folder.
        path: String,
        /// What went wrong.
        error: io::Error,
    },
    /// The archive.
    #[error("the archive: {0}")]
    Archive(String),
}

impl OpenError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::Io { path, error }
    }
}

impl From<ArchiveError> for OpenError {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error.to_string())
    }
}

/// What a restart has found.
pub(super) struct Restarted {
    pub(super) image: Image,
    pub(super) next_segment: u32,
    pub(super) next_group: u64,
    pub(super) next_chunk: u32,
}

/// Reads everything.
pub(super) fn restart(
    archive: &Archive,
    segments: &Segments,
    damage: &mut Damage,
    progress: &dyn Fn(&str),
) -> Result<Restarted, OpenError> {
    let mut restart = Restart {
        image: Image { is_replaying: true, ..Image::default() },
        meta: Meta::default(),
        group: 0,
        damage,
        progress: Progress { tell: progress, told_at: Instant::now() },
    };
    restart.load(archive)?;
    let numbers = segments.numbers();
    let last_number = numbers.last().copied().unwrap_or(0);
    for segment in &numbers {
        // The archive says that it has everything of the earlier ones.
        if *segment < restart.meta.first_segment {
            segments.retire(*segment).map_err(OpenError::io(&segments.path(*segment)))?;
            continue;
        }
        let messages = restart.image.messages.len();
        restart
            .progress
            .note(|| format!("the journal's segment {segment} of {last_number}; {messages} messages so far"));
        let bytes = segments.read(*segment).map_err(OpenError::io(&segments.path(*segment)))?;
        restart.replay(*segment, &bytes, segments)?;
    }
    let last_segment = last_number.max(restart.meta.first_segment);
    let next_chunk = restart.meta.next_chunk;
    restart.image.count(restart.damage);
    Ok(Restarted {
        image: restart.image,
        next_segment: last_segment + 1,
        next_group: restart.group + 1,
        next_chunk,
    })
}

struct Restart<'d> {
    image: Image,
    meta: Meta,
    /// The last group that was read.
    group: u64,
    damage: &'d mut Damage,
    progress: Progress<'d>,
}

/// Says now and then how far a long restart is.
struct Progress<'p> {
    tell: &'p dyn Fn(&str),
    told_at: Instant,
}

impl Progress<'_> {
    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.told_at.elapsed() >= PROGRESS {
            self.told_at = Instant::now();
            let what = what();
            tracing::info!("recovering the store: {what}");
            (self.tell)(&what);
        }
    }
}

impl Restart<'_> {
    fn load(&mut self, archive: &Archive) -> Result<(), OpenError> {
        // Not to be taken for damage, and set aside row by row.
        if let Some(found) = archive.version_of(rows::META)?.filter(|found| *found > VERSION) {
            return Err(OpenError::TooNew { what: "the archive".to_owned(), found: found.into() });
        }
        if let Some(Ok(meta)) = self.rows(archive, rows::META, |_, value| Meta::read(value))?.pop() {
            self.meta = meta;
        }
        self.image.next_message = self.meta.next_message;
        self.image.next_session = self.meta.next_session;
        let sessions = self.rows(archive, rows::SESSIONS, |key, value| {
            Ok((rows::read_session_key(key)?, rows::read_session(value)?))
        })?;
        self.image.sessions.extend(sessions.into_iter().flatten());
        let wills = self.rows(archive, rows::WILLS, |key, value| {
            Ok((rows::read_session_key(key)?, rows::read_will(value)?))
        })?;
        for (session, will) in wills.into_iter().flatten() {
            self.image.note_publisher(&will.message);
            match self.image.sessions.get_mut(&session) {
                Some(image) => image.will = Some(will),
                None => {
                    self.image.unsaved.wills.insert(session);
                }
            }
        }
        let retained =
            self.rows(archive, rows::RETAINED, |_, value| Ok(Arc::new(super::body::read(value)?)))?;
        for message in retained.into_iter().flatten() {
            self.image.note_publisher(&message);
            self.image.retained.insert(message.topic().as_str().into(), message);
        }
        self.load_directories(archive)?;
        self.load_entries(archive, rows::DELIVERIES)?;
        self.load_entries(archive, rows::QUEUED)
    }

    fn load_directories(&mut self, archive: &Archive) -> Result<(), OpenError> {
        let directories = self.rows(archive, rows::DIRECTORIES, |key, value| {
            let chunk = rows::read_chunk_key(key)?;
            Ok((chunk, rows::read_directory(chunk, value)?))
        })?;
        for (chunk, listed) in directories.into_iter().flatten() {
            let bytes = listed.iter().map(|one| one.location.len).sum();
            self.image.chunks.insert(chunk, MessageChunk { bytes, live_bytes: 0, live: 0 });
            self.meta.next_chunk = self.meta.next_chunk.max(chunk + 1);
            for Listed { message, location, weight, expires_at } in listed {
                let stored = StoredMessage { location, references: 0, is_counted: false, weight, expires_at };
                // One that was packed anew is there twice; the later chunk is the one that stays.
                let known = self.image.messages.entry(message).or_insert(stored);
                if known.location.place < location.place {
                    *known = stored;
                }
                self.image.next_message = self.image.next_message.max(message + 1);
            }
        }
        Ok(())
    }

    fn load_entries(&mut self, archive: &Archive, prefix: &[u8]) -> Result<(), OpenError> {
        let chunks = self.rows(archive, prefix, rows::read_entries)?;
        for (owner, chunk, entries) in chunks.into_iter().flatten() {
            self.meta.next_chunk = self.meta.next_chunk.max(chunk + 1);
            let is_known = match &owner {
                Owner::Session(session) => self.image.sessions.contains_key(session),
                Owner::Queue(_) => true,
            };
            if !is_known {
                self.image.unsaved.entry_chunks.insert((owner, chunk));
                continue;
            }
            for (sequence, entry) in entries {
                self.image.add_entry(&owner, sequence, entry);
            }
        }
        Ok(())
    }

    /// Reads the rows of one kind; those that are damaged are set aside.
    fn rows<T>(
        &mut self,
        archive: &Archive,
        prefix: &[u8],
        read: impl Fn(&[u8], &[u8]) -> Result<T, Malformed>,
    ) -> Result<Vec<Result<T, Malformed>>, OpenError> {
        let (mut found, damage, progress) = (Vec::new(), &mut *self.damage, &mut self.progress);
        let messages = self.image.messages.len();
        archive.scan(prefix, |(key, value)| {
            progress.note(|| format!("the archive; {messages} messages so far"));
            let row = value.and_then(|value| read(&key, &value));
            if row.is_err() {
                let name =
                    format!("archive-{}", key.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
                damage.set_aside(&name, "the row's checksum or content is wrong", &key);
            }
            found.push(row);
        })?;
        Ok(found)
    }

    fn replay(&mut self, segment: u32, bytes: &[u8], segments: &Segments) -> Result<(), OpenError> {
        match read_segment_header(bytes) {
            Header::Of { version, .. } if version > FORMAT => {
                let what = segments.path(segment).display().to_string();
                return Err(OpenError::TooNew { what, found: version });
            }
            Header::Of { segment: named, .. } if named == segment => {}
            // It was begun and never used: nothing in it was ever acknowledged.
            _ => return Ok(()),
        }
        let mut scan = Scan::new(bytes, segment);
        loop {
            match scan.next() {
                Found::Frame(frame) => {
                    self.group = self.group.max(frame.group);
                    if let Err(Malformed) = self.replay_facts(segment, frame.facts, bytes) {
                        let name = format!("journal-{segment}-{}", frame.offset);
                        self.damage.set_aside(&name, "its facts cannot be read", frame.facts);
                    }
                }
                Found::Damage(from, to) => {
                    let name = format!("journal-{segment}-{from}");
                    self.damage.set_aside(&name, "no frame where one must be", &bytes[from..to]);
                }
                Found::End => return Ok(()),
            }
        }
    }

    fn replay_facts(&mut self, segment: u32, facts: &[u8], bytes: &[u8]) -> Result<(), Malformed> {
        let mut reader = Reader::new(facts);
        while !reader.is_empty() {
            let fact = Fact::read(&mut reader)?;
            let (offset, len) = match &fact {
                Fact::Message { body: Body::Read(body), .. } => {
                    (body.as_ptr() as usize - bytes.as_ptr() as usize, body.len())
                }
                _ => (0, 0),
            };
            let at = Location { place: Place::segment(segment), offset: offset as u32, len: len as u32 };
            self.image.apply(fact, at)?;
        }
        Ok(())
    }
}

impl Image {
    /// Counts what is derived: references, and what lives where. What nobody waits for is gone.
    fn count(&mut self, damage: &mut Damage) {
        self.is_replaying = false;
        self.live_in_segment.clear();
        for chunk in self.chunks.values_mut() {
            (chunk.live, chunk.live_bytes) = (0, 0);
        }
        let sessions =
            self.sessions.iter().map(|(session, image)| (Owner::Session(*session), &image.backlog));
        let queues = self.queues.iter().map(|(queue, backlog)| (Owner::Queue(Arc::clone(queue)), backlog));
        let (mut entries, mut lost) = (Vec::new(), Vec::new());
        for (owner, backlog) in sessions.chain(queues) {
            for (sequence, entry) in &backlog.entries {
                match self.messages.contains_key(&entry.message) {
                    true => entries.push((entry.message, entry.place)),
                    false => lost.push((owner.clone(), *sequence)),
                }
            }
        }
        for (message, place) in entries {
            self.retain(message, place);
        }
        self.messages.retain(|_, stored| stored.references > 0);
        let empty: Vec<_> =
            self.chunks.iter().filter(|(_, chunk)| chunk.live == 0).map(|(number, _)| *number).collect();
        for chunk in empty {
            self.chunks.remove(&chunk);
            self.unsaved.dead_chunks.push(chunk);
        }
        for (owner, sequence) in lost {
            damage.set_aside(&format!("{owner:?} {sequence}"), "its message is not there", &[]);
            self.drop_entry(&owner, sequence);
        }
    }

    /// Removes an entry whose message is lost.
    fn drop_entry(&mut self, owner: &Owner, sequence: u64) {
        let Some(backlog) = self.backlog_mut(owner) else { return };
        let Some(entry) = backlog.entries.remove(&sequence) else { return };
        if let Whereabouts::Chunk(number) = entry.place.whereabouts() {
            if let Some(chunk) = backlog.chunks.get_mut(&number) {
                chunk.live -= 1;
            }
            self.unsaved.entry_chunks.insert((owner.clone(), number));
        }
    }
}
