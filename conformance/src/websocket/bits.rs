//! DEFLATE's bits: from the lowest of each byte up.

/// Reads compressed data.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// In bits.
    position: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Bits<'a> {
        Bits { bytes, position: 0 }
    }

    pub(super) fn at_end(&self) -> bool {
        self.position == self.bytes.len() * 8
    }

    pub(super) fn take(&mut self, count: u8) -> Result<u32, String> {
        (0..count).try_fold(0, |number, bit| Ok(number | self.take_one()? << bit))
    }

    pub(super) fn take_one(&mut self) -> Result<u32, String> {
        let byte = self.bytes.get(self.position / 8).ok_or_else(ended)?;
        let bit = byte >> (self.position % 8) & 1;
        self.position += 1;
        Ok(bit.into())
    }

    /// Goes on at the next whole byte.
    pub(super) fn align(&mut self) {
        self.position = self.position.next_multiple_of(8);
    }

    /// The bytes of a stored block; they begin at the next whole byte.
    pub(super) fn take_stored(&mut self) -> Result<&'a [u8], String> {
        self.align();
        let rest = self.bytes.get(self.position / 8..).ok_or_else(ended)?;
        let ([low, high, inverse_low, inverse_high], rest) = rest.split_first_chunk().ok_or_else(ended)?;
        let length = u16::from_le_bytes([*low, *high]);
        if length != !u16::from_le_bytes([*inverse_low, *inverse_high]) {
            return Err("compressed data has a stored block of contradictory length [WS-PMD-20]".to_owned());
        }
        let stored = rest.get(..length.into()).ok_or_else(ended)?;
        self.position = (self.bytes.len() - rest.len() + stored.len()) * 8;
        Ok(stored)
    }
}

fn ended() -> String {
    "compressed data ends within a block [WS-PMD-20]".to_owned()
}
