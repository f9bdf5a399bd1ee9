//! The end of PUBACK, PUBREC, PUBREL, PUBCOMP and DISCONNECT in MQTT 5, which may be cut short.
//!
//! ```text
//! tail = [ reason code [ properties ] ]     absent: reason 0x00, no properties
//! ```

use bytes::BufMut;
use bytes::BytesMut;
use nom::number::complete::u8 as byte;

use super::{Body, end};
use crate::mqtt::error::Rule;
use crate::mqtt::property::properties;
use crate::mqtt::wire::Parsed;
use crate::mqtt::{PacketType, Properties, PropertyPlace, ReasonCode};

/// Reads a tail that takes all of `input` [MQTT50-U-3.4.2.1-1], [MQTT50-U-3.14.2.1-1].
pub(super) fn tail(
    packet_type: PacketType,
    place: PropertyPlace,
    input: &[u8],
) -> Body<(ReasonCode, Properties<'_>)> {
    if input.is_empty() {
        return Ok((ReasonCode::Success, Properties::EMPTY));
    }
    let (rest, reason) = reason_code(packet_type, input)?;
    if rest.is_empty() {
        return Ok((reason, Properties::EMPTY));
    }
    let (rest, (properties, _)) = properties(place)(rest)?;
    end(rest)?;
    Ok((reason, properties))
}

/// Writes the shortest tail that says the same.
pub(super) fn put_tail(reason: ReasonCode, properties: Properties<'_>, out: &mut BytesMut) {
    if !properties.is_empty() {
        out.put_u8(reason.as_u8());
        properties.put(out);
    } else if reason != ReasonCode::Success {
        out.put_u8(reason.as_u8());
    }
}

/// How many bytes [`put_tail`] writes.
pub(super) fn tail_len(reason: ReasonCode, properties: Properties<'_>) -> usize {
    if !properties.is_empty() {
        1 + properties.len_with_prefix()
    } else {
        usize::from(reason != ReasonCode::Success)
    }
}

/// Reads a reason code and checks that a packet of that type may carry it.
pub(super) fn reason_code(packet_type: PacketType, input: &[u8]) -> Parsed<'_, ReasonCode> {
    let (rest, value) = byte(input)?;
    match known_reason(packet_type, value) {
        Some(reason) => Ok((rest, reason)),
        None => Err(wrong_reason(packet_type).broken()),
    }
}

/// The code of that value, if a packet of that type may carry it.
pub(super) fn known_reason(packet_type: PacketType, value: u8) -> Option<ReasonCode> {
    ReasonCode::from_u8(value).filter(|reason| reason.is_known_in(packet_type))
}

/// The rule that another code breaks.
pub(super) const fn wrong_reason(packet_type: PacketType) -> &'static Rule {
    macro_rules! wrong {
        ($v311:literal, $v5:literal) => {
            &const { Rule::protocol($v311, $v5, "the packet's table of reason codes does not have this one") }
        };
    }
    match packet_type {
        PacketType::ConnAck => wrong!("MQTT-3.2.2-6", "MQTT-3.2.2-8"),
        PacketType::PubAck => wrong!("MQTT-4.8.0-1", "MQTT-3.4.2-1"),
        PacketType::PubRec => wrong!("MQTT-4.8.0-1", "MQTT-3.5.2-1"),
        PacketType::PubRel => wrong!("MQTT-4.8.0-1", "MQTT-3.6.2-1"),
        PacketType::PubComp => wrong!("MQTT-4.8.0-1", "MQTT-3.7.2-1"),
        PacketType::SubAck => wrong!("MQTT-3.9.3-2", "MQTT-3.9.3-2"),
        PacketType::UnsubAck => wrong!("MQTT-4.8.0-1", "MQTT-3.11.3-2"),
        PacketType::Disconnect => wrong!("MQTT-4.8.0-1", "MQTT-3.14.2-1"),
        _ => wrong!("MQTT-4.8.0-1", "MQTT-3.15.2-1"),
    }
}
