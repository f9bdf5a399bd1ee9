//! What holds for every STOMP frame, whatever it says and however it arrives.

use std::borrow::Cow;

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tidewire_protocols::stomp::{
    Command, Decoded, Decoder, Error, ErrorKind, FrameWriter, Limits, Version, encode_frame, encode_header,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// What is written is read back, in every version (STOMP12-FRAME-1, -ENCODE-7, -LENGTH-2).
    #[test]
    fn round_trip(version in version(), frame in frame()) {
        let encoded = frame.encode(version);
        let (decoded, size) = decode_one(version, &encoded);
        prop_assert_eq!(size, encoded.len());
        prop_assert_eq!(decoded, frame.as_read(version));
    }

    /// `encode_frame` keeps a decoded frame's meaning, also in another version that can say as much.
    #[test]
    fn encode_frame_keeps_the_meaning(version in version(), frame in frame()) {
        let encoded = frame.encode(version);
        let Ok(Decoded::Frame { frame, .. }) = Decoder::with(version).decode(&encoded) else { panic!("no frame") };
        let mut again = BytesMut::new();
        encode_frame(Version::V12, &frame, &mut again);
        let (decoded, _) = decode_one(Version::V12, &again);
        prop_assert_eq!(decoded.without_length(), Owned::from(frame).as_read(Version::V12).without_length());
    }

    /// The bytes may be split anywhere: the same frames come out.
    #[test]
    fn splits_change_nothing(
        version in version(),
        parts in vec(stream_part(), 0..6),
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let stream = parts.iter().flat_map(|part| part.encode(version)).collect::<Vec<_>>();
        let frames = parts.iter().filter_map(|part| part.as_read(version)).collect::<Vec<_>>();
        let mut cuts = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect::<Vec<_>>();
        cuts.sort_unstable();
        for cuts in [vec![], cuts, (0..stream.len()).collect()] {
            prop_assert_eq!(decode_all(version, Limits::default(), &stream, &cuts), (frames.clone(), None));
        }
    }

    /// `needed` never asks for more than the frame has, and always for more than there is.
    #[test]
    fn needed_is_honest(version in version(), frame in frame(), cut in any::<prop::sample::Index>()) {
        let encoded = frame.encode(version);
        let cut = cut.index(encoded.len());
        let result = Decoder::with(version).decode(&encoded[..cut]);
        let Ok(Decoded::Incomplete { needed }) = result else { panic!("{result:?}") };
        prop_assert!(cut < needed && needed <= encoded.len(), "{} of {}: {}", cut, encoded.len(), needed);
    }

    /// Bytes that only resemble frames do no harm, and fail in the same way however they were split.
    #[test]
    fn hostile_bytes_fail_alike(version in version(), bytes in hostile_bytes(), limits in small_limits()) {
        let whole = decode_all(version, limits, &bytes, &[]);
        let one_by_one = decode_all(version, limits, &bytes, &(0..bytes.len()).collect::<Vec<_>>());
        prop_assert_eq!(whole, one_by_one);
    }

    /// Arbitrary bytes never panic.
    #[test]
    fn arbitrary_bytes(version in version(), bytes in vec(any::<u8>(), 0..200)) {
        decode_all(version, Limits::default(), &bytes, &[]);
    }

    /// No frame passes a limit, and no more is awaited than a frame within the limits can take (STOMP12-LIMIT-1, -2).
    #[test]
    fn limits_hold(version in version(), frame in frame(), bytes in hostile_bytes(), limits in small_limits()) {
        for bytes in [frame.encode(version), bytes] {
            let (frames, _) = decode_all(version, limits, &bytes, &[]);
            for frame in frames {
                prop_assert!(frame.headers.len() <= limits.header_count_max);
                prop_assert!(frame.body.len() <= limits.body_size_max);
                let longest = frame.headers.iter().map(|(name, value)| name.len() + 1 + value.len()).max();
                prop_assert!(longest.unwrap_or(0) <= limits.header_line_max);
            }
            if let Ok(Decoded::Incomplete { needed }) = Decoder::with(version).limited(limits).decode(&bytes) {
                let head = 13 + limits.header_count_max * (limits.header_line_max + 2) + 2;
                prop_assert!(needed <= head + limits.body_size_max + 1, "awaits {}", needed);
            }
        }
    }

    /// A frame that is just within the limits passes, and fails when any of them is one less.
    #[test]
    fn limits_are_exact(version in version(), frame in frame()) {
        let encoded = frame.encode(version);
        let head = &encoded[..encoded.len() - frame.tail_len()];
        let lines = head.split(|&octet| octet == b'\n').skip(1).filter(|line| !line.is_empty());
        let exact = Limits {
            header_count_max: lines.clone().count(),
            header_line_max: lines.map(<[u8]>::len).max().unwrap_or(0),
            body_size_max: frame.body_len(),
        };
        let error = |limits| decode_all(version, limits, &encoded, &[]).1.map(|(kind, _)| kind);
        prop_assert_eq!(error(exact), None);
        if let Some(header_count_max) = exact.header_count_max.checked_sub(1) {
            prop_assert_eq!(error(Limits { header_count_max, ..exact }), Some(ErrorKind::TooManyHeaders));
            let header_line_max = exact.header_line_max - 1;
            prop_assert_eq!(error(Limits { header_line_max, ..exact }), Some(ErrorKind::HeaderTooLong));
        }
        if let Some(body_size_max) = exact.body_size_max.checked_sub(1) {
            prop_assert_eq!(error(Limits { body_size_max, ..exact }), Some(ErrorKind::BodyTooLarge));
        }
    }

    /// Escaping and unescaping agree with a second implementation that goes character by character
    /// (STOMP12-ENCODE-2, -3, -4, STOMP11-ENCODE-1, -2, -3, STOMP10-FRAME-2).
    #[test]
    fn escaping_agrees_with_the_naive_one(version in version(), name in name(), value in text()) {
        let mut line = BytesMut::new();
        encode_header(version, &name, &value, &mut line);
        let expected = format!("{}:{}\n", naive_escape(version, &name, true), naive_escape(version, &value, false));
        prop_assert_eq!(std::str::from_utf8(&line).unwrap(), expected);
    }

    /// See above; `raw` may hold escapes that the version does not know.
    #[test]
    fn unescaping_agrees_with_the_naive_one(version in version(), raw in r"[\\\\nrct:a é]{0,12}") {
        let bytes = format!("SEND\nname:{raw}\n\n\0");
        let decoded = Decoder::with(version).decode(bytes.as_bytes()).map(|decoded| match decoded {
            Decoded::Frame { frame, .. } => frame.headers.get("name").map(Cow::into_owned),
            other => panic!("{other:?}"),
        });
        match naive_unescape(version, &raw) {
            Some(text) => prop_assert_eq!(decoded, Ok(Some(text))),
            None => prop_assert_eq!(decoded.map_err(|error| error.kind()), Err(ErrorKind::BadEscape)),
        }
    }
}

/// A frame apart from its bytes.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    command: Command,
    headers: Vec<(String, String)>,
    /// `None`: written without `content-length`.
    body: Option<Vec<u8>>,
}

/// A frame as it was read.
#[derive(Clone, Debug, PartialEq)]
struct Read {
    command: Command,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Owned {
    fn encode(&self, version: Version) -> Vec<u8> {
        let mut out = BytesMut::new();
        let mut writer = FrameWriter::new(&mut out, version, self.command);
        for (name, value) in &self.headers {
            writer.header(name, value);
        }
        match &self.body {
            Some(body) => writer.finish_with_body(body),
            None => writer.finish(),
        }
        out.to_vec()
    }

    /// What the reader gets: the version replaces what it cannot say, and a body brings `content-length`.
    fn as_read(&self, version: Version) -> Read {
        let exempt = matches!(self.command, Command::Connect | Command::Stomp | Command::Connected);
        let said = |text: &str, in_name: bool| match (exempt, version) {
            (true, _) => naive_replace(text, in_name).replace('\r', " "),
            (false, Version::V10) => naive_replace(text, in_name),
            (false, _) => text.replace('\0', " "),
        };
        let length = self.body.iter().map(|body| ("content-length".to_owned(), body.len().to_string()));
        let headers = self.headers.iter().map(|(name, value)| (said(name, true), said(value, false)));
        Read {
            command: self.command,
            headers: headers.chain(length).collect(),
            body: self.body.clone().unwrap_or_default(),
        }
    }

    fn body_len(&self) -> usize {
        self.body.as_ref().map_or(0, Vec::len)
    }

    /// Bytes from the end of the blank line on.
    fn tail_len(&self) -> usize {
        self.body_len() + 1
    }
}

impl Read {
    fn without_length(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "content-length");
        self
    }
}

impl From<tidewire_protocols::stomp::Frame<'_>> for Read {
    fn from(frame: tidewire_protocols::stomp::Frame<'_>) -> Self {
        let headers = frame.headers.iter().map(|(name, value)| (name.into_owned(), value.into_owned()));
        let headers = headers.collect::<Vec<_>>();
        assert_eq!(headers.len(), frame.headers.len());
        for (name, _) in &headers {
            let first = headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
            assert_eq!(frame.headers.get(name).as_deref(), first, "the first of repeated headers counts");
        }
        Self { command: frame.command, headers, body: frame.body.to_vec() }
    }
}

impl From<tidewire_protocols::stomp::Frame<'_>> for Owned {
    fn from(frame: tidewire_protocols::stomp::Frame<'_>) -> Self {
        let Read { command, headers, body } = Read::from(frame);
        Self { command, headers, body: command.may_have_body().then_some(body) }
    }
}

/// What a stream is made of.
#[derive(Clone, Debug)]
enum Part {
    Frame(Owned),
    HeartBeats(&'static str),
}

impl Part {
    fn encode(&self, version: Version) -> Vec<u8> {
        match self {
            Self::Frame(frame) => frame.encode(version),
            Self::HeartBeats(end_of_lines) => end_of_lines.as_bytes().to_vec(),
        }
    }

    fn as_read(&self, version: Version) -> Option<Read> {
        match self {
            Self::Frame(frame) => Some(frame.as_read(version)),
            Self::HeartBeats(_) => None,
        }
    }
}

/// Short ways to a decoder of one version.
trait DecoderExt {
    fn with(version: Version) -> Self;
    fn limited(self, limits: Limits) -> Self;
}

impl DecoderExt for Decoder {
    fn with(version: Version) -> Self {
        let mut decoder = Self::default();
        decoder.set_version(version);
        decoder
    }

    fn limited(mut self, limits: Limits) -> Self {
        self.set_limits(limits);
        self
    }
}

fn decode_one(version: Version, bytes: &[u8]) -> (Read, usize) {
    match Decoder::with(version).decode(bytes) {
        Ok(Decoded::Frame { frame, size }) => (frame.into(), size),
        other => panic!("no frame: {other:?}"),
    }
}

/// Everything that `bytes` hold, when they arrive in pieces that end at `cuts` and at their end.
fn decode_all(
    version: Version,
    limits: Limits,
    bytes: &[u8],
    cuts: &[usize],
) -> (Vec<Read>, Option<(ErrorKind, &'static str)>) {
    let mut decoder = Decoder::with(version).limited(limits);
    let mut frames = Vec::new();
    let mut start = 0;
    for &end in cuts.iter().chain([&bytes.len()]) {
        loop {
            match decoder.decode(&bytes[start..end]) {
                Ok(Decoded::Frame { frame, size }) => {
                    frames.push(frame.into());
                    start += size;
                }
                Ok(Decoded::HeartBeat { size }) => start += size,
                Ok(Decoded::Incomplete { needed }) => {
                    assert!(needed > end - start);
                    break;
                }
                Err(error) => return (frames, Some(judged(&error))),
            }
            assert!(start <= end);
        }
    }
    (frames, None)
}

fn judged(error: &Error) -> (ErrorKind, &'static str) {
    assert!(!error.to_string().is_empty() && error.to_string().len() < 200);
    (error.kind(), error.statement())
}

fn naive_escape(version: Version, text: &str, in_name: bool) -> String {
    if version == Version::V10 {
        return naive_replace(text, in_name);
    }
    let mut escaped = text.replace('\0', " ").replace('\\', r"\\").replace('\n', r"\n").replace(':', r"\c");
    if version == Version::V12 {
        escaped = escaped.replace('\r', r"\r");
    }
    escaped
}

fn naive_replace(text: &str, in_name: bool) -> String {
    let text = text.replace(['\0', '\n'], " ");
    if in_name { text.replace(':', "_") } else { text }
}

fn naive_unescape(version: Version, raw: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        let escaped = character == '\\' && version > Version::V10;
        text.push(if !escaped {
            character
        } else {
            match (characters.next()?, version) {
                ('n', _) => '\n',
                ('c', _) => ':',
                ('\\', _) => '\\',
                ('r', Version::V12) => '\r',
                _ => return None,
            }
        });
    }
    Some(text)
}

fn version() -> impl Strategy<Value = Version> {
    select(Version::ALL.as_slice())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,20}", r"[\\\\\r\n:\x00a ]{0,8}", any::<String>()]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z-]{1,12}", "[ab]", text().prop_filter("a name has an octet", |name| !name.is_empty())]
        // The writer counts bodies itself.
        .prop_filter("the writer's own", |name| name != "content-length")
}

/// Any frame that every version has.
fn frame() -> impl Strategy<Value = Owned> {
    let commands: Vec<_> = Command::ALL.into_iter().filter(|&command| command != Command::Nack).collect();
    (select(commands), vec((name(), text()), 0..6), vec(any::<u8>(), 0..40)).prop_map(
        |(command, headers, body)| Owned { command, headers, body: command.may_have_body().then_some(body) },
    )
}

fn stream_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        3 => frame().prop_map(Part::Frame),
        1 => select(vec!["\n", "\n\n\n", "\r\n", "\n\r\n"]).prop_map(Part::HeartBeats),
    ]
}

/// Pieces of frames in an order that mostly makes none.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"SEND\n",
        b"SEND\r\n",
        b"SUBSCRIBE\n",
        b"CONNECT\n",
        b"NACK\n",
        b"send\n",
        b"a:b\n",
        b"a:b\r\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"\0",
        b":",
        b"\\",
        b"\\n",
        b"\\r",
        b"\\c",
        b"\\\\",
        b"\\t",
        b"x",
        b"yyyyyyyy",
        b"\xff",
        b"\xc3\xa9",
        b"content-length:3\n",
        b"content-length:0\n",
        b"content-length:",
        b"99999999999999999999999",
        b"destination:/topic/a\n",
        b"\n\n",
        b"\n\0",
        b"abc\0",
        b"\n\n\0",
    ];
    (select(vec![&b"SEND\n"[..], b"MESSAGE\r\n", b"ACK\n", b"CONNECT\n", b""]), vec(select(pieces), 0..12))
        .prop_map(|(first, rest)| [first, &rest.concat()].concat())
}

fn small_limits() -> impl Strategy<Value = Limits> {
    (0..5_usize, 0..24_usize, 0..12_usize).prop_map(|(header_count_max, header_line_max, body_size_max)| {
        Limits { header_count_max, header_line_max, body_size_max }
    })
}
