//! permessage-deflate: what a server compresses, and what it agrees to. (RFC 7692)

#[path = "websocket_support/strategy.rs"]
mod strategy;
mod websocket_support;

use bytes::BytesMut;
use flate2::{Decompress, FlushDecompress};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tidewire_protocols::websocket::deflate::{
    Deflater, Policy, TRAILER, deflate, encode_stored, end_stored, negotiate,
};

use self::strategy::bytes;
use self::websocket_support::inflate::inflate;

proptest! {
    /// Blocks that are shared and stored ones make one message, for every level and window (WS-PMD-7, -11, -20).
    #[test]
    fn pieces_make_a_message(
        pieces in vec((any::<bool>(), prop_oneof![bytes(), json()]), 0..5),
        (level, window_bits) in (1..=9_u8, 9..=15_u8),
    ) {
        let mut payload = BytesMut::new();
        let mut ends_deflated = false;
        for (is_deflated, piece) in pieces.iter().filter(|(_, piece)| !piece.is_empty()) {
            match is_deflated {
                true => {
                    let blocks = deflate(level, window_bits, piece);
                    // Alone it is whole, so it refers to nothing before it.
                    let alone = inflate(&blocks).expect("DEFLATE");
                    prop_assert_eq!(&alone.bytes, piece);
                    prop_assert!(alone.distance_max <= 1 << window_bits, "{}", alone.distance_max);
                    prop_assert_eq!(&blocks[blocks.len() - 4..], TRAILER);
                    payload.extend_from_slice(&blocks);
                }
                false => encode_stored(piece, &mut payload),
            }
            ends_deflated = *is_deflated;
        }
        match ends_deflated {
            true => payload.truncate(payload.len() - TRAILER.len()),
            false => end_stored(&mut payload),
        }
        payload.extend_from_slice(&TRAILER);
        let expected = pieces.concat_bytes();
        prop_assert_eq!(&inflate(&payload).expect("DEFLATE").bytes, &expected);
        prop_assert_eq!(inflate_with_window(&payload, window_bits, expected.len()), expected);
    }

    /// Messages that refer to each other, an empty one among them, for every level and window (WS-PMD-11, -22).
    #[test]
    fn messages_with_a_context(
        messages in vec(prop_oneof![bytes(), json(), Just(vec![])], 1..6),
        (level, window_bits) in (1..=9_u8, 9..=15_u8),
    ) {
        let mut deflater = Deflater::new(level, window_bits);
        let mut stream = Vec::new();
        for message in &messages {
            let before = stream.len();
            stream.extend(deflater.deflate_message(message));
            prop_assert!(stream.len() > before, "a compressed message is never without bytes");
            stream.extend(TRAILER);
        }
        let (inflated, expected) = (inflate(&stream).expect("DEFLATE"), messages.concat());
        prop_assert!(inflated.distance_max <= 1 << window_bits, "{}", inflated.distance_max);
        prop_assert_eq!(inflate_with_window(&stream, window_bits, expected.len()), expected);
    }

    /// Offers are judged as the RFC has it, and answered with no more than was offered (WS-PMD-1 to -15).
    #[test]
    fn offers_are_answered_by_the_rfc(
        offers in vec(offer(), 1..4),
        context_takeover: bool,
        window_bits in 9..=15_u8,
        is_in_one_line: bool,
    ) {
        let policy = Policy { context_takeover, window_bits };
        let texts: Vec<_> = offers.iter().map(|offer| offer.text.clone()).collect();
        let lines = if is_in_one_line { vec![texts.join(" ,")] } else { texts };
        let agreed = negotiate(lines.iter().map(String::as_str), &policy).expect("a well-formed header");
        let Some(accepted) = offers.iter().find(|offer| offer.is_acceptable()) else {
            prop_assert_eq!(agreed, None);
            return Ok(());
        };
        let agreed = agreed.expect("the offer is acceptable");
        let answer = agreed.answer();
        let mut parts = answer.split("; ");
        prop_assert_eq!(parts.next(), Some("permessage-deflate"));
        let parts: Vec<_> = parts.map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
        let said = |name: &str| parts.iter().find(|(said, _)| *said == name).map(|(_, value)| *value);
        let offered = |name: &str| accepted.parameters.iter().find(|(of, _)| of == name).map(|(_, value)| value);
        // What was asked for is promised and kept.
        if offered("server_no_context_takeover").is_some() || !context_takeover {
            prop_assert!(!agreed.server_context_takeover);
        }
        prop_assert_eq!(said("server_no_context_takeover").is_some(), !agreed.server_context_takeover);
        prop_assert_eq!(said("client_no_context_takeover").is_some(), !agreed.client_context_takeover);
        let bits = |value: &str| value.parse::<u8>().ok();
        let server_bits = said("server_max_window_bits").and_then(bits);
        prop_assert_eq!(server_bits.unwrap_or(15), agreed.server_window_bits);
        prop_assert!((9..=window_bits).contains(&agreed.server_window_bits));
        if let Some(asked) = offered("server_max_window_bits") {
            let asked = asked.as_deref().and_then(bits);
            prop_assert!(server_bits.is_some() && server_bits <= asked, "{answer}");
        }
        let client_bits = said("client_max_window_bits").and_then(bits);
        prop_assert_eq!(client_bits.unwrap_or(15), agreed.client_window_bits);
        match offered("client_max_window_bits") {
            None => prop_assert_eq!(client_bits, None),
            Some(asked) => {
                let asked = asked.as_deref().and_then(bits).unwrap_or(15);
                prop_assert!(agreed.client_window_bits <= asked && agreed.client_window_bits >= 8);
            }
        }
        prop_assert!(parts.iter().all(|(name, _)| PARAMETERS.contains(name)), "{answer}");
        prop_assert!(parts.iter().enumerate().all(|(index, (name, _))| parts[..index].iter().all(|(of, _)| of != name)));
    }

    /// Arbitrary header lines never panic.
    #[test]
    fn arbitrary_offers(line in r#"(permessage-deflate|[;,= "\\a-c]|(server|client)_max_window_bits|[0-9]|é){0,12}"#) {
        let _ = negotiate([line.as_str()].into_iter(), &Policy { context_takeover: true, window_bits: 15 });
    }
}

/// RFC 9110, section 5.6.1: a recipient ignores empty elements of a list.
#[test]
fn empty_elements_of_a_list_are_ignored() {
    let policy = Policy { context_takeover: true, window_bits: 15 };
    for line in ["permessage-deflate,", ", permessage-deflate", "x-other, ,, permessage-deflate ,\t,"] {
        let agreed = negotiate([line].into_iter(), &policy).expect(line);
        assert_eq!(agreed.map(|agreed| agreed.answer()).as_deref(), Some("permessage-deflate"), "{line}");
    }
    for line in ["", " ", ",", ", ,"] {
        assert!(negotiate([line].into_iter(), &policy).is_err(), "{line:?}");
    }
}

const PARAMETERS: [&str; 4] = [
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
];

/// One extension that a client offers.
#[derive(Clone, Debug)]
struct Offer {
    name: &'static str,
    parameters: Vec<(String, Option<String>)>,
    text: String,
}

impl Offer {
    fn is_acceptable(&self) -> bool {
        let is_window = |value: &Option<String>, least: u8| {
            value.as_ref().is_some_and(|value| (least..=15).any(|bits| *value == bits.to_string()))
        };
        self.name == "permessage-deflate"
            && self.parameters.iter().enumerate().all(|(index, (name, value))| {
                let is_first = self.parameters[..index].iter().all(|(earlier, _)| earlier != name);
                is_first
                    && match name.as_str() {
                        "server_no_context_takeover" | "client_no_context_takeover" => value.is_none(),
                        // zlib's windows begin with 9 bits.
                        "server_max_window_bits" => is_window(value, 9),
                        "client_max_window_bits" => value.is_none() || is_window(value, 8),
                        _ => false,
                    }
            })
    }
}

fn offer() -> impl Strategy<Value = Offer> {
    let name = prop_oneof![8 => Just("permessage-deflate"), 1 => Just("x-webkit-deflate-frame")];
    let parameter = prop_oneof![
        4 => (Just("server_no_context_takeover"), Just(None)),
        4 => (Just("client_no_context_takeover"), Just(None)),
        4 => (Just("client_max_window_bits"), Just(None)),
        8 => (select(&PARAMETERS[2..]), (7..=16_u8).prop_map(|bits| Some(bits.to_string()))),
        1 => (
            select([&PARAMETERS[..], &["foo"]].concat()),
            prop::option::of(select(vec!["010", "08", "1", "255", "256", "abc"]).prop_map(str::to_owned)),
        ),
    ];
    let written = (parameter, any::<bool>(), select(vec!["; ", ";", " ;\t"]));
    (name, vec(written, 0..4)).prop_map(|(name, written)| {
        let mut offer = Offer { name, parameters: vec![], text: name.to_owned() };
        for ((name, value), is_quoted, separator) in written {
            offer.text += &format!("{separator}{name}");
            match &value {
                Some(value) if is_quoted => offer.text += &format!("=\"{value}\""),
                Some(value) => offer.text += &format!("={value}"),
                None => {}
            }
            offer.parameters.push((name.to_owned(), value));
        }
        offer
    })
}

/// Objects that resemble each other.
fn json() -> impl Strategy<Value = Vec<u8>> {
    let object = (0..20_u32, any::<u16>()).prop_map(|(sensor, value)| {
        format!("{{\"sensor\":\"boiler-{sensor}\",\"value\":{value},\"ok\":true}}\n")
    });
    prop_oneof![7 => vec(object.clone(), 1..20), 1 => vec(object, 1..1500)]
        .prop_map(|objects| objects.concat().into_bytes())
}

/// Inflated by a library that has no larger window.
fn inflate_with_window(input: &[u8], window_bits: u8, length: usize) -> Vec<u8> {
    let mut codec = Decompress::new_with_window_bits(false, window_bits);
    let mut out = Vec::with_capacity(length + 64);
    codec.decompress_vec(input, &mut out, FlushDecompress::Sync).expect("DEFLATE");
    assert_eq!(codec.total_in(), input.len() as u64);
    out
}

/// The bytes of all pieces.
trait Pieces {
    fn concat_bytes(&self) -> Vec<u8>;
}

impl Pieces for Vec<(bool, Vec<u8>)> {
    fn concat_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(|(_, piece)| piece.iter().copied()).collect()
    }
}
