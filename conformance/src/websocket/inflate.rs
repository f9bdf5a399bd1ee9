//! The receiving side of permessage-deflate: DEFLATE (RFC 1951), read bit by bit, so that nothing is forgiven: no match may
//! reach beyond the window that was agreed, and a message ends where a sync flush does.
//!
//! ```text
//! message = { block } "00 00 ff ff"                the four bytes are removed by the sender, and put back here
//! block   = final(1) 00(2) padding length ~length bytes      stored
//!         | final(1) 01(2) { symbol } 256                    with the fixed codes
//!         | final(1) 10(2) codes { symbol } 256              with codes of its own
//! ```

use super::bits::Bits;
use super::extension::Deflate;
use super::huffman::{Code, Codes};

/// What a compressor has removed from the end of each message.
pub(super) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// No message of a case inflates to more.
const MESSAGE_MAX: usize = 64 * 1024 * 1024;

pub(super) struct Inflater {
    /// The server starts each message anew: one that refers to the last is then an error.
    forgets: bool,
    window_size: usize,
    /// The end of the messages before.
    window: Vec<u8>,
}

impl Inflater {
    pub(super) fn new(agreed: &Deflate) -> Inflater {
        Inflater {
            forgets: agreed.server_no_context_takeover,
            window_size: 1 << agreed.server_max_window_bits.unwrap_or(15),
            window: Vec::new(),
        }
    }

    /// Inflates the joined payload of a message.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn inflate(&mut self, payload: &[u8]) -> Result<Vec<u8>, String> {
        let mut output = std::mem::take(&mut self.window);
        if self.forgets {
            output.clear();
        }
        let start = output.len();
        let input = [payload, &TAIL].concat();
        let mut bits = Bits::new(&input);
        let mut is_flush = false;
        while !bits.at_end() {
            is_flush = self.block(&mut bits, &mut output)?;
            if output.len() - start > MESSAGE_MAX {
                return Err("a message inflates to more than any case asks for".to_owned());
            }
        }
        if !is_flush {
            return Err("compressed data does not end with a sync flush [WS-PMD-20]".to_owned());
        }
        self.window = output[output.len().saturating_sub(self.window_size)..].to_vec();
        Ok(output.split_off(start))
    }

    /// Whether it was an empty stored block, which is what a sync flush writes.
    fn block(&self, bits: &mut Bits<'_>, output: &mut Vec<u8>) -> Result<bool, String> {
        let is_final = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => {
                let stored = bits.take_stored()?;
                output.extend(stored);
                return Ok(stored.is_empty() && !is_final);
            }
            1 => self.symbols(bits, &Codes::fixed()?, output)?,
            2 => {
                let codes = Codes::read(bits)?;
                self.symbols(bits, &codes, output)?;
            }
            _ => return Err("compressed data has a block of the reserved type [WS-PMD-20]".to_owned()),
        }
        if is_final {
            // Others may follow all the same [WS-PMD-21], from the next whole byte on.
            bits.align();
        }
        Ok(false)
    }

    fn symbols(&self, bits: &mut Bits<'_>, codes: &Codes, output: &mut Vec<u8>) -> Result<(), String> {
        loop {
            match codes.literals.decode(bits)? {
                256 => return Ok(()),
                literal @ 0..256 => output.push(literal as u8),
                symbol => {
                    let length = extended(bits, &LENGTHS, symbol - 257)?;
                    let distance = self.distance(bits, &codes.distances, output.len())?;
                    // A match may overlap what it makes, so that bytes are copied one by one.
                    for _ in 0..length {
                        output.push(output[output.len() - distance]);
                    }
                }
            }
        }
    }

    fn distance(&self, bits: &mut Bits<'_>, code: &Code, available: usize) -> Result<usize, String> {
        let symbol = code.decode(bits)?;
        let distance = extended(bits, &DISTANCES, symbol)?;
        if distance > self.window_size {
            return Err(format!(
                "compressed data refers back {distance} bytes, beyond a window of {} [WS-PMD-11]",
                self.window_size
            ));
        }
        match distance <= available {
            true => Ok(distance),
            false => {
                Err(format!("compressed data refers back {distance} bytes, before its begin [WS-PMD-7]"))
            }
        }
    }
}

/// The base of a length or distance, and how many bits follow it.
type Extended = (u16, u8);

fn extended(bits: &mut Bits<'_>, table: &[Extended], symbol: u16) -> Result<usize, String> {
    let (base, extra) = table
        .get(usize::from(symbol))
        .ok_or_else(|| "compressed data has a symbol without meaning [WS-PMD-20]".to_owned())?;
    Ok(usize::from(*base) + bits.take(*extra)? as usize)
}

/// RFC 1951, section 3.2.5: symbols 257 to 285.
const LENGTHS: [Extended; 29] = extended_table(3, 4, Some(258));

/// Symbols 0 to 29 of distances.
const DISTANCES: [Extended; 30] = extended_table(1, 2, None);

/// Values from `first` on: `group * 2` with no further bits, then a group of `group` with one each, with two, …
const fn extended_table<const N: usize>(first: u16, group: usize, last: Option<u16>) -> [Extended; N] {
    let mut table = [(0, 0); N];
    let (mut base, mut index) = (first, 0);
    while index < N {
        let extra = if index < 2 * group { 0 } else { index / group - 1 };
        table[index] = (base, extra as u8);
        base = base.wrapping_add(1 << extra);
        index += 1;
    }
    if let Some(last) = last {
        table[N - 1] = (last, 0);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{DISTANCES, LENGTHS};

    #[test]
    fn the_tables_are_those_of_the_rfc() {
        assert_eq!(
            [LENGTHS[0], LENGTHS[8], LENGTHS[12], LENGTHS[27], LENGTHS[28]],
            [(3, 0), (11, 1), (19, 2), (227, 5), (258, 0)]
        );
        assert_eq!(
            [DISTANCES[3], DISTANCES[4], DISTANCES[10], DISTANCES[29]],
            [(4, 0), (5, 1), (33, 4), (24577, 13)]
        );
    }
}
