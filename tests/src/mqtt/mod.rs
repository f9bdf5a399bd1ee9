//! A peer that speaks MQTT, and the words it uses: small builders for packets, sent by it or awaited from the broker.

mod connect;
mod publish;
mod subscribe;

use bytes::{Buf, BytesMut};
use tidewire_protocols::mqtt::{
    Decoded, Packet, PacketId, PacketType, Properties, PropertiesBuf, Qos, ReasonCode, Version, decode,
};
use tidewire_protocols::topic::TopicName;

pub use self::connect::*;
pub use self::publish::*;
pub use self::subscribe::*;
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
