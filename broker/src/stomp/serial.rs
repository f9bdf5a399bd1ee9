//! The number of a message among those sent to its session, as it stands in `message-id`: a line's end, counted in decimal.
//!
//! It is counted on once it has been written, and so is copied as a whole that has long been there: bytes that have just been
//! stored one by one could not be copied together before all stores ahead of them had reached the cache, and in a fan-out
//! those go to many outboxes that are not in it.

use bytes::{BufMut, BytesMut};
use tidewire_protocols::stomp::encode_number;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Serial {
    number: u64,
    /// The digits and the LF behind them.
    line: [u8; LINE_BYTES_MAX],
    /// Bytes of the line.
    len: usize,
}

/// Bytes that there is room for; nobody lives to see a longer line.
const LINE_BYTES_MAX: usize = 16;

impl Serial {
    /// Of the first message.
    pub(super) const FIRST: Self = Self { number: 1, line: *b"1\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0", len: 2 };

    /// The number itself.
    #[inline]
    pub(super) fn number(self) -> u64 {
        self.number
    }

    /// Bytes of the line.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Goes on to the next one.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.number += 1;
        if self.len > LINE_BYTES_MAX {
            self.len = self.number.ilog10() as usize + 2;
            return;
        }
        for digit in self.line[..self.len - 1].iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        self.lengthen();
    }

    /// All digits were nines.
    #[cold]
    fn lengthen(&mut self) {
        self.line.copy_within(..LINE_BYTES_MAX - 1, 1);
        self.line[0] = b'1';
        self.len += 1;
    }

    /// Appends the number, and the line's end.
    #[inline]
    pub(super) fn write(&self, out: &mut BytesMut) {
        if self.len > LINE_BYTES_MAX {
            encode_number(self.number, out);
            out.put_u8(b'\n');
            return;
        }
        let end = out.len() + self.len;
        out.put_slice(&self.line);
        out.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(serial: &Serial, expected: u64) {
        let mut out = BytesMut::from(&b"message-id:1-"[..]);
        serial.write(&mut out);
        assert_eq!(out, format!("message-id:1-{expected}\n"));
        assert_eq!(out.len(), "message-id:1-".len() + serial.len());
        assert_eq!(serial.number(), expected);
    }

    #[test]
    fn every_number_is_written_as_it_is() {
        let mut serial = Serial::FIRST;
        for expected in 1..12_345 {
            check(&serial, expected);
            serial.advance();
        }
    }

    #[test]
    fn lines_of_every_length_are_whole() {
        for digits in 1..16_u32 {
            // Nines alone.
            let number = 10_u64.pow(digits) - 1;
            let text = format!("{number}\n");
            let mut line = [0; LINE_BYTES_MAX];
            line[..text.len()].copy_from_slice(text.as_bytes());
            let mut serial = Serial { number, line, len: text.len() };
            for expected in number..number + 12 {
                check(&serial, expected);
                serial.advance();
            }
        }
        let mut serial = Serial { number: 10_u64.pow(16) - 1, len: 17, ..Serial::FIRST };
        check(&serial, 9_999_999_999_999_999);
        serial.advance();
        check(&serial, 10_000_000_000_000_000);
    }
}
