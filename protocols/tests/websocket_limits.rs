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
