//! The standard's two tables, written out a second time: which packet may carry which property and reason code.

use tidewire_protocols::mqtt::{ErrorKind, PacketType, Properties, PropertyPlace, ReasonCode, Sender};

mod mqtt_support;

use self::mqtt_support::bytes;

const PLACES: [(&str, PropertyPlace); 14] = [
    ("CONNECT", PropertyPlace::Connect),
    ("WILL", PropertyPlace::Will),
    ("CONNACK", PropertyPlace::ConnAck),
    ("PUBLISH", PropertyPlace::Publish),
    ("PUBACK", PropertyPlace::PubAck),
    ("PUBREC", PropertyPlace::PubRec),
    ("PUBREL", PropertyPlace::PubRel),
    ("PUBCOMP", PropertyPlace::PubComp),
    ("SUBSCRIBE", PropertyPlace::Subscribe),
    ("SUBACK", PropertyPlace::SubAck),
    ("UNSUBSCRIBE", PropertyPlace::Unsubscribe),
    ("UNSUBACK", PropertyPlace::UnsubAck),
    ("DISCONNECT", PropertyPlace::Disconnect),
    ("AUTH", PropertyPlace::Auth),
];

/// Table 2-4: a sample of each property, the packets that may carry it, and those where it may repeat.
const PROPERTIES: [(&str, &str, &str); 27] = [
    ("01 01", "PUBLISH WILL", ""),
    ("02 00000001", "PUBLISH WILL", ""),
    ("03 0001 't'", "PUBLISH WILL", ""),
    ("08 0001 'r'", "PUBLISH WILL", ""),
    ("09 0001 00", "PUBLISH WILL", ""),
    ("0B 01", "PUBLISH SUBSCRIBE", "PUBLISH"),
    ("11 FFFFFFFF", "CONNECT CONNACK DISCONNECT", ""),
    ("12 0001 'c'", "CONNACK", ""),
    ("13 003C", "CONNACK", ""),
    ("15 0001 'm'", "CONNECT CONNACK AUTH", ""),
    ("16 0000", "CONNECT CONNACK AUTH", ""),
    ("17 01", "CONNECT", ""),
    ("18 00000001", "WILL", ""),
    ("19 01", "CONNECT", ""),
    ("1A 0001 'i'", "CONNACK", ""),
    ("1C 0001 's'", "CONNACK DISCONNECT", ""),
    ("1F 0001 'r'", "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH", ""),
    ("21 0001", "CONNECT CONNACK", ""),
    ("22 0000", "CONNECT CONNACK", ""),
    ("23 0001", "PUBLISH", ""),
    ("24 01", "CONNACK", ""),
    ("25 00", "CONNACK", ""),
    ("26 0001 'n' 0001 'v'", EVERYWHERE, EVERYWHERE),
    ("27 00000001", "CONNECT CONNACK", ""),
    ("28 00", "CONNACK", ""),
    ("29 00", "CONNACK", ""),
    ("2A 00", "CONNACK", ""),
];

const EVERYWHERE: &str = "CONNECT CONNACK PUBLISH WILL PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE \
                          UNSUBACK DISCONNECT AUTH";

fn lists(places: &str, name: &str) -> bool {
    places.split_whitespace().any(|place| place == name)
}

#[test]
fn each_property_is_valid_in_its_packets_and_malformed_elsewhere() {
    for (property, places, _) in PROPERTIES {
        for (name, place) in PLACES {
            // Authentication Data does not come alone.
            let method = if property.starts_with("16") && lists(places, name) { "15 0001 'm'" } else { "" };
            let raw = bytes(&format!("{method} {property}"));
            match Properties::parse(place, &raw) {
                Ok(properties) => {
                    assert!(lists(places, name), "{property} in {name}");
                    assert_eq!(properties.iter().last().unwrap().identifier(), bytes(property)[0]);
                }
                Err(error) => {
                    assert!(!lists(places, name), "{property} in {name}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Malformed);
                    assert_eq!(error.statement(), "MQTT50-U-2.2.2.2-1");
                }
            }
        }
    }
}

#[test]
fn each_property_but_two_is_a_protocol_error_when_repeated() {
    for (property, places, may_repeat) in PROPERTIES {
        for (name, place) in PLACES.into_iter().filter(|(name, _)| lists(places, name)) {
            let raw = bytes(&format!("{property} {property}"));
            let kind = Properties::parse(place, &raw).err().map(|error| error.kind());
            let expected = (!lists(may_repeat, name)).then_some(ErrorKind::Protocol);
            assert_eq!(kind, expected, "{property} twice in {name}");
        }
    }
}

#[test]
fn every_other_identifier_is_unknown() {
    let known: Vec<u8> = PROPERTIES.iter().map(|(property, ..)| bytes(property)[0]).collect();
    for identifier in (0..=u8::MAX).filter(|identifier| !known.contains(identifier)) {
        for (name, place) in PLACES {
            let error = Properties::parse(place, &[identifier, 1, 0, 0, 0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed, "0x{identifier:02X} in {name}");
        }
    }
}

#[test]
fn the_order_of_different_properties_has_no_meaning() {
    let forth = bytes("11 00000001 21 0001 16 0000 15 0001 'm'");
    let back = bytes("15 0001 'm' 16 0000 21 0001 11 00000001");
    let forth: Vec<_> = Properties::parse(PropertyPlace::Connect, &forth).unwrap().iter().collect();
    let mut back: Vec<_> = Properties::parse(PropertyPlace::Connect, &back).unwrap().iter().collect();
    back.reverse();
    assert_eq!(forth, back);
}

/// Tables 3-1 to 3-11: what a server and what a client may say.
const REASONS: [(PacketType, &str, &str); 9] = [
    (PacketType::ConnAck, "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F", ""),
    (PacketType::PubAck, "00 10 80 83 87 90 91 97 99", "00 80 83 87 90 91 97 99"),
    (PacketType::PubRec, "00 10 80 83 87 90 91 97 99", "00 80 83 87 90 91 97 99"),
    (PacketType::PubRel, "00 92", "00 92"),
    (PacketType::PubComp, "00 92", "00 92"),
    (PacketType::SubAck, "00 01 02 80 83 87 8F 91 97 9E A1 A2", ""),
    (PacketType::UnsubAck, "00 11 80 83 87 8F 91", ""),
    (
        PacketType::Disconnect,
        "00 80 81 82 83 87 89 8B 8C 8D 8E 8F 90 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2",
        "00 04 80 81 82 83 8C 90 93 94 95 96 97 98 99",
    ),
    (PacketType::Auth, "00 18", "18 19"),
];

#[test]
fn each_reason_code_is_allowed_in_its_packets_only() {
    for packet_type in (0..=u8::MAX).filter_map(PacketType::from_u8) {
        let row = REASONS.iter().find(|(packet, ..)| *packet == packet_type);
        let (server, client) = row.map_or(("", ""), |(_, server, client)| (server, client));
        for (sender, codes) in [(Sender::Server, server), (Sender::Client, client)] {
            let allowed: Vec<u8> = (0..=u8::MAX)
                .filter_map(ReasonCode::from_u8)
                .filter(|code| code.is_allowed_in(packet_type, sender))
                .map(ReasonCode::as_u8)
                .collect();
            assert_eq!(allowed, bytes(codes), "{} from {sender:?}", packet_type.name());
        }
    }
}

#[test]
fn there_are_43_reason_codes_with_names_of_their_own() {
    let codes: Vec<ReasonCode> = (0..=u8::MAX).filter_map(ReasonCode::from_u8).collect();
    assert_eq!(codes.len(), 43);
    for code in &codes {
        assert_eq!(ReasonCode::from_u8(code.as_u8()), Some(*code));
        assert_eq!(code.is_error(), code.as_u8() >= 128);
        assert_eq!(codes.iter().filter(|other| other.name() == code.name()).count(), 1, "{code}");
    }
    assert_eq!(ReasonCode::SessionTakenOver.to_string(), "Session taken over (0x8E)");
}
