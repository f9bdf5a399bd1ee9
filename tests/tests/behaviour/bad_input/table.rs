//! The table of what bad input gets. Columns: when it is said; what is said in MQTT and in STOMP; what
//! MQTT 5, MQTT 3.1.1 and STOMP answer; how the connection ends, over WebSocket with which code; what it
//! counts as.

use tidewire::config::{Config, Denied};
use tidewire::counters::RefusalReason;
use tidewire_protocols::mqtt::{PacketType, Property, ReasonCode, Version};
use tidewire_tests::mqtt::{ConnectWords, Say, connect, publish, subscribe};
use tidewire_tests::peer::Wire;

use super::play::{CONNECT_SIZE_MAX, CULPRIT, End, Input, LOCKED_IN, LOCKED_OUT, MALLORY, Row, USUAL, When};
use super::speech::{Answer, Speech};
use Answer::{Ack, ConnAck, Disconnect, Error, Silence, SubAck};
use End::{Closed, Stays};
use Input::{Below, Bytes, Made, Stop, Text};
use ReasonCode::{MalformedPacket, NotAuthorized, PacketTooLarge, ProtocolError};

rows! {
    bytes_that_cannot_be_parsed, by all over every_wire: Row {
        mqtt: Bytes(b"\x00\x00"),
        stomp: Bytes(b"SEND\nno colon\n\n\0"),
        answers: (Disconnect(MalformedPacket), Silence, Error("a header line has no colon")),
        ends: Closed(1002),
        counts: RefusalReason::Malformed,
        ..USUAL
    };
    a_connect_that_cannot_be_parsed, by all over every_wire: Row {
        when: When::Unread,
        mqtt: Made(|version, _| spoilt(connect(CULPRIT), version)),
        stomp: Bytes(b"CONNECT\nno colon\n\n\0"),
        answers: (ConnAck(MalformedPacket), Silence, Error("a header line has no colon")),
        ends: Closed(1002),
        counts: RefusalReason::Malformed,
        ..USUAL
    };
    /// Its sender may not even speak MQTT.
    something_else_than_a_connect_that_cannot_be_parsed, by mqtt over every_wire: Row {
        when: When::Unread,
        mqtt: Bytes(b"\x00\x00"),
        answers: (Silence, Silence, Silence),
        ends: Closed(1002),
        counts: RefusalReason::Malformed,
        ..USUAL
    };
    text_where_mqtt_is_spoken, by mqtt over web_sockets: Row {
        mqtt: Text("text"),
        answers: (Disconnect(MalformedPacket), Silence, Silence),
        ends: Closed(1003),
        counts: RefusalReason::Malformed,
        ..USUAL
    };
    text_that_is_not_utf_8, by all over web_sockets: Row {
        mqtt: Below(NO_TEXT),
        stomp: Below(NO_TEXT),
        answers: (Disconnect(MalformedPacket), Silence, Error("a text message is not UTF-8")),
        ends: Closed(1007),
        counts: RefusalReason::Malformed,
        ..USUAL
    };
    a_broken_rule_of_web_socket, by all over web_sockets: Row {
        mqtt: Below(RESERVED_BIT),
        stomp: Below(RESERVED_BIT),
        answers: (Disconnect(MalformedPacket), Silence, Error(RESERVED)),
        ends: Closed(1002),
        counts: RefusalReason::Malformed,
        ..USUAL
    };
    a_broken_rule_of_web_socket_before_login, by all over web_sockets: Row {
        when: When::Unread,
        mqtt: Below(RESERVED_BIT),
        stomp: Below(RESERVED_BIT),
        answers: (Silence, Silence, Error(RESERVED)),
        ends: Closed(1002),
        counts: RefusalReason::Malformed,
        ..USUAL
    };

    what_is_forbidden_here, by all over every_wire: Row {
        mqtt: Made(|version, _| connect(CULPRIT).in_version(version).bytes(version)),
        stomp: Bytes(b"CONNECT\naccept-version:1.2\nhost:test\n\n\0"),
        answers: (Disconnect(ProtocolError), Silence, Error("already connected")),
        ends: Closed(1000),
        counts: RefusalReason::Protocol,
        ..USUAL
    };
    what_is_forbidden_with_a_code_of_its_own, by all over every_wire: Row {
        // The last byte is the length of the properties, and in 3.1.1 the payload.
        mqtt: Bytes(b"\x30\x06\x00\x03t/#\0"),
        stomp: Bytes(b"SEND\ndestination:nowhere\n\n\0"),
        answers: (Disconnect(ReasonCode::TopicNameInvalid), Silence, Error("unknown destination")),
        ends: Closed(1000),
        counts: RefusalReason::Protocol,
        ..USUAL
    };
    /// Whoever has not said a version cannot be answered in it.
    what_is_forbidden_before_login, by all over every_wire: Row {
        when: When::Unread,
        mqtt: Bytes(b"\xC0\0"),
        stomp: Bytes(b"SEND\ndestination:/topic/t\n\n\0"),
        answers: (Silence, Silence, Error("not connected")),
        ends: Closed(1000),
        counts: RefusalReason::Protocol,
        ..USUAL
    };

    what_is_too_large, by all over every_wire: Row {
        mqtt: Bytes(b"\x30\xFF\xFF\xFF\x7F"),
        stomp: Bytes(b"SEND\ndestination:/topic/t\ncontent-length:1001\n\n"),
        answers: (Disconnect(PacketTooLarge), Silence, Error("the body is larger than 1000 bytes")),
        ends: Closed(1009),
        counts: RefusalReason::TooLarge,
        ..USUAL
    };
    what_is_too_large_before_login, by all over every_wire: Row {
        when: When::Unread,
        mqtt: Made(|version, _| connect(&"x".repeat(CONNECT_SIZE_MAX)).in_version(version).bytes(version)),
        stomp: Bytes(b"SEND\ndestination:/topic/t\ncontent-length:501\n\n"),
        answers: (ConnAck(PacketTooLarge), Silence, Error("the body is larger than 500 bytes")),
        ends: Closed(1009),
        counts: RefusalReason::TooLarge,
        ..USUAL
    };
    a_web_socket_message_that_is_too_large, by all over web_sockets: Row {
        mqtt: Below(HUGE),
        stomp: Below(HUGE),
        answers: (Disconnect(PacketTooLarge), Silence, Error("a message is larger than 1639400 bytes")),
        ends: Closed(1009),
        counts: RefusalReason::TooLarge,
        ..USUAL
    };

    /// The upgrade has succeeded by then, so that a browser can read why.
    bad_credentials, by all over every_wire: Row {
        when: When::Connecting,
        mqtt: Made(|version, wants_reasons| {
            let words = connect(CULPRIT).in_version(version).user_name(MALLORY);
            words.with(Property::RequestProblemInformation(wants_reasons)).bytes(version)
        }),
        stomp: Bytes(b"CONNECT\naccept-version:1.2\nhost:test\nclient-id:alice\nlogin:mallory\n\n\0"),
        answers: (
            ConnAck(ReasonCode::BadUserNameOrPassword),
            ConnAck(ReasonCode::BadUserNameOrPassword),
            Error("access refused"),
        ),
        ends: Closed(1000),
        counts: RefusalReason::Credentials,
        ..USUAL
    };

    a_publish_that_is_not_allowed, by mqtt over every_wire: Row {
        mqtt: Made(|version, _| publish(LOCKED_OUT, "no").bytes(version)),
        answers: (Silence, Silence, Silence),
        ..DENIED
    };
    a_publish_at_qos_1_that_is_not_allowed, by mqtt over every_wire: Row {
        mqtt: Made(|version, _| publish(LOCKED_OUT, "no").qos1(1).bytes(version)),
        answers: (Ack(PacketType::PubAck, NotAuthorized), Ack(PacketType::PubAck, NotAuthorized), Silence),
        ..DENIED
    };
    a_publish_at_qos_2_that_is_not_allowed, by mqtt over every_wire: Row {
        mqtt: Made(|version, _| publish(LOCKED_OUT, "no").qos2(1).bytes(version)),
        answers: (Ack(PacketType::PubRec, NotAuthorized), Ack(PacketType::PubRec, NotAuthorized), Silence),
        ..DENIED
    };
    a_subscription_that_is_not_allowed, by mqtt over every_wire: Row {
        mqtt: Made(|version, _| subscribe(LOCKED_IN, 1).bytes(version)),
        answers: (SubAck(0x87), SubAck(0x80), Silence),
        ..DENIED
    };
    a_send_that_is_not_allowed, by stomp over every_wire: Row {
        stomp: Bytes(SEND),
        answers: (Silence, Silence, Error("access refused")),
        ends: Closed(1000),
        ..DENIED
    };
    a_subscribe_that_is_not_allowed, by stomp over every_wire: Row {
        stomp: Bytes(SUBSCRIBE),
        answers: (Silence, Silence, Error("access refused")),
        ends: Closed(1000),
        ..DENIED
    };
    a_send_that_is_ignored, by stomp over every_wire: Row {
        stomp: Bytes(SEND),
        config: ignores,
        ..DENIED
    };
    a_subscribe_that_is_ignored, by stomp over every_wire: Row {
        stomp: Bytes(SUBSCRIBE),
        config: ignores,
        ..DENIED
    };

    the_server_stops, by all over every_wire: Row {
        mqtt: Stop,
        stomp: Stop,
        answers: (Disconnect(ReasonCode::ServerShuttingDown), Silence, Error("server shutting down")),
        ends: Closed(1001),
        counts: RefusalReason::ShuttingDown,
        ..USUAL
    };
    the_server_stops_before_login, by all over every_wire: Row {
        when: When::Unread,
        mqtt: Stop,
        stomp: Stop,
        answers: (Silence, Silence, Error("server shutting down")),
        ends: Closed(1001),
        counts: RefusalReason::ShuttingDown,
        ..USUAL
    };
    the_server_stops_and_another_is_named, by mqtt over every_wire: Row {
        mqtt: Stop,
        answers: (Disconnect(ReasonCode::UseAnotherServer), Silence, Silence),
        ends: Closed(1001),
        counts: RefusalReason::ShuttingDown,
        config: |config| config.mqtt.server_reference = Some("other.example:1883".to_owned()),
        ..USUAL
    };
}

/// What is denied to a client that stays.
const DENIED: Row = Row { ends: Stays, counts: RefusalReason::NotAuthorized, ..USUAL };

/// In text, a byte that UTF-8 does not have. All frames have the mask 0, which leaves them as they are.
const NO_TEXT: &[u8] = b"\x81\x81\0\0\0\0\xFF";
/// What is said to the next.
const RESERVED: &str = "a reserved bit is set that no extension gives a meaning";
/// A frame with a reserved bit that no extension uses.
const RESERVED_BIT: &[u8] = b"\xA2\x81\0\0\0\0x";
/// The head of a frame of a terabyte.
const HUGE: &[u8] = b"\x82\xFF\0\0\x01\0\0\0\0\0\0\0\0\0";

const SEND: &[u8] = b"SEND\ndestination:/topic/locked/out\nreceipt:withheld\n\nno\0";
const SUBSCRIBE: &[u8] = b"SUBSCRIBE\nid:s\ndestination:/topic/locked/in\nreceipt:withheld\n\n\0";

fn ignores(config: &mut Config) {
    config.stomp.denied = Denied::Ignore;
}

/// CONNECT with its reserved flag set.
fn spoilt(connect: ConnectWords, version: Version) -> Vec<u8> {
    let mut bytes = connect.in_version(version).bytes(version);
    bytes[9] |= 1;
    bytes
}
