//! Arbitrary packets. Their parts are leaked: a packet borrows, and a few kilobytes for each case are no matter in a
//! test.

#![allow(clippy::unwrap_used, reason = "only tests use it")]

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use tidewire_protocols::mqtt::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PacketId, PacketType, Properties, PropertiesBuf,
    Property, PropertyPlace, Publish, Qos, ReasonCode, RetainHandling, ReturnCode, Sender, SubAck, Subscribe,
    SubscribeFiltersBuf, SubscribeOptions, UnsubAck, Unsubscribe, UnsubscribeFiltersBuf, Version, Will,
};
use tidewire_protocols::topic::TopicName;

type Boxed<T> = BoxedStrategy<T>;

fn keep<T: ?Sized>(value: Box<T>) -> &'static T {
    Box::leak(value)
}

pub(crate) fn version() -> Boxed<Version> {
    prop_oneof![Just(Version::V31), Just(Version::V311), Just(Version::V5)].boxed()
}

/// A version and a packet that exists in it, nothing of which that version leaves out.
pub(crate) fn packet_in_version() -> Boxed<(Version, Packet<'static>)> {
    version().prop_flat_map(|version| (Just(version), packet(version))).boxed()
}

pub(crate) fn packet(version: Version) -> Boxed<Packet<'static>> {
    let always = prop_oneof![
        2 => connect(version).prop_map(Packet::Connect),
        1 => conn_ack(version).prop_map(Packet::ConnAck),
        4 => publish(version).prop_map(Packet::Publish),
        1 => ack(version, PacketType::PubAck, PropertyPlace::PubAck).prop_map(Packet::PubAck),
        1 => ack(version, PacketType::PubRec, PropertyPlace::PubRec).prop_map(Packet::PubRec),
        1 => ack(version, PacketType::PubRel, PropertyPlace::PubRel).prop_map(Packet::PubRel),
        1 => ack(version, PacketType::PubComp, PropertyPlace::PubComp).prop_map(Packet::PubComp),
        2 => subscribe(version).prop_map(Packet::Subscribe),
        1 => sub_ack(version).prop_map(Packet::SubAck),
        1 => unsubscribe(version).prop_map(Packet::Unsubscribe),
        1 => unsub_ack(version).prop_map(Packet::UnsubAck),
        1 => Just(Packet::PingReq),
        1 => Just(Packet::PingResp),
        1 => disconnect(version).prop_map(Packet::Disconnect),
    ];
    if version.is_v5() {
        prop_oneof![12 => always, 1 => auth().prop_map(Packet::Auth)].boxed()
    } else {
        always.boxed()
    }
}

fn connect(version: Version) -> Boxed<Connect<'static>> {
    let password = move |has_user_name: bool| {
        if has_user_name || version.is_v5() { prop::option::of(data()).boxed() } else { Just(None).boxed() }
    };
    let user = prop::option::of(text())
        .prop_flat_map(move |user_name| (Just(user_name), password(user_name.is_some())));
    let parts = (
        any::<bool>(),
        any::<u16>(),
        properties(version, PropertyPlace::Connect),
        text(),
        prop::option::of(will(version)),
        user,
    );
    parts
        .prop_map(move |(clean_start, keep_alive, properties, client_id, will, (user_name, password))| {
            Connect { version, clean_start, keep_alive, properties, client_id, will, user_name, password }
        })
        .boxed()
}

fn will(version: Version) -> Boxed<Will<'static>> {
    (qos(), any::<bool>(), properties(version, PropertyPlace::Will), text(), data())
        .prop_map(|(qos, retain, properties, topic, payload)| Will {
            qos,
            retain,
            properties,
            topic,
            payload,
        })
        .boxed()
}

fn conn_ack(version: Version) -> Boxed<ConnAck<'static>> {
    let reason = if version.is_v5() {
        reason(PacketType::ConnAck)
    } else {
        (0u8..6).prop_map(|code| ReturnCode::from_u8(code).unwrap().reason()).boxed()
    };
    (any::<bool>(), reason, properties(version, PropertyPlace::ConnAck))
        .prop_map(move |(flag, reason, properties)| ConnAck {
            session_present: flag && reason == ReasonCode::Success && version != Version::V31,
            reason,
            properties,
        })
        .boxed()
}

fn publish(version: Version) -> Boxed<Publish<'static>> {
    (any::<(bool, bool, bool)>(), qos(), topic(), id(), properties(version, PropertyPlace::Publish), data())
        .prop_map(|((dup, retain, alias), qos, topic, id, properties, payload)| Publish {
            dup: dup && qos != Qos::AtMostOnce,
            qos,
            retain,
            topic: Some(topic).filter(|_| !(alias && properties.iter().any(|p| p.identifier() == 0x23))),
            packet_id: Some(id).filter(|_| qos != Qos::AtMostOnce),
            properties,
            payload,
        })
        .boxed()
}

fn ack(version: Version, packet_type: PacketType, place: PropertyPlace) -> Boxed<Ack<'static>> {
    let reason = if version.is_v5() { reason(packet_type) } else { Just(ReasonCode::Success).boxed() };
    (id(), reason, properties(version, place))
        .prop_map(|(packet_id, reason, properties)| Ack { packet_id, reason, properties })
        .boxed()
}

fn subscribe(version: Version) -> Boxed<Subscribe<'static>> {
    let filters = vec((text(), options(version)), 1..5).prop_map(|filters| {
        let mut buf = SubscribeFiltersBuf::default();
        filters.iter().for_each(|(filter, options)| buf.push(filter, *options));
        keep(Box::new(buf)).as_filters()
    });
    (id(), properties(version, PropertyPlace::Subscribe), filters)
        .prop_map(|(packet_id, properties, filters)| Subscribe { packet_id, properties, filters })
        .boxed()
}

fn options(version: Version) -> Boxed<SubscribeOptions> {
    let plain = qos().prop_map(SubscribeOptions::new);
    if !version.is_v5() {
        return plain.boxed();
    }
    let handling = prop::sample::select(vec![
        RetainHandling::SendAtSubscribe,
        RetainHandling::SendIfNew,
        RetainHandling::DoNotSend,
    ]);
    (plain, any::<(bool, bool)>(), handling)
        .prop_map(|(plain, (no_local, retain_as_published), retain_handling)| SubscribeOptions {
            no_local,
            retain_as_published,
            retain_handling,
            ..plain
        })
        .boxed()
}

fn sub_ack(version: Version) -> Boxed<SubAck<'static>> {
    let reason = if version.is_v5() {
        reason(PacketType::SubAck).prop_map(ReasonCode::as_u8).boxed()
    } else {
        prop::sample::select(vec![0x00, 0x01, 0x02, 0x80]).boxed()
    };
    (id(), properties(version, PropertyPlace::SubAck), vec(reason, 1..5))
        .prop_map(|(packet_id, properties, reasons)| SubAck {
            packet_id,
            properties,
            reasons: keep(reasons.into()),
        })
        .boxed()
}

fn unsubscribe(version: Version) -> Boxed<Unsubscribe<'static>> {
    let filters = vec(text(), 1..5).prop_map(|filters| {
        let mut buf = UnsubscribeFiltersBuf::default();
        filters.iter().for_each(|filter| buf.push(filter));
        keep(Box::new(buf)).as_filters()
    });
    (id(), properties(version, PropertyPlace::Unsubscribe), filters)
        .prop_map(|(packet_id, properties, filters)| Unsubscribe { packet_id, properties, filters })
        .boxed()
}

fn unsub_ack(version: Version) -> Boxed<UnsubAck<'static>> {
    let count = if version.is_v5() { 1..5 } else { 0..1 };
    let reasons = vec(reason(PacketType::UnsubAck).prop_map(ReasonCode::as_u8), count);
    (id(), properties(version, PropertyPlace::UnsubAck), reasons)
        .prop_map(|(packet_id, properties, reasons)| UnsubAck {
            packet_id,
            properties,
            reasons: keep(reasons.into()),
        })
        .boxed()
}

fn disconnect(version: Version) -> Boxed<Disconnect<'static>> {
    let reason =
        if version.is_v5() { reason(PacketType::Disconnect) } else { Just(ReasonCode::Success).boxed() };
    (reason, properties(version, PropertyPlace::Disconnect))
        .prop_map(|(reason, properties)| Disconnect { reason, properties })
        .boxed()
}

fn auth() -> Boxed<Auth<'static>> {
    let with_method = (text(), vec(property(0x26), 0..3)).prop_map(|(method, mut more)| {
        more.push(Property::AuthenticationMethod(method));
        build(&more)
    });
    let step =
        (reason(PacketType::Auth), with_method).prop_map(|(reason, properties)| Auth { reason, properties });
    let bare = Just(Auth { reason: ReasonCode::Success, properties: Properties::EMPTY });
    prop_oneof![9 => step, 1 => bare].boxed()
}

/// Properties that are valid in that place, each at most once but for those that may repeat.
pub(crate) fn properties(version: Version, place: PropertyPlace) -> Boxed<Properties<'static>> {
    let identifiers: &'static [u8] = match place {
        _ if !version.is_v5() => return Just(Properties::EMPTY).boxed(),
        PropertyPlace::Connect => &[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x26, 0x27],
        PropertyPlace::Will => &[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26, 0x26],
        PropertyPlace::ConnAck => &[
            0x11, 0x12, 0x13, 0x15, 0x16, 0x1A, 0x1C, 0x1F, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29,
            0x2A,
        ],
        PropertyPlace::Publish => &[0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x0B, 0x23, 0x26, 0x26],
        PropertyPlace::Subscribe => &[0x0B, 0x26, 0x26],
        PropertyPlace::Unsubscribe => &[0x26, 0x26],
        PropertyPlace::Disconnect => &[0x11, 0x1C, 0x1F, 0x26],
        PropertyPlace::Auth => &[0x15, 0x16, 0x1F, 0x26],
        _ => &[0x1F, 0x26, 0x26],
    };
    prop::sample::subsequence(identifiers, 0..=identifiers.len())
        .prop_shuffle()
        .prop_map(|mut identifiers| {
            // Authentication Data does not come without its method.
            if !identifiers.contains(&0x15) {
                identifiers.retain(|&identifier| identifier != 0x16);
            }
            identifiers
        })
        .prop_flat_map(|identifiers| identifiers.into_iter().map(property).collect::<Vec<_>>())
        .prop_map(|properties| build(&properties))
        .boxed()
}

fn build(properties: &[Property<'static>]) -> Properties<'static> {
    let mut buf = PropertiesBuf::default();
    buf.extend(properties.iter().copied());
    keep(Box::new(buf)).as_properties()
}

fn property(identifier: u8) -> Boxed<Property<'static>> {
    match identifier {
        0x01 => any::<bool>().prop_map(Property::PayloadFormatIndicator).boxed(),
        0x02 => any::<u32>().prop_map(Property::MessageExpiryInterval).boxed(),
        0x03 => text().prop_map(Property::ContentType).boxed(),
        0x08 => topic().prop_map(Property::ResponseTopic).boxed(),
        0x09 => data().prop_map(Property::CorrelationData).boxed(),
        0x0B => (1u32..=268_435_455)
            .prop_map(|value| Property::SubscriptionIdentifier(value.try_into().unwrap()))
            .boxed(),
        0x11 => any::<u32>().prop_map(Property::SessionExpiryInterval).boxed(),
        0x12 => text().prop_map(Property::AssignedClientIdentifier).boxed(),
        0x13 => any::<u16>().prop_map(Property::ServerKeepAlive).boxed(),
        0x15 => text().prop_map(Property::AuthenticationMethod).boxed(),
        0x16 => data().prop_map(Property::AuthenticationData).boxed(),
        0x17 => any::<bool>().prop_map(Property::RequestProblemInformation).boxed(),
        0x18 => any::<u32>().prop_map(Property::WillDelayInterval).boxed(),
        0x19 => any::<bool>().prop_map(Property::RequestResponseInformation).boxed(),
        0x1A => text().prop_map(Property::ResponseInformation).boxed(),
        0x1C => text().prop_map(Property::ServerReference).boxed(),
        0x1F => text().prop_map(Property::ReasonString).boxed(),
        0x21 => any::<std::num::NonZeroU16>().prop_map(Property::ReceiveMaximum).boxed(),
        0x22 => any::<u16>().prop_map(Property::TopicAliasMaximum).boxed(),
        0x23 => any::<u16>().prop_map(Property::TopicAlias).boxed(),
        0x24 => any::<bool>()
            .prop_map(|one| Property::MaximumQos(if one { Qos::AtLeastOnce } else { Qos::AtMostOnce }))
            .boxed(),
        0x25 => any::<bool>().prop_map(Property::RetainAvailable).boxed(),
        0x26 => (text(), text()).prop_map(|(name, value)| Property::UserProperty(name, value)).boxed(),
        0x27 => any::<std::num::NonZeroU32>().prop_map(Property::MaximumPacketSize).boxed(),
        0x28 => any::<bool>().prop_map(Property::WildcardSubscriptionAvailable).boxed(),
        0x29 => any::<bool>().prop_map(Property::SubscriptionIdentifierAvailable).boxed(),
        0x2A => any::<bool>().prop_map(Property::SharedSubscriptionAvailable).boxed(),
        _ => unreachable!("0x{identifier:02X} is no property"),
    }
}

fn qos() -> Boxed<Qos> {
    prop::sample::select(vec![Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce]).boxed()
}

fn id() -> Boxed<PacketId> {
    (1u16..).prop_map(|id| PacketId::new(id).unwrap()).boxed()
}

fn reason(packet_type: PacketType) -> Boxed<ReasonCode> {
    let codes: Vec<ReasonCode> = (0..=u8::MAX)
        .filter_map(ReasonCode::from_u8)
        .filter(|code| {
            [Sender::Server, Sender::Client].iter().any(|sender| code.is_allowed_in(packet_type, *sender))
        })
        .collect();
    prop::sample::select(codes).boxed()
}

fn text() -> Boxed<&'static str> {
    // Mostly short; sometimes beyond one byte of length, and beyond where the UTF-8 check changes its ways.
    prop_oneof![9 => "[^\\x00]{0,12}", 1 => "[^\\x00]{60,300}"]
        .prop_map(|text| keep(text.into_boxed_str()))
        .boxed()
}

fn topic() -> Boxed<TopicName<'static>> {
    "[^\\x00+#]{1,24}".prop_map(|text| TopicName::parse(keep(text.into_boxed_str())).unwrap()).boxed()
}

fn data() -> Boxed<&'static [u8]> {
    prop_oneof![9 => vec(any::<u8>(), 0..20), 1 => vec(any::<u8>(), 100..20_000)]
        .prop_map(|data| keep(data.into_boxed_slice()))
        .boxed()
}

/// The packet's bytes.
pub(crate) fn encoded(version: Version, packet: &Packet<'_>) -> Vec<u8> {
    let mut out = BytesMut::new();
    packet.encode(version, &mut out);
    out.to_vec()
}
