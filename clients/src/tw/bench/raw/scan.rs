//! What a benchmark looks at in the packets that arrive, and no more: the broker is trusted to write well-formed ones.

use tidewire_client::Error;
use tidewire_client::mqtt::Version;

use super::broker::Speech;
use super::stomp;

/// A packet, or a frame, from the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Incoming<'a> {
    /// `packet_id` is 0 at QoS 0.
    Publish {
        qos: u8,
        packet_id: u16,
        payload: &'a [u8],
    },
    /// From 128 on the reason is a refusal; before MQTT 5 it is always 0.
    PubAck {
        packet_id: u16,
        reason: u8,
    },
    PubRec {
        packet_id: u16,
        reason: u8,
    },
    PubRel {
        packet_id: u16,
    },
    PubComp {
        packet_id: u16,
    },
    /// STOMP: `ack` is what an ACK is to name, empty where none is wanted.
    Message {
        ack: &'a [u8],
        payload: &'a [u8],
    },
    /// STOMP: 0 is the receipt of something that is no message.
    Receipt {
        number: u32,
    },
    /// Any other, whole.
    Other(&'a [u8]),
}

/// The packet at the front of `input`, and its size; `None` if it is not whole.
pub(super) fn next(speech: Speech, input: &[u8]) -> Result<Option<(Incoming<'_>, usize)>, Error> {
    match speech {
        Speech::Mqtt(version) => next_packet(version, input),
        Speech::Stomp => stomp::next(input),
    }
}

fn next_packet(version: Version, input: &[u8]) -> Result<Option<(Incoming<'_>, usize)>, Error> {
    let Some((header, remaining)) = header(input)? else { return Ok(None) };
    let size = header + remaining;
    let Some(body) = input.get(header..size) else { return Ok(None) };
    let packet = match input[0] >> 4 {
        3 => publish(version, input[0], body)?,
        4 => Incoming::PubAck { packet_id: number(body)?, reason: reason(body) },
        5 => Incoming::PubRec { packet_id: number(body)?, reason: reason(body) },
        6 => Incoming::PubRel { packet_id: number(body)? },
        7 => Incoming::PubComp { packet_id: number(body)? },
        14 => {
            let reason = body.first().copied().unwrap_or_default();
            return Err(Error::EndedByBroker(format!("DISCONNECT with reason 0x{reason:02X}")));
        }
        _ => Incoming::Other(&input[..size]),
    };
    Ok(Some((packet, size)))
}

fn publish(version: Version, first: u8, body: &[u8]) -> Result<Incoming<'_>, Error> {
    let qos = first >> 1 & 0b11;
    let topic_end = 2 + usize::from(number(body)?);
    let mut rest = body.get(topic_end..).ok_or_else(malformed)?;
    let mut packet_id = 0;
    if qos > 0 {
        packet_id = number(rest)?;
        rest = &rest[2..];
    }
    if version.is_v5() {
        let (prefix, length) = variable(rest)?.ok_or_else(malformed)?;
        rest = rest.get(prefix + length..).ok_or_else(malformed)?;
    }
    Ok(Incoming::Publish { qos, packet_id, payload: rest })
}

/// Bytes of the fixed header, and what it says follows.
pub(super) fn header(input: &[u8]) -> Result<Option<(usize, usize)>, Error> {
    let Some((_, rest)) = input.split_first() else { return Ok(None) };
    Ok(variable(rest)?.map(|(bytes, value)| (bytes + 1, value)))
}

/// A variable byte integer: its bytes and its value.
fn variable(input: &[u8]) -> Result<Option<(usize, usize)>, Error> {
    let mut value = 0;
    for (at, byte) in input.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((at + 1, value)));
        }
    }
    if input.len() < 4 { Ok(None) } else { Err(malformed()) }
}

fn number(input: &[u8]) -> Result<u16, Error> {
    input.first_chunk().map(|bytes| u16::from_be_bytes(*bytes)).ok_or_else(malformed)
}

fn reason(body: &[u8]) -> u8 {
    body.get(2).copied().unwrap_or_default()
}

#[cold]
fn malformed() -> Error {
    Error::Protocol("the broker has sent a malformed packet".to_owned())
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use tidewire_protocols::mqtt::{Ack, Packet, PacketId, Properties, Publish, Qos};
    use tidewire_protocols::topic::TopicNameBuf;

    use super::*;

    #[test]
    fn what_the_encoder_writes_is_scanned() {
        let topic = TopicNameBuf::parse("a/b").unwrap();
        let packet_id = PacketId::new(258).unwrap();
        for version in [Version::V311, Version::V5] {
            for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
                let publish = Publish {
                    dup: false,
                    qos,
                    retain: false,
                    topic: Some(topic.as_name()),
                    packet_id: (qos != Qos::AtMostOnce).then_some(packet_id),
                    properties: Properties::EMPTY,
                    payload: &[7; 200],
                };
                let mut out = BytesMut::new();
                Packet::Publish(publish).encode(version, &mut out);
                let whole = out.len();
                out.extend_from_slice(b"rest");
                let expected = Incoming::Publish {
                    qos: qos.as_u8(),
                    packet_id: if qos == Qos::AtMostOnce { 0 } else { 258 },
                    payload: &[7; 200],
                };
                assert_eq!(next_packet(version, &out).unwrap(), Some((expected, whole)));
                assert_eq!(next_packet(version, &out[..whole - 1]).unwrap(), None);
            }
            let mut out = BytesMut::new();
            Packet::PubAck(Ack::success(packet_id)).encode(version, &mut out);
            let expected = Incoming::PubAck { packet_id: 258, reason: 0 };
            assert_eq!(next_packet(version, &out).unwrap(), Some((expected, out.len())));
        }
    }

    #[test]
    fn a_refusal_and_an_end_are_seen() {
        let refused = next_packet(Version::V5, &[0x40, 3, 0, 1, 0x97]).unwrap();
        assert_eq!(refused, Some((Incoming::PubAck { packet_id: 1, reason: 0x97 }, 5)));
        assert!(next_packet(Version::V5, &[0xE0, 1, 0x8B]).is_err());
        assert!(next_packet(Version::V5, &[0x30, 0x80, 0x80, 0x80, 0x80]).is_err());
    }
}
