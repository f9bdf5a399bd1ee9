//! MQTT 5 as a broker speaks it: what is heard becomes one line of text.

use std::num::NonZeroU32;

use bytes::{Buf, BytesMut};
use tidewire_protocols::mqtt::{
    Ack, Auth, ConnAck, Decoded, Disconnect, PACKET_SIZE_MAX, Packet, PacketId, Properties, PropertiesBuf,
    Property, Publish, Qos, ReasonCode, SubAck, UnsubAck, Version, decode,
};
use tidewire_protocols::topic::TopicName;

use super::peer::Peer;

/// One connection; see [`Peer`].
pub(crate) struct MqttPeer {
    peer: Peer,
}

impl MqttPeer {
    pub(crate) fn new(peer: Peer) -> Self {
        Self { peer }
    }

    /// Hears CONNECT and accepts it; what was heard.
    pub(crate) async fn welcome(&mut self, session_present: bool) -> String {
        let heard = self.hears().await;
        assert!(heard.starts_with("CONNECT"), "{heard}");
        self.accept(session_present, &[]).await;
        heard
    }

    /// CONNACK.
    pub(crate) async fn accept(&mut self, session_present: bool, properties: &[Property<'_>]) {
        let properties = list(properties);
        let properties = properties.as_properties();
        self.say(Packet::ConnAck(ConnAck { session_present, reason: ReasonCode::Success, properties })).await;
    }

    /// CONNACK with an error.
    pub(crate) async fn refuse(&mut self, reason: ReasonCode) {
        let properties = Properties::EMPTY;
        self.say(Packet::ConnAck(ConnAck { session_present: false, reason, properties })).await;
    }

    pub(crate) async fn disconnect(&mut self, reason: ReasonCode) {
        self.say(Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY })).await;
    }

    pub(crate) async fn pub_ack(&mut self, id: u16) {
        self.say(Packet::PubAck(Ack::success(packet_id(id)))).await;
    }

    pub(crate) async fn pub_rec(&mut self, id: u16) {
        self.say(Packet::PubRec(Ack::success(packet_id(id)))).await;
    }

    pub(crate) async fn pub_rel(&mut self, id: u16) {
        self.say(Packet::PubRel(Ack::success(packet_id(id)))).await;
    }

    pub(crate) async fn pub_comp(&mut self, id: u16) {
        self.say(Packet::PubComp(Ack::success(packet_id(id)))).await;
    }

    pub(crate) async fn sub_ack(&mut self, id: u16, reason: ReasonCode) {
        let (packet_id, properties) = (packet_id(id), Properties::EMPTY);
        let reasons = &[reason.as_u8()];
        self.say(Packet::SubAck(SubAck { packet_id, properties, reasons })).await;
    }

    pub(crate) async fn unsub_ack(&mut self, id: u16) {
        let (packet_id, properties) = (packet_id(id), Properties::EMPTY);
        let reasons = &[ReasonCode::Success.as_u8()];
        self.say(Packet::UnsubAck(UnsubAck { packet_id, properties, reasons })).await;
    }

    /// PUBLISH: QoS 0 for `id` 0, otherwise `qos`. `identifier` is the subscription's, 0 for none.
    pub(crate) async fn publish(&mut self, topic: &str, payload: &str, qos: Qos, id: u16, identifier: u32) {
        let properties: Vec<_> =
            NonZeroU32::new(identifier).map(Property::SubscriptionIdentifier).into_iter().collect();
        let properties = list(&properties);
        self.say(Packet::Publish(Publish {
            dup: false,
            qos,
            retain: false,
            topic: TopicName::parse(topic).ok(),
            packet_id: PacketId::new(id),
            properties: properties.as_properties(),
            payload: payload.as_bytes(),
        }))
        .await;
    }

    pub(crate) async fn say(&mut self, packet: Packet<'_>) {
        let mut bytes = BytesMut::new();
        packet.encode(Version::V5, &mut bytes);
        self.peer.say(&bytes).await;
    }

    /// The next packet, pings aside.
    pub(crate) async fn hears(&mut self) -> String {
        loop {
            match self.hears_all().await {
                heard if heard == "PINGREQ" => self.say(Packet::PingResp).await,
                heard => return heard,
            }
        }
    }

    /// The next packet; `END` when the client has closed the connection.
    pub(crate) async fn hears_all(&mut self) -> String {
        loop {
            if let Ok(Decoded::Packet { packet, size }) =
                decode(Version::V5, PACKET_SIZE_MAX, &self.peer.input)
            {
                let heard = line(&packet);
                self.peer.input.advance(size);
                return heard;
            }
            if !self.peer.fill().await {
                return "END".to_owned();
            }
        }
    }

    /// Hears SUBSCRIBE and confirms it; its line.
    pub(crate) async fn confirms(&mut self) -> String {
        let heard = self.hears().await;
        self.sub_ack(number(&heard), ReasonCode::Success).await;
        heard
    }
}

/// The packet identifier in a line.
pub(crate) fn number(line: &str) -> u16 {
    let number = line.split_once('#').and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no packet identifier in {line:?}"))
}

fn line(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Connect(connect) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let clean = if connect.clean_start { " clean" } else { "" };
            let password = connect.password.map(|password| format!(" with {}", text(password)));
            format!("CONNECT {}{clean}{}", connect.client_id, password.unwrap_or_default())
        }
        Packet::Publish(publish) => {
            let dup = if publish.dup { "DUP " } else { "" };
            let id = publish.packet_id.map(|id| format!("#{id} ")).unwrap_or_default();
            let topic = publish.topic.map(TopicName::as_str).unwrap_or_default();
            let payload = String::from_utf8_lossy(publish.payload);
            format!("PUBLISH {dup}q{} {id}{topic}: {payload}", publish.qos.as_u8())
        }
        Packet::PubAck(ack) => acknowledgement("PUBACK", ack),
        Packet::PubRec(ack) => acknowledgement("PUBREC", ack),
        Packet::PubRel(ack) => acknowledgement("PUBREL", ack),
        Packet::PubComp(ack) => acknowledgement("PUBCOMP", ack),
        Packet::Subscribe(subscribe) => {
            let identifier = subscribe.properties.iter().find_map(|property| match property {
                Property::SubscriptionIdentifier(identifier) => Some(identifier.get()),
                _ => None,
            });
            let filters: Vec<_> = subscribe.filters.iter().map(|filter| filter.filter).collect();
            format!("SUBSCRIBE #{} {} as {identifier:?}", subscribe.packet_id, filters.join(" "))
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filters: Vec<_> = unsubscribe.filters.iter().collect();
            format!("UNSUBSCRIBE #{} {}", unsubscribe.packet_id, filters.join(" "))
        }
        Packet::PingReq => "PINGREQ".to_owned(),
        Packet::Disconnect(disconnect) => format!("DISCONNECT {}", disconnect.reason.name()),
        Packet::Auth(Auth { reason, properties }) => {
            let data = properties.iter().find_map(|property| match property {
                Property::AuthenticationData(data) => Some(String::from_utf8_lossy(data).into_owned()),
                _ => None,
            });
            format!("AUTH {}: {}", reason.name(), data.unwrap_or_default())
        }
        other => format!("{other:?}"),
    }
}

fn acknowledgement(name: &str, ack: &Ack<'_>) -> String {
    match ack.reason {
        ReasonCode::Success => format!("{name} #{}", ack.packet_id),
        reason => format!("{name} #{} {}", ack.packet_id, reason.name()),
    }
}

fn packet_id(id: u16) -> PacketId {
    PacketId::new(id).expect("not zero")
}

fn list(properties: &[Property<'_>]) -> PropertiesBuf {
    let mut list = PropertiesBuf::default();
    list.extend(properties.iter().copied());
    list
}
