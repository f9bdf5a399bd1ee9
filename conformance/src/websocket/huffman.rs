//! DEFLATE's codes: canonical Huffman codes, given by the length of each symbol's code.

use super::bits::Bits;

/// The longest code.
const LENGTH_MAX: usize = 15;

/// One code.
pub(super) struct Code {
    /// How many symbols have a code of this length.
    counts: [u16; LENGTH_MAX + 1],
    /// The symbols, by code.
    symbols: Vec<u16>,
}

impl Code {
    /// The code in which symbol `n` takes `lengths[n]` bits; of 0 bits it has no code.
    ///
    /// # Errors
    ///
    /// When there are more codes than bits to tell them apart.
    fn new(lengths: &[u8]) -> Result<Code, String> {
        let mut counts = [0; LENGTH_MAX + 1];
        lengths.iter().filter(|length| **length > 0).for_each(|length| counts[usize::from(*length)] += 1);
        let left = counts[1..].iter().try_fold(1_i32, |left, count| {
            let left = left * 2 - i32::from(*count);
            (left >= 0).then_some(left)
        });
        if left.is_none() {
            return Err("compressed data has a code that is ambiguous [WS-PMD-20]".to_owned());
        }
        let symbols = (1..=LENGTH_MAX).flat_map(|length| {
            let of_length =
                lengths.iter().enumerate().filter(move |(_, other)| usize::from(**other) == length);
            of_length.map(|(symbol, _)| symbol as u16)
        });
        Ok(Code { counts, symbols: symbols.collect() })
    }

    /// The next symbol: codes of one length are consecutive numbers, and follow those of the length below.
    pub(super) fn decode(&self, bits: &mut Bits<'_>) -> Result<u16, String> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in self.counts[1..].iter().copied().map(u32::from) {
            code |= bits.take_one()?;
            if code < first + count {
                return Ok(self.symbols[(index + code - first) as usize]);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err("compressed data has bits that are no symbol's code [WS-PMD-20]".to_owned())
    }
}

/// The two codes of a block.
pub(super) struct Codes {
    pub(super) literals: Code,
    pub(super) distances: Code,
}

/// The order in which the lengths of the lengths' code come.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

impl Codes {
    pub(super) fn fixed() -> Result<Codes, String> {
        let lengths: Vec<u8> =
            [(144, 8), (112, 9), (24, 7), (8, 8)].into_iter().flat_map(|(n, bits)| vec![bits; n]).collect();
        Ok(Codes { literals: Code::new(&lengths)?, distances: Code::new(&[5; 30])? })
    }

    /// The codes that a block brings along, themselves compressed.
    pub(super) fn read(bits: &mut Bits<'_>) -> Result<Codes, String> {
        let literals = bits.take(5)? as usize + 257;
        let distances = bits.take(5)? as usize + 1;
        let count = bits.take(4)? as usize + 4;
        let mut own = [0; 19];
        for place in &ORDER[..count] {
            own[*place] = bits.take(3)? as u8;
        }
        let code = Code::new(&own)?;
        let wrong = || "compressed data has codes of wrong lengths [WS-PMD-20]".to_owned();
        let mut lengths: Vec<u8> = Vec::new();
        while lengths.len() < literals + distances {
            let (length, times) = match code.decode(bits)? {
                16 => (*lengths.last().ok_or_else(wrong)?, bits.take(2)? + 3),
                17 => (0, bits.take(3)? + 3),
                18 => (0, bits.take(7)? + 11),
                length => (length as u8, 1),
            };
            lengths.extend(std::iter::repeat_n(length, times as usize));
        }
        // More than asked for, more symbols than there are, or none that ends the block.
        if lengths.len() != literals + distances || literals > 286 || lengths[256] == 0 {
            return Err(wrong());
        }
        let (literals, distances) = lengths.split_at(literals);
        Ok(Codes { literals: Code::new(literals)?, distances: Code::new(distances)? })
    }
}
