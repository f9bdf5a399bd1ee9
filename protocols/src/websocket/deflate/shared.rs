//! Deflating: pieces that many connections share, and whole messages of one that keeps its window.

use std::cell::RefCell;

use bytes::{BufMut, BytesMut};
use flate2::{Compress, Compression, FlushCompress};

use super::TRAILER;

/// The most that a stored block holds. (RFC 1951, section 3.2.4)
const STORED_MAX: usize = 65_535;

/// What stands before them: the block's kind, and its length twice.
const STORED_HEAD_LEN: usize = 5;

thread_local! {
    /// One for each level and size of window that this thread has been asked for; some 270 KiB each.
    static POOL: RefCell<Vec<(u8, u8, Compress)>> = const { RefCell::new(Vec::new()) };
}

/// Deflates `bytes` on their own, into blocks that end on a byte with [`TRAILER`]. They look back over at most
/// `1 << window_bits` bytes (9 to 15) and never beyond their beginning. `level` is 1 (fast) to 9 (small).
pub fn deflate(level: u8, window_bits: u8, bytes: &[u8]) -> Vec<u8> {
    POOL.with_borrow_mut(|pool| {
        let found = pool.iter().position(|(of, bits, _)| (*of, *bits) == (level, window_bits));
        let index = found.unwrap_or_else(|| {
            pool.push((level, window_bits, new_codec(level, window_bits)));
            pool.len() - 1
        });
        let codec = &mut pool[index].2;
        let mut out = Vec::with_capacity(bytes.len() / 2 + 64);
        compress(codec, bytes, &mut out);
        codec.reset();
        out
    })
}

/// One connection's deflating where each message may refer to those before it.
#[derive(Debug)]
pub struct Deflater {
    codec: Compress,
}

impl Deflater {
    /// Takes some 270 KiB with a window of 15 bits.
    pub fn new(level: u8, window_bits: u8) -> Self {
        Self { codec: new_codec(level, window_bits) }
    }

    /// The payload of a whole message.
    pub fn deflate_message(&mut self, bytes: &[u8]) -> Vec<u8> {
        // zlib makes nothing of nothing once it has flushed. (RFC 7692, section 7.2.3.6)
        if bytes.is_empty() {
            return vec![0];
        }
        let mut out = Vec::with_capacity(bytes.len() / 2 + 64);
        compress(&mut self.codec, bytes, &mut out);
        out.truncate(out.len() - TRAILER.len());
        out
    }
}

fn new_codec(level: u8, window_bits: u8) -> Compress {
    Compress::new_with_window_bits(Compression::new(level.into()), false, window_bits.clamp(9, 15))
}

fn compress(codec: &mut Compress, bytes: &[u8], out: &mut Vec<u8>) {
    let start = codec.total_in();
    loop {
        let used = (codec.total_in() - start) as usize;
        let room = out.capacity() - out.len();
        // It fails only where it is called wrongly; what it made is judged below.
        let _ = codec.compress_vec(&bytes[used..], out, FlushCompress::Sync);
        let is_used = (codec.total_in() - start) as usize == bytes.len();
        // All is out when there was room to spare.
        if is_used && out.len() < out.capacity() && room > 0 {
            return;
        }
        out.reserve(out.capacity().max(64));
    }
}

/// Appends `bytes` as stored blocks, as they are.
pub fn encode_stored(bytes: &[u8], out: &mut BytesMut) {
    for block in bytes.chunks(STORED_MAX) {
        let length = block.len() as u16;
        out.put_u8(0);
        out.put_u16_le(length);
        out.put_u16_le(!length);
        out.put_slice(block);
    }
}

/// What [`encode_stored`] makes of so many bytes.
pub fn stored_len(len: usize) -> usize {
    len + STORED_HEAD_LEN * len.div_ceil(STORED_MAX)
}

/// Ends a message whose last block is a stored one: the first byte of the empty block whose rest is [`TRAILER`].
pub fn end_stored(out: &mut BytesMut) {
    out.put_u8(0);
}
