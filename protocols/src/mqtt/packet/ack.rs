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

const fn place(packet_type: PacketType) -> PropertyPlace {
    match packet_type {
        PacketType::PubRec => PropertyPlace::PubRec,
        PacketType::PubRel => PropertyPlace::PubRel,
        PacketType::PubComp => PropertyPlace::PubComp,
        _ => PropertyPlace::PubAck,
    }
}
