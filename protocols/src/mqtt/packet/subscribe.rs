//! SUBSCRIBE.
//!
//! ```text
//! subscribe = packet identifier [ properties ] 1*( filter, options )      properties in MQTT 5
//! ```

use std::iter::FusedIterator;

use bytes::{BufMut, BytesMut};
use nom::number::complete::u8 as byte;

use super::subscribe_options::SubscribeOptions;
use super::{Body, put_header, size_with_header};
use crate::mqtt::error::Rule;
use crate::mqtt::property::properties;
use crate::mqtt::wire::{Parsed, packet_id, put_binary, utf8_string};
use crate::mqtt::{PacketId, PacketType, Properties, PropertyPlace, Version};

/// A client asks for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Which SUBACK will answer it.
    pub packet_id: PacketId,
    /// A subscription identifier and user properties; MQTT 5 only.
    pub properties: Properties<'a>,
    /// What it asks for: at least one filter.
    pub filters: SubscribeFilters<'a>,
}

impl<'a> Subscribe<'a> {
    pub(super) fn decode(version: Version, body: &'a [u8]) -> Body<Self> {
        let (rest, packet_id) = packet_id(body)?;
        let (rest, properties) = if version.is_v5() {
            let (rest, (properties, _)) = properties(PropertyPlace::Subscribe)(rest)?;
            (rest, properties)
        } else {
            (rest, Properties::EMPTY)
        };
        let filters = SubscribeFilters::check(version, rest)?;
        Ok(Self { packet_id, properties, filters })
    }

    /// Appends the packet to `out`. Before MQTT 5 only the QoS of each filter's options is written.
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        debug_assert!(!self.filters.is_empty(), "SUBSCRIBE without a filter [MQTT-3.8.3-2]");
        put_header(PacketType::Subscribe.first_byte(), self.remaining_length(version), out);
        out.put_u16(self.packet_id.get());
        if version.is_v5() {
            self.properties.put(out);
            out.put_slice(self.filters.raw);
        } else {
            for SubscribeFilter { filter, options } in self.filters.iter() {
                put_binary(filter.as_bytes(), out);
                out.put_u8(options.qos.as_u8());
            }
        }
    }

    /// How many bytes [`encode`](Self::encode) appends.
    pub fn encoded_len(&self, version: Version) -> usize {
        size_with_header(self.remaining_length(version))
    }

    fn remaining_length(&self, version: Version) -> usize {
        2 + if version.is_v5() { self.properties.len_with_prefix() } else { 0 } + self.filters.raw.len()
    }
}

/// The filters of a SUBSCRIBE: validated once, kept as bytes, read again by iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscribeFilters<'a> {
    raw: &'a [u8],
    len: usize,
}

impl<'a> SubscribeFilters<'a> {
    fn check(version: Version, raw: &'a [u8]) -> Body<Self> {
        // [MQTT-3.8.3-2], 3.1.1: [MQTT-3.8.3-3]
        if raw.is_empty() {
            return Err(NO_FILTER.broken());
        }
        let mut len = 0;
        let mut rest = raw;
        while !rest.is_empty() {
            // [MQTT-3.8.3-1]
            let (behind, _filter) = utf8_string(rest)?;
            let (behind, bits) = byte(behind)?;
            SubscribeOptions::check(version, bits)?;
            len += 1;
            rest = behind;
        }
        Ok(Self { raw, len })
    }

    /// The filters in the order of the packet, which the SUBACK's codes follow [MQTT-3.9.3-1].
    pub fn iter(self) -> SubscribeFiltersIter<'a> {
        SubscribeFiltersIter { rest: self.raw, len: self.len }
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

impl<'a> IntoIterator for SubscribeFilters<'a> {
    type Item = SubscribeFilter<'a>;
    type IntoIter = SubscribeFiltersIter<'a>;

    fn into_iter(self) -> SubscribeFiltersIter<'a> {
        self.iter()
    }
}

/// Iterates over [`SubscribeFilters`].
#[derive(Clone, Debug)]
pub struct SubscribeFiltersIter<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Iterator for SubscribeFiltersIter<'a> {
    type Item = SubscribeFilter<'a>;

    fn next(&mut self) -> Option<SubscribeFilter<'a>> {
        let (rest, filter) = SubscribeFilter::read(self.rest).ok()?;
        self.rest = rest;
        self.len = self.len.saturating_sub(1);
        Some(filter)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl ExactSizeIterator for SubscribeFiltersIter<'_> {}
impl FusedIterator for SubscribeFiltersIter<'_> {}

/// The filters of a SUBSCRIBE to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscribeFiltersBuf {
    raw: Vec<u8>,
    len: usize,
}

impl SubscribeFiltersBuf {
    /// Appends a filter of at most 65,535 bytes.
    pub fn push(&mut self, filter: &str, options: SubscribeOptions) {
        put_binary(filter.as_bytes(), &mut self.raw);
        self.raw.push(options.as_u8());
        self.len += 1;
    }

    /// The list as a packet takes it.
    pub fn as_filters(&self) -> SubscribeFilters<'_> {
        SubscribeFilters { raw: &self.raw, len: self.len }
    }
}

/// One filter of a SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscribeFilter<'a> {
    /// UTF-8, but not yet a topic filter: the server answers each wrong one in its SUBACK.
    pub filter: &'a str,
    /// How its messages are to be sent. No Local on a shared filter is the server's to refuse [MQTT-3.8.3-4].
    pub options: SubscribeOptions,
}

impl<'a> SubscribeFilter<'a> {
    fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, filter) = utf8_string(input)?;
        let (rest, bits) = byte(rest)?;
        // MQTT 5's options are a superset of the older ones.
        let options = SubscribeOptions::check(Version::V5, bits)?;
        Ok((rest, Self { filter, options }))
    }
}

const NO_FILTER: Rule =
    Rule::protocol("MQTT-3.8.3-3", "MQTT-3.8.3-2", "SUBSCRIBE has no topic filter: it has at least one");
