//! Inflating, with codecs that connections borrow while a message is under way.

use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress, Status};

use super::Agreed;

/// Inflaters that a thread keeps for the next message. One takes some 40 KiB.
const POOLED_MAX: usize = 4;

/// A block that holds nothing and is the last of its stream. (RFC 1951, section 3.2.4)
const FINAL_BLOCK: [u8; 5] = [0x01, 0x00, 0x00, 0xFF, 0xFF];

thread_local! {
    static POOL: RefCell<Vec<Decompress>> = const { RefCell::new(Vec::new()) };
}

/// One connection's inflating.
#[derive(Debug)]
pub(in crate::websocket) struct Inflater {
    /// Messages may refer to those before them.
    keeps_window: bool,
    codec: Option<Decompress>,
}

/// What became of some input.
#[derive(Clone, Copy, Debug)]
pub(in crate::websocket) struct Inflated {
    /// How much of the input was used.
    pub(in crate::websocket) taken: usize,
    /// How much output was made.
    pub(in crate::websocket) given: usize,
    /// If not, what comes behind that is not DEFLATE.
    pub(in crate::websocket) is_valid: bool,
}

impl Inflater {
    pub(in crate::websocket) fn new(agreed: &Agreed) -> Self {
        Self { keeps_window: agreed.client_context_takeover, codec: None }
    }

    /// Inflates some of `input` into `output`.
    pub(in crate::websocket) fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Inflated {
        let codec = self.codec.get_or_insert_with(|| {
            let pooled = POOL.with_borrow_mut(Vec::pop);
            // A window of 32 KiB inflates what any smaller one has deflated.
            pooled.unwrap_or_else(|| Decompress::new(false))
        });
        let (used, made) = (codec.total_in(), codec.total_out());
        let status = codec.decompress(input, output, FlushDecompress::None);
        let taken = (codec.total_in() - used) as usize;
        let given = (codec.total_out() - made) as usize;
        if matches!(status, Ok(Status::StreamEnd)) {
            // A block with BFINAL may be followed by others. (RFC 7692, section 7.2.3.4)
            codec.reset(false);
        }
        Inflated { taken, given, is_valid: status.is_ok() }
    }

    /// The message and its [`TRAILER`](super::TRAILER) are through. Returns whether its last block is, too; where the window
    /// is kept, that is not looked at, since it would be lost.
    pub(in crate::websocket) fn end_message(&mut self) -> bool {
        if self.keeps_window {
            return true;
        }
        let Some(mut codec) = self.codec.take() else { return true };
        // Only between two blocks this is one, the last, rather than more of what is cut short.
        let made = codec.total_out();
        let status = codec.decompress(&FINAL_BLOCK, &mut [0], FlushDecompress::None);
        let is_whole = matches!(status, Ok(Status::StreamEnd)) && codec.total_out() == made;
        codec.reset(false);
        POOL.with_borrow_mut(|pool| {
            if pool.len() < POOLED_MAX {
                pool.push(codec);
            }
        });
        is_whole
    }
}
