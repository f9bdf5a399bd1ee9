//! A client's frames, the ways in which they arrive, and what the decoder makes of them.

#![allow(dead_code, reason = "no test file uses all of it")]
#![allow(clippy::unwrap_used, reason = "only tests use it")]

pub(crate) mod client;
pub(crate) mod inflate;

use std::ops::ControlFlow;

use tidewire_protocols::websocket::deflate::{Agreed, Policy, negotiate};
use tidewire_protocols::websocket::{Decoder, Event, MessageKind};

pub(crate) use tidewire_protocols::websocket::DecodeError;

/// FIN, which stands in a frame's first byte with the reserved bits and the opcode.
pub(crate) const FIN: u8 = 0x80;
/// RSV1: the message is compressed.
pub(crate) const RSV1: u8 = 0x40;
pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A masked frame with its length in the shortest form.
pub(crate) fn frame(first: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut out = head(first, mask, payload.len() as u64);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

/// The head of such a frame.
pub(crate) fn head(first: u8, mask: [u8; 4], length: u64) -> Vec<u8> {
    let mut out = vec![first];
    match length {
        0..=125 => out.push(0x80 | length as u8),
        126..=0xFFFF => {
            out.push(0x80 | 126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(mask);
    out
}

/// What has been seen; `at` counts the bytes of the open message that came before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Message(MessageKind, Vec<u8>),
    Ping { payload: Vec<u8>, at: usize },
    Pong { payload: Vec<u8>, at: usize },
    Close { code: Option<u16>, reason: String },
}

impl Seen {
    /// What a reader sees to whom messages are joined: of several of one kind in a row, one.
    pub(crate) fn joined(all: Vec<Self>) -> Vec<Self> {
        let mut joined = Vec::new();
        for one in all {
            match (joined.last_mut(), one) {
                (Some(Self::Message(kind, bytes)), Self::Message(next, more)) if *kind == next => {
                    bytes.extend(more);
                }
                (_, one) => joined.push(one),
            }
        }
        joined
    }
}

/// All that came of an input.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) seen: Vec<Seen>,
    /// What was handed on of the message that has not ended.
    pub(crate) open: Vec<u8>,
    pub(crate) error: Option<DecodeError>,
}

impl Outcome {
    /// Without what bad UTF-8 came behind: whole pieces are handed on, so how much that is depends on the pieces.
    pub(crate) fn judged(mut self) -> Self {
        if self.error == Some(DecodeError::Utf8) {
            self.open.clear();
        }
        self
    }
}

/// How an input arrives; both go round and round.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// The lengths of its pieces; none if it comes at once.
    pub(crate) pieces: Vec<usize>,
    /// After which events the visitor breaks off.
    pub(crate) breaks: Vec<bool>,
}

impl Arrival {
    pub(crate) fn at_once() -> Self {
        Self { pieces: vec![], breaks: vec![] }
    }

    pub(crate) fn one_by_one() -> Self {
        Self { pieces: vec![1], breaks: vec![true] }
    }

    /// Decodes `stream`, as a connection does that offers what was left once more.
    pub(crate) fn decode(&self, mut decoder: Decoder, stream: &[u8]) -> Outcome {
        let mut outcome = Outcome::default();
        let mut pieces = self.pieces.iter().copied().cycle();
        let mut breaks = self.breaks.iter().copied().cycle();
        let (mut unread, mut rest) = (Vec::new(), stream);
        while !rest.is_empty() && outcome.error.is_none() {
            let (piece, later) = rest.split_at(pieces.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
            unread.extend_from_slice(piece);
            rest = later;
            loop {
                let mut is_broken_off = false;
                let result = decoder.decode(&mut unread, &mut |event| {
                    outcome.note(event);
                    is_broken_off = breaks.next().unwrap_or(false);
                    if is_broken_off { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                match result {
                    Ok(used) => drop(unread.drain(..used)),
                    Err(error) => {
                        outcome.error = Some(error);
                        break;
                    }
                }
                if unread.is_empty() && !decoder.has_more() {
                    outcome.check_nothing_is_withheld(&mut decoder);
                    break;
                }
                assert!(is_broken_off, "nothing is left over unless the visitor breaks off");
            }
        }
        let is_closed = matches!(outcome.seen.last(), Some(Seen::Close { .. }));
        assert_eq!(decoder.is_closed(), is_closed);
        outcome
    }
}

impl Outcome {
    fn note(&mut self, event: Event<'_>) {
        let at = self.open.len();
        match event {
            Event::Data { bytes, kind, is_last } => {
                self.open.extend_from_slice(bytes);
                if is_last {
                    self.seen.push(Seen::Message(kind, std::mem::take(&mut self.open)));
                }
            }
            Event::Ping(payload) => self.seen.push(Seen::Ping { payload: payload.to_vec(), at }),
            Event::Pong(payload) => self.seen.push(Seen::Pong { payload: payload.to_vec(), at }),
            Event::Close(closing) => {
                self.seen.push(Seen::Close { code: closing.code, reason: closing.reason.to_owned() });
            }
        }
    }

    /// A decoder that has no more without input shows nothing when it is asked without input.
    fn check_nothing_is_withheld(&mut self, decoder: &mut Decoder) {
        let used = decoder.decode(&mut [], &mut |event| panic!("{event:?} was withheld"));
        assert_eq!(used, Ok(0));
    }
}

/// Compression agreed on, or not.
pub(crate) fn agreed(takeover: bool) -> Agreed {
    let policy = Policy { context_takeover: takeover, window_bits: 15 };
    negotiate(["permessage-deflate"].into_iter(), &policy).unwrap().unwrap()
}
