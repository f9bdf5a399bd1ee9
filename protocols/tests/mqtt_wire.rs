//! Packets byte by byte, as the standards' figures show them: an encoder's mistake cannot hide behind its decoder's.

mod mqtt_support;

use bytes::BytesMut;
use tidewire_protocols::mqtt::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PacketId, Properties, PropertiesBuf, Property, Publish,
    Qos, ReasonCode, RetainHandling, SubAck, Subscribe, SubscribeFiltersBuf, SubscribeOptions, UnsubAck,
    Unsubscribe, UnsubscribeFiltersBuf, Version, Will,
};
use tidewire_protocols::topic::TopicName;

use self::mqtt_support::{bytes, one};

/// The packet is written as these bytes, and read from them.
#[track_caller]
fn is_on_the_wire(version: Version, packet: Packet<'_>, notation: &str) {
    let expected = bytes(notation);
    let mut out = BytesMut::new();
    packet.encode(version, &mut out);
    assert_eq!(out[..], expected[..], "{packet:?}");
    assert_eq!(one(version, &expected), packet);
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).expect("a non-zero identifier")
}

fn list(properties: &[Property<'_>]) -> PropertiesBuf {
    let mut buf = PropertiesBuf::default();
    buf.extend(properties.iter().copied());
    buf
}

const NONE: Properties<'static> = Properties::EMPTY;

#[test]
fn connect_v311() {
    let will = Will { qos: Qos::AtLeastOnce, retain: false, properties: NONE, topic: "w", payload: b"bye" };
    let connect = Connect {
        version: Version::V311,
        clean_start: true,
        keep_alive: 10,
        properties: NONE,
        client_id: "c",
        will: Some(will),
        user_name: Some("u"),
        password: Some(b"pw"),
    };
    let notation = "10 | 0004 'MQTT' 04 CE 000A 0001 'c' 0001 'w' 0003 'bye' 0001 'u' 0002 'pw'";
    is_on_the_wire(Version::V311, Packet::Connect(connect), notation);
}

#[test]
fn connect_v31() {
    let connect = Connect {
        version: Version::V31,
        clean_start: false,
        keep_alive: 0x0102,
        properties: NONE,
        client_id: "c",
        will: None,
        user_name: None,
        password: None,
    };
    is_on_the_wire(Version::V31, Packet::Connect(connect), "10 | 0006 'MQIsdp' 03 00 0102 0001 'c'");
}

#[test]
fn connect_v5() {
    let properties = list(&[Property::SessionExpiryInterval(10), Property::UserProperty("n", "v")]);
    let will_properties = list(&[Property::WillDelayInterval(5)]);
    let will = Will {
        qos: Qos::ExactlyOnce,
        retain: true,
        properties: will_properties.as_properties(),
        topic: "w",
        payload: &[0xFF],
    };
    let connect = Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 60,
        properties: properties.as_properties(),
        client_id: "",
        will: Some(will),
        user_name: None,
        password: Some(b""),
    };
    let notation = "10 | 0004 'MQTT' 05 76 003C 0C 110000000A 260001 'n' 0001 'v' \
                    0000 05 1800000005 0001 'w' 0001 FF 0000";
    is_on_the_wire(Version::V5, Packet::Connect(connect), notation);
}

#[test]
fn connack() {
    let accepted = ConnAck { session_present: true, reason: ReasonCode::Success, properties: NONE };
    is_on_the_wire(Version::V311, Packet::ConnAck(accepted), "20 02 01 00");
    is_on_the_wire(Version::V5, Packet::ConnAck(accepted), "20 03 01 00 00");
    let refused = ConnAck { session_present: false, reason: ReasonCode::NotAuthorized, properties: NONE };
    is_on_the_wire(Version::V31, Packet::ConnAck(refused), "20 02 00 05");
    is_on_the_wire(Version::V5, Packet::ConnAck(refused), "20 03 00 87 00");
    let properties =
        list(&[Property::ReceiveMaximum(10.try_into().unwrap()), Property::MaximumQos(Qos::AtLeastOnce)]);
    let limited = ConnAck { properties: properties.as_properties(), session_present: false, ..accepted };
    is_on_the_wire(Version::V5, Packet::ConnAck(limited), "20 08 00 00 05 21000A 2401");
}

#[test]
fn publish() {
    let message = Publish {
        dup: false,
        qos: Qos::AtMostOnce,
        retain: true,
        topic: TopicName::parse("a/b").ok(),
        packet_id: None,
        properties: NONE,
        payload: b"hi",
    };
    is_on_the_wire(Version::V311, Packet::Publish(message), "31 07 0003 'a/b' 'hi'");
    is_on_the_wire(Version::V5, Packet::Publish(message), "31 08 0003 'a/b' 00 'hi'");
    let again =
        Publish { dup: true, qos: Qos::ExactlyOnce, retain: false, packet_id: Some(id(10)), ..message };
    is_on_the_wire(Version::V311, Packet::Publish(again), "3C 09 0003 'a/b' 000A 'hi'");
    let properties = list(&[Property::TopicAlias(0x0102)]);
    let aliased = Publish { topic: None, properties: properties.as_properties(), ..message };
    is_on_the_wire(Version::V5, Packet::Publish(aliased), "31 08 0000 03 230102 'hi'");
    let long = Publish { payload: &[b'x'; 200], ..message };
    is_on_the_wire(Version::V311, Packet::Publish(long), "31 CD01 0003 'a/b' 78*200");
}

#[test]
fn acknowledgements() {
    let ack = Ack::success(id(0x0A0B));
    for version in [Version::V31, Version::V311, Version::V5] {
        is_on_the_wire(version, Packet::PubAck(ack), "40 02 0A0B");
        is_on_the_wire(version, Packet::PubRec(ack), "50 02 0A0B");
        is_on_the_wire(version, Packet::PubRel(ack), "62 02 0A0B");
        is_on_the_wire(version, Packet::PubComp(ack), "70 02 0A0B");
    }
    let unknown = Ack { reason: ReasonCode::PacketIdentifierNotFound, ..ack };
    is_on_the_wire(Version::V5, Packet::PubComp(unknown), "70 03 0A0B 92");
    let properties = list(&[Property::ReasonString("no")]);
    let explained = Ack { properties: properties.as_properties(), ..ack };
    is_on_the_wire(Version::V5, Packet::PubRec(explained), "50 09 0A0B 00 05 1F0002 'no'");
}

#[test]
fn subscribe() {
    let options = SubscribeOptions {
        qos: Qos::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    };
    let mut filters = SubscribeFiltersBuf::default();
    filters.push("a/+", SubscribeOptions::new(Qos::AtLeastOnce));
    filters.push("#", options);
    let subscribe = Subscribe { packet_id: id(1), properties: NONE, filters: filters.as_filters() };
    is_on_the_wire(Version::V5, Packet::Subscribe(subscribe), "82 0D 0001 00 0003 'a/+' 01 0001 '#' 2E");
    assert_eq!(subscribe.filters.len(), 2);
    assert_eq!(subscribe.filters.iter().map(|filter| filter.filter).collect::<Vec<_>>(), ["a/+", "#"]);
    assert_eq!(subscribe.filters.iter().nth(1).unwrap().options, options);
    // An older version has no options but QoS.
    let mut out = BytesMut::new();
    subscribe.encode(Version::V311, &mut out);
    assert_eq!(out[..], bytes("82 0C 0001 0003 'a/+' 01 0001 '#' 02")[..]);
}

#[test]
fn suback() {
    let suback = SubAck { packet_id: id(1), properties: NONE, reasons: &[0x01, 0x80, 0x02] };
    is_on_the_wire(Version::V311, Packet::SubAck(suback), "90 05 0001 01 80 02");
    is_on_the_wire(Version::V5, Packet::SubAck(suback), "90 06 0001 00 01 80 02");
    let reasons = [ReasonCode::GrantedQos1, ReasonCode::UnspecifiedError, ReasonCode::GrantedQos2];
    assert!(suback.reasons().eq(reasons));
    // An older version has one failure code only [MQTT-3.9.3-2].
    let mut out = BytesMut::new();
    SubAck { reasons: &[0x87, 0x00], ..suback }.encode(Version::V311, &mut out);
    assert_eq!(out[..], bytes("90 04 0001 80 00")[..]);
}

#[test]
fn unsubscribe() {
    let mut filters = UnsubscribeFiltersBuf::default();
    filters.push("a");
    filters.push("b/#");
    let unsubscribe = Unsubscribe { packet_id: id(2), properties: NONE, filters: filters.as_filters() };
    is_on_the_wire(Version::V311, Packet::Unsubscribe(unsubscribe), "A2 0A 0002 0001 'a' 0003 'b/#'");
    is_on_the_wire(Version::V5, Packet::Unsubscribe(unsubscribe), "A2 0B 0002 00 0001 'a' 0003 'b/#'");
    assert_eq!(unsubscribe.filters.iter().collect::<Vec<_>>(), ["a", "b/#"]);
}

#[test]
fn unsuback() {
    let old = UnsubAck { packet_id: id(2), properties: NONE, reasons: &[] };
    is_on_the_wire(Version::V311, Packet::UnsubAck(old), "B0 02 0002");
    let new = UnsubAck { reasons: &[0x00, 0x11], ..old };
    is_on_the_wire(Version::V5, Packet::UnsubAck(new), "B0 05 0002 00 00 11");
    assert!(new.reasons().eq([ReasonCode::Success, ReasonCode::NoSubscriptionExisted]));
}

#[test]
fn small_packets() {
    is_on_the_wire(Version::V311, Packet::PingReq, "C0 00");
    is_on_the_wire(Version::V5, Packet::PingResp, "D0 00");
    let end = Disconnect { reason: ReasonCode::Success, properties: NONE };
    is_on_the_wire(Version::V311, Packet::Disconnect(end), "E0 00");
    is_on_the_wire(Version::V5, Packet::Disconnect(end), "E0 00");
    let will = Disconnect { reason: ReasonCode::DisconnectWithWill, ..end };
    is_on_the_wire(Version::V5, Packet::Disconnect(will), "E0 01 04");
    let properties = list(&[Property::SessionExpiryInterval(0)]);
    let shortened = Disconnect { properties: properties.as_properties(), ..end };
    is_on_the_wire(Version::V5, Packet::Disconnect(shortened), "E0 07 00 05 1100000000");
    let properties = list(&[Property::AuthenticationMethod("m"), Property::AuthenticationData(&[0])]);
    let step = Auth { reason: ReasonCode::ContinueAuthentication, properties: properties.as_properties() };
    is_on_the_wire(Version::V5, Packet::Auth(step), "F0 0A 18 08 150001 'm' 160001 00");
}

#[test]
fn what_cannot_be_encoded_is_told() {
    let no_return_code =
        ConnAck { session_present: false, reason: ReasonCode::PacketTooLarge, properties: NONE };
    assert!(!Packet::ConnAck(no_return_code).is_encodable(Version::V311));
    assert!(Packet::ConnAck(no_return_code).is_encodable(Version::V5));
    let auth = Auth { reason: ReasonCode::Success, properties: NONE };
    assert!(!Packet::Auth(auth).is_encodable(Version::V311));
    let no_topic = Publish {
        dup: false,
        qos: Qos::AtMostOnce,
        retain: false,
        topic: None,
        packet_id: None,
        properties: NONE,
        payload: b"",
    };
    assert!(!Packet::Publish(no_topic).is_encodable(Version::V311));
    let id_without_qos = Publish { topic: TopicName::parse("t").ok(), packet_id: Some(id(1)), ..no_topic };
    assert!(!Packet::Publish(id_without_qos).is_encodable(Version::V5));
}
