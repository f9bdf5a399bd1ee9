//! UNSUBACK.
//!
//! ```text
//! unsuback = packet identifier [ properties, 1*code ]      properties and codes in MQTT 5
//! ```

use bytes::{BufMut, BytesMut};

use super::reasons::{Reasons, check_reasons};
use super::{Body, end, put_header, size_with_header};
use crate::mqtt::property::properties;
use crate::mqtt::wire::packet_id;
use crate::mqtt::{PacketId, PacketType, Properties, PropertyPlace, Version};

/// The server's answer to UNSUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsubAck<'a> {
    /// The UNSUBSCRIBE's [MQTT-2.2.1-6].
    pub packet_id: PacketId,
    /// A reason string and user properties; MQTT 5 only.
    pub properties: Properties<'a>,
    /// One code for each filter, in their order [MQTT-3.11.3-1]; none before MQTT 5. Those of a decoded packet are
    /// known codes; [`reasons`](Self::reasons) gives them as such.
    pub reasons: &'a [u8],
}

impl<'a> UnsubAck<'a> {
    pub(super) fn decode(version: Version, body: &'a [u8]) -> Body<Self> {
        let (rest, packet_id) = packet_id(body)?;
        if !version.is_v5() {
            end(rest)?;
            return Ok(Self { packet_id, properties: Properties::EMPTY, reasons: &[] });
        }
        let (reasons, (properties, _)) = properties(PropertyPlace::UnsubAck)(rest)?;
        // [MQTT-3.11.3-2]
        check_reasons(PacketType::UnsubAck, reasons)?;
        Ok(Self { packet_id, properties, reasons })
    }

    /// The codes, as far as they are known ones.
    pub fn reasons(&self) -> Reasons<'a> {
        Reasons::new(self.reasons)
    }

    /// Appends the packet to `out`.
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        put_header(PacketType::UnsubAck.first_byte(), self.remaining_length(version), out);
        out.put_u16(self.packet_id.get());
        if version.is_v5() {
            debug_assert!(!self.reasons.is_empty(), "UNSUBACK without a code [MQTT-3.11.3-2]");
            self.properties.put(out);
            out.put_slice(self.reasons);
        }
    }

    /// How many bytes [`encode`](Self::encode) appends.
    pub fn encoded_len(&self, version: Version) -> usize {
        size_with_header(self.remaining_length(version))
    }

    fn remaining_length(&self, version: Version) -> usize {
        2 + if version.is_v5() { self.properties.len_with_prefix() + self.reasons.len() } else { 0 }
    }
}
