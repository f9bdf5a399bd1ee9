//! DISCONNECT.
//!
//! ```text
//! disconnect = [ tail ]      the tail in MQTT 5 only
//! ```

use bytes::BytesMut;

use super::tail::{put_tail, tail, tail_len};
use super::{Body, end, put_header, size_with_header};
use crate::mqtt::{PacketType, Properties, PropertyPlace, ReasonCode, Version};

/// The last packet of a connection: a client's in every version, a server's only in MQTT 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Success: a regular end that deletes the will [MQTT-3.14.4-3]. Always so before MQTT 5.
    pub reason: ReasonCode,
    /// The session's expiry interval (client only [MQTT-3.14.2-2], which the receiver checks), a reason string, user
    /// properties, and a server reference (server only).
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    pub(super) fn decode(version: Version, body: &'a [u8]) -> Body<Self> {
        if !version.is_v5() {
            end(body)?;
        }
        let (reason, properties) = tail(PacketType::Disconnect, PropertyPlace::Disconnect, body)?;
        Ok(Self { reason, properties })
    }

    /// Appends the packet to `out`, in its shortest form.
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        put_header(PacketType::Disconnect.first_byte(), self.remaining_length(version), out);
        if version.is_v5() {
            put_tail(self.reason, self.properties, out);
        }
    }

    /// How many bytes [`encode`](Self::encode) appends.
    pub fn encoded_len(&self, version: Version) -> usize {
        size_with_header(self.remaining_length(version))
    }

    fn remaining_length(&self, version: Version) -> usize {
        if version.is_v5() { tail_len(self.reason, self.properties) } else { 0 }
    }
}
