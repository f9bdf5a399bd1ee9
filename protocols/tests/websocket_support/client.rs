//! Compressed messages as clients may send them.

use flate2::{Compress, Compression, FlushCompress};

/// How a message is compressed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    /// As RFC 7692, section 7.2.1 has it.
    Plain,
    /// Several blocks, with a flush after so many bytes.
    Flushed(usize, bool),
    /// With BFINAL, and the empty block that has to follow. (RFC 7692, section 7.2.3.4)
    Final,
    /// Stored blocks of so many bytes, every other one with BFINAL.
    Stored(usize),
    /// Literals in the fixed code alone, which makes bytes from 144 on longer.
    Literals,
}

/// A client's compressor.
pub(crate) struct Client {
    codec: Compress,
    takeover: bool,
}

impl Client {
    /// `level` 0 stores; `window_bits` 9 to 15.
    pub(crate) fn new(level: u32, window_bits: u8, takeover: bool) -> Self {
        Self { codec: Compress::new_with_window_bits(Compression::new(level), false, window_bits), takeover }
    }

    /// The payload of one message.
    pub(crate) fn compress(&mut self, style: Style, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match style {
            _ if bytes.is_empty() => return vec![0],
            Style::Plain => self.run(bytes, FlushCompress::Sync, &mut out),
            Style::Flushed(size, forgets) => {
                let flush = if forgets { FlushCompress::Full } else { FlushCompress::Sync };
                bytes.chunks(size).for_each(|piece| self.run(piece, flush, &mut out));
            }
            Style::Final => {
                self.run(bytes, FlushCompress::Finish, &mut out);
                out.extend([0, 0, 0, 0xFF, 0xFF]);
            }
            Style::Stored(size) => {
                for (index, block) in bytes.chunks(size).enumerate() {
                    let length = block.len() as u16;
                    out.push((index % 2) as u8);
                    out.extend(length.to_le_bytes());
                    out.extend((!length).to_le_bytes());
                    out.extend_from_slice(block);
                }
                out.extend([0, 0, 0, 0xFF, 0xFF]);
            }
            Style::Literals => {
                out = literals(bytes);
                out.extend([0, 0, 0xFF, 0xFF]);
            }
        }
        // Bytes that the codec has not seen move the window: what it knows is not where it believes.
        let is_lost = matches!(style, Style::Final | Style::Stored(_) | Style::Literals);
        if !self.takeover || is_lost {
            self.codec.reset();
        }
        assert_eq!(out.split_off(out.len() - 4), [0, 0, 0xFF, 0xFF]);
        out
    }

    fn run(&mut self, bytes: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
        let start = self.codec.total_in();
        loop {
            // So much room that no second flush is begun.
            out.reserve(bytes.len() * 2 + 1024);
            let used = (self.codec.total_in() - start) as usize;
            self.codec.compress_vec(&bytes[used..], out, flush).expect("a compressor in good order");
            if (self.codec.total_in() - start) as usize == bytes.len() && out.len() < out.capacity() {
                return;
            }
        }
    }
}

/// One block of literals in the fixed code, and the first byte of the empty block behind it. (RFC 1951, section 3.2.6)
pub(crate) fn literals(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut held, mut count) = (Vec::new(), 0_u32, 0);
    let mut put = |bits: u32, length: u32| {
        held |= bits << count;
        count += length;
        while count >= 8 {
            out.push(held as u8);
            held >>= 8;
            count -= 8;
        }
    };
    put(0b010, 3);
    for byte in bytes.iter().map(|byte| u32::from(*byte)) {
        let (code, length) = if byte < 144 { (0x30 + byte, 8) } else { (0x190 + byte - 144, 9) };
        // Codes begin with their highest bit.
        put(code.reverse_bits() >> (32 - length), length);
    }
    // The end of the block, the next one's head, and what fills its byte.
    put(0, 7 + 3);
    put(0, 7);
    out
}
