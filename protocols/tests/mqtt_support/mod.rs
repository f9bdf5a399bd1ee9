//! Packets as text, so that a test case is one line.
//!
//! ```text
//! 10 0004 'MQTT'    bytes in hexadecimal, any number of digits together; text between quotes
//! |                 remaining length: the variable byte integer of how many bytes follow
//! 61*5              the byte 61 five times
//! ```

#![allow(dead_code, reason = "no test file uses all of it")]
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use tidewire_protocols::mqtt::{
    Decoded, Error, PACKET_SIZE_MAX, Packet, Version, decode, encode_variable_byte_integer,
};

/// The bytes that a line of the notation stands for.
pub(crate) fn bytes(notation: &str) -> Vec<u8> {
    if let Some((header, body)) = notation.split_once('|') {
        let body = bytes(body);
        let mut out = bytes(header);
        encode_variable_byte_integer(u32::try_from(body.len()).unwrap(), &mut out);
        out.extend(body);
        return out;
    }
    let mut out = Vec::new();
    for token in notation.split_whitespace() {
        if let Some(text) = token.strip_prefix('\'') {
            out.extend_from_slice(text.strip_suffix('\'').expect("a closing quote").as_bytes());
        } else if let Some((byte, count)) = token.split_once('*') {
            out.extend(vec![u8::from_str_radix(byte, 16).unwrap(); count.parse().unwrap()]);
        } else {
            assert!(token.len().is_multiple_of(2), "half a byte in {token}");
            out.extend(
                (0..token.len()).step_by(2).map(|at| u8::from_str_radix(&token[at..at + 2], 16).unwrap()),
            );
        }
    }
    out
}

/// Decodes exactly one packet.
#[track_caller]
pub(crate) fn one(version: Version, input: &[u8]) -> Packet<'_> {
    match decode(version, PACKET_SIZE_MAX, input) {
        Ok(Decoded::Packet { packet, size }) => {
            assert_eq!(size, input.len(), "the packet's size");
            packet
        }
        other => panic!("no packet but {other:?}"),
    }
}

/// Decodes what is no packet.
#[track_caller]
pub(crate) fn refused(version: Version, input: &[u8]) -> Error {
    match decode(version, PACKET_SIZE_MAX, input) {
        Err(error) => error,
        other => panic!("not refused but {other:?}"),
    }
}

/// One test for each line: `name: version, "packet", kind of error, "statement";`
#[macro_export]
macro_rules! refuses {
    ($($name:ident: $version:ident, $packet:literal, $kind:ident, $statement:literal;)*) => {$(
        #[test]
        fn $name() {
            let input = $crate::mqtt_support::bytes($packet);
            let error = $crate::mqtt_support::refused(tidewire_protocols::mqtt::Version::$version, &input);
            assert_eq!(
                (error.kind(), error.statement()),
                (tidewire_protocols::mqtt::ErrorKind::$kind, $statement),
                "{error}"
            );
        }
    )*};
}

/// One test for each line: `name: version, "packet";` — and what was accepted is written and read again.
#[macro_export]
macro_rules! accepts {
    ($($name:ident: $version:ident, $packet:literal;)*) => {$(
        #[test]
        fn $name() {
            let version = tidewire_protocols::mqtt::Version::$version;
            let input = $crate::mqtt_support::bytes($packet);
            let packet = $crate::mqtt_support::one(version, &input);
            let mut out = bytes::BytesMut::new();
            packet.encode(version, &mut out);
            assert_eq!($crate::mqtt_support::one(version, &out), packet);
        }
    )*};
}
