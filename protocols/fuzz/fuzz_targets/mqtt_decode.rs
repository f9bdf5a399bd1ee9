//! MQTT packets from arbitrary bytes, in every version: no panic, no packet before its last byte, and what was decoded
//! is the same again when it is written and read.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use tidewire_protocols::mqtt::{
    Decoded, ErrorKind, PACKET_SIZE_MAX, Packet, Properties, PropertyPlace, Version, connect_version, decode,
};

fuzz_target!(|input: &[u8]| {
    for version in [Version::V31, Version::V311, Version::V5] {
        let mut stream = input;
        while let Some(size) = check(version, stream) {
            stream = &stream[size..];
        }
    }
    if let Ok(properties) = Properties::parse(PropertyPlace::Publish, input) {
        let read: usize = properties.iter().map(|property| property.encoded_len()).sum();
        // A variable byte integer may have come in a longer form than it is written in.
        assert!(read <= input.len());
    }
});

/// Checks the packet at the front and returns its size.
fn check(version: Version, stream: &[u8]) -> Option<usize> {
    match decode(version, PACKET_SIZE_MAX, stream) {
        Ok(Decoded::Packet { packet, size }) => {
            assert!((2..=stream.len()).contains(&size));
            check_prefixes(version, &stream[..size]);
            check_round_trip(version, packet);
            Some(size)
        }
        Ok(Decoded::Incomplete { needed }) => {
            assert!(needed > stream.len() && needed <= PACKET_SIZE_MAX);
            None
        }
        Err(error) => {
            assert!(error.statement().starts_with("MQTT"), "{error}");
            None
        }
    }
}

fn check_prefixes(version: Version, bytes: &[u8]) {
    for there in 0..bytes.len() {
        match decode(version, PACKET_SIZE_MAX, &bytes[..there]) {
            Ok(Decoded::Incomplete { needed }) => assert!(needed > there && needed <= bytes.len()),
            other => panic!("{other:?} at {there} of {}", bytes.len()),
        }
    }
    let error = decode(version, bytes.len() - 1, bytes).expect_err("the packet is over the limit");
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

fn check_round_trip(version: Version, packet: Packet<'_>) {
    assert!(packet.is_encodable(version), "{packet:?}");
    let mut out = BytesMut::new();
    packet.encode(version, &mut out);
    assert_eq!(out.len(), packet.encoded_len(version));
    if let Packet::Connect(connect) = packet {
        assert_eq!(connect_version(&out), Some(connect.version));
    }
    let again = decode(version, out.len(), &out);
    assert_eq!(again, Ok(Decoded::Packet { packet, size: out.len() }));
}
