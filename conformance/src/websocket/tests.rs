//! What the reader must refuse, what the writer must write, and both ends of compression against each other.

use super::decode::{Frame, decode};
use super::deflate::{Deflater, Options};
use super::extension::{self, Deflate};
use super::inflate::Inflater;
use super::session::{Decoded, Session};
use crate::filled::Filled;
use crate::variables::Datum;

fn filled(kind: &str, fields: &[(&str, Option<Datum>)]) -> Filled {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    Filled { kind: kind.to_owned(), fields: fields.collect() }
}

fn bytes(text: &[u8]) -> Option<Datum> {
    Some(Datum::Bytes(text.to_vec()))
}

fn number(number: u64) -> Option<Datum> {
    Some(Datum::Number(number))
}

/// A session whose request offered what `request` says, and which was answered so.
fn answered(request: &[(&str, &str)], headers: &str) -> (Session, Decoded) {
    let mut session = Session::new("localhost".to_owned(), "/".to_owned());
    let fields: Vec<_> = request.iter().map(|(name, value)| (*name, bytes(value.as_bytes()))).collect();
    let head = session.encode(&filled("REQUEST", &fields)).unwrap();
    session.handle_sent(&head);
    let accept = super::agreement::accept(super::request::KEY.as_bytes());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
    );
    let decoded = session.decode(response.as_bytes());
    (session, decoded)
}

/// What the reader says of an answer to a request, in the notation, or the rule that it breaks.
fn judged(request: &[(&str, &str)], headers: &str) -> String {
    shown(answered(request, headers).1)
}

fn shown(decoded: Decoded) -> String {
    match decoded {
        Decoded::Answer(answer, _) => answer.to_string(),
        Decoded::Illegal(rule) => rule,
        other => format!("{other:?}"),
    }
}

/// What comes of these frames after an upgrade, the last thing.
fn after(headers: &str, frames: &[&[u8]]) -> String {
    let (mut session, _) = answered(&[("extensions", "permessage-deflate")], headers);
    frames.iter().map(|frame| shown(session.decode(frame))).last().unwrap_or_default()
}

#[track_caller]
fn breaks(actual: String, rule: &str) {
    assert!(actual.contains(&format!("[{rule}")), "{rule}: {actual}");
}

const COMPRESSED: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

#[test]
fn the_accept_value_is_that_of_the_rfc() {
    assert_eq!(super::agreement::accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn a_right_acceptance_shows_what_was_agreed() {
    assert!(judged(&[], "").starts_with("RESPONSE status=101 compression=0 upgrade="));
    let offer = [("extensions", "permessage-deflate; client_max_window_bits")];
    let answer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\"10\"; server_no_context_takeover\r\n";
    let agreed = "compression=1 server_no_context_takeover=1 client_max_window_bits=10";
    assert!(judged(&offer, answer).contains(agreed), "{}", judged(&offer, answer));
}

#[test]
fn wrong_acceptances_are_named() {
    breaks(judged(&[("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")], ""), "WS-HS-16");
    breaks(judged(&[], "Sec-WebSocket-Protocol: chat\r\n"), "WS-HS-17");
    breaks(judged(&[], "Sec-WebSocket-Protocol: \r\n"), "WS-HS-17");
    breaks(judged(&[], COMPRESSED), "WS-HS-20");
    let mut session = Session::new("localhost".to_owned(), "/".to_owned());
    breaks(shown(session.decode(b"HTTP/1.0 101 Switching Protocols\r\n\r\n")), "WS-HS-15");
    breaks(shown(session.decode(b"\x81\x02hi")), "WS-HS-15");
    breaks(
        shown(session.decode(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n")),
        "WS-HS-15",
    );
}

#[test]
fn answers_to_offers_of_compression_are_judged() {
    let answer = |offer: &str, answer: &str| {
        let header = format!("Sec-WebSocket-Extensions: permessage-deflate{answer}\r\n");
        judged(&[("extensions", &format!("permessage-deflate{offer}"))], &header)
    };
    breaks(answer("; server_max_window_bits=8", "; server_max_window_bits=9"), "WS-PMD-11");
    breaks(answer("; server_max_window_bits=9", ""), "WS-PMD-11");
    breaks(answer("", "; client_max_window_bits=10"), "WS-PMD-13");
    breaks(answer("; client_max_window_bits=9", "; client_max_window_bits=10"), "WS-PMD-14");
    breaks(answer("; client_max_window_bits", "; client_max_window_bits=010"), "WS-PMD-15");
    breaks(answer("; server_no_context_takeover", ""), "WS-PMD-7");
    breaks(answer("", ", permessage-deflate"), "WS-PMD-6");
    for offer in ["; foo", "; server_max_window_bits=08", "; server_no_context_takeover=1"] {
        breaks(answer(offer, ""), "WS-PMD-1");
    }
    assert!(
        answer("; foo, permessage-deflate", "").contains("compression=1"),
        "the second offer may be taken"
    );
    assert!(answer("; client_max_window_bits", "").contains("compression=1"));
    assert!(answer("", "; server_max_window_bits=12").contains("server_max_window_bits=12"));
}

#[test]
fn extensions_follow_their_grammar() {
    assert_eq!(extension::parse("a; b=\"c\\d\" , e").unwrap().len(), 2);
    for wrong in ["", "a;", "a;;b", "a,,b", "a;b=", "a;b=\"", "a b", "a;=c", "a;b=\"c d\""] {
        assert!(extension::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn frames_are_read_in_each_form_of_length() {
    let frame = |bytes: &[u8]| decode(bytes, false).unwrap();
    let text = Frame { fin: true, compressed: false, opcode: 1, payload: b"hi".to_vec() };
    assert_eq!(frame(b"\x81\x02hi!"), Some((text, 4)));
    for length in [126, 127, 65535] {
        let mut bytes = vec![0x02, 126];
        bytes.extend((length as u16).to_be_bytes());
        assert_eq!(frame(&bytes), None);
        bytes.resize(4 + length, 0);
        assert_eq!(frame(&bytes).unwrap().1, length + 4);
    }
    let mut bytes = b"\x82\x7f\0\0\0\0\0\x01\0\0".to_vec();
    assert_eq!(frame(&bytes), None);
    bytes.resize(10 + 65536, 0);
    assert_eq!(frame(&bytes).unwrap().1, 65546);
}

#[test]
fn frames_that_a_server_may_not_send_are_named() {
    let wrong = |bytes: &[u8]| decode(bytes, true).unwrap_err();
    breaks(wrong(b"\x81\x82"), "WS-FR-2");
    breaks(wrong(b"\xa1\0"), "WS-FR-4");
    breaks(decode(b"\xc1\0", false).unwrap_err(), "WS-FR-4");
    breaks(wrong(b"\xc0\0"), "WS-PMD-16");
    breaks(wrong(b"\xc9\0"), "WS-PMD-16");
    breaks(wrong(b"\x83\0"), "WS-FR-5");
    breaks(wrong(b"\x8b\0"), "WS-FR-5");
    breaks(wrong(b"\x82\x7e\0\x7d"), "WS-FR-6");
    breaks(wrong(b"\x82\x7f\0\0\0\0\0\0\xff\xff"), "WS-FR-6");
    breaks(wrong(b"\x82\x7f\x80\0\0\0\0\x01\0\0"), "WS-FR-7");
    breaks(wrong(b"\x89\x7e"), "WS-CT-1");
    breaks(wrong(b"\x09\0"), "WS-CT-2");
    assert!(wrong(b"\x82\x7f\0\x10\0\0\0\0\0\0").contains("more than any case"));
}

#[test]
fn messages_are_put_together() {
    assert_eq!(
        after("", &[b"\x01\x01\xc3", b"\x80\x01\xb6"]),
        r#"TEXT size=2 payload="ö" frames=2 compressed=0"#
    );
    assert_eq!(after("", &[b"\x01\x01a", b"\x89\x01p"]), r#"PING payload="p""#);
    assert_eq!(after("", &[b"\x88\x04\x03\xe8ok"]), r#"CLOSE code=1000 reason="ok""#);
    assert_eq!(after("", &[b"\x88\0"]), "CLOSE");
}

#[test]
fn the_order_of_frames_is_watched() {
    breaks(after("", &[b"\x80\0"]), "WS-FR-12");
    breaks(after("", &[b"\x01\0", b"\x81\0"]), "WS-FR-11");
    breaks(after("", &[b"\x88\0", b"\x81\0"]), "WS-CL-3");
    breaks(after("", &[b"\x88\0", b"\x88\0"]), "WS-CL-1");
    breaks(after("", &[b"\x88\x01\x03"]), "WS-CL-4");
    breaks(after("", &[b"\x88\x02\x03\xed"]), "WS-CL-6");
    breaks(after("", &[b"\x88\x02\x03\xe7"]), "WS-CL-6");
    breaks(after("", &[b"\x88\x03\x03\xe8\xff"]), "WS-CL-5");
    breaks(after("", &[b"\x81\x01\xff"]), "WS-UT-1");
    breaks(after("", &[b"\x81\x03\xed\xa0\x80"]), "WS-UT-1");
}

#[test]
fn compressed_messages_are_inflated_and_judged() {
    // The examples of RFC 7692, section 7.2.3: compressed, again with the window, stored, final.
    let hello: &[u8] = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\0";
    let expected = r#"TEXT size=5 payload="Hello" frames=1 compressed=1"#;
    assert_eq!(after(COMPRESSED, &[hello]), expected);
    assert_eq!(after(COMPRESSED, &[hello, b"\xc1\x05\xf2\0\x11\0\0"]), expected);
    assert_eq!(after(COMPRESSED, &[b"\xc1\x0b\0\x05\0\xfa\xff\x48\x65\x6c\x6c\x6f\0"]), expected);
    let last: &[u8] = b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\0\0";
    assert_eq!(after(COMPRESSED, &[last, b"\xc1\x05\xf2\0\x11\0\0"]), expected);
    assert_eq!(after(COMPRESSED, &[b"\xc1\x01\0"]), r#"TEXT size=0 payload="" frames=1 compressed=1"#);
    // Two blocks of one message, in frames that are cut anywhere.
    assert!(after(COMPRESSED, &[b"\x41\x03\xf2\x48\xcd", b"\x80\x04\xc9\xc9\x07\0"]).contains("frames=2"));

    breaks(after(COMPRESSED, &[b"\xc1\x0b\xf2\x48\xcd\xc9\xc9\x07\0\0\0\xff\xff"]), "WS-PMD-20");
    breaks(after(COMPRESSED, &[b"\xc1\x05\xf2\0\x11\0\0"]), "WS-PMD-7");
    breaks(after(COMPRESSED, &[b"\xc1\x03\xff\xff\xff"]), "WS-PMD-20");
    breaks(after(COMPRESSED, &[b"\xc1\x03\xf2\x48\xcd"]), "WS-PMD-");
    breaks(after(COMPRESSED, &[b"\xc1\x07\0\x01\0\xfe\xff\xff\0"]), "WS-UT-1");
    let forgets = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";
    breaks(after(forgets, &[hello, b"\xc1\x05\xf2\0\x11\0\0"]), "WS-PMD-7");
}

#[test]
fn a_server_keeps_to_its_window() {
    let block: Vec<u8> =
        (0..600_u32).map(|n| (n.wrapping_mul(n).wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let twice = [&block[..], &block[..]].concat();
    let compressed = |bits| {
        let agreed = Deflate { client_max_window_bits: Some(bits), ..Deflate::default() };
        Deflater::new(&agreed).deflate(&twice, Options::default()).unwrap()
    };
    let inflated = |bits, payload: &[u8]| {
        Inflater::new(&Deflate { server_max_window_bits: Some(bits), ..Deflate::default() }).inflate(payload)
    };
    assert_eq!(inflated(9, &compressed(9)).unwrap(), twice);
    assert_eq!(inflated(10, &compressed(10)).unwrap(), twice);
    assert!(compressed(10).len() < 800, "the second half refers to the first");
    breaks(inflated(9, &compressed(10)).unwrap_err(), "WS-PMD-11");
}

#[test]
fn what_the_deflater_makes_can_be_inflated_again() {
    let text = b"one tide, two tides, three tides, ".repeat(50);
    for bits in 8..=15 {
        let agreed = Deflate {
            client_max_window_bits: Some(bits),
            server_max_window_bits: Some(bits),
            ..Deflate::default()
        };
        let (mut deflater, mut inflater) = (Deflater::new(&agreed), Inflater::new(&agreed));
        for level in [6, 0, 9, 1] {
            for (block, is_final, takeover) in
                [(None, false, true), (Some(7), false, true), (None, true, false), (Some(100), true, true)]
            {
                for payload in [&text[..], b"", b"", b"x"] {
                    let options = Options { level, block, is_final, takeover };
                    let compressed = deflater.deflate(payload, options).unwrap();
                    assert_eq!(inflater.inflate(&compressed).as_deref(), Ok(payload), "{bits} {options:?}");
                }
            }
        }
    }
    let mut deflater = Deflater::new(&Deflate::default());
    let first = deflater.deflate(&text, Options::default()).unwrap().len();
    assert!(deflater.deflate(&text, Options::default()).unwrap().len() < first, "it refers to the first");
}

#[test]
fn frames_are_written_as_the_case_says() {
    let (mut session, _) = answered(&[], "");
    let mut write =
        |kind: &str, fields: &[(&str, Option<Datum>)]| session.encode(&filled(kind, fields)).unwrap();
    let plain = ("mask", None);
    assert_eq!(write("TEXT", &[("payload", bytes(b"hi")), plain.clone()]), b"\x81\x02hi");
    let mask = ("mask", bytes(b"\x01\x02\x03\x04"));
    assert_eq!(
        write("BINARY", &[("payload", bytes(b"hello")), mask]),
        [0x82, 0x85, 1, 2, 3, 4, b'h' ^ 1, b'e' ^ 2, b'l' ^ 3, b'l' ^ 4, b'o' ^ 1]
    );
    assert_eq!(write("CLOSE", std::slice::from_ref(&plain)), b"\x88\x02\x03\xe8");
    assert_eq!(write("CLOSE", &[("code", None), plain.clone()]), b"\x88\0");
    assert_eq!(
        write("CLOSE", &[("code", number(1002)), ("reason", bytes(b"x")), plain.clone()]),
        b"\x88\x03\x03\xeax"
    );
    let odd = [("fin", number(0)), ("rsv", number(5)), ("opcode", number(3)), plain.clone()];
    assert_eq!(write("FRAME", &odd), b"\x53\0");
    let false_length = [("length", number(1 << 60)), plain.clone()];
    assert_eq!(write("TEXT", &false_length), b"\x81\x7f\x10\0\0\0\0\0\0\0");
    let long_form = [("payload", bytes(b"x")), ("length_size", number(2)), plain.clone()];
    assert_eq!(write("PING", &long_form), b"\x89\x7e\0\x01x");
    let cut = [("payload", bytes(b"abc")), ("fragment", number(2)), plain];
    assert_eq!(write("TEXT", &cut), b"\x01\x02ab\x80\x01c");
    assert_ne!(write("PING", &[]), write("PING", &[]), "each frame has a mask of its own");
}

#[test]
fn a_request_holds_what_the_case_says() {
    let mut session = Session::new("broker:80".to_owned(), "/p".to_owned());
    let fields =
        [("host", None), ("Sec-WebSocket-Version", number(8)), ("X", bytes(b"1")), ("X", bytes(b"2"))];
    let head = String::from_utf8(session.encode(&filled("REQUEST", &fields)).unwrap()).unwrap();
    assert!(head.starts_with("GET /p HTTP/1.1\r\nUpgrade: websocket\r\n"), "{head}");
    assert!(head.ends_with("Sec-WebSocket-Version: 8\r\nX: 1\r\nX: 2\r\n\r\n"), "{head}");
    let full = session.encode(&filled("REQUEST", &[("subprotocol", bytes(b"v12.stomp"))])).unwrap();
    let full = String::from_utf8(full).unwrap();
    assert!(full.contains("Host: broker:80\r\n") && full.contains("Sec-WebSocket-Protocol: v12.stomp\r\n"));
    assert_eq!(full.matches("Sec-WebSocket-Protocol").count(), 1);
}
