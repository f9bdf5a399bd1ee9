//! PUBACK, PUBREC, PUBREL and PUBCOMP: four packets of one form.
//!
//! ```text
//! ack = packet identifier [ tail ]      the tail in MQTT 5 only
//! ```

use bytes::{BufMut, BytesMut};

use super::tail::{put_tail, tail, tail_len};
use super::{Body, end, put_header, size_with_header};
use crate::mqtt::wire::packet_id;
use crate::mqtt::{PacketId, PacketType, Properties, PropertyPlace, ReasonCode, Version};

/// An acknowledgement of a PUBLISH, or of another acknowledgement of it; which one, its place in
/// [`Packet`](super::Packet) tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The PUBLISH's [MQTT-2.2.1-5].
    pub packet_id: PacketId,
    /// Success in all packets before MQTT 5.
    pub reason: ReasonCode,
    /// A reason string and user properties.
    pub properties: Properties<'a>,
}

impl<'a> Ack<'a> {
    /// An acknowledgement that says nothing but that all is well.
    pub const fn success(packet_id: PacketId) -> Self {
        Self { packet_id, reason: ReasonCode::Success, properties: Properties::EMPTY }
    }

    #[inline]
    pub(super) fn decode(packet_type: PacketType, version: Version, body: &'a [u8]) -> Body<Self> {
        let (rest, packet_id) = packet_id(body)?;
        if rest.is_empty() || !version.is_v5() {
            end(rest)?;
            return Ok(Self::success(packet_id));
        }
        let (reason, properties) = tail(packet_type, place(packet_type), rest)?;
        Ok(Self { packet_id, reason, properties })
    }

    /// Appends the packet to `out`, in its shortest form. `packet_type` is one of the four.
    #[inline]
    pub fn encode(&self, packet_type: PacketType, version: Version, out: &mut BytesMut) {
        if self.reason == ReasonCode::Success && self.properties.is_empty() {
            let [high, low] = self.packet_id.get().to_be_bytes();
            out.put_slice(&[packet_type.first_byte(), PLAIN_REMAINING, high, low]);
            return;
        }
        self.encode_whole(packet_type, version, out);
    }

    #[inline(never)]
    fn encode_whole(&self, packet_type: PacketType, version: Version, out: &mut BytesMut) {
        put_header(packet_type.first_byte(), self.remaining_length(version), out);
        out.put_u16(self.packet_id.get());
        if version.is_v5() {
            put_tail(self.reason, self.properties, out);
        }
    }

    /// How many bytes [`encode`](Self::encode) appends. The four types do not differ in it.
    #[inline]
    pub fn encoded_len(&self, _packet_type: PacketType, version: Version) -> usize {
        size_with_header(self.remaining_length(version))
    }

    #[inline]
    fn remaining_length(&self, version: Version) -> usize {
        2 + if version.is_v5() { tail_len(self.reason, self.properties) } else { 0 }
    }
}

/// Bytes of an acknowledgement that says nothing but that all is well.
pub const PLAIN_ACK_SIZE: usize = 4;
/// What of those follows the fixed header.
const PLAIN_REMAINING: u8 = 2;

/// The acknowledgements at the front of `input` that say nothing but that all is well, each [`PLAIN_ACK_SIZE`] bytes: the
/// form that every version has, and nearly all come in. [`decode`](crate::mqtt::decode) says the same of each of them;
/// this is for taking many at once.
#[inline]
pub fn plain_acks(input: &[u8]) -> impl Iterator<Item = (PacketType, PacketId)> + '_ {
    const PUB_ACK: u8 = PacketType::PubAck.first_byte();
    const PUB_REC: u8 = PacketType::PubRec.first_byte();
    const PUB_REL: u8 = PacketType::PubRel.first_byte();
    const PUB_COMP: u8 = PacketType::PubComp.first_byte();
    let (packets, _) = input.as_chunks::<PLAIN_ACK_SIZE>();
    packets.iter().map_while(|&[first, remaining, high, low]| {
        let packet_type = match first {
            PUB_ACK => PacketType::PubAck,
            PUB_REC => PacketType::PubRec,
            PUB_REL => PacketType::PubRel,
            PUB_COMP => PacketType::PubComp,
            _ => return None,
        };
        let packet_id = PacketId::new(u16::from_be_bytes([high, low]))?;
        (remaining == PLAIN_REMAINING).then_some((packet_type, packet_id))
    })
}

const fn place(packet_type: PacketType) -> PropertyPlace {
    match packet_type {
        PacketType::PubRec => PropertyPlace::PubRec,
        PacketType::PubRel => PropertyPlace::PubRel,
        PacketType::PubComp => PropertyPlace::PubComp,
        _ => PropertyPlace::PubAck,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::{Decoded, PACKET_SIZE_MAX, Packet, decode};

    fn decoded(version: Version, input: &[u8]) -> Option<(PacketType, PacketId)> {
        let Ok(Decoded::Packet { packet, size: PLAIN_ACK_SIZE }) = decode(version, PACKET_SIZE_MAX, input)
        else {
            return None;
        };
        let ack = match packet {
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => ack,
            _ => return None,
        };
        (ack == Ack::success(ack.packet_id)).then_some((packet.packet_type(), ack.packet_id))
    }

    #[test]
    fn plain_acknowledgements_are_what_the_decoder_says_they_are() {
        for version in [Version::V311, Version::V5] {
            for first in 0..=u8::MAX {
                for rest in [[2, 0, 7], [2, 0, 0], [2, 255, 255], [3, 0, 7], [0, 0x40, 2], [0x82, 0, 7]] {
                    let input = [first, rest[0], rest[1], rest[2]];
                    assert_eq!(plain_acks(&input).next(), decoded(version, &input), "{version} {input:?}");
                }
            }
        }
    }

    #[test]
    fn a_run_of_them_ends_where_something_else_begins() {
        let run = [0x40, 2, 0, 1, 0x62, 2, 0, 2, 0x40, 3, 0, 3, 0, 0x40, 2, 0, 4];
        let ids = |input| plain_acks(input).map(|(_, packet_id)| packet_id.get()).collect::<Vec<_>>();
        assert_eq!(ids(&run), [1, 2]);
        assert_eq!(ids(&run[..7]), [1]);
        assert_eq!(ids(&run[13..]), [4]);
    }
}
