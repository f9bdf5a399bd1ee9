//! The will inside a CONNECT.
//!
//! ```text
//! will = [ properties ] topic, payload      properties in MQTT 5; QoS and retain are connect flags
//! ```

use bytes::BytesMut;

use super::connect::field;
use crate::mqtt::error::Rule;
use crate::mqtt::property::properties;
use crate::mqtt::wire::{Parsed, binary, binary_len, put_binary, utf8_string};
use crate::mqtt::{Properties, PropertyPlace, Qos, Version};

/// The message that a client leaves behind for the case that its connection ends without a regular DISCONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// The message's QoS.
    pub qos: Qos,
    /// Whether the message is to be retained.
    pub retain: bool,
    /// The message's properties, and the will's delay; MQTT 5 only.
    pub properties: Properties<'a>,
    /// UTF-8 [MQTT-3.1.3-11], but not yet a topic name: how to refuse what is none is the server's to decide.
    pub topic: &'a str,
    /// The message itself.
    pub payload: &'a [u8],
}

impl<'a> Will<'a> {
    /// The will flag was set, so all its fields are there [MQTT-3.1.2-9].
    pub(super) fn decode(version: Version, qos: Qos, retain: bool, input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, properties) = if version.is_v5() {
            let (rest, (properties, _)) = field(properties(PropertyPlace::Will), &MISSING)(input)?;
            (rest, properties)
        } else {
            (input, Properties::EMPTY)
        };
        let (rest, topic) = field(utf8_string, &MISSING)(rest)?;
        let (rest, payload) = field(binary, &MISSING)(rest)?;
        Ok((rest, Self { qos, retain, properties, topic, payload }))
    }

    pub(super) fn encode(&self, version: Version, out: &mut BytesMut) {
        if version.is_v5() {
            self.properties.put(out);
        }
        put_binary(self.topic.as_bytes(), out);
        put_binary(self.payload, out);
    }

    pub(super) fn encoded_len(&self, version: Version) -> usize {
        binary_len(self.topic.as_bytes())
            + binary_len(self.payload)
            + if version.is_v5() { self.properties.len_with_prefix() } else { 0 }
    }
}

const MISSING: Rule = Rule::malformed(
    "MQTT-3.1.2-9",
    "MQTT-3.1.2-9",
    "the will flag is set but a field of the will is missing: topic and payload, in MQTT 5 also properties",
);
