//! Words for messages: PUBLISH and its acknowledgements.

use bytes::BytesMut;
use tidewire_protocols::mqtt::{
    Ack, Packet, PacketId, PacketType, PropertiesBuf, Property, Publish, Qos, ReasonCode, Version,
};

use super::{Say, encode, id, properties_of, topic};

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
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) qos: Qos,
    pub(super) packet_id: Option<PacketId>,
    dup: bool,
    pub(super) retain: bool,
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
