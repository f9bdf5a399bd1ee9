//! A peer that speaks MQTT, and the words it uses: small builders for packets, sent by it or awaited from the broker.

use bytes::{Buf, BytesMut};
use tidewire_protocols::mqtt::{
    Ack, ConnAck, Connect, Decoded, Disconnect, Packet, PacketId, PacketType, Properties, PropertiesBuf,
    Property, Publish, Qos, ReasonCode, RetainHandling, SubAck, Subscribe, SubscribeFiltersBuf,
    SubscribeOptions, UnsubAck, Unsubscribe, UnsubscribeFiltersBuf, Version, Will, decode,
};
use tidewire_protocols::topic::TopicName;

use crate::peer::{PATIENCE, Peer};

/// See the module.
pub struct MqttPeer {
    /// The connection.
    pub peer: Peer,
    /// What it speaks; taken from the CONNECT that it sends.
    pub version: Version,
}

/// Something that can be said in MQTT.
pub trait Say {
    /// Its bytes.
    fn bytes(&self, version: Version) -> Vec<u8>;

    /// The version it settles on, if it is a CONNECT.
    fn version(&self) -> Option<Version> {
        None
    }
}

impl MqttPeer {
    /// Speaks over `peer`.
    pub fn new(peer: Peer) -> Self {
        Self { peer, version: Version::V5 }
    }

    /// Sends a packet.
    pub async fn says(&mut self, packet: impl Say) -> &mut Self {
        self.version = packet.version().unwrap_or(self.version);
        let bytes = packet.bytes(self.version);
        self.peer.send(&bytes).await;
        self
    }

    /// Holds that the next packet is this one, byte for byte.
    pub async fn hears(&mut self, packet: impl Say) -> &mut Self {
        let expected = packet.bytes(self.version);
        let actual = self.next().await;
        assert!(
            expected == actual,
            "\nexpected {}\n  actual {}",
            show(self.version, &expected),
            show(self.version, &actual)
        );
        self
    }

    /// Connects: says `connect` and holds that it is accepted, with the session there before or not.
    pub async fn connects(&mut self, connect: ConnectWords, session_present: bool) -> &mut Self {
        self.says(connect).await;
        let bytes = self.next().await;
        let Ok(Decoded::Packet { packet: Packet::ConnAck(answer), .. }) =
            decode(self.version, usize::MAX, &bytes)
        else {
            panic!("expected CONNACK, heard {}", show(self.version, &bytes));
        };
        assert_eq!((answer.reason, answer.session_present), (ReasonCode::Success, session_present));
        self
    }

    /// Subscribes: says `subscribe` and holds that every filter is granted the QoS that it asks for.
    pub async fn subscribes(&mut self, subscribe: SubscribeWords) -> &mut Self {
        let granted: Vec<_> = subscribe.filters.iter().map(|(_, options)| options.qos.as_u8()).collect();
        let packet_id = subscribe.packet_id;
        self.says(subscribe).await.hears(sub_ack(&granted).id(packet_id)).await
    }

    /// Publishes: says `publish` and goes through the exchange that its QoS asks for, whether anybody receives it or
    /// not.
    pub async fn publishes(&mut self, publish: PublishWords) -> &mut Self {
        let (qos, packet_id) = (publish.qos, publish.packet_id);
        self.says(publish).await;
        let Some(packet_id) = packet_id else { return self };
        match qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => self.hears_ack(PacketType::PubAck, packet_id).await,
            Qos::ExactlyOnce => {
                self.hears_ack(PacketType::PubRec, packet_id).await;
                self.says(pub_rel(packet_id.get())).await.hears_ack(PacketType::PubComp, packet_id).await;
            }
        }
        self
    }

    async fn hears_ack(&mut self, expected: PacketType, packet_id: PacketId) {
        let heard = self.looks_at(|packet| {
            let ack = match packet {
                Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) => ack,
                other => panic!("expected {expected:?}, heard {other:?}"),
            };
            assert!(!ack.reason.is_error(), "{packet:?}");
            (packet.packet_type(), ack.packet_id)
        });
        assert_eq!(heard.await, (expected, packet_id));
    }

    /// Connects, and returns what CONNACK says besides: its properties, as they are shown.
    pub async fn learns(&mut self, connect: ConnectWords) -> Vec<String> {
        self.says(connect).await;
        let heard = self.looks_at(|packet| match packet {
            Packet::ConnAck(answer) => {
                assert_eq!(answer.reason, ReasonCode::Success);
                answer.properties.iter().map(|property| format!("{property:?}")).collect()
            }
            other => panic!("expected CONNACK, heard {other:?}"),
        });
        heard.await
    }

    /// Holds that CONNACK with this reason comes (whatever else it says), and then the end.
    pub async fn is_refused(&mut self, reason: ReasonCode, code: u16) {
        let heard = self.looks_at(|packet| match packet {
            Packet::ConnAck(answer) => (answer.reason, answer.session_present),
            other => panic!("expected CONNACK, heard {other:?}"),
        });
        assert_eq!(heard.await, (reason, false));
        self.peer.is_closed_with(code).await;
    }

    /// The next packet, whatever it is.
    pub async fn next(&mut self) -> Vec<u8> {
        loop {
            match decode(self.version, usize::MAX, &self.peer.buffer) {
                Ok(Decoded::Packet { size, .. }) => {
                    let bytes = self.peer.buffer[..size].to_vec();
                    self.peer.buffer.advance(size);
                    return bytes;
                }
                Ok(Decoded::Incomplete { .. }) => {}
                Err(error) => panic!("the broker sent what is no packet: {error}: {:?}", self.peer.buffer),
            }
            match self.peer.fill(PATIENCE).await {
                Some(true) => {}
                Some(false) => panic!("the broker closed the connection instead of answering"),
                None => panic!("nothing came"),
            }
        }
    }

    /// The next packet, decoded and looked at.
    pub async fn looks_at<R>(&mut self, look: impl FnOnce(&Packet<'_>) -> R) -> R {
        let bytes = self.next().await;
        match decode(self.version, usize::MAX, &bytes) {
            Ok(Decoded::Packet { packet, .. }) => look(&packet),
            other => panic!("{other:?}"),
        }
    }

    /// Holds that nothing comes.
    pub async fn hears_nothing(&mut self) -> &mut Self {
        self.peer.hears_nothing().await;
        self
    }

    /// Holds that the broker closes the connection, over WebSocket with 1000.
    pub async fn is_closed(&mut self) {
        self.peer.is_closed_with(1000).await;
    }

    /// Holds that DISCONNECT with this reason comes (whatever else it says), and then the end.
    pub async fn is_disconnected(&mut self, reason: ReasonCode, code: u16) {
        let heard = self.looks_at(|packet| match packet {
            Packet::Disconnect(disconnect) => disconnect.reason,
            other => panic!("expected DISCONNECT, heard {other:?}"),
        });
        assert_eq!(heard.await, reason);
        self.peer.is_closed_with(code).await;
    }
}

fn show(version: Version, bytes: &[u8]) -> String {
    match decode(version, usize::MAX, bytes) {
        Ok(Decoded::Packet { packet, .. }) => format!("{packet:?}"),
        other => format!("{other:?} {bytes:02x?}"),
    }
}

fn encode(version: Version, packet: Packet<'_>) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    packet.encode(version, &mut bytes);
    bytes.to_vec()
}

fn properties_of(version: Version, properties: &PropertiesBuf) -> Properties<'_> {
    if version.is_v5() { properties.as_properties() } else { Properties::EMPTY }
}

/// A topic name of a test.
pub fn topic(name: &str) -> TopicName<'_> {
    TopicName::parse(name).expect("a test's topic name is valid")
}

/// A packet identifier of a test.
pub fn id(value: u16) -> PacketId {
    PacketId::new(value).expect("a test's packet identifier is not zero")
}

/// CONNECT.
pub fn connect(client_id: &str) -> ConnectWords {
    ConnectWords {
        version: Version::V5,
        client_id: client_id.to_owned(),
        clean_start: true,
        keep_alive: 0,
        properties: PropertiesBuf::default(),
        will: None,
        user_name: None,
    }
}

/// See [`connect`].
pub struct ConnectWords {
    version: Version,
    client_id: String,
    clean_start: bool,
    keep_alive: u16,
    properties: PropertiesBuf,
    will: Option<(PublishWords, PropertiesBuf)>,
    user_name: Option<String>,
}

impl ConnectWords {
    /// With a user name, and no password.
    pub fn user_name(mut self, user_name: &str) -> Self {
        self.user_name = Some(user_name.to_owned());
        self
    }

    /// In 3.1.1.
    pub fn v311(mut self) -> Self {
        self.version = Version::V311;
        self
    }

    /// In another version.
    pub fn in_version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Without a clean start.
    pub fn resume(mut self) -> Self {
        self.clean_start = false;
        self
    }

    /// With a keep alive in seconds.
    pub fn keep_alive(mut self, secs: u16) -> Self {
        self.keep_alive = secs;
        self
    }

    /// With a session expiry interval in seconds.
    pub fn expiry(self, secs: u32) -> Self {
        self.with(Property::SessionExpiryInterval(secs))
    }

    /// With a property.
    pub fn with(mut self, property: Property<'_>) -> Self {
        self.properties.push(property);
        self
    }

    /// With a will.
    pub fn will(self, will: PublishWords) -> Self {
        self.will_with(will, &[])
    }

    /// With a will that has properties.
    pub fn will_with(mut self, will: PublishWords, properties: &[Property<'_>]) -> Self {
        let mut buffer = PropertiesBuf::default();
        for property in properties {
            buffer.push(*property);
        }
        self.will = Some((will, buffer));
        self
    }
}

impl Say for ConnectWords {
    fn bytes(&self, _version: Version) -> Vec<u8> {
        let will = self.will.as_ref().map(|(will, properties)| Will {
            qos: will.qos,
            retain: will.retain,
            properties: properties_of(self.version, properties),
            topic: &will.topic,
            payload: &will.payload,
        });
        let connect = Connect {
            version: self.version,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            properties: properties_of(self.version, &self.properties),
            client_id: &self.client_id,
            will,
            user_name: self.user_name.as_deref(),
            password: None,
        };
        encode(self.version, Packet::Connect(connect))
    }

    fn version(&self) -> Option<Version> {
        Some(self.version)
    }
}

/// PUBLISH, of QoS 0.
pub fn publish(topic: &str, payload: impl AsRef<[u8]>) -> PublishWords {
    PublishWords {
        topic: topic.to_owned(),
        payload: payload.as_ref().to_vec(),
        qos: Qos::AtMostOnce,
        packet_id: None,
        dup: false,
        retain: false,
        properties: PropertiesBuf::default(),
    }
}

/// See [`publish`].
pub struct PublishWords {
    topic: String,
    payload: Vec<u8>,
    qos: Qos,
    packet_id: Option<PacketId>,
    dup: bool,
    retain: bool,
    properties: PropertiesBuf,
}

impl PublishWords {
    /// With QoS 1 and a packet identifier.
    pub fn qos1(mut self, packet_id: u16) -> Self {
        (self.qos, self.packet_id) = (Qos::AtLeastOnce, Some(id(packet_id)));
        self
    }

    /// With QoS 2 and a packet identifier.
    pub fn qos2(mut self, packet_id: u16) -> Self {
        (self.qos, self.packet_id) = (Qos::ExactlyOnce, Some(id(packet_id)));
        self
    }

    /// With DUP.
    pub fn dup(mut self) -> Self {
        self.dup = true;
        self
    }

    /// With RETAIN.
    pub fn retained(mut self) -> Self {
        self.retain = true;
        self
    }

    /// With a property.
    pub fn with(mut self, property: Property<'_>) -> Self {
        self.properties.push(property);
        self
    }
}

impl Say for PublishWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let topic = (!self.topic.is_empty()).then(|| topic(&self.topic));
        let publish = Publish {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            topic,
            packet_id: self.packet_id,
            properties: properties_of(version, &self.properties),
            payload: &self.payload,
        };
        encode(version, Packet::Publish(publish))
    }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
pub struct AckWords {
    packet_type: PacketType,
    packet_id: u16,
    reason: ReasonCode,
    is_explained: bool,
}

/// PUBACK.
pub fn pub_ack(packet_id: u16) -> AckWords {
    AckWords { packet_type: PacketType::PubAck, packet_id, reason: ReasonCode::Success, is_explained: false }
}

/// PUBREC.
pub fn pub_rec(packet_id: u16) -> AckWords {
    AckWords { packet_type: PacketType::PubRec, ..pub_ack(packet_id) }
}

/// PUBREL.
pub fn pub_rel(packet_id: u16) -> AckWords {
    AckWords { packet_type: PacketType::PubRel, ..pub_ack(packet_id) }
}

/// PUBCOMP.
pub fn pub_comp(packet_id: u16) -> AckWords {
    AckWords { packet_type: PacketType::PubComp, ..pub_ack(packet_id) }
}

impl AckWords {
    /// With a reason; 3.1.1 has none, and leaves it out.
    pub fn because(mut self, reason: ReasonCode) -> Self {
        self.reason = reason;
        self
    }

    /// With the reason's name as Reason String; 3.1.1 leaves it out.
    pub fn explained(mut self) -> Self {
        self.is_explained = true;
        self
    }

    /// Saying that nobody subscribes.
    pub fn unmatched(self) -> Self {
        self.because(ReasonCode::NoMatchingSubscribers)
    }
}

impl Say for AckWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let reason = if version.is_v5() { self.reason } else { ReasonCode::Success };
        let mut properties = PropertiesBuf::default();
        if self.is_explained {
            properties.push(Property::ReasonString(reason.name()));
        }
        let properties = properties_of(version, &properties);
        let ack = Ack { packet_id: id(self.packet_id), reason, properties };
        let mut bytes = BytesMut::new();
        ack.encode(self.packet_type, version, &mut bytes);
        bytes.to_vec()
    }
}

/// SUBSCRIBE with packet identifier 1 until told otherwise.
pub fn subscribe(filter: &str, qos: u8) -> SubscribeWords {
    SubscribeWords { packet_id: 1, filters: Vec::new(), properties: PropertiesBuf::default() }
        .and(filter, qos)
}

/// See [`subscribe`].
pub struct SubscribeWords {
    packet_id: u16,
    filters: Vec<(String, SubscribeOptions)>,
    properties: PropertiesBuf,
}

impl SubscribeWords {
    /// And this filter as well.
    pub fn and(mut self, filter: &str, qos: u8) -> Self {
        let options = SubscribeOptions {
            qos: Qos::from_u8(qos).expect("a test's QoS is 0, 1 or 2"),
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::SendAtSubscribe,
        };
        self.filters.push((filter.to_owned(), options));
        self
    }

    /// With another packet identifier.
    pub fn id(mut self, packet_id: u16) -> Self {
        self.packet_id = packet_id;
        self
    }

    /// With a property.
    pub fn with(mut self, property: Property<'_>) -> Self {
        self.properties.push(property);
        self
    }

    /// With other options for the last filter.
    pub fn options(mut self, change: impl FnOnce(&mut SubscribeOptions)) -> Self {
        if let Some((_, options)) = self.filters.last_mut() {
            change(options);
        }
        self
    }
}

impl Say for SubscribeWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let mut filters = SubscribeFiltersBuf::default();
        for (filter, options) in &self.filters {
            filters.push(filter, *options);
        }
        let subscribe = Subscribe {
            packet_id: id(self.packet_id),
            properties: properties_of(version, &self.properties),
            filters: filters.as_filters(),
        };
        encode(version, Packet::Subscribe(subscribe))
    }
}

/// SUBACK for packet identifier 1 until told otherwise, with a reason code for each filter.
pub fn sub_ack(reasons: &[u8]) -> SubAckWords {
    SubAckWords { packet_id: 1, reasons: reasons.to_vec() }
}

/// See [`sub_ack`].
pub struct SubAckWords {
    packet_id: u16,
    reasons: Vec<u8>,
}

impl SubAckWords {
    /// For another packet identifier.
    pub fn id(mut self, packet_id: u16) -> Self {
        self.packet_id = packet_id;
        self
    }
}

impl Say for SubAckWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let sub_ack =
            SubAck { packet_id: id(self.packet_id), properties: Properties::EMPTY, reasons: &self.reasons };
        encode(version, Packet::SubAck(sub_ack))
    }
}

/// UNSUBSCRIBE with packet identifier 1.
pub struct UnsubscribeWords(Vec<String>);

/// See [`UnsubscribeWords`].
pub fn unsubscribe(filters: &[&str]) -> UnsubscribeWords {
    UnsubscribeWords(filters.iter().map(|filter| (*filter).to_owned()).collect())
}

impl Say for UnsubscribeWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let mut filters = UnsubscribeFiltersBuf::default();
        for filter in &self.0 {
            filters.push(filter);
        }
        let unsubscribe =
            Unsubscribe { packet_id: id(1), properties: Properties::EMPTY, filters: filters.as_filters() };
        encode(version, Packet::Unsubscribe(unsubscribe))
    }
}

/// UNSUBACK for packet identifier 1, with a reason code for each filter, which 3.1.1 leaves out.
pub struct UnsubAckWords(Vec<u8>);

/// See [`UnsubAckWords`].
pub fn unsub_ack(reasons: &[u8]) -> UnsubAckWords {
    UnsubAckWords(reasons.to_vec())
}

impl Say for UnsubAckWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let reasons = if version.is_v5() { self.0.as_slice() } else { &[] };
        let unsub_ack = UnsubAck { packet_id: id(1), properties: Properties::EMPTY, reasons };
        encode(version, Packet::UnsubAck(unsub_ack))
    }
}

/// DISCONNECT.
pub fn disconnect() -> DisconnectWords {
    DisconnectWords { reason: ReasonCode::Success, properties: PropertiesBuf::default() }
}

/// See [`disconnect`].
pub struct DisconnectWords {
    reason: ReasonCode,
    properties: PropertiesBuf,
}

impl DisconnectWords {
    /// With a reason.
    pub fn because(mut self, reason: ReasonCode) -> Self {
        self.reason = reason;
        self
    }

    /// With a property.
    pub fn with(mut self, property: Property<'_>) -> Self {
        self.properties.push(property);
        self
    }
}

impl Say for DisconnectWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let disconnect =
            Disconnect { reason: self.reason, properties: properties_of(version, &self.properties) };
        encode(version, Packet::Disconnect(disconnect))
    }
}

/// CONNACK without properties: a refusal to a 3.1.1 client, or an acceptance by one.
pub fn conn_ack(session_present: bool, reason: ReasonCode) -> ConnAckWords {
    ConnAckWords { session_present, reason }
}

/// See [`conn_ack`].
pub struct ConnAckWords {
    session_present: bool,
    reason: ReasonCode,
}

impl Say for ConnAckWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let conn_ack = ConnAck {
            session_present: self.session_present,
            reason: self.reason,
            properties: Properties::EMPTY,
        };
        encode(version, Packet::ConnAck(conn_ack))
    }
}

/// PINGREQ.
pub struct PingReq;

impl Say for PingReq {
    fn bytes(&self, version: Version) -> Vec<u8> {
        encode(version, Packet::PingReq)
    }
}

/// PINGRESP.
pub struct PingResp;

impl Say for PingResp {
    fn bytes(&self, version: Version) -> Vec<u8> {
        encode(version, Packet::PingResp)
    }
}

/// Bytes as they are, right or wrong.
pub struct Raw<'b>(pub &'b [u8]);

impl Say for Raw<'_> {
    fn bytes(&self, _version: Version) -> Vec<u8> {
        self.0.to_vec()
    }
}
