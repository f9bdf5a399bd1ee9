//! Builds the packets that cases send, right or wrong.
//!
//! A case says what matters to it and leaves out the rest:
//!
//! | packet | without a word of the case |
//! |---|---|
//! | CONNECT | protocol_name `MQTT`, protocol_level of the suite, clean_start 1, keep_alive 60 |
//! | PUBLISH | qos 0, empty payload; packet_id 1 at QoS 1 and 2 |
//! | SUBSCRIBE, UNSUBSCRIBE | packet_id 1; options all zero |
//! | PUBACK … PUBCOMP, DISCONNECT, AUTH | the shortest form: a reason only if given |
//!
//! In SUBSCRIBE the options after a `filter=` belong to that filter.

use super::property::{self, Layout};
use super::{KINDS, Version};
use crate::filled::{Filled, bytes_of};
use crate::variables::Datum;

/// The fields with which any packet can be made wrong: the fixed header's flags and length, the length of the
/// properties, bytes too many, bytes too few.
pub(super) const DISTORTIONS: [&str; 6] =
    ["flags", "remaining_length", "property_length", "will.property_length", "tail", "cut"];

/// Encodes one packet.
///
/// # Errors
///
/// When a field holds something that cannot be written, for example a string where a number belongs.
pub fn encode(packet: &Filled, version: Version) -> Result<Vec<u8>, String> {
    let mut body = match packet.kind.as_str() {
        "CONNECT" => connect(packet, version)?,
        "CONNACK" => connack(packet, version)?,
        "PUBLISH" => publish(packet, version)?,
        "PUBACK" | "PUBREC" | "PUBREL" | "PUBCOMP" => acknowledgement(packet, version)?,
        "SUBSCRIBE" => subscribe(packet, version)?,
        "UNSUBSCRIBE" => unsubscribe(packet, version)?,
        "SUBACK" | "UNSUBACK" => suback(packet, version)?,
        "DISCONNECT" | "AUTH" => reason_and_properties(packet, version)?,
        _ => Vec::new(),
    };
    body.extend(packet.bytes("tail").unwrap_or_default());
    let cut = usize::try_from(packet.number("cut")?.unwrap_or(0)).unwrap_or(usize::MAX);
    body.truncate(body.len().saturating_sub(cut));

    let flags = match packet.number("flags")? {
        Some(flags) => flags,
        None => default_flags(packet)?,
    };
    let kind = KINDS.iter().position(|kind| *kind == packet.kind).unwrap_or(0) + 1;
    let mut bytes = vec![(kind as u8) << 4 | (flags & 0x0f) as u8];
    bytes.extend(length(packet.value("remaining_length"), body.len()));
    bytes.extend(body);
    Ok(bytes)
}

fn default_flags(packet: &Filled) -> Result<u64, String> {
    Ok(match packet.kind.as_str() {
        "PUBREL" | "SUBSCRIBE" | "UNSUBSCRIBE" => 0b0010,
        "PUBLISH" => {
            let bits = |name| Ok::<_, String>(packet.number(name)?.unwrap_or(0));
            bits("dup")? << 3 | bits("qos")? << 1 | bits("retain")?
        }
        _ => 0,
    })
}

fn connect(packet: &Filled, version: Version) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    write_text(&mut body, &packet.bytes("protocol_name").unwrap_or_else(|| b"MQTT".to_vec()));
    let level = if version == Version::V5 { 5 } else { 4 };
    body.push(packet.number("protocol_level")?.unwrap_or(level) as u8);
    body.push(connect_flags(packet)? as u8);
    write_integer(&mut body, packet.number("keep_alive")?.unwrap_or(60), 2);
    if version == Version::V5 {
        write_properties(&mut body, packet, "property_length", property::by_name)?;
    }
    if let Some(client_id) = packet.bytes("client_id") {
        write_text(&mut body, &client_id);
    }
    if let Some(topic) = packet.bytes("will_topic") {
        if version == Version::V5 {
            write_properties(&mut body, packet, "will.property_length", property::by_will_name)?;
        }
        write_text(&mut body, &topic);
        if !packet.omits("will_payload") {
            write_text(&mut body, &packet.bytes("will_payload").unwrap_or_default());
        }
    }
    for name in ["username", "password"] {
        if let Some(value) = packet.bytes(name) {
            write_text(&mut body, &value);
        }
    }
    Ok(body)
}

/// As the fields that are there ask for, unless the case sets them itself.
fn connect_flags(packet: &Filled) -> Result<u64, String> {
    if let Some(flags) = packet.number("connect_flags")? {
        return Ok(flags);
    }
    let present = |name: &str| u64::from(packet.value(name).is_some());
    Ok(present("username") << 7
        | present("password") << 6
        | packet.number("will_retain")?.unwrap_or(0) << 5
        | packet.number("will_qos")?.unwrap_or(0) << 3
        | present("will_topic") << 2
        | packet.number("clean_start")?.unwrap_or(1) << 1)
}

fn connack(packet: &Filled, version: Version) -> Result<Vec<u8>, String> {
    let mut body = vec![
        packet.number("session_present")?.unwrap_or(0) as u8,
        packet.number("reason")?.unwrap_or(0) as u8,
    ];
    if version == Version::V5 {
        write_properties(&mut body, packet, "property_length", property::by_name)?;
    }
    Ok(body)
}

fn publish(packet: &Filled, version: Version) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    write_text(&mut body, &packet.bytes("topic").unwrap_or_default());
    let default = (packet.number("qos")?.unwrap_or(0) > 0).then_some(1);
    write_packet_id(&mut body, packet, default)?;
    if version == Version::V5 {
        write_properties(&mut body, packet, "property_length", property::by_name)?;
    }
    body.extend(packet.bytes("payload").unwrap_or_default());
    Ok(body)
}

fn acknowledgement(packet: &Filled, version: Version) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    write_packet_id(&mut body, packet, Some(1))?;
    body.extend(reason_and_properties(packet, version)?);
    Ok(body)
}

/// A reason only if given; properties only if given, and then a reason before them.
fn reason_and_properties(packet: &Filled, version: Version) -> Result<Vec<u8>, String> {
    let reason = packet.number("reason")?;
    let properties = version == Version::V5
        && packet
            .fields
            .iter()
            .any(|(name, _)| name == "property_length" || property::by_name(name).is_some());
    let mut body: Vec<u8> =
        reason.or(properties.then_some(0)).map(|reason| reason as u8).into_iter().collect();
    if properties {
        write_properties(&mut body, packet, "property_length", property::by_name)?;
    }
    Ok(body)
}

fn subscribe(packet: &Filled, version: Version) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    write_packet_id(&mut body, packet, Some(1))?;
    if version == Version::V5 {
        write_properties(&mut body, packet, "property_length", property::by_name)?;
    }
    let mut options: Option<u8> = None;
    for (name, value) in &packet.fields {
        let number = match value {
            Some(Datum::Number(number)) => *number as u8,
            _ => 0,
        };
        let bits = match name.as_str() {
            "filter" => {
                body.extend(options.take());
                write_text(&mut body, &value.as_ref().map(bytes_of).unwrap_or_default());
                options = Some(0);
                continue;
            }
            "qos" => number,
            "no_local" => number << 2,
            "retain_as_published" => number << 3,
            "retain_handling" => number << 4,
            "options" => {
                // Left out with `!options`: a filter without its byte of options.
                options = value.is_some().then_some(number);
                continue;
            }
            _ => continue,
        };
        options = options.map(|options| options | bits);
    }
    body.extend(options);
    Ok(body)
}

fn unsubscribe(packet: &Filled, version: Version) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    write_packet_id(&mut body, packet, Some(1))?;
    if version == Version::V5 {
        write_properties(&mut body, packet, "property_length", property::by_name)?;
    }
    for (_, value) in packet.fields.iter().filter(|(name, _)| name == "filter") {
        write_text(&mut body, &value.as_ref().map(bytes_of).unwrap_or_default());
    }
    Ok(body)
}

fn suback(packet: &Filled, version: Version) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    write_packet_id(&mut body, packet, Some(1))?;
    if version == Version::V5 {
        write_properties(&mut body, packet, "property_length", property::by_name)?;
    }
    if let Some(Datum::List(reasons)) = packet.value("reasons") {
        body.extend(reasons.iter().map(|reason| *reason as u8));
    }
    Ok(body)
}

fn write_packet_id(body: &mut Vec<u8>, packet: &Filled, default: Option<u64>) -> Result<(), String> {
    if packet.omits("packet_id") {
        return Ok(());
    }
    if let Some(packet_id) = packet.number("packet_id")?.or(default) {
        write_integer(body, packet_id, 2);
    }
    Ok(())
}

/// The properties in the order of the case, with their length before them.
fn write_properties(
    body: &mut Vec<u8>,
    packet: &Filled,
    length_field: &str,
    lookup: fn(&str) -> Option<&'static property::Property>,
) -> Result<(), String> {
    let mut properties = Vec::new();
    for (name, value) in &packet.fields {
        let (Some(property), Some(value)) = (lookup(name), value) else { continue };
        properties.push(property.identifier);
        write_property(&mut properties, property.layout, value)
            .ok_or_else(|| format!("the property {name} cannot hold {value}"))?;
    }
    if !packet.omits(length_field) {
        body.extend(length(packet.value(length_field), properties.len()));
    }
    body.extend(properties);
    Ok(())
}

fn write_property(into: &mut Vec<u8>, layout: Layout, value: &Datum) -> Option<()> {
    match (layout, value) {
        (Layout::Byte, Datum::Number(number)) => write_integer(into, *number, 1),
        (Layout::TwoBytes, Datum::Number(number)) => write_integer(into, *number, 2),
        (Layout::FourBytes, Datum::Number(number)) => write_integer(into, *number, 4),
        (Layout::Variable, Datum::Number(number)) => into.extend(variable(*number)),
        (Layout::Text | Layout::Binary, Datum::Bytes(_) | Datum::Number(_)) => {
            write_text(into, &bytes_of(value));
        }
        (Layout::Pair, Datum::Pair(name, value)) => {
            write_text(into, name);
            write_text(into, value);
        }
        _ => return None,
    }
    Some(())
}

/// The real length, or the number or the bytes that the case puts in its place.
fn length(given: Option<&Datum>, real: usize) -> Vec<u8> {
    match given {
        None => variable(real as u64),
        Some(Datum::Number(number)) => variable(*number),
        Some(other) => bytes_of(other),
    }
}

fn variable(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

fn write_integer(into: &mut Vec<u8>, number: u64, width: usize) {
    into.extend(&number.to_be_bytes()[8 - width..]);
}

fn write_text(into: &mut Vec<u8>, text: &[u8]) {
    write_integer(into, text.len() as u64, 2);
    into.extend(text);
}

#[cfg(test)]
mod tests;
