//! Reads stored messages back, in blocks: those that are asked for together lie together.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::archive::{Archive, ArchiveError};
use super::body;
use super::codec::Malformed;
use super::journal::Segments;
use super::place::{Location, Place, Whereabouts};
use super::rows;
use crate::message::Message;

/// Bytes that are read from a segment at once.
const BLOCK_BYTES: u32 = 128 * 1024;
/// Blocks and chunks that are kept.
const BLOCKS_MAX: usize = 64;
/// Messages that are kept, for a message that many sessions wait for is then the same for all of them.
const MESSAGES_MAX: usize = 4_096;

/// A message could not be read back.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// See the module.
#[derive(Default)]
pub(super) struct Bodies {
    blocks: VecDeque<Block>,
    messages: HashMap<u64, Arc<Message>, foldhash::fast::RandomState>,
}

struct Block {
    place: Place,
    offset: u32,
    bytes: Vec<u8>,
}

impl Block {
    fn slice(&self, at: Location) -> Option<&[u8]> {
        let start = at.offset.checked_sub(self.offset)? as usize;
        self.bytes.get(start..start.checked_add(at.len as usize)?)
    }
}

impl Bodies {
    /// The message of that number, which lies there.
    pub(super) fn message(
        &mut self,
        number: u64,
        at: Location,
        segments: &Segments,
        archive: &Archive,
    ) -> Result<Arc<Message>, BodyError> {
        if let Some(message) = self.messages.get(&number) {
            return Ok(Arc::clone(message));
        }
        let message = Arc::new(body::read(self.bytes(at, segments, archive)?)?);
        message.set_stored_as(number);
        if self.messages.len() >= MESSAGES_MAX {
            self.messages.clear();
        }
        self.messages.insert(number, Arc::clone(&message));
        Ok(message)
    }

    /// The bytes that lie there.
    pub(super) fn bytes(
        &mut self,
        at: Location,
        segments: &Segments,
        archive: &Archive,
    ) -> Result<&[u8], BodyError> {
        let has_it = |block: &Block| block.place == at.place && block.slice(at).is_some();
        let index = match self.blocks.iter().position(has_it) {
            Some(index) => index,
            None => {
                let block = read(at, segments, archive)?;
                if self.blocks.len() >= BLOCKS_MAX {
                    self.blocks.pop_front();
                }
                self.blocks.push_back(block);
                self.blocks.len() - 1
            }
        };
        Ok(self.blocks[index].slice(at).ok_or(Malformed)?)
    }

    /// Forgets what was read: places have changed, and the memory is not needed at present.
    pub(super) fn clear(&mut self) {
        self.blocks.clear();
        self.messages.clear();
    }
}

fn read(at: Location, segments: &Segments, archive: &Archive) -> Result<Block, BodyError> {
    match at.place.whereabouts() {
        Whereabouts::Segment(segment) => {
            let file = segments.file(segment).ok_or(Malformed)?;
            let end = file.metadata()?.len().min(segments.end(segment));
            let left = end.saturating_sub(at.offset.into());
            let len = u64::from(at.len.max(BLOCK_BYTES)).min(left);
            let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
            file.read_exact_at(&mut bytes, at.offset.into()).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => BodyError::Malformed(Malformed),
                _ => BodyError::Io(error),
            })?;
            Ok(Block { place: at.place, offset: at.offset, bytes })
        }
        Whereabouts::Chunk(chunk) => {
            let bytes = archive.get(&rows::messages_key(chunk))?.ok_or(Malformed)??;
            Ok(Block { place: at.place, offset: 0, bytes })
        }
    }
}
