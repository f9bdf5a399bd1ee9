//! Frame heads: tungstenite reads those that are not usual; what it leaves open is checked here, and what is read or written
//! for each message is held against it by tests.

use std::io::Cursor;

use bytes::{BufMut, BytesMut};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::DecodeError;

/// Bytes of the longest head: 2, a 64-bit length, a masking key.
pub const HEAD_SIZE_MAX: usize = 14;
/// Payload bytes of the longest control frame. (RFC 6455, section 5.5)
pub const CONTROL_PAYLOAD_MAX: usize = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// 0: goes on with a message.
    Continuation,
    /// 1: begins a text message.
    Text,
    /// 2: begins a binary message.
    Binary,
    /// 8.
    Close,
    /// 9.
    Ping,
    /// 10.
    Pong,
}

impl Opcode {
    /// Whether it may come between the frames of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    /// Its four bits.
    #[inline]
    fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn from_library(opcode: OpCode) -> Result<Self, DecodeError> {
        Ok(match opcode {
            OpCode::Data(Data::Continue) => Self::Continuation,
            OpCode::Data(Data::Text) => Self::Text,
            OpCode::Data(Data::Binary) => Self::Binary,
            OpCode::Control(Control::Close) => Self::Close,
            OpCode::Control(Control::Ping) => Self::Ping,
            OpCode::Control(Control::Pong) => Self::Pong,
            OpCode::Data(Data::Reserved(code)) | OpCode::Control(Control::Reserved(code)) => {
                return Err(DecodeError::Opcode(code));
            }
        })
    }
}

/// The head of a frame from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) opcode: Opcode,
    pub(super) is_final: bool,
    /// RSV1. (RFC 7692, section 6)
    pub(super) is_compressed: bool,
    pub(super) mask: [u8; 4],
    pub(super) payload_len: u64,
}

impl Head {
    /// The same of what most messages come in: whole messages of less than 64 KiB, not compressed. `None` for every other
    /// head, and for one that is not whole or is wrong.
    #[inline]
    pub(super) fn parse_usual(bytes: &[u8]) -> Option<(Self, usize)> {
        let (opcode, rest) = match bytes {
            [WHOLE_TEXT, rest @ ..] => (Opcode::Text, rest),
            [WHOLE_BINARY, rest @ ..] => (Opcode::Binary, rest),
            _ => return None,
        };
        let (payload_len, mask, size) = match *rest {
            [length @ MASKED..MASKED_LENGTH_16, a, b, c, d, ..] => {
                (u16::from(length & !MASKED), [a, b, c, d], 6)
            }
            [MASKED_LENGTH_16, high, low, a, b, c, d, ..] => {
                (u16::from_be_bytes([high, low]), [a, b, c, d], 8)
            }
            _ => return None,
        };
        // A length in more bytes than it takes is wrong.
        if size == 8 && usize::from(payload_len) <= CONTROL_PAYLOAD_MAX {
            return None;
        }
        let head =
            Self { opcode, is_final: true, is_compressed: false, mask, payload_len: payload_len.into() };
        Some((head, size))
    }

    /// Parses what `bytes` begin with; `None` if that is not whole. Returns the head's own size as well.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, DecodeError> {
        let Some(second) = bytes.get(1) else { return Ok(None) };
        // Said before the rest has come, so that nobody waits for a masking key that will not.
        if second & 0x80 == 0 {
            return Err(DecodeError::NotMasked);
        }
        let mut cursor = Cursor::new(bytes);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| DecodeError::Opcode(bytes[0] & 0x0F))?;
        let Some((head, payload_len)) = parsed else { return Ok(None) };
        let size = usize::try_from(cursor.position()).unwrap_or(HEAD_SIZE_MAX);
        if head.rsv2 || head.rsv3 {
            return Err(DecodeError::ReservedBit);
        }
        if size != head.len(payload_len) || payload_len >> 63 != 0 {
            return Err(DecodeError::Length);
        }
        let opcode = Opcode::from_library(head.opcode)?;
        if opcode.is_control() {
            if !head.is_final {
                return Err(DecodeError::FragmentedControl);
            }
            if payload_len > CONTROL_PAYLOAD_MAX as u64 {
                return Err(DecodeError::LongControl);
            }
        }
        // RSV1 marks a message, not each of its frames. (RFC 7692, section 6)
        if head.rsv1 && (opcode.is_control() || opcode == Opcode::Continuation) {
            return Err(DecodeError::ReservedBit);
        }
        let mask = head.mask.ok_or(DecodeError::NotMasked)?;
        let (is_final, is_compressed) = (head.is_final, head.rsv1);
        Ok(Some((Self { opcode, is_final, is_compressed, mask, payload_len }, size)))
    }
}

/// Appends the head of an unmasked, unfragmented frame; `is_compressed` sets RSV1. Written by hand, since STOMP has a frame
/// for each message. (RFC 6455, section 5.2)
#[inline]
pub fn encode_head(opcode: Opcode, is_compressed: bool, payload_len: usize, out: &mut BytesMut) {
    let first = FINAL | if is_compressed { RSV1 } else { 0 } | opcode.number();
    match u16::try_from(payload_len) {
        Ok(length) if payload_len > CONTROL_PAYLOAD_MAX => {
            let [high, low] = length.to_be_bytes();
            out.put_slice(&[first, LENGTH_16, high, low]);
        }
        _ => encode_other_head(first, payload_len, out),
    }
}

/// The same where the length takes no two bytes of its own.
fn encode_other_head(first: u8, payload_len: usize, out: &mut BytesMut) {
    if payload_len <= CONTROL_PAYLOAD_MAX {
        out.put_slice(&[first, payload_len as u8]);
    } else {
        out.put_slice(&[first, LENGTH_64]);
        out.put_u64(payload_len as u64);
    }
}

/// Bytes to leave in front of a payload for [`close_frame`]: what most heads take.
pub const HEAD_ROOM: usize = 4;

/// Makes an unmasked, unfragmented frame of what stands in `out` behind `start`: [`HEAD_ROOM`] bytes, and the payload. A
/// payload that wants a shorter or a longer head is moved.
#[inline]
pub fn close_frame(opcode: Opcode, start: usize, out: &mut BytesMut) {
    let first = FINAL | opcode.number();
    match u16::try_from(out.len() - start - HEAD_ROOM) {
        Ok(length) if usize::from(length) > CONTROL_PAYLOAD_MAX => {
            let [high, low] = length.to_be_bytes();
            out[start..start + HEAD_ROOM].copy_from_slice(&[first, LENGTH_16, high, low]);
        }
        _ => close_moved(first, start, out),
    }
}

/// The same where the payload has to be moved.
fn close_moved(first: u8, start: usize, out: &mut BytesMut) {
    let payload = start + HEAD_ROOM..out.len();
    let length = payload.len();
    if length <= CONTROL_PAYLOAD_MAX {
        out[start..start + 2].copy_from_slice(&[first, length as u8]);
        out.copy_within(payload, start + 2);
        out.truncate(start + 2 + length);
        return;
    }
    let behind_head = start + 2 + size_of::<u64>();
    out.resize(behind_head + length, 0);
    out.copy_within(payload, behind_head);
    out[start..start + 2].copy_from_slice(&[first, LENGTH_64]);
    out[start + 2..behind_head].copy_from_slice(&(length as u64).to_be_bytes());
}

const FINAL: u8 = 0x80;
const RSV1: u8 = 0x40;
/// What stands for a length of 16 or 64 bits that follows.
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;
/// The first byte of a message in one frame, not compressed.
const WHOLE_TEXT: u8 = FINAL | 1;
const WHOLE_BINARY: u8 = FINAL | 2;
/// The second byte of a client's frame has this bit.
const MASKED: u8 = 0x80;
const MASKED_LENGTH_16: u8 = MASKED | LENGTH_16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever its first four bytes are, and wherever it is cut.
    #[test]
    fn a_usual_head_is_what_it_is_to_the_library() {
        let mut count = 0;
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for [high, low] in [[0, 0], [0, 125], [0, 126], [1, 0], [0xFF, 0xFF]] {
                    let head = [first, second, high, low, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
                    for size in 0..=head.len() {
                        let bytes = &head[..size];
                        if let Some(usual) = Head::parse_usual(bytes) {
                            assert_eq!(Head::parse(bytes), Ok(Some(usual)), "{bytes:x?}");
                            count += 1;
                        }
                    }
                }
            }
        }
        // Two opcodes; 126 short lengths, each in the nine sizes that are not cut; three longer lengths in seven.
        assert_eq!(count, 2 * (126 * 5 * 9 + 3 * 7));
    }

    #[test]
    fn a_frame_that_is_closed_is_the_one_that_is_encoded() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            let payload: Vec<_> = (0..length).map(|number| number as u8).collect();
            let mut expected = BytesMut::from(&b"before"[..]);
            encode_head(Opcode::Text, false, length, &mut expected);
            expected.put_slice(&payload);
            let mut frame = BytesMut::from(&b"before"[..]);
            frame.put_bytes(0, HEAD_ROOM);
            frame.put_slice(&payload);
            close_frame(Opcode::Text, 6, &mut frame);
            assert_eq!(frame, expected, "{length}");
        }
    }

    #[test]
    fn heads_are_those_that_the_library_writes() {
        for opcode in
            [Opcode::Continuation, Opcode::Text, Opcode::Binary, Opcode::Close, Opcode::Ping, Opcode::Pong]
        {
            for is_compressed in [false, true] {
                for length in [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 1 << 40] {
                    let mut head = BytesMut::new();
                    encode_head(opcode, is_compressed, length, &mut head);
                    let (rsv1, opcode) = (is_compressed, OpCode::from(opcode.number()));
                    let mut expected = Vec::new();
                    let library = FrameHeader { rsv1, opcode, ..FrameHeader::default() };
                    library.format(length as u64, &mut expected).unwrap();
                    assert_eq!(head[..], expected[..], "{opcode} {length}");
                }
            }
        }
    }
}
