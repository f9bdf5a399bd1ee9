//! From the bytes that have arrived to one packet: the fixed header, the limit, and then the packet's own parser.

use nom::bytes::streaming::take;
use nom::number::streaming::u8 as byte;

use super::error::{Error, ErrorKind, Rule, Violation};
use super::packet::{Connect, Packet, Publish};
use super::wire::{Parsed, arriving_variable_byte_integer};
use super::{PacketType, Version};

/// The largest packet that MQTT can express, in bytes with the fixed header.
pub const PACKET_SIZE_MAX: usize = 268_435_460;

/// The smallest packet, in bytes: PINGREQ and its like.
const PACKET_SIZE_MIN: usize = 2;

/// What [`decode`] found at the front of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A whole packet.
    Packet {
        /// The packet, which borrows from the input.
        packet: Packet<'a>,
        /// How many bytes of the input it takes; the next packet begins behind them.
        size: usize,
    },
    /// The beginning of a packet.
    Incomplete {
        /// How long the input must at least be, in bytes from the packet's first one, before another attempt can
        /// tell more. As soon as the fixed header is there this is the packet's size.
        needed: usize,
    },
}

/// Takes the packet at the front of `input`, which begins at a packet's first byte.
///
/// `version` is the one that the connection's CONNECT named; a CONNECT says its own, so for that packet it does not
/// matter. `packet_size_max` is the largest packet accepted, in bytes with the fixed header; it is checked as soon as
/// the fixed header is there, before any byte behind that is awaited. No input makes it panic.
///
/// # Errors
///
/// An [`Error`] is final: the connection is to be closed, and no more of its input means anything. Its statement is
/// one of the packet's version.
// Made here and not where it is called: it is the same everywhere then, and does not cost more for what its callers do.
pub fn decode<'a>(version: Version, packet_size_max: usize, input: &'a [u8]) -> Result<Decoded<'a>, Error> {
    let (rest, header) = match fixed_header(version, input) {
        Ok(parsed) => parsed,
        Err(error) => return unfinished(version, input, error),
    };
    let size = input.len() - rest.len() + header.remaining_length;
    if size > packet_size_max {
        return Err(Violation(&TOO_LARGE).into_error(version));
    }
    let body = match take::<_, _, Violation>(header.remaining_length)(rest) {
        Ok((_, body)) => body,
        Err(_) => return Ok(Decoded::Incomplete { needed: size }),
    };
    if header.packet_type != PacketType::Publish {
        return decode_other(version, &header, body, &input[..size]);
    }
    // Most packets are. It is put where the caller wants it, without passing through the place of a larger one.
    match Publish::decode(version, header.flags, body) {
        Ok(publish) => Ok(Decoded::Packet { packet: Packet::Publish(publish), size }),
        Err(error) => Err(body_error(version, input, error)),
    }
}

/// The packet that `whole` is, of which `body` follows the fixed header.
#[inline(never)]
fn decode_other<'a>(
    version: Version,
    header: &FixedHeader,
    body: &'a [u8],
    whole: &[u8],
) -> Result<Decoded<'a>, Error> {
    match Packet::decode(version, header.packet_type, header.flags, body) {
        Ok(packet) => Ok(Decoded::Packet { packet, size: whole.len() }),
        Err(error) => Err(body_error(version, whole, error)),
    }
}

/// The version that the CONNECT at the front of `input` names, as soon as that byte is there and whether or not the
/// rest is well-formed; `None` if it is no CONNECT of a known version. It tells how to refuse a CONNECT that
/// [`decode`] found wrong: before MQTT 5 a malformed one gets no answer [MQTT-3.1.4-1].
pub fn connect_version(input: &[u8]) -> Option<Version> {
    let (rest, header) = fixed_header(Version::V5, input).ok()?;
    match header.packet_type {
        PacketType::Connect => Connect::decode_version(rest).ok().map(|(_, version)| version),
        _ => None,
    }
}

struct FixedHeader {
    packet_type: PacketType,
    flags: u8,
    remaining_length: usize,
}

#[inline]
fn fixed_header(version: Version, input: &[u8]) -> Parsed<'_, FixedHeader> {
    let (rest, first) = byte(input)?;
    let (packet_type, flags) = PacketType::from_first_byte(version, first)?;
    let (rest, remaining_length) = arriving_variable_byte_integer(rest)?;
    Ok((rest, FixedHeader { packet_type, flags, remaining_length: remaining_length as usize }))
}

#[cold]
fn unfinished<'a>(version: Version, input: &[u8], error: nom::Err<Violation>) -> Result<Decoded<'a>, Error> {
    match error {
        // Whichever byte of the fixed header is missing, it may be the last one.
        nom::Err::Incomplete(_) => Ok(Decoded::Incomplete { needed: PACKET_SIZE_MIN.max(input.len() + 1) }),
        nom::Err::Error(violation) | nom::Err::Failure(violation) => Err(violation.into_error(version)),
    }
}

#[cold]
fn body_error(version: Version, input: &[u8], error: nom::Err<Violation>) -> Error {
    Violation::from_nom(error).into_error(connect_version(input).unwrap_or(version))
}

/// 3.1.1 has no statement of its own about a limit.
const TOO_LARGE: Rule = Rule::new(
    ErrorKind::TooLarge,
    "MQTT-4.8.0-1",
    "MQTT-3.2.2-15",
    "the packet is larger than the limit, which counts the fixed header too",
);
