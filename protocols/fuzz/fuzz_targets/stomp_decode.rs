//! STOMP frames from arbitrary bytes: the same however they are split, the same again when they are written and read.
//!
//! The first line of an input says how the rest arrives: each octet is the length of one piece, over and over. So
//! seeds stay readable: a line of `~` sends big pieces, a line of tabs pieces of nine octets.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use tidewire_protocols::stomp::{
    Command, Decoded, Decoder, ErrorKind, Frame, HeartBeat, Limits, Version, encode_frame,
};

fuzz_target!(|input: &[u8]| {
    let Some(line_end) = input.iter().position(|&octet| octet == b'\n') else { return };
    let (pieces, stream) = (&input[..line_end], &input[line_end + 1..]);
    for version in Version::ALL {
        for limits in [Limits::default(), SMALL] {
            let whole = decode_all(version, limits, stream, &[]);
            assert_eq!(whole, decode_all(version, limits, stream, pieces), "{version}: split");
            assert_eq!(whole, decode_all(version, limits, stream, &[1]), "{version}: one by one");
        }
    }
    if let Ok(text) = std::str::from_utf8(stream) {
        let _ = Version::negotiate(Some(text));
        if let Ok(heart_beat) = HeartBeat::parse(text) {
            assert_eq!(HeartBeat::parse(&heart_beat.to_string()), Ok(heart_beat));
        }
    }
});

const SMALL: Limits = Limits { header_count_max: 3, header_line_max: 16, body_size_max: 8 };

/// A frame apart from its bytes.
#[derive(Debug, PartialEq)]
struct Owned {
    command: Command,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl From<Frame<'_>> for Owned {
    fn from(frame: Frame<'_>) -> Self {
        let headers = frame.headers.iter().map(|(name, value)| (name.into_owned(), value.into_owned()));
        Self { command: frame.command, headers: headers.collect(), body: frame.body.to_vec() }
    }
}

/// The frames of `stream` and what ends them, when it arrives in pieces of these lengths (0 counts as 256).
fn decode_all(
    version: Version,
    limits: Limits,
    stream: &[u8],
    pieces: &[u8],
) -> (Vec<Owned>, Option<(ErrorKind, &'static str)>) {
    let mut decoder = Decoder::new(limits);
    decoder.set_version(version);
    let mut lengths = pieces.iter().map(|&octet| if octet == 0 { 256 } else { usize::from(octet) }).cycle();
    let (mut frames, mut start, mut end) = (Vec::new(), 0, 0);
    while end < stream.len() {
        end = lengths.next().map_or(stream.len(), |length| stream.len().min(end + length));
        loop {
            match decoder.decode(&stream[start..end]) {
                Ok(Decoded::Frame { frame, size }) => {
                    assert!(0 < size && size <= end - start);
                    check_frame(version, limits, &frame);
                    frames.push(frame.into());
                    start += size;
                }
                Ok(Decoded::HeartBeat { size }) => {
                    assert!(0 < size && size <= end - start);
                    start += size;
                }
                Ok(Decoded::Incomplete { needed }) => {
                    assert!(needed > end - start);
                    break;
                }
                Err(error) => {
                    assert!(!error.to_string().contains(['\n', '\0']), "{error}");
                    return (frames, Some((error.kind(), error.statement())));
                }
            }
        }
    }
    (frames, None)
}

/// A frame keeps the limits, and says the same when it is written and read again.
fn check_frame(version: Version, limits: Limits, frame: &Frame<'_>) {
    assert!(frame.headers.len() <= limits.header_count_max);
    assert!(frame.body.len() <= limits.body_size_max);
    assert_eq!(frame.headers.len(), frame.headers.iter().count());
    if let Some((name, value)) = frame.headers.iter().next() {
        assert_eq!(frame.headers.get(&name), Some(value));
    }
    let mut encoded = BytesMut::new();
    encode_frame(version, frame, &mut encoded);
    let mut decoder = Decoder::default();
    decoder.set_version(version);
    let Ok(Decoded::Frame { frame: again, size }) = decoder.decode(&encoded) else {
        panic!("{frame:?} is written as {}", encoded.escape_ascii());
    };
    assert_eq!(size, encoded.len());
    assert_eq!(without_length(&again), said(without_length(frame)));
}

fn without_length(frame: &Frame<'_>) -> Owned {
    let mut owned = Owned::from(*frame);
    owned.headers.retain(|(name, _)| name != "content-length");
    owned
}

/// A CR that 1.0 and 1.1 let into CONNECT is not written there again.
fn said(mut frame: Owned) -> Owned {
    if matches!(frame.command, Command::Connect | Command::Stomp | Command::Connected) {
        for (name, value) in &mut frame.headers {
            *name = name.replace('\r', " ");
            *value = value.replace('\r', " ");
        }
    }
    frame
}
