//! WebSocket messages from arbitrary bytes: the same however they are split and wherever the visitor breaks off, and
//! within the limits.
//!
//! The first line of an input says how the rest arrives: each octet is the length of one piece, over and over; after a
//! piece with an odd length the visitor breaks off at every event. So a line of `~` sends big pieces, a line of tabs
//! pieces of nine octets.

#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use tidewire_protocols::websocket::deflate::{Agreed, Policy, negotiate};
use tidewire_protocols::websocket::{Closing, DecodeError, Decoder, Event, MessageKind};

fuzz_target!(|input: &[u8]| {
    let Some(line_end) = input.iter().position(|&octet| octet == b'\n') else { return };
    let (pieces, stream) = (&input[..line_end], &input[line_end + 1..]);
    let (alone, referring) = (agreed("permessage-deflate", false), agreed("permessage-deflate", true));
    for (agreed, limit) in [(None, 20_000), (alone, 20), (referring, 20_000)] {
        let decoder = || Decoder::new(limit, agreed.as_ref());
        let whole = decode_all(decoder(), limit, stream, &[]);
        assert_eq!(whole, decode_all(decoder(), limit, stream, pieces), "split");
        assert_eq!(whole, decode_all(decoder(), limit, stream, &[1]), "one by one");
    }
    if let Ok(text) = std::str::from_utf8(stream) {
        for context_takeover in [false, true] {
            if let Some(agreed) = agreed(text, context_takeover) {
                assert!((9..=15).contains(&agreed.server_window_bits), "{agreed:?}");
                assert!((8..=15).contains(&agreed.client_window_bits), "{agreed:?}");
                assert!(text.contains("client_max_window_bits") || agreed.client_window_bits == 15);
                assert!(agreed.answer().starts_with("permessage-deflate"));
            }
        }
    }
    let _ = Closing::parse(stream);
});

fn agreed(offers: &str, context_takeover: bool) -> Option<Agreed> {
    let policy = Policy { context_takeover, window_bits: 13 };
    negotiate([offers].into_iter(), &policy).ok().flatten()
}

/// An event apart from its bytes; `at` counts the octets of the open message before it.
#[derive(Debug, PartialEq)]
enum Seen {
    Message(MessageKind, Vec<u8>),
    Control { is_ping: bool, payload: Vec<u8>, at: usize },
    Close(Option<u16>, String),
}

/// What `stream` says and what ends it, when it arrives in pieces of these lengths (0 counts as 256), and what of a
/// message was handed on that did not end.
fn decode_all(
    mut decoder: Decoder,
    limit: usize,
    stream: &[u8],
    pieces: &[u8],
) -> (Vec<Seen>, Vec<u8>, Option<DecodeError>) {
    let mut lengths = pieces.iter().map(|&octet| if octet == 0 { 256 } else { usize::from(octet) }).cycle();
    let (mut seen, mut open, mut unread, mut end) = (Vec::new(), Vec::new(), Vec::new(), 0);
    while end < stream.len() {
        let start = end;
        end = lengths.next().map_or(stream.len(), |length| stream.len().min(start + length));
        let breaks_off = !pieces.is_empty() && (end - start) % 2 == 1;
        unread.extend_from_slice(&stream[start..end]);
        let mut is_left_over = false;
        while !is_left_over {
            let result = decoder.decode(&mut unread, &mut |event| {
                note(event, &mut seen, &mut open);
                assert!(open.len() <= limit, "{} octets are handed on", open.len());
                if breaks_off { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            match result {
                Ok(used) => drop(unread.drain(..used)),
                Err(DecodeError::Utf8) => return (seen, Vec::new(), Some(DecodeError::Utf8)),
                Err(error) => return (seen, open, Some(error)),
            }
            is_left_over = unread.is_empty() && !decoder.has_more();
            assert!(is_left_over || breaks_off);
        }
        let withheld = decoder.decode(&mut [], &mut |event| panic!("{event:?} was withheld"));
        assert_eq!(withheld, Ok(0));
    }
    (seen, open, None)
}

fn note(event: Event<'_>, seen: &mut Vec<Seen>, open: &mut Vec<u8>) {
    match event {
        Event::Data { bytes, kind, is_last } => {
            open.extend_from_slice(bytes);
            if is_last {
                let message = std::mem::take(open);
                assert!(kind == MessageKind::Binary || std::str::from_utf8(&message).is_ok());
                seen.push(Seen::Message(kind, message));
            }
        }
        Event::Ping(payload) | Event::Pong(payload) => {
            assert!(payload.len() <= 125);
            let is_ping = matches!(event, Event::Ping(_));
            seen.push(Seen::Control { is_ping, payload: payload.to_vec(), at: open.len() });
        }
        Event::Close(closing) => seen.push(Seen::Close(closing.code, closing.reason.to_owned())),
    }
}
