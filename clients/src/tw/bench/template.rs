//! A PUBLISH, or a SEND, that is encoded once and then copied, with another number and packet identifier.

use bytes::BytesMut;
use tidewire_client::Qos;
use tidewire_client::mqtt::Version;
use tidewire_protocols::mqtt::{PacketId, Properties, Publish};
use tidewire_protocols::topic::TopicNameBuf;

use super::mark::{Coding, Number};
use super::raw::{Speech, Wire, put_text_head};
use crate::tw::Failure;

/// See the module.
#[derive(Debug)]
pub(super) struct Template {
    packet: Vec<u8>,
    payload_at: usize,
    payload_bytes: usize,
    coding: Coding,
    id: Id,
    /// At QoS 0 nobody acknowledges.
    pub(super) qos: Qos,
    /// How many subscribers receive it.
    pub(super) copies: u32,
}

/// Where the packet identifier stands, of which an acknowledgement will speak.
#[derive(Clone, Copy, Debug)]
enum Id {
    None,
    Binary(usize),
    /// Five digits of a `receipt` header.
    Digits(usize),
}

/// What all messages of a run have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) wire: Wire,
    /// In STOMP, from 1 on a receipt is asked for.
    pub(super) qos: Qos,
    pub(super) retain: bool,
    pub(super) payload_bytes: u32,
    /// Subscribers that receive each message.
    pub(super) copies: u32,
}

impl Template {
    /// `name` is a topic name, or in STOMP a destination.
    pub(super) fn new(name: &str, terms: Terms) -> Result<Self, Failure> {
        match terms.wire.speech {
            Speech::Mqtt(version) => Self::publish(version, name, terms),
            Speech::Stomp => Ok(Self::send(name, terms)),
        }
    }

    fn publish(version: Version, topic: &str, terms: Terms) -> Result<Self, Failure> {
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
        publish.encode(version, &mut packet);
        let payload_at = packet.len() - payload.len();
        // In MQTT 5 the empty list of properties, one byte, stands between them.
        let id_at = packet_id.map(|_| payload_at - 2 - usize::from(version.is_v5()));
        let id = id_at.map_or(Id::None, Id::Binary);
        Ok(Self::of(packet.to_vec(), payload_at, id, terms))
    }

    fn send(destination: &str, terms: Terms) -> Self {
        let payload_bytes = terms.payload_bytes as usize;
        let receipt = if terms.qos == Qos::AtMostOnce { "" } else { "receipt:00000\n" };
        let before = format!("SEND\ndestination:{destination}\ncontent-length:{payload_bytes}\n{receipt}\n");
        let mut packet = Vec::new();
        if terms.wire.is_websocket {
            put_text_head(before.len() + payload_bytes + 1, &mut packet);
        }
        packet.extend_from_slice(before.as_bytes());
        let payload_at = packet.len();
        packet.resize(payload_at + payload_bytes, b'x');
        packet.push(0);
        // Before the digits' line end and the empty line.
        let id = if receipt.is_empty() { Id::None } else { Id::Digits(payload_at - 2 - RECEIPT_DIGITS) };
        Self::of(packet, payload_at, id, terms)
    }

    fn of(packet: Vec<u8>, payload_at: usize, id: Id, terms: Terms) -> Self {
        let Terms { wire, qos, payload_bytes, copies, .. } = terms;
        let coding = Coding::of(wire.speech);
        Self { packet, payload_at, payload_bytes: payload_bytes as usize, coding, id, qos, copies }
    }

    /// Appends the packet; at QoS 0 `packet_id` means nothing. `nanoseconds` is when it was due.
    pub(super) fn put(&self, number: Number, nanoseconds: u64, packet_id: u16, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.packet);
        let packet = &mut out[start..];
        self.coding.put(number, nanoseconds, &mut packet[self.payload_at..][..self.payload_bytes]);
        match self.id {
            Id::None => {}
            Id::Binary(at) => packet[at..][..2].copy_from_slice(&packet_id.to_be_bytes()),
            Id::Digits(at) => {
                let mut rest = packet_id;
                for digit in packet[at..][..RECEIPT_DIGITS].iter_mut().rev() {
                    *digit = b'0' + (rest % 10) as u8;
                    rest /= 10;
                }
            }
        }
    }
}

const RECEIPT_DIGITS: usize = 5;

#[cfg(test)]
mod tests {
    use tidewire_protocols::mqtt::{Decoded, PACKET_SIZE_MAX, Packet, decode};

    use super::*;

    const NUMBER: Number = Number { publisher: 3, sequence: 65_535 };

    #[test]
    fn a_template_is_the_packet_with_its_numbers() {
        for (version, qos) in [Version::V311, Version::V5]
            .into_iter()
            .flat_map(|version| [(version, Qos::AtMostOnce), (version, Qos::AtLeastOnce)])
        {
            let wire = Wire { speech: Speech::Mqtt(version), is_websocket: true, is_single: false };
            let terms = Terms { wire, qos, retain: true, payload_bytes: 16, copies: 1 };
            let template = Template::new("bench/pairs/7", terms).unwrap();
            let mut out = Vec::new();
            template.put(NUMBER, 77, 9, &mut out);
            let Ok(Decoded::Packet { packet: Packet::Publish(publish), size }) =
                decode(version, PACKET_SIZE_MAX, &out)
            else {
                panic!("{version} {qos:?}: {out:?}");
            };
            assert_eq!((size, publish.retain), (out.len(), true));
            assert_eq!(publish.topic.map(|topic| topic.as_str()), Some("bench/pairs/7"));
            assert_eq!(publish.packet_id.map(PacketId::get), (qos == Qos::AtLeastOnce).then_some(9));
            assert_eq!(publish.payload.len(), 16);
            assert_eq!(Coding::Binary.number(publish.payload), Some(NUMBER));
            assert_eq!(Coding::Binary.nanoseconds(publish.payload), Some(77));
        }
    }

    #[test]
    fn a_stomp_template_is_a_text_message_with_its_numbers() {
        let terms = |qos, is_websocket| Terms {
            wire: Wire { speech: Speech::Stomp, is_websocket, is_single: false },
            qos,
            retain: false,
            payload_bytes: 18,
            copies: 1,
        };
        let mut out = Vec::new();
        Template::new("/topic/a", terms(Qos::AtLeastOnce, false)).unwrap().put(NUMBER, 77, 9, &mut out);
        let frame = "SEND\ndestination:/topic/a\ncontent-length:18\nreceipt:00009\n\n000003000000ffffxx\0";
        assert_eq!(String::from_utf8_lossy(&out), frame);
        out.clear();
        Template::new("/topic/a", terms(Qos::AtMostOnce, true)).unwrap().put(NUMBER, 77, 9, &mut out);
        let frame = "SEND\ndestination:/topic/a\ncontent-length:18\n\n000003000000ffffxx\0";
        assert_eq!(out[..6], [0x81, 0x80 | frame.len() as u8, 0, 0, 0, 0]);
        assert_eq!(String::from_utf8_lossy(&out[6..]), frame);
    }
}
