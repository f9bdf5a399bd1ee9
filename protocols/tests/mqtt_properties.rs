//! What holds for every packet, tried on arbitrary ones.

mod mqtt_support;
#[path = "mqtt_support/strategy.rs"]
mod strategy;

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use tidewire_protocols::mqtt::{
    Decoded, ErrorKind, PACKET_SIZE_MAX, Packet, Properties, PropertiesBuf, PropertyPlace, Version, decode,
};

use self::mqtt_support::one;
use self::strategy::{encoded, packet, packet_in_version, properties, version};

proptest! {
    #[test]
    fn every_packet_survives_the_wire((version, packet) in packet_in_version()) {
        prop_assert!(packet.is_encodable(version));
        let bytes = encoded(version, &packet);
        prop_assert_eq!(one(version, &bytes), packet);
    }

    #[test]
    fn encoded_len_is_the_encoded_length((version, packet) in packet_in_version()) {
        let mut out = BytesMut::from(&b"before"[..]);
        packet.encode(version, &mut out);
        prop_assert_eq!(out.len(), 6 + packet.encoded_len(version));
        prop_assert!(out.starts_with(b"before"));
    }

    /// Every prefix asks for more: for at least one byte, and for none beyond the packet.
    #[test]
    fn no_prefix_is_a_packet((version, packet) in packet_in_version()) {
        let bytes = encoded(version, &packet);
        let header = bytes.iter().skip(1).take_while(|&&byte| byte & 0x80 != 0).count() + 2;
        for there in (0..bytes.len().min(300)).chain(bytes.len().saturating_sub(300)..bytes.len()) {
            match decode(version, PACKET_SIZE_MAX, &bytes[..there]) {
                Ok(Decoded::Incomplete { needed }) => {
                    prop_assert!(needed > there && needed <= bytes.len(), "{needed} at {there}");
                    prop_assert!(there < header || needed == bytes.len(), "{needed} at {there}");
                }
                other => prop_assert!(false, "{other:?} at {there} of {}", bytes.len()),
            }
        }
    }

    /// A stream of packets cut anywhere gives the same packets, if each attempt waits for what the last one asked.
    #[test]
    fn any_split_gives_the_same_packets(
        (version, packets) in version().prop_flat_map(|version| (Just(version), vec(packet(version), 1..6))),
        pieces in vec(1usize..40, 1..60),
    ) {
        let stream: Vec<u8> = packets.iter().flat_map(|packet| encoded(version, packet)).collect();
        let mut pieces = pieces.into_iter().cycle();
        let (mut there, mut begin, mut needed, mut seen) = (0, 0, 0, Vec::new());
        while there < stream.len() {
            there = (there + pieces.next().unwrap()).min(stream.len());
            while there - begin >= needed && begin < there {
                match decode(version, PACKET_SIZE_MAX, &stream[begin..there]).unwrap() {
                    Decoded::Packet { packet, size } => {
                        seen.push(packet);
                        begin += size;
                        needed = 0;
                    }
                    Decoded::Incomplete { needed: more } => needed = more,
                }
            }
        }
        prop_assert_eq!(begin, stream.len());
        prop_assert_eq!(seen, packets);
    }

    /// Bytes behind a packet are the next one's and change nothing.
    #[test]
    fn what_follows_does_not_matter(
        (version, packet) in packet_in_version(),
        next in vec(any::<u8>(), 0..20),
    ) {
        let mut bytes = encoded(version, &packet);
        let size = bytes.len();
        bytes.extend(next);
        prop_assert_eq!(decode(version, PACKET_SIZE_MAX, &bytes), Ok(Decoded::Packet { packet, size }));
    }

    #[test]
    fn the_limit_holds((version, packet) in packet_in_version()) {
        let bytes = encoded(version, &packet);
        prop_assert!(decode(version, bytes.len(), &bytes).is_ok());
        let error = decode(version, bytes.len() - 1, &bytes).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(version in version(), bytes in hostile_bytes()) {
        check_arbitrary(version, &bytes)?;
    }

    /// A valid packet with a few bytes changed gets further than arbitrary ones.
    #[test]
    fn damaged_packets_do_no_harm(
        (version, packet) in packet_in_version(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encoded(version, &packet);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check_arbitrary(version, &bytes)?;
    }

    #[test]
    fn iteration_agrees_with_a_simpler_reader(properties in properties(Version::V5, PropertyPlace::ConnAck)) {
        agrees_with_simpler_reader(properties)?;
    }

    #[test]
    fn iteration_agrees_with_a_simpler_reader_in_publish(
        properties in properties(Version::V5, PropertyPlace::Publish),
    ) {
        agrees_with_simpler_reader(properties)?;
    }

    #[test]
    fn rebuilt_properties_are_the_same(properties in properties(Version::V5, PropertyPlace::Connect)) {
        let mut rebuilt = PropertiesBuf::default();
        rebuilt.extend(properties);
        prop_assert_eq!(rebuilt.as_properties(), properties);
        prop_assert_eq!(Properties::assume_valid(rebuilt.raw()), properties);
        let len: usize = properties.iter().map(|property| property.encoded_len()).sum();
        prop_assert_eq!(len, properties.raw().len());
    }

    #[test]
    fn iteration_over_unchecked_bytes_ends(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(Properties::assume_valid(&bytes).iter().count() <= bytes.len());
    }
}

/// What must hold whatever the bytes are.
fn check_arbitrary(version: Version, bytes: &[u8]) -> Result<(), TestCaseError> {
    match decode(version, PACKET_SIZE_MAX, bytes) {
        Ok(Decoded::Packet { packet, size }) => {
            prop_assert!((2..=bytes.len()).contains(&size));
            let again = encoded(version, &packet);
            let version = if let Packet::Connect(connect) = packet { connect.version } else { version };
            prop_assert_eq!(one(version, &again), packet);
            for there in 0..size {
                let shorter = decode(version, PACKET_SIZE_MAX, &bytes[..there]);
                let waits = matches!(shorter, Ok(Decoded::Incomplete { needed }) if needed <= size);
                prop_assert!(waits, "at {} of {}", there, size);
            }
        }
        Ok(Decoded::Incomplete { needed }) => prop_assert!(needed > bytes.len() && needed <= PACKET_SIZE_MAX),
        Err(error) => prop_assert!(error.statement().starts_with("MQTT") && error.reason_code().is_error()),
    }
    Ok(())
}

/// Bytes with a remaining length that fits, so that most get to the packet's own parser.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    (any::<u8>(), vec(any::<u8>(), 0..100), any::<bool>()).prop_map(|(first, body, fits)| {
        let mut bytes = vec![first];
        if fits {
            bytes.push(body.len() as u8);
        }
        bytes.extend(body);
        bytes
    })
}

/// Reads properties by the widths of table 2-4 alone, and compares what was cut out with what iteration gave.
fn agrees_with_simpler_reader(properties: Properties<'_>) -> Result<(), TestCaseError> {
    let mut rest = properties.raw();
    for property in properties {
        let string = |at: usize| 2 + usize::from(rest[at]) * 256 + usize::from(rest[at + 1]);
        let len = 1 + match rest[0] {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => 1,
            0x13 | 0x21 | 0x22 | 0x23 => 2,
            0x02 | 0x11 | 0x18 | 0x27 => 4,
            0x0B => rest[1..].iter().take_while(|&&byte| byte >= 0x80).count() + 1,
            0x26 => string(1) + string(1 + string(1)),
            _ => string(1),
        };
        let mut bytes = Vec::new();
        property.encode(&mut bytes);
        prop_assert_eq!(property.identifier(), rest[0]);
        prop_assert_eq!(&bytes[..], &rest[..len]);
        rest = &rest[len..];
    }
    prop_assert!(rest.is_empty(), "{} bytes were not read", rest.len());
    Ok(())
}
