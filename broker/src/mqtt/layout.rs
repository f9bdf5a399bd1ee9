//! How a message becomes a PUBLISH packet, and which of its bytes several subscribers share.

use bytes::{BufMut, BytesMut};
use tidewire_protocols::mqtt::{
    Property, Qos, Version, variable_byte_integer_len, visit_variable_byte_integer,
};

use super::alias::Aliased;
use crate::clock::Now;
use crate::message::{Deflating, Encoded, LayoutKey, Publication};
use crate::output::Output;
use crate::session::DeliveryOptions;

/// One way of writing a message as a PUBLISH.
pub(super) struct Layout<'o> {
    pub(super) version: Version,
    pub(super) options: &'o DeliveryOptions,
    pub(super) aliased: Aliased,
    pub(super) dup: bool,
    /// Whether the payload is compressed.
    pub(super) deflating: Option<Deflating>,
}

impl Layout<'_> {
    /// Appends the packet, with a zero packet identifier, and returns where that stands; `None` and nothing written
    /// if it would be larger than `size_max`.
    pub(super) fn write(
        &self,
        now: Now,
        publication: &Publication<'_>,
        size_max: usize,
        output: &mut Output,
    ) -> Option<usize> {
        let start = output.bytes.len();
        let blocks = self.deflating.and_then(|deflating| publication.deflated(deflating));
        let payload = if blocks.is_none() { publication.payload } else { &[] };
        // What of the payload follows in another form.
        let left_out = publication.payload.len() - payload.len();
        let packet_id_at = match self.key().filter(|_| publication.is_fan_out()) {
            Some(key) => {
                let key = if blocks.is_none() { key } else { key.without_payload() };
                let encode = || self.encode_shared(now, publication, payload);
                publication.encoded(key, encode, |encoded| {
                    let fits = encoded.bytes.len() + left_out <= size_max;
                    fits.then(|| {
                        output.bytes.extend_from_slice(&encoded.bytes);
                        encoded.own_at
                    })
                })
            }
            None => {
                let sizes = self.sizes(now, publication);
                (sizes.total <= size_max).then(|| {
                    output.bytes.reserve(sizes.total - left_out);
                    self.encode(now, publication, &sizes, payload, &mut output.bytes);
                    sizes.packet_id_at
                })
            }
        }?;
        if let Some(blocks) = blocks {
            output.append_deflated(&blocks);
        }
        Some(start + packet_id_at)
    }

    /// The packet with that much of its payload, for all whose packets are the same.
    #[inline(never)]
    fn encode_shared(&self, now: Now, publication: &Publication<'_>, payload: &[u8]) -> Encoded {
        let sizes = self.sizes(now, publication);
        // Without what is left out of it, such as a payload that goes compressed behind it.
        let left_out = publication.payload.len() - payload.len();
        let mut bytes = BytesMut::with_capacity(sizes.total - left_out);
        self.encode(now, publication, &sizes, payload, &mut bytes);
        Encoded { bytes: bytes.into(), own_at: sizes.packet_id_at }
    }

    /// The key under which the encoding can be shared among subscribers; `None` where it is this subscriber's own.
    fn key(&self) -> Option<LayoutKey> {
        if self.dup || !self.options.identifiers.is_empty() {
            return None;
        }
        let (alias, alias_kind) = match self.aliased {
            Aliased::No => (0, 0),
            Aliased::Introduced(alias) => (u32::from(alias), 1),
            Aliased::Known(alias) => (u32::from(alias), 2),
        };
        let flags = u32::from(self.version.is_v5())
            | u32::from(self.options.qos.as_u8()) << 1
            | u32::from(self.options.retain) << 3
            | alias_kind << 4;
        Some(LayoutKey(flags << 16 | alias))
    }

    fn topic<'p>(&self, publication: &Publication<'p>) -> &'p str {
        match self.aliased {
            Aliased::Known(_) => "",
            Aliased::No | Aliased::Introduced(_) => publication.topic.as_str(),
        }
    }

    /// The properties that are this hop's, besides the attributes that travel from end to end.
    fn hop_properties(
        &self,
        now: Now,
        publication: &Publication<'_>,
    ) -> impl Iterator<Item = Property<'static>> + use<'_> {
        let expiry = publication.expiry_left_secs(now).map(Property::MessageExpiryInterval);
        let alias = match self.aliased {
            Aliased::No => None,
            Aliased::Introduced(alias) | Aliased::Known(alias) => Some(Property::TopicAlias(alias)),
        };
        let identifiers = self.options.identifiers.iter().copied().map(Property::SubscriptionIdentifier);
        expiry.into_iter().chain(alias).chain(identifiers)
    }

    /// Whether the packet has no properties of this hop, as most have none.
    fn is_bare(&self, publication: &Publication<'_>) -> bool {
        publication.expires_at.is_none() && self.aliased == Aliased::No && self.options.identifiers.is_empty()
    }

    #[inline]
    fn sizes(&self, now: Now, publication: &Publication<'_>) -> Sizes {
        let topic = 2 + self.topic(publication).len();
        let packet_id = if self.options.qos == Qos::AtMostOnce { 0 } else { 2 };
        let mut properties = 0;
        let mut properties_total = 0;
        if self.version.is_v5() {
            let hop: usize = match self.is_bare(publication) {
                true => 0,
                false => self.hop_properties(now, publication).map(|property| property.encoded_len()).sum(),
            };
            properties = hop + publication.attributes.encoded().len();
            properties_total = properties + variable_byte_integer_len(to_u32(properties));
        }
        let remaining = topic + packet_id + properties_total + publication.payload.len();
        let header = 1 + variable_byte_integer_len(to_u32(remaining));
        Sizes { total: header + remaining, remaining, properties, packet_id_at: header + topic }
    }

    /// Appends the packet, with `payload` or what of it does not follow in another form.
    fn encode(
        &self,
        now: Now,
        publication: &Publication<'_>,
        sizes: &Sizes,
        payload: &[u8],
        out: &mut BytesMut,
    ) {
        const PUBLISH: u8 = 0x30;
        let flags = u8::from(self.dup) << 3 | self.options.qos.as_u8() << 1 | u8::from(self.options.retain);
        let topic = self.topic(publication);
        // What stands before the topic and behind it goes out in one piece each: every piece makes sure of its room.
        let mut head = Piece::default();
        head.put(PUBLISH | flags);
        visit_variable_byte_integer(to_u32(sizes.remaining), |byte| head.put(byte));
        head.put_u16(u16::try_from(topic.len()).unwrap_or(u16::MAX));
        head.append_to(out);
        out.put_slice(topic.as_bytes());
        let mut middle = Piece::default();
        if self.options.qos != Qos::AtMostOnce {
            // The packet identifier is filled in later.
            middle.put_u16(0);
        }
        if self.version.is_v5() {
            visit_variable_byte_integer(to_u32(sizes.properties), |byte| middle.put(byte));
        }
        middle.append_to(out);
        if sizes.properties > 0 {
            for property in self.hop_properties(now, publication) {
                property.encode(out);
            }
            out.put_slice(publication.attributes.encoded());
        }
        out.put_slice(payload);
    }
}

/// A few bytes that are put together in a register: bytes that were stored one by one could not be copied together before
/// all stores ahead of them had reached the cache, which an output that is not there yet makes long.
#[derive(Default)]
struct Piece {
    bytes: u64,
    len: u32,
}

impl Piece {
    /// Appends a byte; there is room for eight.
    fn put(&mut self, byte: u8) {
        self.bytes |= u64::from(byte) << (8 * self.len);
        self.len += 1;
    }

    fn put_u16(&mut self, value: u16) {
        value.to_be_bytes().into_iter().for_each(|byte| self.put(byte));
    }

    fn append_to(self, out: &mut BytesMut) {
        out.put_slice(&self.bytes.to_le_bytes()[..self.len as usize]);
    }
}

struct Sizes {
    total: usize,
    remaining: usize,
    properties: usize,
    packet_id_at: usize,
}

/// Sizes are bounded by the packet limit, which is below 2^28.
fn to_u32(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
