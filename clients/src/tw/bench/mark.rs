//! What a payload begins with: which message it is, and when it was due.
//!
//! ```text
//! payload = number [ time ] filling        each 8 bytes, big-endian; in STOMP, whose frames are text, 16 hexadecimal digits
//! number  = publisher (24 bits), sequence (40 bits)
//! time    = nanoseconds from the begin of the run to when the message was due, or without a pace sent
//! ```

use super::raw::Speech;

/// Which message this is: who published it, and how many went before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// Below [`PUBLISHERS_MAX`].
    pub(super) publisher: u32,
    /// Below [`MESSAGES_MAX`].
    pub(super) sequence: u64,
}

impl Number {
    fn to_u64(self) -> u64 {
        u64::from(self.publisher) << SEQUENCE_BITS | self.sequence
    }

    fn from_u64(number: u64) -> Option<Self> {
        let publisher = (number >> SEQUENCE_BITS) as u32;
        let sequence = number & ((1 << SEQUENCE_BITS) - 1);
        (publisher < PUBLISHERS_MAX && sequence < MESSAGES_MAX).then_some(Self { publisher, sequence })
    }
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// As bytes.
    Binary,
    /// As digits, which are UTF-8.
    Hexadecimal,
}

impl Coding {
    /// How it is done in a protocol.
    pub(super) fn of(speech: Speech) -> Self {
        match speech {
            Speech::Mqtt(_) => Self::Binary,
            Speech::Stomp => Self::Hexadecimal,
        }
    }

    /// Bytes of the number, and of the time.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Binary => 8,
            Self::Hexadecimal => 16,
        }
    }

    /// Writes both into the begin of a payload, as far as they have room.
    pub(super) fn put(self, number: Number, nanoseconds: u64, payload: &mut [u8]) {
        match self {
            Self::Binary => {
                if let Some(room) = payload.first_chunk_mut() {
                    *room = number.to_u64().to_be_bytes();
                }
                if let Some(room) = payload.get_mut(8..16) {
                    room.copy_from_slice(&nanoseconds.to_be_bytes());
                }
            }
            Self::Hexadecimal => {
                if let Some(room) = payload.first_chunk_mut() {
                    put_digits(number.to_u64(), room);
                }
                if let Some(room) = payload.get_mut(16..).and_then(<[u8]>::first_chunk_mut) {
                    put_digits(nanoseconds, room);
                }
            }
        }
    }

    /// `None`: no payload of ours.
    pub(super) fn number(self, payload: &[u8]) -> Option<Number> {
        Number::from_u64(self.word(payload)?)
    }

    /// `None`: the payload is too short to have one.
    pub(super) fn nanoseconds(self, payload: &[u8]) -> Option<u64> {
        self.word(payload.get(self.bytes()..)?)
    }

    fn word(self, bytes: &[u8]) -> Option<u64> {
        match self {
            Self::Binary => bytes.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)),
            Self::Hexadecimal => bytes.first_chunk().and_then(digits),
        }
    }
}

fn put_digits(number: u64, room: &mut [u8; 16]) {
    for (byte, pair) in number.to_be_bytes().into_iter().zip(room.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

fn digits(digits: &[u8; 16]) -> Option<u64> {
    let (mut number, mut wrong) = (0, 0);
    for digit in digits {
        let value = VALUES[usize::from(*digit)];
        wrong |= value;
        number = number << 4 | u64::from(value & 15);
    }
    (wrong < 16).then_some(number)
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// Of each byte that is a digit; 255 for the others.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < 16 {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
};
const SEQUENCE_BITS: u32 = 40;
/// Larger numbers are of somebody else.
pub(super) const PUBLISHERS_MAX: u32 = 100_000;
pub(super) const MESSAGES_MAX: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let number = Number { publisher: 99_999, sequence: 0x12_3456 };
        for coding in [Coding::Binary, Coding::Hexadecimal] {
            let mut payload = [b'x'; 40];
            coding.put(number, u64::MAX - 1, &mut payload);
            assert_eq!(coding.number(&payload), Some(number));
            assert_eq!(coding.nanoseconds(&payload), Some(u64::MAX - 1));
            let mut short = vec![b'x'; coding.bytes() + 3];
            coding.put(number, 7, &mut short);
            assert_eq!((coding.number(&short), coding.nanoseconds(&short)), (Some(number), None));
            assert!(short.ends_with(b"xxx"));
        }
    }

    #[test]
    fn foreign_payloads_have_no_number() {
        assert_eq!(Coding::Binary.number(b"xxxxxxxx"), None);
        assert_eq!(Coding::Binary.number(b"short"), None);
        assert_eq!(Coding::Hexadecimal.number(b"00000000000000xx"), None);
        assert_eq!(Coding::Hexadecimal.number(b"ffffffffffffffff"), None);
    }
}
