//! A PUBLISH that is encoded once and then copied, with another number and packet identifier.

use bytes::BytesMut;
use tidewire_clients::Qos;
use tidewire_clients::mqtt::Version;
use tidewire_protocols::mqtt::{PacketId, Properties, Publish};
use tidewire_protocols::topic::TopicNameBuf;

use crate::tw::Failure;

/// Which message this is: who published it, and how many went to the same topic before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) publisher: u32,
    pub(super) sequence: u64,
}

impl Number {
    fn to_bytes(self) -> [u8; 8] {
        (u64::from(self.publisher) << SEQUENCE_BITS | self.sequence).to_be_bytes()
    }

    /// `None`: no payload of ours.
    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        let number = u64::from_be_bytes(*payload.first_chunk()?);
        let publisher = (number >> SEQUENCE_BITS) as u32;
        let sequence = number & ((1 << SEQUENCE_BITS) - 1);
        (publisher < PUBLISHERS_MAX && sequence < MESSAGES_MAX).then_some(Self { publisher, sequence })
    }
}

const SEQUENCE_BITS: u32 = 40;
/// Larger numbers are of somebody else.
pub(super) const PUBLISHERS_MAX: u32 = 10_000;
pub(super) const MESSAGES_MAX: u64 = 1_000_000_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Template {
    packet: BytesMut,
    payload_at: usize,
    /// None at QoS 0.
    packet_id_at: Option<usize>,
}

/// What all messages of a run have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) version: Version,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    pub(super) payload_bytes: u32,
}

impl Template {
    pub(super) fn new(topic: &str, terms: Terms) -> Result<Self, Failure> {
        let topic =
            TopicNameBuf::parse(topic).map_err(|error| Failure::Other(format!("topic {topic}: {error}")))?;
        let payload = vec![b'x'; terms.payload_bytes as usize];
        let packet_id = (terms.qos != Qos::AtMostOnce).then_some(PacketId::FIRST);
        let publish = Publish {
            dup: false,
            qos: terms.qos,
            retain: terms.retain,
            topic: Some(topic.as_name()),
            packet_id,
            properties: Properties::EMPTY,
            payload: &payload,
        };
        let mut packet = BytesMut::new();
        publish.encode(terms.version, &mut packet);
        let payload_at = packet.len() - payload.len();
        // In MQTT 5 the empty list of properties, one byte, stands between them.
        let packet_id_at = packet_id.map(|_| payload_at - 2 - usize::from(terms.version.is_v5()));
        Ok(Self { packet, payload_at, packet_id_at })
    }

    /// Appends the packet; at QoS 0 `packet_id` means nothing.
    pub(super) fn put(&self, number: Number, packet_id: u16, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.packet);
        let packet = &mut out[start..];
        // Empty where a retained message is to be removed.
        if let Some(room) = packet.get_mut(self.payload_at..self.payload_at + 8) {
            room.copy_from_slice(&number.to_bytes());
        }
        if let Some(at) = self.packet_id_at {
            packet[at..][..2].copy_from_slice(&packet_id.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use tidewire_protocols::mqtt::{Decoded, PACKET_SIZE_MAX, Packet, decode};

    use super::*;

    #[test]
    fn a_template_is_the_packet_with_its_numbers() {
        for (version, qos) in [Version::V311, Version::V5]
            .into_iter()
            .flat_map(|version| [(version, Qos::AtMostOnce), (version, Qos::AtLeastOnce)])
        {
            let terms = Terms { version, qos, retain: true, payload_bytes: 16 };
            let template = Template::new("bench/pairs/7", terms).unwrap();
            let number = Number { publisher: 3, sequence: 65_535 };
            let mut out = Vec::new();
            template.put(number, 9, &mut out);
            let Ok(Decoded::Packet { packet: Packet::Publish(publish), size }) =
                decode(version, PACKET_SIZE_MAX, &out)
            else {
                panic!("{version} {qos:?}: {out:?}");
            };
            assert_eq!((size, publish.retain), (out.len(), true));
            assert_eq!(publish.topic.map(|topic| topic.as_str()), Some("bench/pairs/7"));
            assert_eq!(publish.packet_id.map(PacketId::get), (qos == Qos::AtLeastOnce).then_some(9));
            assert_eq!(publish.payload.len(), 16);
            assert_eq!(Number::of(publish.payload), Some(number));
        }
    }

    #[test]
    fn foreign_payloads_have_no_number() {
        assert_eq!(Number::of(b"xxxxxxxx"), None);
        assert_eq!(Number::of(b"short"), None);
    }
}
