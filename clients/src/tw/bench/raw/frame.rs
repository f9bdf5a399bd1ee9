//! WebSocket frames as a client writes and reads them.
//!
//! ```text
//! head = 0x82 (text: 0x81), 0x80 | length (or 126, 16 bits; 127, 64 bits), mask (4 bytes)      to the broker
//!      = opcode, length                                                     from the broker, not masked
//! ```
//!
//! The mask is zero, so that masking costs nothing here; the broker has the same work with it as with any other.

/// Bytes of the longest head: 2, a 64-bit length, a mask.
pub(super) const HEAD_BYTES_MAX: usize = 14;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const PONG: u8 = 0x8A;
const MASKED: u8 = 0x80;

/// Writes the head of a binary frame with so much payload into the end of `room`; returns where it begins.
pub(super) fn put_head(payload_bytes: usize, room: &mut [u8; HEAD_BYTES_MAX]) -> usize {
    let mask = HEAD_BYTES_MAX - 4;
    room[mask..].fill(0);
    if payload_bytes < 126 {
        room[mask - 2..mask].copy_from_slice(&[BINARY, MASKED | payload_bytes as u8]);
        mask - 2
    } else if let Ok(length) = u16::try_from(payload_bytes) {
        room[mask - 4..mask - 2].copy_from_slice(&[BINARY, MASKED | 126]);
        room[mask - 2..mask].copy_from_slice(&length.to_be_bytes());
        mask - 4
    } else {
        room[mask - 10..mask - 8].copy_from_slice(&[BINARY, MASKED | 127]);
        room[mask - 8..mask].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
        mask - 10
    }
}

/// Appends the head of a binary frame with so much payload.
pub(super) fn put_binary_head(payload_bytes: usize, out: &mut Vec<u8>) {
    let mut room = [0; HEAD_BYTES_MAX];
    let at = put_head(payload_bytes, &mut room);
    out.extend_from_slice(&room[at..]);
}

/// Appends the head of a text frame with so much payload.
pub(in super::super) fn put_text_head(payload_bytes: usize, out: &mut Vec<u8>) {
    let at = out.len();
    put_binary_head(payload_bytes, out);
    out[at] = TEXT;
}

/// Appends the answer to a ping.
pub(super) fn put_pong(payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[PONG, MASKED | payload.len() as u8, 0, 0, 0, 0]);
    out.extend_from_slice(payload);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Ping,
    Pong,
    Close,
}

/// The head of a broker's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// Of the head itself.
    pub(super) bytes: usize,
    pub(super) payload_bytes: u64,
}

/// What `input` begins with; `None` if the head is not whole.
pub(super) fn parse_head(input: &[u8]) -> Option<Head> {
    let (&[first, second], rest) = input.split_first_chunk()?;
    let (bytes, payload_bytes) = match second & 0x7F {
        126 => (4, u16::from_be_bytes(*rest.first_chunk()?).into()),
        127 => (10, u64::from_be_bytes(*rest.first_chunk()?)),
        short => (2, short.into()),
    };
    let kind = match first & 0x0F {
        0x8 => Kind::Close,
        0x9 => Kind::Ping,
        0xA => Kind::Pong,
        _ => Kind::Data,
    };
    Some(Head { kind, bytes, payload_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_the_shortest_length() {
        for (length, head) in [
            (125, &[0x82, 0x80 | 125, 0, 0, 0, 0][..]),
            (126, &[0x82, 0x80 | 126, 0, 126, 0, 0, 0, 0]),
            (65_535, &[0x82, 0x80 | 126, 255, 255, 0, 0, 0, 0]),
            (65_536, &[0x82, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        ] {
            let mut room = [9; HEAD_BYTES_MAX];
            let at = put_head(length, &mut room);
            assert_eq!(&room[at..], head, "{length}");
            let mut text = Vec::new();
            put_text_head(length, &mut text);
            assert_eq!((text[0], &text[1..]), (0x81, &head[1..]), "{length}");
        }
    }

    #[test]
    fn heads_are_read() {
        let data = |bytes, payload_bytes| Some(Head { kind: Kind::Data, bytes, payload_bytes });
        assert_eq!(parse_head(&[0x82, 5, 1]), data(2, 5));
        assert_eq!(parse_head(&[0x82, 126, 1, 0]), data(4, 256));
        assert_eq!(parse_head(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]), data(10, 65_536));
        assert_eq!(parse_head(&[0x82, 126, 1]), None);
        assert_eq!(parse_head(&[0x89, 0]).map(|head| head.kind), Some(Kind::Ping));
        assert_eq!(parse_head(&[0x88, 0]).map(|head| head.kind), Some(Kind::Close));
    }
}
