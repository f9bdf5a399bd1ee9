//! UNSUBSCRIBE.
//!
//! ```text
//! unsubscribe = packet identifier [ properties ] 1*filter      properties in MQTT 5
//! ```

use std::iter::FusedIterator;

use bytes::{BufMut, BytesMut};

use super::{Body, put_header, size_with_header};
use crate::mqtt::error::Rule;
use crate::mqtt::property::properties;
use crate::mqtt::wire::{packet_id, put_binary, utf8_string};
use crate::mqtt::{PacketId, PacketType, Properties, PropertyPlace, Version};

/// A client asks for no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Which UNSUBACK will answer it.
    pub packet_id: PacketId,
    /// User properties; MQTT 5 only.
    pub properties: Properties<'a>,
    /// The filters of the subscriptions to end: at least one.
    pub filters: UnsubscribeFilters<'a>,
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn decode(version: Version, body: &'a [u8]) -> Body<Self> {
        let (rest, packet_id) = packet_id(body)?;
        let (rest, properties) = if version.is_v5() {
            let (rest, (properties, _)) = properties(PropertyPlace::Unsubscribe)(rest)?;
            (rest, properties)
        } else {
            (rest, Properties::EMPTY)
        };
        let filters = UnsubscribeFilters::check(rest)?;
        Ok(Self { packet_id, properties, filters })
    }

    /// Appends the packet to `out`.
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        debug_assert!(!self.filters.is_empty(), "UNSUBSCRIBE without a filter [MQTT-3.10.3-2]");
        put_header(PacketType::Unsubscribe.first_byte(), self.remaining_length(version), out);
        out.put_u16(self.packet_id.get());
        if version.is_v5() {
            self.properties.put(out);
        }
        out.put_slice(self.filters.raw);
    }

    /// How many bytes [`encode`](Self::encode) appends.
    pub fn encoded_len(&self, version: Version) -> usize {
        size_with_header(self.remaining_length(version))
    }

    fn remaining_length(&self, version: Version) -> usize {
        2 + if version.is_v5() { self.properties.len_with_prefix() } else { 0 } + self.filters.raw.len()
    }
}

/// The filters of an UNSUBSCRIBE: validated once, kept as bytes, read again by iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnsubscribeFilters<'a> {
    raw: &'a [u8],
    len: usize,
}

impl<'a> UnsubscribeFilters<'a> {
    fn check(raw: &'a [u8]) -> Body<Self> {
        // [MQTT-3.10.3-2]
        if raw.is_empty() {
            return Err(NO_FILTER.broken());
        }
        let mut len = 0;
        let mut rest = raw;
        while !rest.is_empty() {
            // [MQTT-3.10.3-1]
            (rest, _) = utf8_string(rest)?;
            len += 1;
        }
        Ok(Self { raw, len })
    }

    /// The filters in the order of the packet, which the UNSUBACK's codes follow [MQTT-3.11.3-1]. They are UTF-8 and
    /// need not be topic filters: one that is none was never subscribed to.
    pub fn iter(self) -> UnsubscribeFiltersIter<'a> {
        UnsubscribeFiltersIter { rest: self.raw, len: self.len }
    }

    /// How many filters there are.
    pub const fn len(self) -> usize {
        self.len
    }

    /// Whether there is none, which a decoded packet never has.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

impl<'a> IntoIterator for UnsubscribeFilters<'a> {
    type Item = &'a str;
    type IntoIter = UnsubscribeFiltersIter<'a>;

    fn into_iter(self) -> UnsubscribeFiltersIter<'a> {
        self.iter()
    }
}

/// Iterates over [`UnsubscribeFilters`].
#[derive(Clone, Debug)]
pub struct UnsubscribeFiltersIter<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Iterator for UnsubscribeFiltersIter<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let (rest, filter) = utf8_string(self.rest).ok()?;
        self.rest = rest;
        self.len = self.len.saturating_sub(1);
        Some(filter)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl ExactSizeIterator for UnsubscribeFiltersIter<'_> {}
impl FusedIterator for UnsubscribeFiltersIter<'_> {}

/// The filters of an UNSUBSCRIBE to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnsubscribeFiltersBuf {
    raw: Vec<u8>,
    len: usize,
}

impl UnsubscribeFiltersBuf {
    /// Appends a filter of at most 65,535 bytes.
    pub fn push(&mut self, filter: &str) {
        put_binary(filter.as_bytes(), &mut self.raw);
        self.len += 1;
    }

    /// The list as a packet takes it.
    pub fn as_filters(&self) -> UnsubscribeFilters<'_> {
        UnsubscribeFilters { raw: &self.raw, len: self.len }
    }
}

const NO_FILTER: Rule =
    Rule::protocol("MQTT-3.10.3-2", "MQTT-3.10.3-2", "UNSUBSCRIBE has no topic filter: it has at least one");
