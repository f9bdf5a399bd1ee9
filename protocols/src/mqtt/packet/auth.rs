//! AUTH, in MQTT 5 only.
//!
//! ```text
//! auth = [ reason code, properties ]      absent: reason 0x00, no properties
//! ```

use bytes::{BufMut, BytesMut};

use super::tail::reason_code;
use super::{Body, end, put_header, size_with_header};
use crate::mqtt::error::Rule;
use crate::mqtt::property::{Seen, properties};
use crate::mqtt::{PacketType, Properties, PropertyPlace, ReasonCode, Version};

/// One step of an enhanced authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Success, Continue authentication or Re-authenticate.
    pub reason: ReasonCode,
    /// The authentication method, which is always there unless the packet has no body; its data; a reason string and
    /// user properties.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    pub(super) fn decode(body: &'a [u8]) -> Body<Self> {
        // [MQTT50-U-3.15.2.1-1]
        if body.is_empty() {
            return Ok(Self { reason: ReasonCode::Success, properties: Properties::EMPTY });
        }
        let (rest, reason) = reason_code(PacketType::Auth, body)?;
        // A reason without a property length leaves out the method just the same.
        if rest.is_empty() {
            return Err(METHOD_MISSING.broken());
        }
        let (rest, (properties, seen)) = properties(PropertyPlace::Auth)(rest)?;
        end(rest)?;
        if !seen.contains(Seen::AUTHENTICATION_METHOD) {
            return Err(METHOD_MISSING.broken());
        }
        Ok(Self { reason, properties })
    }

    /// Appends the packet to `out`. `version` is MQTT 5, the only one that has this packet.
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        debug_assert!(version.is_v5(), "AUTH in MQTT {version}");
        put_header(PacketType::Auth.first_byte(), self.remaining_length(), out);
        if !self.is_bare() {
            out.put_u8(self.reason.as_u8());
            self.properties.put(out);
        }
    }

    /// How many bytes [`encode`](Self::encode) appends.
    pub fn encoded_len(&self, _version: Version) -> usize {
        size_with_header(self.remaining_length())
    }

    fn remaining_length(&self) -> usize {
        if self.is_bare() { 0 } else { 1 + self.properties.len_with_prefix() }
    }

    fn is_bare(&self) -> bool {
        self.reason == ReasonCode::Success && self.properties.is_empty()
    }
}

const METHOD_MISSING: Rule = Rule::protocol(
    "MQTT50-U-3.15.2.2.2-1",
    "MQTT50-U-3.15.2.2.2-1",
    "AUTH has no Authentication Method: it repeats the CONNECT's",
);
