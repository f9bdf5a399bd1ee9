//! One client in any version of either protocol, and what the broker says to it.

use tidewire::config::ProtocolName;
use tidewire_protocols::mqtt::{Packet, PacketType, Property, ReasonCode, Version};
use tidewire_tests::mqtt::{MqttPeer, PingReq, PingResp, connect};
use tidewire_tests::peer::Peer;
use tidewire_tests::stomp::StompPeer;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Mqtt5,
    Mqtt311,
    Stomp(&'static str),
}

impl Speech {
    pub(super) fn protocol(self) -> ProtocolName {
        match self {
            Self::Mqtt5 | Self::Mqtt311 => ProtocolName::Mqtt,
            Self::Stomp(_) => ProtocolName::Stomp,
        }
    }

    pub(super) fn mqtt_version(self) -> Version {
        if self == Self::Mqtt311 { Version::V311 } else { Version::V5 }
    }
}

/// What the broker is to say to bad input.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// Nothing.
    Silence,
    /// In MQTT 3.1.1 with the return code that means the same.
    ConnAck(ReasonCode),
    Disconnect(ReasonCode),
    /// PUBACK or PUBREC; in MQTT 3.1.1 it has no reason.
    Ack(PacketType, ReasonCode),
    SubAck(u8),
    /// ERROR with this message.
    Error(&'static str),
}

/// The one who misbehaves.
pub(super) enum Client {
    Mqtt(MqttPeer),
    Stomp(StompPeer),
}

impl Client {
    pub(super) fn new(speech: Speech, peer: Peer) -> Self {
        match speech {
            Speech::Mqtt5 | Speech::Mqtt311 => {
                Self::Mqtt(MqttPeer { version: speech.mqtt_version(), ..MqttPeer::new(peer) })
            }
            Speech::Stomp(_) => Self::Stomp(StompPeer::new(peer)),
        }
    }

    pub(super) fn peer(&mut self) -> &mut Peer {
        match self {
            Self::Mqtt(peer) => &mut peer.peer,
            Self::Stomp(peer) => &mut peer.peer,
        }
    }

    /// Connects under this name, with or without a wish for reasons.
    pub(super) async fn connects(&mut self, speech: Speech, name: &str, wants_reasons: bool) {
        match (self, speech) {
            (Self::Stomp(peer), Speech::Stomp(version)) => {
                let connect = format!("CONNECT\naccept-version:{version}\nhost:test\nclient-id:{name}\n\n^");
                peer.says(&connect).await;
                assert_eq!(peer.next().await.command, "CONNECTED");
            }
            (Self::Mqtt(peer), _) => {
                let words = connect(name).in_version(speech.mqtt_version());
                peer.connects(words.with(Property::RequestProblemInformation(wants_reasons)), false).await;
            }
            (Self::Stomp(_), _) => panic!("{speech:?} is not STOMP"),
        }
    }

    /// Holds that the broker says this next; `is_explained` says whether an MQTT 5 client is to learn why.
    pub(super) async fn hears(&mut self, answer: Answer, is_explained: bool) {
        match (self, answer) {
            (_, Answer::Silence) => {}
            (Self::Stomp(peer), Answer::Error(message)) => {
                let heard = peer.next().await;
                assert_eq!(
                    (heard.command.as_str(), heard.header("message")),
                    ("ERROR", Some(message)),
                    "{heard:?}"
                );
                assert!(!heard.body.is_empty(), "the body tells a developer what to do");
            }
            (Self::Mqtt(peer), _) => {
                let version = peer.version;
                let (heard, reason_string) = peer.looks_at(understand).await;
                assert_eq!(heard, expected(answer, version));
                let is_explained = is_explained && version.is_v5();
                assert_eq!(reason_string.is_some(), is_explained, "Reason String: {reason_string:?}");
            }
            (Self::Stomp(_), _) => panic!("STOMP has no word for {answer:?}"),
        }
    }

    /// Holds that the connection is alive, and that nothing is left to be said.
    pub(super) async fn is_served(&mut self) {
        match self {
            Self::Mqtt(peer) => drop(peer.says(PingReq).await.hears(PingResp).await),
            Self::Stomp(peer) => {
                let sent = "SEND\ndestination:/topic/unheard\nreceipt:alive\n\n^";
                peer.says(sent).await.hears_receipt("alive").await;
            }
        }
        self.peer().hears_nothing().await;
    }
}

/// Type and reason of a packet, and its Reason String.
fn understand(packet: &Packet<'_>) -> ((PacketType, Vec<u8>), Option<String>) {
    let (reasons, properties) = match packet {
        Packet::ConnAck(answer) => {
            assert!(!answer.session_present, "{packet:?}");
            (vec![answer.reason.as_u8()], answer.properties)
        }
        Packet::Disconnect(disconnect) => (vec![disconnect.reason.as_u8()], disconnect.properties),
        Packet::PubAck(ack) | Packet::PubRec(ack) => (vec![ack.reason.as_u8()], ack.properties),
        Packet::SubAck(answer) => (answer.reasons.to_vec(), answer.properties),
        other => panic!("the broker says {other:?}"),
    };
    let reason_string = properties.iter().find_map(|property| match property {
        Property::ReasonString(reason) => Some(reason.to_owned()),
        _ => None,
    });
    ((packet.packet_type(), reasons), reason_string)
}

fn expected(answer: Answer, version: Version) -> (PacketType, Vec<u8>) {
    match answer {
        Answer::ConnAck(reason) => (PacketType::ConnAck, vec![reason.as_u8()]),
        Answer::Disconnect(reason) => (PacketType::Disconnect, vec![reason.as_u8()]),
        Answer::Ack(packet_type, reason) if version.is_v5() => (packet_type, vec![reason.as_u8()]),
        Answer::Ack(packet_type, _) => (packet_type, vec![0]),
        Answer::SubAck(reason) => (PacketType::SubAck, vec![reason]),
        Answer::Silence | Answer::Error(_) => panic!("MQTT has no word for {answer:?}"),
    }
}
