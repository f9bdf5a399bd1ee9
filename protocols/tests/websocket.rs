//! What RFC 6455 says of single frames, as tables.

mod websocket_support;

use bytes::BytesMut;
use tidewire_protocols::websocket::{
    Closing, Decoder, MessageKind, Opcode, encode_close, encode_head, is_code_allowed,
};
use tungstenite::protocol::frame::FrameHeader;

use self::websocket_support::{
    Arrival, BINARY, CLOSE, CONTINUATION, DecodeError, FIN, Outcome, PING, PONG, RSV1, Seen, TEXT, agreed,
    frame, head,
};

const LIMIT: usize = 1 << 20;
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// What comes of `stream`, however it arrives.
fn decode(limit: usize, stream: &[u8]) -> Outcome {
    let decoder = || Decoder::new(limit, Some(&agreed(false)));
    let whole = Arrival::at_once().decode(decoder(), stream);
    assert_eq!(whole, Arrival::one_by_one().decode(decoder(), stream));
    whole
}

fn error(stream: &[u8]) -> Option<DecodeError> {
    decode(LIMIT, stream).error
}

/// A text message of two frames, open between them.
fn opened(then: &[u8]) -> Vec<u8> {
    [&frame(TEXT, MASK, b"a")[..], then].concat()
}

/// RFC 6455, section 5.7; what a server gets of it.
#[test]
fn the_rfcs_examples() {
    let hello = || Seen::Message(MessageKind::Text, b"Hello".to_vec());
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(decode(LIMIT, &masked).seen, [hello()]);
    let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(decode(LIMIT, &pong).seen, [Seen::Pong { payload: b"Hello".to_vec(), at: 0 }]);
    // RFC 7692, sections 7.2.3.1 to 7.2.3.6.
    let compressed: [&[u8]; 4] = [
        b"\xf2\x48\xcd\xc9\xc9\x07\x00",
        b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
    ];
    for payload in compressed {
        assert_eq!(decode(LIMIT, &frame(FIN | RSV1 | TEXT, MASK, payload)).seen, [hello()]);
    }
    let shared = [b"\xf2\x48\xcd\xc9\xc9\x07\x00".as_slice(), b"\xf2\x00\x11\x00\x00"];
    let stream = shared.map(|payload| frame(FIN | RSV1 | TEXT, MASK, payload)).concat();
    let decoder = Decoder::new(LIMIT, Some(&agreed(true)));
    assert_eq!(Arrival::one_by_one().decode(decoder, &stream).seen, [hello(), hello()]);
    let empty = frame(FIN | RSV1 | TEXT, MASK, b"\0");
    assert_eq!(decode(LIMIT, &empty).seen, [Seen::Message(MessageKind::Text, vec![])]);
}

/// WS-FR-4, -5, WS-PMD-16, -17: every first byte, where no message is open and where one is.
#[test]
fn every_first_byte() {
    for first in 0..=0xFF_u8 {
        let (opcode, is_final) = (first & 0x0F, first & FIN != 0);
        let is_reserved_set = match opcode {
            TEXT | BINARY => first & 0x30 != 0,
            _ => first & 0x70 != 0,
        };
        let payload: &[u8] = if first & RSV1 != 0 { b"\0" } else { b"" };
        for is_open in [false, true] {
            let expected = match opcode {
                3..8 | 11.. => Some(DecodeError::Opcode(opcode)),
                _ if first & 0x30 != 0 => Some(DecodeError::ReservedBit),
                CLOSE.. if !is_final => Some(DecodeError::FragmentedControl),
                _ if is_reserved_set => Some(DecodeError::ReservedBit),
                CLOSE.. => None,
                CONTINUATION => (!is_open).then_some(DecodeError::NothingToContinue),
                _ => is_open.then_some(DecodeError::Interleaved),
            };
            let stream = frame(first, MASK, payload);
            let stream = if is_open { opened(&stream) } else { stream };
            assert_eq!(error(&stream), expected, "{first:#x} {is_open}");
        }
    }
    let without =
        Arrival::at_once().decode(Decoder::new(LIMIT, None), &frame(FIN | RSV1 | TEXT, MASK, b"\0"));
    assert_eq!(without.error, Some(DecodeError::ReservedBit));
}

/// WS-FR-1, -6, -7, WS-CT-1, WS-SE-1: lengths, written in one byte, in three and in nine.
#[test]
fn lengths() {
    let with = |first: u8, length: &[u8]| [&[first], length, &MASK].concat();
    let long = |length: u64| [&[0xFF][..], &length.to_be_bytes()].concat();
    let medium = |length: u16| [&[0xFE][..], &length.to_be_bytes()].concat();
    let too_large = Some(DecodeError::TooLarge(LIMIT));
    for (first, length, expected) in [
        (BINARY, medium(0), Some(DecodeError::Length)),
        (BINARY, medium(125), Some(DecodeError::Length)),
        (BINARY, medium(126), None),
        (BINARY, long(0), Some(DecodeError::Length)),
        (BINARY, long(0xFFFF), Some(DecodeError::Length)),
        (BINARY, long(0x1_0000), None),
        (BINARY, long(LIMIT as u64), None),
        (BINARY, long(LIMIT as u64 + 1), too_large),
        (BINARY, long((1 << 63) - 1), too_large),
        (RSV1 | BINARY, long((1 << 63) - 1), too_large),
        (BINARY, long(1 << 63), Some(DecodeError::Length)),
        (BINARY, long(u64::MAX), Some(DecodeError::Length)),
        (FIN | PING, vec![0x80 | 125], None),
        (FIN | PING, medium(125), Some(DecodeError::Length)),
        (FIN | PING, medium(126), Some(DecodeError::LongControl)),
        (FIN | CLOSE, medium(126), Some(DecodeError::LongControl)),
        (FIN | PONG, long(0x1_0000), Some(DecodeError::LongControl)),
        (FIN | PING, long(1 << 63), Some(DecodeError::Length)),
    ] {
        assert_eq!(error(&with(first, &length)), expected, "{first:#x} {length:x?}");
    }
    for second in 0..0x80 {
        assert_eq!(error(&[FIN | TEXT, second]), Some(DecodeError::NotMasked), "{second:#x}");
    }
    // Two fragments that only together are too long, said before the second's payload.
    let stream = [frame(BINARY, MASK, b"1234"), head(CONTINUATION, MASK, 7)].concat();
    assert_eq!(decode(10, &stream).error, Some(DecodeError::TooLarge(10)));
    let stream = [frame(BINARY, MASK, b"1234"), head(CONTINUATION, MASK, (1 << 63) - 1)].concat();
    assert_eq!(decode(usize::MAX, &stream).error, None);
}

/// WS-FR-8: around the lengths where the head changes.
#[test]
fn payloads_around_the_heads_lengths() {
    for length in [0, 1, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537] {
        let payload: Vec<_> = (0..length).map(|index| (index % 251) as u8).collect();
        let outcome = decode(LIMIT, &frame(FIN | BINARY, MASK, &payload));
        assert_eq!(outcome.seen, [Seen::Message(MessageKind::Binary, payload)]);
    }
}

/// Of one kind, whole and in a frame each; others end the row, and begin another.
#[test]
fn messages_that_come_together_are_joined() {
    let text = |text: &[u8]| frame(FIN | TEXT, MASK, text);
    let stream = [
        text(b"a"),
        text("\u{e9}".as_bytes()),
        text(b""),
        text(&[b'b'; 200]),
        frame(FIN | BINARY, [9; 4], b"c"),
        frame(FIN | BINARY, MASK, b"\xff"),
        frame(FIN | PING, MASK, b""),
        frame(FIN | BINARY, MASK, b"d"),
        frame(BINARY, MASK, b"e"),
        frame(FIN | CONTINUATION, MASK, b"f"),
        text(b"g"),
        text(b"cut \xc3"),
        text(b"h"),
    ]
    .concat();
    let message = |kind, bytes: &[u8]| Seen::Message(kind, bytes.to_vec());
    let expected = [
        message(MessageKind::Text, &["a\u{e9}".as_bytes(), &[b'b'; 200]].concat()),
        message(MessageKind::Binary, b"c\xff"),
        Seen::Ping { payload: vec![], at: 0 },
        message(MessageKind::Binary, b"d"),
        message(MessageKind::Binary, b"ef"),
        message(MessageKind::Text, b"g"),
    ];
    let joined = Arrival::at_once().decode(Decoder::new(LIMIT, None).joining(), &stream);
    assert_eq!((joined.seen, joined.error), (expected.to_vec(), Some(DecodeError::Utf8)));
}

/// WS-CL-4 to -7, for every code there is. (RFC 6455, section 7.4; the IANA registry of close codes)
#[test]
fn every_close_code() {
    let defined = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
    for code in 0..=u16::MAX {
        let is_allowed = defined.contains(&code) || (3000..=4999).contains(&code);
        assert_eq!(is_code_allowed(code), is_allowed, "{code}");
        let outcome = decode(LIMIT, &frame(FIN | CLOSE, MASK, &[&code.to_be_bytes()[..], b"why"].concat()));
        match is_allowed {
            true => assert_eq!(outcome.seen, [Seen::Close { code: Some(code), reason: "why".to_owned() }]),
            false => assert_eq!(outcome.error, Some(DecodeError::CloseCode(code))),
        }
    }
    assert_eq!(error(&frame(FIN | CLOSE, MASK, b"\x03")), Some(DecodeError::CloseLength));
    assert_eq!(error(&frame(FIN | CLOSE, MASK, b"\x03\xe8\xc3")), Some(DecodeError::CloseReason));
    let empty = frame(FIN | CLOSE, MASK, b"");
    let closed = [Seen::Close { code: None, reason: String::new() }];
    assert_eq!(decode(LIMIT, &[&empty[..], b"anything"].concat()).seen, closed);
    // Within a message, whose rest does not come any more.
    assert_eq!(decode(LIMIT, &opened(&empty)).seen, closed);
}

/// What a server sends: not masked (WS-FR-2), in the shortest form (WS-FR-6), as tungstenite reads it.
#[test]
fn heads_are_encoded() {
    let opcodes = [
        (Opcode::Continuation, CONTINUATION),
        (Opcode::Text, TEXT),
        (Opcode::Binary, BINARY),
        (Opcode::Close, CLOSE),
        (Opcode::Ping, PING),
        (Opcode::Pong, PONG),
    ];
    for (opcode, number) in opcodes {
        for length in [0, 1, 125, 126, 65_535, 65_536, usize::MAX >> 1] {
            let mut out = BytesMut::new();
            encode_head(opcode, number == TEXT, length, &mut out);
            let mut cursor = std::io::Cursor::new(&out);
            let (read, read_length) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
            assert_eq!((cursor.position(), read_length), (out.len() as u64, length as u64));
            assert_eq!((read.is_final, read.rsv1, read.mask), (true, number == TEXT, None));
            let masked = head(out[0], MASK, length as u64);
            assert_eq!((out[0] & 0x3F, out[1] | 0x80), (number, masked[1]));
            assert_eq!(out[2..], masked[2..masked.len() - 4]);
        }
    }
}

/// A reason that is too long is cut between characters.
#[test]
fn close_frames_are_encoded() {
    let encoded = |code, reason: &str| {
        let mut out = BytesMut::new();
        encode_close(Closing { code, reason }, &mut out);
        out
    };
    assert_eq!(encoded(None, "unsaid")[..], [0x88, 0]);
    assert_eq!(encoded(Some(1002), "é")[..], *b"\x88\x04\x03\xea\xc3\xa9");
    for character in ["a", "é", "€", "😀"] {
        for before in 0..5 {
            let reason = "-".repeat(before) + &character.repeat(130);
            let out = encoded(Some(1000), &reason);
            let closing = Closing::parse(&out[2..]).unwrap();
            assert_eq!(usize::from(out[1]), out.len() - 2);
            assert!(reason.starts_with(closing.reason));
            assert!((123 - character.len() + 1..=123).contains(&closing.reason.len()), "{closing:?}");
        }
    }
}
