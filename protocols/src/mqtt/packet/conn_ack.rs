//! CONNACK.
//!
//! ```text
//! connack = acknowledge flags, code [ properties ]    flags: bit 0 session present, others 0
//!                                                     code: return code; MQTT 5: reason code, then properties
//! ```

use bytes::{BufMut, BytesMut};
use nom::number::complete::u8 as byte;

use super::tail::{reason_code, wrong_reason};
use super::{Body, end, put_header, size_with_header};
use crate::mqtt::error::Rule;
use crate::mqtt::property::properties;
use crate::mqtt::{PacketType, Properties, PropertyPlace, ReasonCode, ReturnCode, Version};

/// The server's answer to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// Whether the server has kept a session for the client; only together with success [MQTT-3.2.2-6]. MQTT 3.1 has
    /// no such flag: false there, and not written.
    pub session_present: bool,
    /// Before MQTT 5 the one that [`ReturnCode`] maps to; where [`ReturnCode::for_reason`] knows none, the packet
    /// cannot be encoded in those versions and the connection is closed without it [MQTT-3.2.2-6].
    pub reason: ReasonCode,
    /// What the server supports and demands; MQTT 5 only.
    pub properties: Properties<'a>,
}

impl<'a> ConnAck<'a> {
    pub(super) fn decode(version: Version, body: &'a [u8]) -> Body<Self> {
        let (rest, flags) = byte(body)?;
        let flags_max = if version == Version::V31 { 0 } else { SESSION_PRESENT };
        // [MQTT-3.2.2-1], 3.1.1: [MQTT311-U-3.2.2.1-1]
        if flags > flags_max {
            return Err(FLAGS.broken());
        }
        let session_present = flags == SESSION_PRESENT;
        let (rest, reason) = if version.is_v5() {
            reason_code(PacketType::ConnAck, rest)?
        } else {
            let (rest, code) = byte(rest)?;
            let code = ReturnCode::from_u8(code).ok_or_else(|| wrong_reason(PacketType::ConnAck).broken())?;
            (rest, code.reason())
        };
        // [MQTT-3.2.2-6], 3.1.1: [MQTT-3.2.2-4]
        if session_present && reason != ReasonCode::Success {
            return Err(SESSION_PRESENT_REFUSED.broken());
        }
        let (rest, properties) = if version.is_v5() {
            let (rest, (properties, _)) = properties(PropertyPlace::ConnAck)(rest)?;
            (rest, properties)
        } else {
            (rest, Properties::EMPTY)
        };
        end(rest)?;
        Ok(Self { session_present, reason, properties })
    }

    /// Appends the packet to `out`.
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        put_header(PacketType::ConnAck.first_byte(), self.remaining_length(version), out);
        out.put_u8(u8::from(self.session_present && version != Version::V31));
        if version.is_v5() {
            out.put_u8(self.reason.as_u8());
            self.properties.put(out);
        } else {
            debug_assert!(self.parts_fit(version), "{} has no return code", self.reason);
            let code = ReturnCode::for_reason(self.reason).unwrap_or(ReturnCode::ServerUnavailable);
            out.put_u8(code.as_u8());
        }
    }

    /// How many bytes [`encode`](Self::encode) appends.
    pub fn encoded_len(&self, version: Version) -> usize {
        size_with_header(self.remaining_length(version))
    }

    pub(super) fn parts_fit(&self, version: Version) -> bool {
        version.is_v5() || ReturnCode::for_reason(self.reason).is_some()
    }

    fn remaining_length(&self, version: Version) -> usize {
        2 + if version.is_v5() { self.properties.len_with_prefix() } else { 0 }
    }
}

const SESSION_PRESENT: u8 = 1;

const FLAGS: Rule = Rule::malformed(
    "MQTT311-U-3.2.2.1-1",
    "MQTT-3.2.2-1",
    "the connect acknowledge flags are reserved but for bit 0: the others are 0",
);

const SESSION_PRESENT_REFUSED: Rule = Rule::protocol(
    "MQTT-3.2.2-4",
    "MQTT-3.2.2-6",
    "a refusing CONNACK says that a session is present: it has Session Present 0",
);
