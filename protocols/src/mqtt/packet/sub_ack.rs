//! SUBACK.
//!
//! ```text
//! suback = packet identifier [ properties ] 1*code      properties in MQTT 5
//! ```

use bytes::{BufMut, BytesMut};

use super::reasons::{Reasons, check_reasons};
use super::tail::wrong_reason;
use super::{Body, put_header, size_with_header};
use crate::mqtt::property::properties;
use crate::mqtt::wire::packet_id;
use crate::mqtt::{PacketId, PacketType, Properties, PropertyPlace, ReasonCode, Version};

/// The server's answer to SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// The SUBSCRIBE's [MQTT-3.8.4-2].
    pub packet_id: PacketId,
    /// A reason string and user properties; MQTT 5 only.
    pub properties: Properties<'a>,
    /// One code for each filter, in their order [MQTT-3.9.3-1]: the granted QoS, or 0x80 and more. Those of a decoded
    /// packet are known codes; [`reasons`](Self::reasons) gives them as such.
    pub reasons: &'a [u8],
}

impl<'a> SubAck<'a> {
    pub(super) fn decode(version: Version, body: &'a [u8]) -> Body<Self> {
        let (rest, packet_id) = packet_id(body)?;
        let (reasons, properties) = if version.is_v5() {
            let (rest, (properties, _)) = properties(PropertyPlace::SubAck)(rest)?;
            (rest, properties)
        } else {
            (rest, Properties::EMPTY)
        };
        // [MQTT-3.9.3-2]
        check_reasons(PacketType::SubAck, reasons)?;
        // 3.1.1 has one failure code only.
        if !version.is_v5() && reasons.iter().any(|&code| code > FAILURE) {
            return Err(wrong_reason(PacketType::SubAck).broken());
        }
        Ok(Self { packet_id, properties, reasons })
    }

    /// The codes, as far as they are known ones.
    pub fn reasons(&self) -> Reasons<'a> {
        Reasons::new(self.reasons)
    }

    /// Appends the packet to `out`. Before MQTT 5 every error is written as 0x80, the only one there is
    /// [MQTT-3.9.3-2].
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        debug_assert!(!self.reasons.is_empty(), "SUBACK without a code [MQTT-3.8.4-6]");
        put_header(PacketType::SubAck.first_byte(), self.remaining_length(version), out);
        out.put_u16(self.packet_id.get());
        if version.is_v5() {
            self.properties.put(out);
            out.put_slice(self.reasons);
        } else {
            out.extend(self.reasons.iter().map(|&code| code.min(FAILURE)));
        }
    }

    /// How many bytes [`encode`](Self::encode) appends.
    pub fn encoded_len(&self, version: Version) -> usize {
        size_with_header(self.remaining_length(version))
    }

    fn remaining_length(&self, version: Version) -> usize {
        2 + if version.is_v5() { self.properties.len_with_prefix() } else { 0 } + self.reasons.len()
    }
}

/// The one error of SUBACK in 3.1.1, and the least of MQTT 5's.
const FAILURE: u8 = ReasonCode::UnspecifiedError.as_u8();
