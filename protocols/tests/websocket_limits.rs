//! Limits, and what is not to depend on how input arrives: cases that were wrong once, and their neighbours.

mod websocket_support;

use tidewire_protocols::websocket::{Decoder, MessageKind};

use self::websocket_support::client::{Client, Style};
use self::websocket_support::{
    Arrival, BINARY, CONTINUATION, DecodeError, FIN, Outcome, PING, RSV1, Seen, TEXT, agreed, frame,
};

const LIMIT: usize = 1 << 20;
const MASK: [u8; 4] = [1, 2, 3, 4];

/// What comes of `stream`, however it arrives.
fn decode(limit: usize, stream: &[u8]) -> Outcome {
    let decoder = || Decoder::new(limit, Some(&agreed(false)));
    let whole = Arrival::at_once().decode(decoder(), stream);
    assert_eq!(whole, Arrival::one_by_one().decode(decoder(), stream));
    whole
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    Client::new(9, 15, false).compress(Style::Plain, bytes)
}

/// What a decoder has inflated does not wait for the rest of its frame, wherever that is cut.
#[test]
fn a_visitor_that_breaks_off_within_a_frame_is_offered_the_rest() {
    let bytes = [0; 60_000];
    let stream = frame(FIN | RSV1 | BINARY, MASK, &deflate(&bytes));
    for cut in 1..stream.len() {
        // It asserts that nothing is withheld at the cut.
        let arrival = Arrival { pieces: vec![cut, LIMIT], breaks: vec![true] };
        let outcome = arrival.decode(Decoder::new(LIMIT, Some(&agreed(false))), &stream);
        assert_eq!(outcome.seen, [Seen::Message(MessageKind::Binary, bytes.to_vec())]);
    }
}

/// What was inflated before an error is handed on before it: how far the input reached makes no difference.
#[test]
fn errors_of_compressed_messages_come_in_the_order_of_their_bytes() {
    // A block of a type that there is not comes after bytes that are fine, and after bytes that are not.
    let broken = |bytes: &[u8]| {
        let payload = Client::new(9, 15, false).compress(Style::Stored(LIMIT), bytes);
        frame(FIN | RSV1 | TEXT, MASK, &[&payload[..payload.len() - 1], &[0x06]].concat())
    };
    let outcome = decode(LIMIT, &broken(b"fine"));
    assert_eq!((&outcome.open[..], outcome.error), (&b"fine"[..], Some(DecodeError::Deflate)));
    assert_eq!(decode(3, &broken(b"fine")).error, Some(DecodeError::TooLarge(3)));
    assert_eq!(decode(4, &broken(b"fine")).error, Some(DecodeError::Deflate));
    assert_eq!(decode(LIMIT, &broken(b"\xff")).error, Some(DecodeError::Utf8));
    // Text that goes wrong before it is too large, and after it.
    let text = |bytes: &[u8]| frame(FIN | RSV1 | TEXT, MASK, &deflate(bytes));
    let outcome = decode(5, &text(b"12345\xff"));
    assert_eq!((&outcome.open[..], outcome.error), (&b"12345"[..], Some(DecodeError::TooLarge(5))));
    let error = |limit, stream: &[u8]| {
        Arrival::at_once().decode(Decoder::new(limit, Some(&agreed(false))), stream).error
    };
    assert_eq!(error(5, &text(b"1234\xff6789")), Some(DecodeError::Utf8));
}

/// A message whose last block is cut short is not one, though what there is of it can be inflated; the next message on the
/// same thread does not suffer from it.
#[test]
fn a_block_that_is_cut_short_is_refused() {
    let text = b"some text, and some text again, and more of the same text".as_slice();
    for style in [Style::Plain, Style::Stored(LIMIT), Style::Literals, Style::Flushed(7, false), Style::Final]
    {
        let payload = Client::new(9, 15, false).compress(style, text);
        let whole = decode(LIMIT, &frame(FIN | RSV1 | BINARY, MASK, &payload));
        assert_eq!(whole.seen, [Seen::Message(MessageKind::Binary, text.to_vec())], "{style:?}");
        // Between blocks it is whole, and shorter; a single 0 is a message that is empty; and what is appended to a message
        // may be just what a stored block lacks.
        let is_completed = |cut: usize| matches!(style, Style::Stored(_)) && cut + 5 == payload.len();
        let is_end = |cut: usize| {
            payload[cut..].starts_with(&[0, 0, 0xFF, 0xFF]) || payload[..cut] == [0] || is_completed(cut)
        };
        for cut in (1..payload.len()).filter(|cut| !is_end(*cut)) {
            let outcome = decode(LIMIT, &frame(FIN | RSV1 | BINARY, MASK, &payload[..cut]));
            assert_eq!(outcome.error, Some(DecodeError::Deflate), "{style:?}, cut at {cut} of {payload:x?}");
        }
    }
}

/// WS-PMD-24: a bomb of 1000:1 stops at the limit.
#[test]
fn a_bomb_stops_at_the_limit() {
    let (small, large) = (deflate(&[0; 20_000]), deflate(&vec![0; 4 << 20]));
    for (limit, payload) in [
        (0, &small),
        (1, &small),
        (16_383, &small),
        (16_383, &large),
        (16_384, &large),
        (16_385, &large),
        (100_000, &large),
    ] {
        let outcome = decode(limit, &frame(FIN | RSV1 | BINARY, MASK, payload));
        assert_eq!((outcome.open.len(), outcome.error), (limit, Some(DecodeError::TooLarge(limit))));
    }
    // What is announced to be so large is not even looked at.
    let outcome = decode(1, &frame(FIN | RSV1 | BINARY, MASK, &large));
    assert_eq!((outcome.open.len(), outcome.error), (0, Some(DecodeError::TooLarge(1))));
}

/// A message of just the limit is not too large, whatever frames it travels in.
#[test]
fn messages_of_the_limit_pass() {
    let message = |bytes: &[u8]| [Seen::Message(MessageKind::Binary, bytes.to_vec())];
    assert_eq!(decode(0, &frame(FIN | BINARY, MASK, b"")).seen, message(b""));
    assert_eq!(decode(0, &frame(FIN | RSV1 | BINARY, MASK, b"\0")).seen, message(b""));
    let fragments = [
        frame(BINARY, MASK, b""),
        frame(CONTINUATION, MASK, b"1234"),
        frame(CONTINUATION, MASK, b""),
        frame(FIN | CONTINUATION, MASK, b""),
    ];
    assert_eq!(decode(4, &fragments.concat()).seen, message(b"1234"));
    // Compressed in ways that make it longer.
    let bytes = [0xFF; 1000];
    for style in [Style::Literals, Style::Stored(1), Style::Flushed(1, true), Style::Flushed(1, false)] {
        let payload = Client::new(6, 9, false).compress(style, &bytes);
        assert!(payload.len() > bytes.len());
        assert_eq!(decode(1000, &frame(FIN | RSV1 | BINARY, MASK, &payload)).seen, message(&bytes));
    }
}

/// WS-SE-1: frames and blocks that hold nothing come to an end.
#[test]
fn endless_messages_of_nothing_end() {
    let limit = 100;
    let stream = [frame(BINARY, MASK, b""), frame(CONTINUATION, MASK, b"").repeat(limit * 2)].concat();
    assert_eq!(decode(limit, &stream).error, Some(DecodeError::TooLarge(limit)));
    let stream = [
        frame(RSV1 | BINARY, MASK, b"\0\0\0\xff\xff"),
        frame(CONTINUATION, MASK, b"\0\0\0\xff\xff").repeat(limit * 2),
    ];
    assert_eq!(decode(limit, &stream.concat()).error, Some(DecodeError::TooLarge(limit)));
    let pings = frame(PING | FIN, MASK, b"").repeat(limit * 2);
    assert_eq!(decode(limit, &pings).seen.len(), limit * 2);
}

/// Every connection has one, most of them idle: what a decoder holds between messages is this and nothing else, but for
/// an inflater where the client keeps its window.
#[test]
fn an_idle_decoder_is_small() {
    assert!(size_of::<Decoder>() <= 264, "{} bytes", size_of::<Decoder>());
}
