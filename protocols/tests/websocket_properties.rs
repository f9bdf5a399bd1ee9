//! What holds for all that a client can send over WebSocket, however it arrives.

#[path = "websocket_support/strategy.rs"]
mod strategy;
mod websocket_support;

use proptest::collection::vec;
use proptest::prelude::*;
use tidewire_protocols::websocket::{Decoder, MessageKind};

use self::strategy::{Sent, arrival, bytes, hostile, noise, sent, style};
use self::websocket_support::client::{Client, Style};
use self::websocket_support::{Arrival, BINARY, DecodeError, FIN, Outcome, RSV1, Seen, agreed, frame};

const LIMIT: usize = 1 << 20;

proptest! {
    /// Messages are what was sent, in fragments, with control frames between them, compressed in any legal way (WS-FR-9,
    /// -10, -13, -14, WS-CT-4, WS-PMD-10, -18, -21, -23).
    #[test]
    fn messages_arrive_as_sent(
        messages in vec(sent(), 1..5),
        takeover: bool,
        (level, window_bits) in (0..10_u32, 9..=15_u8),
        arrival in arrival(),
    ) {
        let mut client = Client::new(level, window_bits, takeover);
        let mut stream = Vec::new();
        messages.iter().for_each(|message| message.encode(Some(&mut client), &mut stream));
        let decoder = || Decoder::new(LIMIT, Some(&agreed(takeover)));
        for arrival in [Arrival::at_once(), arrival, Arrival::one_by_one()] {
            check(&messages, &arrival.decode(decoder(), &stream))?;
        }
    }

    /// The same without compression.
    #[test]
    fn plain_messages_arrive_as_sent(messages in vec(sent(), 1..5), arrival in arrival()) {
        let mut stream = Vec::new();
        messages.iter().for_each(|message| message.encode(None, &mut stream));
        for arrival in [Arrival::at_once(), arrival, Arrival::one_by_one()] {
            check(&messages, &arrival.decode(Decoder::new(LIMIT, None), &stream))?;
        }
    }

    /// Joined, they are the same bytes of the same kinds, and what is wrong among them is wrong in the same way.
    #[test]
    fn joined_messages_are_the_same(
        messages in vec(sent(), 1..5),
        hostile in prop_oneof![Just(vec![]), hostile()],
        arrival in arrival(),
        limit in prop_oneof![0..400_usize, Just(LIMIT)],
    ) {
        let mut stream = Vec::new();
        messages.iter().for_each(|message| message.encode(None, &mut stream));
        stream.extend(hostile);
        let apart = Arrival::at_once().decode(Decoder::new(limit, None), &stream).judged();
        for arrival in [Arrival::at_once(), arrival, Arrival::one_by_one()] {
            let joined = arrival.decode(Decoder::new(limit, None).joining(), &stream).judged();
            prop_assert_eq!((&apart.open, &apart.error), (&joined.open, &joined.error));
            prop_assert_eq!(Seen::joined(apart.seen.clone()), Seen::joined(joined.seen));
        }
    }

    /// What is wrong is wrong in the same way, after the same events, wherever it is cut.
    #[test]
    fn hostile_frames_fail_alike(
        stream in hostile(),
        arrival in arrival(),
        takeover: bool,
        limit in prop_oneof![0..40_usize, Just(LIMIT)],
    ) {
        let decoder = || Decoder::new(limit, Some(&agreed(takeover)));
        let whole = Arrival::at_once().decode(decoder(), &stream).judged();
        prop_assert_eq!(&whole, &arrival.decode(decoder(), &stream).judged());
        prop_assert_eq!(&whole, &Arrival::one_by_one().decode(decoder(), &stream).judged());
    }

    /// Arbitrary bytes never panic, and mean the same wherever they are cut.
    #[test]
    fn arbitrary_bytes(stream in vec(any::<u8>(), 0..200), arrival in arrival()) {
        let decoder = || Decoder::new(50, Some(&agreed(true)));
        let whole = Arrival::at_once().decode(decoder(), &stream).judged();
        prop_assert_eq!(whole, arrival.decode(decoder(), &stream).judged());
    }

    /// A message of just the limit passes, and fails with one byte less, before more than the limit was handed on
    /// (WS-SE-1, WS-PMD-24).
    #[test]
    fn limits_are_exact(message in sent(), arrival in arrival()) {
        let mut stream = Vec::new();
        message.encode(Some(&mut Client::new(6, 15, false)), &mut stream);
        let limit = message.bytes.len();
        let outcome = arrival.decode(Decoder::new(limit, Some(&agreed(false))), &stream);
        prop_assert_eq!((outcome.error, outcome.open.len()), (None, 0));
        if let Some(less) = limit.checked_sub(1) {
            let outcome = arrival.decode(Decoder::new(less, Some(&agreed(false))), &stream);
            prop_assert_eq!(outcome.error, Some(DecodeError::TooLarge(less)));
            prop_assert!(outcome.open.len() <= less);
        }
    }

    /// Text is judged as the standard library judges it, in any fragments, compressed or not (WS-UT-1, WS-PMD-19).
    #[test]
    fn text_is_judged_as_a_whole(
        mut message in sent(),
        bytes in prop_oneof![bytes(), r"[aé€😀]{0,12}".prop_map(String::into_bytes)],
        spoilt in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        arrival in arrival(),
    ) {
        (message.kind, message.bytes) = (MessageKind::Text, bytes);
        if let Some((at, byte)) = spoilt.filter(|_| !message.bytes.is_empty()) {
            let at = at.index(message.bytes.len());
            message.bytes[at] = byte;
        }
        let mut stream = Vec::new();
        message.encode(Some(&mut Client::new(6, 15, false)), &mut stream);
        let outcome = arrival.decode(Decoder::new(LIMIT, Some(&agreed(false))), &stream);
        let expected = std::str::from_utf8(&message.bytes).err().map(|_| DecodeError::Utf8);
        prop_assert_eq!(outcome.error, expected);
        prop_assert!(message.bytes.starts_with(&outcome.open));
        let valid = std::str::from_utf8(&message.bytes).map_or_else(|error| error.valid_up_to(), str::len);
        prop_assert!(outcome.open.len() < valid + 4, "no more than the beginning of a character is wrong");
    }

    /// Nothing that one connection sent can be had by another that refers to what was before its message.
    #[test]
    fn no_window_is_shared(seed: u64, length in 300..600_usize, style in style(), takeover: bool) {
        let secret = noise(length, seed);
        let (mut before, mut keeper) = (Client::new(6, 15, false), Client::new(6, 15, true));
        let stream = frame(FIN | RSV1 | BINARY, [1; 4], &before.compress(style, &secret));
        Arrival::at_once().decode(Decoder::new(LIMIT, Some(&agreed(false))), &stream);
        let first = keeper.compress(Style::Plain, &secret);
        let second = keeper.compress(Style::Plain, &secret);
        prop_assert!(second.len() < first.len() / 2);
        let stream = frame(FIN | RSV1 | BINARY, [2; 4], &second);
        let outcome = Arrival::at_once().decode(Decoder::new(LIMIT, Some(&agreed(takeover))), &stream);
        prop_assert_eq!(outcome.error, Some(DecodeError::Deflate));
        prop_assert!(outcome.open.len() < 10, "{:?}", outcome.open);
    }
}

/// All messages have come, and nothing else.
fn check(messages: &[Sent], outcome: &Outcome) -> Result<(), TestCaseError> {
    prop_assert_eq!(outcome.error, None);
    let mut seen = &outcome.seen[..];
    for message in messages {
        let rest = message.is_first_of(seen);
        prop_assert!(rest.is_some(), "{:?} is not {:?}", seen, message);
        seen = rest.unwrap_or_default();
    }
    prop_assert!(seen.is_empty() && outcome.open.is_empty());
    Ok(())
}
