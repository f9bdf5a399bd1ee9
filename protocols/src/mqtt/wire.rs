//! The data types of section 1.5 of the standards, read and written.
//!
//! ```text
//! two, four byte integer   big-endian
//! variable byte integer    1*4 bytes of 7 bits each, least significant first; the high bit: another one follows
//! binary data              two byte integer n, n bytes
//! UTF-8 string             binary data that is well-formed UTF-8 without U+0000
//! string pair              two strings
//! ```

use ascii::AsAsciiStr;
use bytes::BufMut;
use memchr::memchr;
use nom::bytes::complete::take;
use nom::combinator::complete;
use nom::number::complete::be_u16;
use nom::{IResult, Needed, Parser};

use super::PacketId;
use super::error::{Rule, Violation};

/// What a parser of this module returns: the input behind the value, and the value.
pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, Violation>;

/// The largest value of a variable byte integer, and so the largest remaining length, in bytes.
pub(crate) const VARIABLE_BYTE_INTEGER_MAX: u32 = 268_435_455;

/// The longest string or binary data, in bytes.
pub(crate) const FIELD_LENGTH_MAX: usize = 65_535;

/// Writes `value` in the shortest form [MQTT-1.5.5-1].
///
/// `value` is at most 268,435,455, which is what four bytes of seven bits can say; a larger one is a defect of the
/// caller and stops a debug build.
#[inline]
pub fn encode_variable_byte_integer(value: u32, out: &mut impl BufMut) {
    visit_variable_byte_integer(value, |byte| out.put_u8(byte));
}

/// Has `put` take the bytes of a Variable Byte Integer, one after the other.
pub fn visit_variable_byte_integer(value: u32, mut put: impl FnMut(u8)) {
    debug_assert!(value <= VARIABLE_BYTE_INTEGER_MAX, "{value} needs more than four bytes");
    let mut rest = value;
    while rest >= 0x80 {
        put(rest as u8 | 0x80);
        rest >>= 7;
    }
    put(rest as u8);
}

/// How many bytes [`encode_variable_byte_integer`] writes: 1 to 4.
#[inline]
pub const fn variable_byte_integer_len(value: u32) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Reads a variable byte integer of which more bytes may still arrive: the one of the fixed header. A longer form
/// than needed is accepted, a fifth byte is not.
#[inline]
pub(crate) fn arriving_variable_byte_integer(input: &[u8]) -> Parsed<'_, u32> {
    if let [value @ 0..0x80, rest @ ..] = input {
        return Ok((rest, u32::from(*value)));
    }
    let mut value = 0;
    for (at, &byte) in input.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((&input[at + 1..], value));
        }
    }
    if input.len() < 4 { Err(nom::Err::Incomplete(Needed::new(1))) } else { Err(FIFTH_BYTE.broken()) }
}

/// Reads a variable byte integer inside a packet that has arrived.
#[inline]
pub(crate) fn variable_byte_integer(input: &[u8]) -> Parsed<'_, u32> {
    complete(arriving_variable_byte_integer).parse(input)
}

#[inline]
pub(crate) fn binary(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (rest, length) = be_u16(input)?;
    take(length)(rest)
}

#[inline]
pub(crate) fn utf8_string(input: &[u8]) -> Parsed<'_, &str> {
    let (rest, bytes) = binary(input)?;
    let text = utf8(bytes)?;
    if memchr(0, bytes).is_some() {
        return Err(NUL.broken());
    }
    Ok((rest, text))
}

/// A string whose reader looks for U+0000 itself.
#[inline]
pub(crate) fn utf8_string_or_nul(input: &[u8]) -> Parsed<'_, &str> {
    let (rest, bytes) = binary(input)?;
    Ok((rest, utf8(bytes)?))
}

pub(crate) fn utf8_string_pair(input: &[u8]) -> Parsed<'_, (&str, &str)> {
    (utf8_string, utf8_string).parse(input)
}

#[inline]
pub(crate) fn packet_id(input: &[u8]) -> Parsed<'_, PacketId> {
    let (rest, value) = be_u16(input)?;
    PacketId::new(value).map(|id| (rest, id)).ok_or_else(|| PACKET_ID_ZERO.broken())
}

/// Control characters and noncharacters are let through, as the standards allow [MQTT50-U-1.5.4-1], and a byte
/// order mark is a character like any other [MQTT-1.5.4-3].
#[inline]
fn utf8(bytes: &[u8]) -> Result<&str, nom::Err<Violation>> {
    // Most strings are ASCII and short. That is seen in a third of the time that UTF-8 takes, letter by letter.
    match bytes.as_ascii_str() {
        Ok(text) => Ok(text.as_str()),
        Err(_) => utf8_beyond_ascii(bytes),
    }
}

#[inline(never)]
fn utf8_beyond_ascii(bytes: &[u8]) -> Result<&str, nom::Err<Violation>> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| ILL_FORMED.broken())
}

#[inline]
pub(crate) fn put_binary(bytes: &[u8], out: &mut impl BufMut) {
    debug_assert!(bytes.len() <= FIELD_LENGTH_MAX, "a field of {} bytes", bytes.len());
    out.put_u16(bytes.len() as u16);
    out.put_slice(bytes);
}

/// How many bytes [`put_binary`] writes.
#[inline]
pub(crate) const fn binary_len(bytes: &[u8]) -> usize {
    2 + bytes.len()
}

const FIFTH_BYTE: Rule = Rule::malformed(
    "MQTT-4.8.0-1",
    "MQTT50-U-2.1.4-1",
    "a variable byte integer goes on after its fourth byte: it has at most four",
);

const ILL_FORMED: Rule = Rule::malformed(
    "MQTT-1.5.3-1",
    "MQTT-1.5.4-1",
    "a string is not well-formed UTF-8: it has no surrogates, no overlong forms and no broken sequences",
);

pub(crate) const NUL: Rule = Rule::malformed(
    "MQTT-1.5.3-2",
    "MQTT-1.5.4-2",
    "a string contains U+0000: it may contain every other character",
);

const PACKET_ID_ZERO: Rule =
    Rule::protocol("MQTT-2.3.1-1", "MQTT-2.2.1-3", "the packet identifier is 0: it is 1 to 65535");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_byte_integers_have_the_shortest_form() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (127, &[0x7F]),
            (128, &[0x80, 0x01]),
            (16_383, &[0xFF, 0x7F]),
            (16_384, &[0x80, 0x80, 0x01]),
            (2_097_151, &[0xFF, 0xFF, 0x7F]),
            (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
            (VARIABLE_BYTE_INTEGER_MAX, &[0xFF, 0xFF, 0xFF, 0x7F]),
        ] {
            let mut out = Vec::new();
            encode_variable_byte_integer(value, &mut out);
            assert_eq!(out, bytes);
            assert_eq!(variable_byte_integer_len(value), bytes.len());
            assert_eq!(variable_byte_integer(bytes).unwrap(), (&[][..], value));
        }
    }

    #[test]
    fn longer_forms_are_read() {
        assert_eq!(variable_byte_integer(&[0x80, 0x80, 0x80, 0x00, 9]).unwrap(), (&[9][..], 0));
    }
}
