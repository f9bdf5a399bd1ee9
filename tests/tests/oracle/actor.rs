//! A client's side of the conversation: its connection, and what it remembers.

use std::collections::HashMap;

use bytes::Buf;
use futures_util::FutureExt;
use tidewire_protocols::mqtt::{Ack, Decoded, Packet, PacketType, Property, Publish, decode};
use tidewire_tests::mqtt::MqttPeer;
use tidewire_tests::peer::PATIENCE;

use crate::model::Heard;
use crate::script::{Connect, Words};

/// A client.
pub(crate) struct Actor {
    /// Its connection.
    pub(crate) connection: Option<Connection>,
    /// Its QoS 2 publishes that it has not released, with their packet identifiers.
    pub(crate) unreleased: Vec<(u16, Words)>,
}

/// A client's connection.
pub(crate) struct Connection {
    /// The peer.
    pub(crate) peer: MqttPeer,
    /// MQTT 5.
    pub(crate) v5: bool,
    /// Whether it acknowledges at once.
    pub(crate) at_once: bool,
    /// What it holds back: packet identifiers, and the packet that each waits for.
    pub(crate) held: Vec<(u16, PacketType)>,
    /// The topic aliases it has set, by alias.
    pub(crate) aliases: HashMap<u16, &'static str>,
    /// When the broker's connection wakes for nothing: its time for a CONNECT is over.
    pub(crate) wakes_at: u64,
    alias_maximum: u16,
    broker_aliases: HashMap<u16, String>,
}

/// What came from the broker.
#[derive(Debug)]
pub(crate) enum Came {
    Publish(Heard),
    PubRel(u16),
    Reply(Reply),
}

/// What came in answer, or unasked: reason codes as numbers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    ConnAck { present: bool, reason: u8 },
    Ack { packet: PacketType, id: u16, reason: u8 },
    SubAck(Vec<u8>),
    UnsubAck(Vec<u8>),
    Disconnect(u8),
    Closed,
}

impl Actor {
    /// Nobody yet.
    pub(crate) fn new() -> Self {
        Self { connection: None, unreleased: Vec::new() }
    }

    /// The lowest packet identifier that is free, so that they are used again and again.
    pub(crate) fn free_id(&self) -> u16 {
        (1..).find(|id| !self.unreleased.iter().any(|(used, _)| used == id)).unwrap_or(u16::MAX)
    }
}

impl Connection {
    /// Over `peer`, for a CONNECT.
    pub(crate) fn new(peer: MqttPeer, connect: &Connect, wakes_at: u64) -> Self {
        Self {
            peer,
            v5: connect.v5,
            at_once: connect.at_once,
            held: Vec::new(),
            aliases: HashMap::new(),
            wakes_at,
            alias_maximum: if connect.v5 { connect.alias_maximum } else { 0 },
            broker_aliases: HashMap::new(),
        }
    }

    /// Everything that has come.
    pub(crate) fn hear(&mut self) -> Result<Vec<Came>, String> {
        let mut is_closed = false;
        while let Some(filled) = self.peer.peer.fill(PATIENCE).now_or_never() {
            is_closed = filled == Some(false);
            if is_closed {
                break;
            }
        }
        let mut came = Vec::new();
        loop {
            let bytes = self.peer.peer.buffer.split();
            let size = match decode(self.peer.version, usize::MAX, &bytes) {
                Ok(Decoded::Packet { packet, size }) => {
                    came.push(self.understand(&packet)?);
                    size
                }
                Ok(Decoded::Incomplete { .. }) => 0,
                Err(error) => return Err(format!("what came is no packet: {error}")),
            };
            self.peer.peer.buffer = bytes;
            self.peer.peer.buffer.advance(size);
            if size == 0 {
                break;
            }
        }
        // Over WebSocket the broker still waits for our close frame.
        if is_closed || self.peer.peer.close_code.is_some() {
            came.push(Came::Reply(Reply::Closed));
        }
        Ok(came)
    }

    fn understand(&mut self, packet: &Packet<'_>) -> Result<Came, String> {
        let packet_type = packet.packet_type();
        let reply = |ack: &Ack<'_>| Reply::Ack {
            packet: packet_type,
            id: ack.packet_id.get(),
            reason: ack.reason.as_u8(),
        };
        Ok(Came::Reply(match packet {
            Packet::Publish(publish) => return self.understand_publish(publish).map(Came::Publish),
            Packet::PubRel(ack) if ack.reason.is_error() => return Err(format!("{ack:?}")),
            Packet::PubRel(ack) => return Ok(Came::PubRel(ack.packet_id.get())),
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) => reply(ack),
            Packet::ConnAck(ack) => {
                Reply::ConnAck { present: ack.session_present, reason: ack.reason.as_u8() }
            }
            Packet::SubAck(ack) => Reply::SubAck(ack.reasons.to_vec()),
            Packet::UnsubAck(ack) => Reply::UnsubAck(ack.reasons.to_vec()),
            Packet::Disconnect(disconnect) => Reply::Disconnect(disconnect.reason.as_u8()),
            other => return Err(format!("{other:?} came")),
        }))
    }

    fn understand_publish(&mut self, publish: &Publish<'_>) -> Result<Heard, String> {
        let (mut identifiers, mut expiry, mut alias) = (Vec::new(), None, None);
        for property in publish.properties.iter() {
            match property {
                Property::SubscriptionIdentifier(identifier) => identifiers.push(identifier.get()),
                Property::MessageExpiryInterval(secs) => expiry = Some(secs),
                Property::TopicAlias(number) => alias = Some(number),
                other => return Err(format!("{other:?} was not published")),
            }
        }
        identifiers.sort_unstable();
        if alias.is_some_and(|alias| alias == 0 || alias > self.alias_maximum) {
            return Err(format!("topic alias {alias:?} is not allowed [MQTT-3.1.2-26]"));
        }
        let topic = match (publish.topic, alias) {
            (Some(topic), _) => topic.as_str().to_owned(),
            (None, Some(alias)) => {
                self.broker_aliases.get(&alias).ok_or("a topic alias that stands for nothing")?.clone()
            }
            (None, None) => return Err("neither topic nor alias".to_owned()),
        };
        alias.iter().for_each(|alias| drop(self.broker_aliases.insert(*alias, topic.clone())));
        Ok(Heard {
            topic,
            payload: publish.payload.to_vec(),
            qos: publish.qos.as_u8(),
            retain: publish.retain,
            dup: publish.dup,
            id: publish.packet_id.map_or(0, |id| id.get()),
            identifiers,
            expiry,
        })
    }
}
