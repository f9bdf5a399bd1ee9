//! The list of properties that a packet carries: validated once, kept as bytes, read again by iteration.

use std::fmt;
use std::iter::FusedIterator;

use bytes::BufMut;
use nom::bytes::complete::take;

use super::read::property;
use super::rules::{DATA_WITHOUT_METHOD, NOT_VALID_HERE};
use super::{Property, PropertyPlace};
use crate::mqtt::Version;
use crate::mqtt::error::{Error, Violation};
use crate::mqtt::wire::{
    Parsed, encode_variable_byte_integer, variable_byte_integer, variable_byte_integer_len,
};

/// A validated list of properties, borrowed and raw: without the length that precedes it on the wire.
///
/// Empty in packets of MQTT 3.1 and 3.1.1, where it is neither read nor written.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    raw: &'a [u8],
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Self = Self { raw: &[] };

    /// Checks each property's value, that it may be in this place [MQTT50-U-2.2.2.2-1] and that it does not repeat,
    /// in one pass and without allocation.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`](crate::mqtt::ErrorKind::Malformed) for bytes that are no properties and for a property in the wrong place,
    /// [`ErrorKind::Protocol`](crate::mqtt::ErrorKind::Protocol) for a repetition, for a value that the standard forbids and for Authentication Data
    /// without a method.
    pub fn parse(place: PropertyPlace, raw: &'a [u8]) -> Result<Self, Error> {
        match check(place, raw) {
            Ok(_) => Ok(Self { raw }),
            Err(error) => Err(Violation::from_nom(error).into_error(Version::V5)),
        }
    }

    /// Takes bytes that this module has validated or written before, such as those of [`raw`](Self::raw) after a
    /// stay in the store. They are not checked: on other bytes iteration ends early, and a packet written with them
    /// is malformed.
    #[inline]
    pub const fn assume_valid(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// The bytes, without the length that precedes them on the wire.
    #[inline]
    pub const fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// Whether there is no property.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    /// The properties in the order of the packet, which user properties keep [MQTT-3.3.2-18].
    #[inline]
    pub const fn iter(self) -> PropertiesIter<'a> {
        PropertiesIter { rest: self.raw }
    }

    /// How many bytes [`put`](Self::put) writes.
    #[inline]
    pub(crate) fn len_with_prefix(self) -> usize {
        variable_byte_integer_len(self.raw.len() as u32) + self.raw.len()
    }

    /// Writes length and properties; an empty list is a length of zero [MQTT-2.2.2-1].
    #[inline]
    pub(crate) fn put(self, out: &mut impl BufMut) {
        encode_variable_byte_integer(self.raw.len() as u32, out);
        out.put_slice(self.raw);
    }
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = PropertiesIter<'a>;

    fn into_iter(self) -> PropertiesIter<'a> {
        self.iter()
    }
}

/// Iterates over [`Properties`]; it ends at the first bytes that are no property.
#[derive(Clone, Debug)]
pub struct PropertiesIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for PropertiesIter<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        match property(self.rest) {
            Ok((rest, property)) => {
                self.rest = rest;
                Some(property)
            }
            Err(_) => {
                self.rest = &[];
                None
            }
        }
    }
}

impl FusedIterator for PropertiesIter<'_> {}

/// A list of properties being built for a packet to be sent.
///
/// The caller answers for place and repetition; [`Properties::parse`] on [`raw`](Self::raw) would check them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertiesBuf(Vec<u8>);

impl PropertiesBuf {
    /// Appends a property: see [`Property::encode`] for what its texts may be.
    pub fn push(&mut self, property: Property<'_>) {
        property.encode(&mut self.0);
    }

    /// How many bytes [`push`](Self::push) would append for `property`: to decide whether it still fits into the
    /// receiver's Maximum Packet Size, as [MQTT-3.2.2-19] and its like demand.
    pub fn encoded_len_of(property: &Property<'_>) -> usize {
        property.encoded_len()
    }

    /// The list as a packet takes it.
    #[inline]
    pub fn as_properties(&self) -> Properties<'_> {
        Properties { raw: &self.0 }
    }

    /// The bytes, without the length that precedes them on the wire.
    #[inline]
    pub fn raw(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is no property.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes room for so many bytes of properties.
    pub fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }

    /// Removes all properties and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<'p> Extend<Property<'p>> for PropertiesBuf {
    fn extend<I: IntoIterator<Item = Property<'p>>>(&mut self, properties: I) {
        for property in properties {
            self.push(property);
        }
    }
}

/// Which properties a list contains, one bit for each identifier: the highest is 0x2A.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen(u64);

impl Seen {
    pub(crate) const TOPIC_ALIAS: u8 = 0x23;
    pub(crate) const AUTHENTICATION_METHOD: u8 = 0x15;
    const AUTHENTICATION_DATA: u8 = 0x16;

    #[inline]
    pub(crate) const fn contains(self, identifier: u8) -> bool {
        self.0 >> identifier & 1 != 0
    }
}

/// Reads the length and the properties behind it.
#[inline]
pub(crate) fn properties(place: PropertyPlace) -> impl Fn(&[u8]) -> Parsed<'_, (Properties<'_>, Seen)> {
    move |input| {
        let (rest, length) = variable_byte_integer(input)?;
        let (rest, raw) = take(length)(rest)?;
        let seen = if raw.is_empty() { Seen::default() } else { check(place, raw)? };
        Ok((rest, (Properties { raw }, seen)))
    }
}

/// The one pass over a list.
fn check(place: PropertyPlace, raw: &[u8]) -> Result<Seen, nom::Err<Violation>> {
    let mut seen = Seen::default();
    let mut rest = raw;
    while let Some(&identifier) = rest.first() {
        if !place.allows(identifier) {
            return Err(NOT_VALID_HERE.broken());
        }
        if seen.contains(identifier) && !place.allows_repetition(identifier) {
            return Err(place.repetition_rule(identifier).broken());
        }
        seen.0 |= 1 << identifier;
        (rest, _) = property(rest)?;
    }
    if seen.contains(Seen::AUTHENTICATION_DATA) && !seen.contains(Seen::AUTHENTICATION_METHOD) {
        return Err(DATA_WITHOUT_METHOD.broken());
    }
    Ok(seen)
}
