//! PUBLISH: the packet that everything else is for, and the one whose speed counts.
//!
//! ```text
//! publish = topic name [ packet identifier ] [ properties ] payload
//!           flags: DUP, QoS (2 bits), RETAIN; the identifier with QoS 1 and 2, properties in MQTT 5
//! ```

use bytes::{BufMut, BytesMut};

use super::{Body, put_header, size_with_header};
use crate::mqtt::error::{ErrorKind, Rule, Violation};
use crate::mqtt::property::{Seen, properties};
use crate::mqtt::wire::{NUL, Parsed, binary_len, packet_id, put_binary, utf8_string_or_nul};
use crate::mqtt::{PacketId, PacketType, Properties, PropertyPlace, Qos, Version};
use crate::topic::{TopicError, TopicName};

/// A message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Whether this may be a repetition; false with QoS 0 [MQTT-3.3.1-2].
    pub dup: bool,
    /// How often it is to arrive.
    pub qos: Qos,
    /// To the server: keep the message. To a client: it was kept, or the publisher set it.
    pub retain: bool,
    /// `None`: the name is empty and a topic alias, which is then among the properties, stands for it. MQTT 5 only.
    pub topic: Option<TopicName<'a>>,
    /// There if, and only if, the QoS is 1 or 2 [MQTT-2.2.1-2].
    pub packet_id: Option<PacketId>,
    /// What the publisher and the server say about the message. A client's must not have a subscription identifier
    /// [MQTT-3.3.4-6], which the server checks.
    pub properties: Properties<'a>,
    /// The message itself, any bytes, also none [MQTT50-U-3.3.3-1].
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    #[inline(always)]
    pub(in crate::mqtt) fn decode(version: Version, flags: u8, body: &'a [u8]) -> Body<Self> {
        let dup = flags & DUP != 0;
        // [MQTT-3.3.1-4]
        let qos = Qos::from_u8(flags >> 1 & 0b11).ok_or_else(|| QOS.broken())?;
        // [MQTT-3.3.1-2]
        if dup && qos == Qos::AtMostOnce {
            return Err(DUP_QOS_0.broken());
        }
        let (rest, topic) = topic(body)?;
        // [MQTT-2.2.1-2], 3.1.1: [MQTT-2.3.1-5]
        let (rest, packet_id) = match qos {
            Qos::AtMostOnce => (rest, None),
            Qos::AtLeastOnce | Qos::ExactlyOnce => {
                let (rest, packet_id) = packet_id(rest)?;
                (rest, Some(packet_id))
            }
        };
        let (payload, (properties, seen)) = if version.is_v5() {
            properties(PropertyPlace::Publish)(rest)?
        } else {
            (rest, Default::default())
        };
        // [MQTT50-U-3.3.2.1-1], 3.1.1: [MQTT-4.7.3-1]
        if topic.is_none() && !seen.contains(Seen::TOPIC_ALIAS) {
            return Err(NO_TOPIC.broken());
        }
        Ok(Self { dup, qos, retain: flags & RETAIN != 0, topic, packet_id, properties, payload })
    }

    /// Appends the packet to `out`.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        debug_assert!(self.parts_fit(version), "{self:?} in MQTT {version}");
        let flags = u8::from(self.dup) << 3 | self.qos.as_u8() << 1 | u8::from(self.retain);
        put_header(PacketType::Publish.first_byte() | flags, self.remaining_length(version), out);
        put_binary(self.topic_bytes(), out);
        if let Some(packet_id) = self.packet_id {
            out.put_u16(packet_id.get());
        }
        if version.is_v5() {
            self.properties.put(out);
        }
        out.put_slice(self.payload);
    }

    /// How many bytes [`encode`](Self::encode) appends.
    #[inline]
    pub fn encoded_len(&self, version: Version) -> usize {
        size_with_header(self.remaining_length(version))
    }

    pub(super) fn parts_fit(&self, version: Version) -> bool {
        (self.packet_id.is_some() == (self.qos != Qos::AtMostOnce))
            && !(self.dup && self.qos == Qos::AtMostOnce)
            && (self.topic.is_some() || version.is_v5())
    }

    #[inline]
    fn remaining_length(&self, version: Version) -> usize {
        binary_len(self.topic_bytes())
            + if self.packet_id.is_some() { 2 } else { 0 }
            + if version.is_v5() { self.properties.len_with_prefix() } else { 0 }
            + self.payload.len()
    }

    #[inline]
    fn topic_bytes(&self) -> &'a [u8] {
        self.topic.map_or(&[], |topic| topic.as_str().as_bytes())
    }
}

/// Reads a topic name that may be empty [MQTT-3.3.2-1].
#[inline]
fn topic(input: &[u8]) -> Parsed<'_, Option<TopicName<'_>>> {
    let (rest, text) = utf8_string_or_nul(input)?;
    match TopicName::parse(text) {
        Ok(name) => Ok((rest, Some(name))),
        Err(TopicError::Empty) => Ok((rest, None)),
        Err(error) => Err(topic_error(error)),
    }
}

#[cold]
fn topic_error(error: TopicError) -> nom::Err<Violation> {
    match error {
        TopicError::Nul => NUL.broken(),
        // [MQTT-3.3.2-2]
        _ => WILDCARD.broken(),
    }
}

const DUP: u8 = 0b1000;
const RETAIN: u8 = 0b0001;

const QOS: Rule =
    Rule::malformed("MQTT-3.3.1-4", "MQTT-3.3.1-4", "the QoS bits of PUBLISH are 11: they are 00, 01 or 10");

const DUP_QOS_0: Rule = Rule::malformed(
    "MQTT-3.3.1-2",
    "MQTT-3.3.1-2",
    "PUBLISH with QoS 0 has DUP set: it is never sent a second time",
);

const WILDCARD: Rule = Rule::new(
    ErrorKind::TopicNameInvalid,
    "MQTT-3.3.2-2",
    "MQTT-3.3.2-2",
    "the topic name contains + or #: those are for filters",
);

const NO_TOPIC: Rule = Rule::protocol(
    "MQTT-4.7.3-1",
    "MQTT50-U-3.3.2.1-1",
    "the topic name is empty and no topic alias stands for it: a name has at least one character",
);
