//! The sending side of permessage-deflate, in every form that a receiver must understand.

use flate2::{Compress, Compression, FlushCompress};

use super::extension::Deflate;
use super::inflate::TAIL;

/// How one message is compressed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// May refer to the messages before it.
    pub(super) takeover: bool,
    /// 0: stored blocks, up to 9: smallest.
    pub(super) level: u32,
    /// A sync flush after each so many bytes; none: one block or as many as the compressor likes.
    pub(super) block: Option<usize>,
    /// Ends with a final block, and an empty one that is not final.
    pub(super) is_final: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { takeover: true, level: 6, block: None, is_final: false }
    }
}

pub(super) struct Deflater {
    compress: Compress,
    forgets: bool,
    bits: u8,
    level: u32,
}

impl Deflater {
    pub(super) fn new(agreed: &Deflate) -> Deflater {
        let bits = agreed.client_max_window_bits.unwrap_or(15);
        // The library's windows begin at 9 bits. In 8 nothing is repeated: stored blocks.
        let level = if bits < 9 { 0 } else { 6 };
        Deflater {
            compress: new_compress(level, bits),
            forgets: agreed.client_no_context_takeover,
            bits,
            level,
        }
    }

    /// The payload of a compressed message.
    ///
    /// # Errors
    ///
    /// What the compressor says.
    pub(super) fn deflate(&mut self, payload: &[u8], options: Options) -> Result<Vec<u8>, String> {
        let level = if self.bits < 9 { 0 } else { options.level };
        if self.forgets || !options.takeover || level != self.level {
            self.compress = new_compress(level, self.bits);
            self.level = level;
        }
        let mut compressed = Vec::new();
        let blocks: Vec<&[u8]> = match options.block {
            Some(size) if !payload.is_empty() => payload.chunks(size.max(1)).collect(),
            _ => vec![payload],
        };
        let last = blocks.len() - 1;
        for (index, block) in blocks.into_iter().enumerate() {
            let is_final = options.is_final && index == last;
            let flush = if is_final { FlushCompress::Finish } else { FlushCompress::Sync };
            self.run(block, flush, &mut compressed)?;
        }
        if options.is_final {
            self.compress = new_compress(level, self.bits);
            compressed.push(0);
        } else if compressed.ends_with(&TAIL) {
            compressed.truncate(compressed.len() - TAIL.len());
        } else {
            compressed.push(0); // nothing came out: the library has flushed before, and there is nothing to compress
        }
        Ok(compressed)
    }

    fn run(
        &mut self,
        mut input: &[u8],
        flush: FlushCompress,
        compressed: &mut Vec<u8>,
    ) -> Result<(), String> {
        let mut output = [0; 16 * 1024];
        loop {
            let (taken, made) = (self.compress.total_in(), self.compress.total_out());
            self.compress.compress(input, &mut output, flush).map_err(|error| error.to_string())?;
            input = &input[(self.compress.total_in() - taken) as usize..];
            let made = (self.compress.total_out() - made) as usize;
            compressed.extend(&output[..made]);
            // A flush is done when it leaves room in the output.
            if made < output.len() && input.is_empty() {
                return Ok(());
            }
        }
    }
}

fn new_compress(level: u32, bits: u8) -> Compress {
    Compress::new_with_window_bits(Compression::new(level.min(9)), false, bits.clamp(9, 15))
}
