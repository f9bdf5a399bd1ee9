//! A checkpoint: what is still alive in the journal's oldest segment moves into the archive, many messages to a value, and
//! the segment is given up.
//!
//! The order makes it safe to die at any point: the archive is written and synced first, the image follows, the segment
//! goes last. A restart in between finds things twice, in the archive and in the journal, and takes them for one.

use std::collections::HashMap;

use super::archive::ArchiveError;
use super::bodies::BodyError;
use super::codec::Malformed;
use super::fact::{Body, Fact};
use super::frame::{Found, Scan};
use super::image::{Image, MessageChunk, Unsaved};
use super::keeper::Keeper;
use super::place::{Location, Place};
use super::rows::{self, Listed, Meta};
use crate::store::fetch::Owner;

/// Bytes of messages in a chunk at most, unless one message alone has more.
const CHUNK_BYTES: usize = 48 * 1024;
/// Entries in a chunk at most.
const CHUNK_ENTRIES: usize = 2_048;
/// Chunks of which most is dead that one checkpoint packs anew, so that a checkpoint's length is bounded.
const REPACKED_MAX: usize = 64;

/// Entries that move, by owner.
type Owners = HashMap<Owner, Vec<u64>, foldhash::fast::RandomState>;

/// A message that moves.
struct Moving {
    message: u64,
    from: Location,
    to: Option<Location>,
    weight: u32,
    expires_at: Option<u64>,
}

impl Moving {
    /// The message of that number, if it lies there and somebody waits for it.
    fn find(image: &Image, message: u64, from: Location) -> Option<Self> {
        let stored = image.messages.get(&message).filter(|stored| stored.location == from)?;
        let (weight, expires_at) = (stored.weight, stored.expires_at);
        Some(Self { message, from, to: None, weight, expires_at })
    }
}

/// An entry that moves, and its state as it was written.
struct MovingEntry {
    sequence: u64,
    state: (bool, u32),
}

/// Entries that moved into one chunk.
struct MovedChunk {
    owner: Owner,
    chunk: u32,
    entries: Vec<MovingEntry>,
}

impl Keeper {
    /// Gives up the oldest segment. Does nothing if it is the one that is written.
    pub(super) fn checkpoint(&mut self) -> Result<(), BodyError> {
        let numbers = self.desk.segments.numbers();
        let [segment, next, ..] = numbers[..] else { return Ok(()) };
        let unsaved = std::mem::take(&mut self.desk.image.lock().unsaved);
        let result = self.move_all(segment, next, &unsaved);
        // Nothing of what should have been written is forgotten, and what was written is written once more.
        if result.is_err() {
            self.desk.image.lock().unsaved.merge(unsaved);
        }
        result?;
        self.desk.segments.retire(segment)?;
        Ok(())
    }

    fn move_all(&mut self, segment: u32, next: u32, unsaved: &Unsaved) -> Result<(), BodyError> {
        // Read once: what is alive in it is found and copied from here.
        let is_live = self.desk.image.lock().live_in_segment.contains_key(&segment);
        let bytes = if is_live { self.desk.segments.read(segment)? } else { Vec::new() };
        let (mut messages, owners) = self.alive_in(segment, &bytes)?;
        messages.extend(self.sparse()?);
        let chunks = self.pack(&mut messages, segment, &bytes)?;
        let moved = self.write_entries(owners)?;
        self.write_unsaved(unsaved)?;
        let meta = {
            let image = self.desk.image.lock();
            Meta {
                first_segment: next,
                next_message: image.next_message,
                next_session: image.next_session,
                next_chunk: self.next_chunk,
            }
        };
        self.archive.put(rows::META, &meta.write())?;
        self.archive.sync()?;
        let mut image = self.desk.image.lock();
        image.note_chunks(&chunks);
        image.move_messages(&messages);
        image.move_entries(segment, moved);
        image.bury_empty(&chunks);
        Ok(())
    }

    /// What only this segment holds: messages, in the order in which their owners want them, and entries by owner.
    fn alive_in(&self, segment: u32, bytes: &[u8]) -> Result<(Vec<Moving>, Owners), BodyError> {
        let (mut messages, mut owners) = (Vec::new(), Owners::default());
        let (place, mut scan) = (Place::segment(segment), Scan::new(bytes, segment));
        loop {
            let frame = match scan.next() {
                Found::Frame(frame) => frame,
                // It was reported when the journal was read at the start, or is the end.
                Found::Damage(..) => continue,
                Found::End => break,
            };
            let image = self.desk.image.lock();
            let mut reader = super::codec::Reader::new(frame.facts);
            while !reader.is_empty() {
                let fact = Fact::read(&mut reader)?;
                let (owner, sequence) = match fact {
                    Fact::Message { message, body: Body::Read(body) } => {
                        let offset = (body.as_ptr() as usize - bytes.as_ptr() as usize) as u32;
                        let from = Location { place, offset, len: body.len() as u32 };
                        messages.extend(Moving::find(&image, message, from));
                        continue;
                    }
                    Fact::Queued { session, sequence, .. } => (Owner::Session(session), sequence),
                    Fact::Enqueued { queue, sequence, .. } => (Owner::Queue(queue.to_arc()), sequence),
                    _ => continue,
                };
                let entry = image.backlog(&owner).and_then(|backlog| backlog.entries.get(&sequence));
                if entry.is_some_and(|entry| entry.place == place) {
                    owners.entry(owner).or_default().push(sequence);
                }
            }
        }
        self.sort_by_owner(&mut messages, &mut owners);
        Ok((messages, owners))
    }

    /// Puts messages that one owner waits for beside each other: they will be read and let go of together.
    fn sort_by_owner(&self, messages: &mut [Moving], owners: &mut Owners) {
        let image = self.desk.image.lock();
        let mut ranks: HashMap<u64, usize, foldhash::fast::RandomState> = HashMap::default();
        for (owner, sequences) in owners {
            sequences.sort_unstable();
            sequences.dedup();
            let Some(backlog) = image.backlog(owner) else { continue };
            for entry in sequences.iter().filter_map(|sequence| backlog.entries.get(sequence)) {
                let rank = ranks.len();
                ranks.entry(entry.message).or_insert(rank);
            }
        }
        drop(image);
        messages.sort_by_cached_key(|moving| ranks.get(&moving.message).copied().unwrap_or(usize::MAX));
    }

    /// Messages in chunks that are mostly dead. Moving them lets the chunks go, and keeps the archive's size in proportion
    /// to what lives in it.
    fn sparse(&self) -> Result<Vec<Moving>, BodyError> {
        let sparse: Vec<u32> = {
            let image = self.desk.image.lock();
            let sparse = image.chunks.iter().filter(|(_, chunk)| chunk.live_bytes < chunk.bytes / 2);
            sparse.take(REPACKED_MAX).map(|(number, _)| *number).collect()
        };
        let mut moving = Vec::new();
        for chunk in sparse {
            let Some(directory) = self.archive.get(&rows::directory_key(chunk))? else { continue };
            let image = self.desk.image.lock();
            for Listed { message, location, .. } in rows::read_directory(chunk, &directory?)? {
                moving.extend(Moving::find(&image, message, location));
            }
        }
        Ok(moving)
    }

    /// Writes messages into chunks, and notes where each has come to lie. Returns the chunks and their sizes.
    fn pack(
        &mut self,
        messages: &mut [Moving],
        segment: u32,
        segment_bytes: &[u8],
    ) -> Result<Vec<(u32, u32)>, BodyError> {
        let (place, mut chunks) = (Place::segment(segment), Vec::new());
        let mut rest = messages;
        while !rest.is_empty() {
            let chunk = self.new_chunk();
            let (mut bytes, mut listed) = (Vec::new(), Vec::new());
            let mut packed = 0;
            for moving in rest.iter_mut() {
                let len = moving.from.len as usize;
                if !bytes.is_empty() && bytes.len() + len > CHUNK_BYTES {
                    break;
                }
                packed += 1;
                let to = Location { place: Place::chunk(chunk), offset: bytes.len() as u32, ..moving.from };
                let start = moving.from.offset as usize;
                bytes.extend_from_slice(match moving.from.place == place {
                    true => segment_bytes.get(start..start + len).ok_or(Malformed)?,
                    false => self.desk.bodies.bytes(moving.from, &self.desk.segments, &self.archive)?,
                });
                listed.push(Listed {
                    message: moving.message,
                    location: to,
                    weight: moving.weight,
                    expires_at: moving.expires_at,
                });
                moving.to = Some(to);
            }
            rest = &mut rest[packed..];
            if listed.is_empty() {
                continue;
            }
            self.archive.put(&rows::messages_key(chunk), &bytes)?;
            self.archive.put(&rows::directory_key(chunk), &rows::write_directory(&listed))?;
            chunks.push((chunk, bytes.len() as u32));
            self.serve_between();
        }
        Ok(chunks)
    }

    fn write_entries(&mut self, owners: Owners) -> Result<Vec<MovedChunk>, ArchiveError> {
        let mut moved = Vec::new();
        for (owner, sequences) in owners {
            for piece in sequences.chunks(CHUNK_ENTRIES) {
                let chunk = self.new_chunk();
                let mut entries = Vec::with_capacity(piece.len());
                let value = {
                    let image = self.desk.image.lock();
                    let Some(backlog) = image.backlog(&owner) else { continue };
                    let found = piece
                        .iter()
                        .filter_map(|sequence| backlog.entries.get(sequence).map(|entry| (*sequence, entry)));
                    rows::write_entries(
                        &owner,
                        found.inspect(|(sequence, entry)| {
                            let state = (entry.is_received, entry.deliveries);
                            entries.push(MovingEntry { sequence: *sequence, state });
                        }),
                    )
                };
                if !entries.is_empty() {
                    self.archive.put(&rows::entries_key(&owner, chunk), &value)?;
                    moved.push(MovedChunk { owner: owner.clone(), chunk, entries });
                }
            }
            self.serve_between();
        }
        Ok(moved)
    }

    /// Brings up to date what the archive has and what has changed.
    fn write_unsaved(&mut self, unsaved: &Unsaved) -> Result<(), ArchiveError> {
        for session in &unsaved.sessions {
            let row = self.desk.image.lock().sessions.get(session).map(rows::write_session);
            self.write_row(&rows::session_key(*session), row)?;
        }
        for session in &unsaved.wills {
            let will = self.desk.image.lock().sessions.get(session).and_then(|image| image.will.clone());
            self.write_row(&rows::will_key(*session), will.as_ref().map(rows::write_will))?;
        }
        for topic in &unsaved.retained {
            let message = self.desk.image.lock().retained.get(topic).cloned();
            self.write_row(&rows::retained_key(topic), message.as_deref().map(rows::write_retained))?;
        }
        for (owner, chunk) in &unsaved.entry_chunks {
            let row = {
                let image = self.desk.image.lock();
                let mut entries = image.backlog(owner).map(|backlog| backlog.in_chunk(*chunk).peekable());
                entries
                    .take_if(|entries| entries.peek().is_some())
                    .map(|entries| rows::write_entries(owner, entries))
            };
            self.write_row(&rows::entries_key(owner, *chunk), row)?;
        }
        for chunk in &unsaved.dead_chunks {
            self.archive.remove(&rows::messages_key(*chunk))?;
            self.archive.remove(&rows::directory_key(*chunk))?;
        }
        Ok(())
    }

    fn write_row(&mut self, key: &[u8], row: Option<Vec<u8>>) -> Result<(), ArchiveError> {
        match row {
            Some(row) => self.archive.put(key, &row)?,
            None => self.archive.remove(key)?,
        }
        self.serve_between();
        Ok(())
    }

    fn new_chunk(&mut self) -> u32 {
        let chunk = self.next_chunk;
        self.next_chunk += 1;
        chunk
    }
}

impl Unsaved {
    fn merge(&mut self, other: Self) {
        self.sessions.extend(other.sessions);
        self.wills.extend(other.wills);
        self.retained.extend(other.retained);
        self.entry_chunks.extend(other.entry_chunks);
        self.dead_chunks.extend(other.dead_chunks);
    }
}

impl Image {
    fn note_chunks(&mut self, chunks: &[(u32, u32)]) {
        for (number, bytes) in chunks {
            self.chunks.insert(*number, MessageChunk { bytes: *bytes, live_bytes: 0, live: 0 });
        }
    }

    fn move_messages(&mut self, messages: &[Moving]) {
        for Moving { message, from, to, .. } in messages {
            let (Some(stored), Some(to)) = (self.messages.get_mut(message), to) else { continue };
            if stored.location == *from {
                stored.location = *to;
                self.count_message(*to, true);
                self.count_message(*from, false);
            }
        }
    }

    /// Entries that were settled or changed while they were written are written once more with the next checkpoint.
    fn move_entries(&mut self, segment: u32, moved: Vec<MovedChunk>) {
        let from = Place::segment(segment);
        for MovedChunk { owner, chunk, entries } in moved {
            let (mut is_stale, mut count) = (false, 0);
            match self.backlog_mut(&owner) {
                Some(backlog) => {
                    for MovingEntry { sequence, state } in entries {
                        let entry = backlog.entries.get_mut(&sequence).filter(|entry| entry.place == from);
                        let Some(entry) = entry else {
                            is_stale = true;
                            continue;
                        };
                        is_stale |= (entry.is_received, entry.deliveries) != state;
                        entry.place = Place::chunk(chunk);
                        backlog.note_in_chunk(chunk, sequence);
                        count += 1;
                    }
                }
                None => is_stale = true,
            }
            (0..count).for_each(|_| self.forget_in_segment(segment));
            if is_stale {
                self.unsaved.entry_chunks.insert((owner, chunk));
            }
        }
    }

    /// Chunks all of whose messages were settled while they were written.
    fn bury_empty(&mut self, chunks: &[(u32, u32)]) {
        for (number, _) in chunks {
            if self.chunks.get(number).is_some_and(|chunk| chunk.live == 0) {
                self.chunks.remove(number);
                self.unsaved.dead_chunks.push(*number);
            }
        }
    }
}
