//! Arbitrary messages, the frames that carry them, and ways in which they arrive.

#![allow(dead_code, reason = "no test file uses all of it")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tidewire_protocols::websocket::MessageKind;

use super::websocket_support::client::{Client, Style};
use super::websocket_support::{
    Arrival, BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, Seen, TEXT, frame,
};

/// A message and how it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) kind: MessageKind,
    pub(crate) bytes: Vec<u8>,
    /// How it is compressed, where it is.
    pub(crate) style: Option<Style>,
    /// The payload bytes of its frames, one after the other; the last frame holds the rest.
    pub(crate) fragments: Vec<usize>,
    /// Control frames, each before one of its frames but the first.
    pub(crate) controls: Vec<(u8, Vec<u8>)>,
    pub(crate) masks: Vec<[u8; 4]>,
}

impl Sent {
    /// Appends its frames; compressed by `client`, where there is one.
    pub(crate) fn encode(&self, client: Option<&mut Client>, out: &mut Vec<u8>) {
        let opcode = if self.kind == MessageKind::Text { TEXT } else { BINARY };
        let (payload, first) = match (client, self.style) {
            (Some(client), Some(style)) => (client.compress(style, &self.bytes), opcode | RSV1),
            _ => (self.bytes.clone(), opcode),
        };
        let mut masks = self.masks.iter().copied().cycle();
        let mut mask = || masks.next().unwrap_or_default();
        let mut controls = self.controls.iter();
        let (mut rest, mut first) = (&payload[..], first);
        for size in &self.fragments {
            let (piece, later) = rest.split_at((*size).min(rest.len()));
            out.extend(frame(first, mask(), piece));
            if let Some((opcode, payload)) = controls.next() {
                out.extend(frame(FIN | opcode, mask(), payload));
            }
            (rest, first) = (later, CONTINUATION);
        }
        out.extend(frame(FIN | first, mask(), rest));
    }

    /// Whether `seen` begins with it; the control frames within it come first. Returns the rest.
    pub(crate) fn is_first_of<'s>(&self, seen: &'s [Seen]) -> Option<&'s [Seen]> {
        let controls = self.fragments.len().min(self.controls.len());
        let (during, rest) = seen.split_at_checked(controls)?;
        let (message, rest) = rest.split_first()?;
        let are_there = during.iter().zip(&self.controls).all(|(seen, (opcode, sent))| match seen {
            Seen::Ping { payload, .. } => *opcode == PING && payload == sent,
            Seen::Pong { payload, .. } => *opcode == PONG && payload == sent,
            _ => false,
        });
        (are_there && *message == Seen::Message(self.kind, self.bytes.clone())).then_some(rest)
    }
}

pub(crate) fn sent() -> impl Strategy<Value = Sent> {
    let kind_and_bytes = prop_oneof![
        text().prop_map(|text| (MessageKind::Text, text.into_bytes())),
        bytes().prop_map(|bytes| (MessageKind::Binary, bytes)),
    ];
    let control = (select(vec![PING, PONG]), vec(any::<u8>(), 0..=125));
    let fragment = prop_oneof![Just(0), 1..10_usize, 100..140_usize, 1000..70_000_usize];
    (
        kind_and_bytes,
        prop::option::of(style()),
        prop_oneof![Just(vec![]), vec(fragment, 0..5)],
        vec(control, 0..4),
        vec(any::<[u8; 4]>(), 1..3),
    )
        .prop_map(|((kind, bytes), style, fragments, controls, masks)| Sent {
            kind,
            bytes,
            style,
            fragments,
            controls,
            masks,
        })
}

pub(crate) fn style() -> impl Strategy<Value = Style> {
    prop_oneof![
        3 => Just(Style::Plain),
        1 => (1..500_usize, any::<bool>()).prop_map(|(size, forgets)| Style::Flushed(size, forgets)),
        1 => Just(Style::Final),
        1 => (1..3000_usize).prop_map(Style::Stored),
        1 => Just(Style::Literals),
    ]
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    let short = prop_oneof![any::<String>(), "[ -~]{0,20}", "[aé€😀]{0,12}"];
    (short, prop_oneof![8 => Just(1), 1 => 1..3000_usize]).prop_map(|(text, times)| {
        let times = times.min(40_000 / text.len().max(1));
        text.repeat(times)
    })
}

pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    // What does not get smaller, around the lengths that matter.
    let lengths = vec![125_usize, 126, 16_383, 16_384, 32_768, 65_535, 65_536];
    prop_oneof![
        6 => text().prop_map(String::into_bytes),
        6 => vec(any::<u8>(), 0..300),
        1 => (select(lengths), any::<u64>()).prop_map(|(length, seed)| noise(length, seed)),
    ]
}

/// Bytes without order. (xorshift)
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn arrival() -> impl Strategy<Value = Arrival> {
    let piece = prop_oneof![1..20_usize, 1..70_000_usize];
    (vec(piece, 0..6), vec(any::<bool>(), 0..6)).prop_map(|(pieces, breaks)| Arrival { pieces, breaks })
}

/// Frames in an order that mostly makes no sense, some of them broken.
pub(crate) fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        vec(any::<u8>(), 0..12),
        bytes(),
        (style(), bytes()).prop_map(|(style, bytes)| Client::new(6, 15, false).compress(style, &bytes)),
        // Cut within a character, a block, or the head of one.
        (style(), bytes(), any::<prop::sample::Index>()).prop_map(|(style, bytes, at)| {
            let mut payload = Client::new(6, 15, false).compress(style, &bytes);
            let at = at.index(payload.len());
            payload[at] ^= 0x10;
            payload
        }),
        select(vec![&b"\xc3"[..], b"\xa9", b"\xe2\x82", b"\xff", b"\x03\xe8", b"\x03\xe8\xff", b"\x03\xed"])
            .prop_map(<[u8]>::to_vec),
    ];
    let opcode = prop_oneof![
        12 => select(vec![CONTINUATION, TEXT, BINARY]),
        4 => select(vec![PING, PONG]),
        1 => select(vec![CLOSE, 3, 11]),
    ];
    let reserved = prop_oneof![6 => Just(0), 6 => Just(RSV1), 1 => Just(0x20)];
    let one = (opcode, reserved, any::<bool>(), any::<[u8; 4]>(), payload).prop_map(
        |(opcode, reserved, is_final, mask, payload)| {
            let is_control = opcode >= CLOSE;
            let payload = if is_control { &payload[..payload.len().min(126)] } else { &payload };
            let reserved = if is_control || opcode == CONTINUATION { reserved & !RSV1 } else { reserved };
            let fin = if is_final || is_control { FIN } else { 0 };
            frame(fin | reserved | opcode, mask, payload)
        },
    );
    vec(one, 1..6).prop_map(|frames| frames.concat())
}
