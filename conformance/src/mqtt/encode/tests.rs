//! Known answers: bytes written down by hand from the specification's figures.

use super::encode;
use crate::case::{Action, Content, Suite, parse};
use crate::filled::Filled;
use crate::mqtt::Version;
use crate::variables::Variables;

/// Encodes a line of the notation.
fn bytes(version: Version, line: &str) -> Vec<u8> {
    let text = format!("case x\nstatements: MQTT-3.1.0-1\n> {line}\n");
    let cases = parse(Suite::Mqtt5, "test", "test.case", &text).unwrap();
    let Action::Send(outgoing) = &cases[0].steps[0].action else { panic!("not sent") };
    let Content::Template(template) = &outgoing.content else { panic!("not a packet") };
    encode(&Filled::new(template, &Variables::default()), version).unwrap()
}

#[test]
fn connect_of_5_with_a_property() {
    let line = r#"CONNECT client_id="ab" keep_alive=10 receive_maximum=10"#;
    let expected = b"\x10\x12\x00\x04MQTT\x05\x02\x00\x0a\x03\x21\x00\x0a\x00\x02ab";
    assert_eq!(bytes(Version::V5, line), expected);
}

#[test]
fn connect_of_3_1_1_has_no_properties() {
    let line = r#"CONNECT client_id="ab" clean_start=0 username="u" password="p""#;
    let expected = b"\x10\x14\x00\x04MQTT\x04\xc0\x00\x3c\x00\x02ab\x00\x01u\x00\x01p";
    assert_eq!(bytes(Version::V311, line), expected);
}

#[test]
fn connect_with_a_will_keeps_its_properties_apart() {
    let line = r#"CONNECT client_id="a" will_topic="t" will_payload="p" will_qos=1 will_retain=1 will.will_delay_interval=5"#;
    let expected =
        b"\x10\x1a\x00\x04MQTT\x05\x2e\x00\x3c\x00\x00\x01a\x05\x18\x00\x00\x00\x05\x00\x01t\x00\x01p";
    assert_eq!(bytes(Version::V5, line), expected);
}

#[test]
fn publish_with_and_without_an_identifier() {
    assert_eq!(bytes(Version::V5, r#"PUBLISH topic="a/b" payload="hi""#), b"\x30\x08\x00\x03a/b\x00hi");
    let line = r#"PUBLISH topic="a" qos=1 dup=1 retain=1 packet_id=258"#;
    assert_eq!(bytes(Version::V311, line), b"\x3b\x05\x00\x01a\x01\x02");
}

#[test]
fn options_belong_to_the_filter_before_them() {
    let line = r#"SUBSCRIBE packet_id=2 subscription_identifier=200 filter="a" qos=1 no_local=1 filter="b" retain_handling=2"#;
    let expected = b"\x82\x0e\x00\x02\x03\x0b\xc8\x01\x00\x01a\x05\x00\x01b\x20";
    assert_eq!(bytes(Version::V5, line), expected);
}

#[test]
fn acknowledgements_take_their_shortest_form() {
    assert_eq!(bytes(Version::V5, "PUBACK packet_id=1"), b"\x40\x02\x00\x01");
    assert_eq!(bytes(Version::V5, "PUBREL packet_id=1 reason=0x92"), b"\x62\x03\x00\x01\x92");
    let line = r#"PUBREC packet_id=1 user_property="k":"v""#;
    assert_eq!(bytes(Version::V5, line), b"\x50\x0b\x00\x01\x00\x07\x26\x00\x01k\x00\x01v");
    assert_eq!(bytes(Version::V5, "DISCONNECT"), b"\xe0\x00");
    assert_eq!(bytes(Version::V5, "DISCONNECT reason=0x04 property_length=0"), b"\xe0\x02\x04\x00");
}

#[test]
fn any_packet_can_be_made_wrong() {
    assert_eq!(bytes(Version::V5, "PINGREQ flags=5"), b"\xc5\x00");
    assert_eq!(bytes(Version::V5, "PINGREQ remaining_length=hex:8000"), b"\xc0\x80\x00");
    assert_eq!(bytes(Version::V5, "PINGREQ remaining_length=300"), b"\xc0\xac\x02");
    assert_eq!(bytes(Version::V5, "PUBACK packet_id=1 cut=1"), b"\x40\x01\x00");
    assert_eq!(bytes(Version::V5, "PINGREQ tail=hex:ff"), b"\xc0\x01\xff");
    assert_eq!(bytes(Version::V311, r#"SUBSCRIBE !packet_id filter="a" !options"#), b"\x82\x03\x00\x01a");
}
