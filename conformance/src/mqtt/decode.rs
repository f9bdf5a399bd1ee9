//! Decodes what the server sends and forgives nothing: a server packet that the specification does not allow is a
//! failure, whatever the case is about.

use super::property::{self, Layout, Property};
use super::reader::{Reader, variable};
use super::{KINDS, Version, reason};
use crate::answer::Answer;
use crate::variables::Datum;

/// What the bytes at hand amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// More bytes are needed.
    Incomplete,
    /// A packet, and how many bytes it took.
    Packet(Answer, usize),
    /// Something that a server may not send.
    Illegal(String),
}

/// Decodes the first packet of the buffer.
pub fn decode(buffer: &[u8], version: Version) -> Decoded {
    let Some((first, rest)) = buffer.split_first() else { return Decoded::Incomplete };
    let (length, width) = match variable(rest) {
        Ok(Some((length, width))) => (usize::try_from(length).unwrap_or(usize::MAX), width),
        Ok(None) => return Decoded::Incomplete,
        Err(error) => return Decoded::Illegal(format!("Remaining Length: {error}")),
    };
    let Some(kind) = usize::from(first >> 4).checked_sub(1).and_then(|index| KINDS.get(index)) else {
        return Decoded::Illegal(format!("0x{first:02x} starts no packet: type 0 is reserved"));
    };
    let Some(body) = rest.get(width..width + length) else { return Decoded::Incomplete };
    match decode_body(kind, first & 0x0f, body, version) {
        Ok(answer) => Decoded::Packet(answer, 1 + width + length),
        Err(error) => Decoded::Illegal(format!("{kind} from the server: {error}")),
    }
}

fn decode_body(kind: &'static str, flags: u8, body: &[u8], version: Version) -> Result<Answer, String> {
    let mut packet = Packet {
        reader: Reader::new(body),
        answer: Answer { kind, fields: Vec::new(), properties: Vec::new() },
        version,
    };
    if kind != "PUBLISH" && flags != u8::from(kind == "PUBREL") << 1 {
        let statement = if version == Version::V5 { "MQTT-2.1.3-1" } else { "MQTT-2.2.2-1" };
        return Err(format!("the reserved flags are {flags:04b} [{statement}]"));
    }
    match kind {
        "CONNACK" => packet.connack()?,
        "PUBLISH" => packet.publish(flags)?,
        "PUBACK" | "PUBREC" | "PUBREL" | "PUBCOMP" => packet.acknowledgement()?,
        "SUBACK" => packet.suback()?,
        "UNSUBACK" if version == Version::V311 => packet.packet_id()?,
        "UNSUBACK" => packet.suback()?,
        "PINGRESP" => {}
        "DISCONNECT" | "AUTH" if version == Version::V5 => packet.reason_and_properties()?,
        _ => return Err("this type never goes from server to client".to_owned()),
    }
    if packet.reader.is_empty() {
        Ok(packet.answer)
    } else {
        Err(format!("{} bytes are left over", packet.reader.everything().len()))
    }
}

struct Packet<'a> {
    reader: Reader<'a>,
    answer: Answer,
    version: Version,
}

impl Packet<'_> {
    fn field(&mut self, name: &str, datum: Datum) {
        self.answer.fields.push((name.to_owned(), datum));
    }

    fn connack(&mut self) -> Result<(), String> {
        let flags = self.reader.byte("the acknowledge flags")?;
        if flags > 1 {
            let statement = if self.version == Version::V5 { "MQTT-3.2.2-1" } else { "MQTT311-U-3.2.2.1-1" };
            return Err(format!("the acknowledge flags are 0x{flags:02x} [{statement}]"));
        }
        self.field("session_present", Datum::Number(flags.into()));
        let code = self.code()?;
        self.field("reason", Datum::Number(code));
        if code != 0 && flags != 0 {
            let statement = if self.version == Version::V5 { "MQTT-3.2.2-6" } else { "MQTT-3.2.2-4" };
            return Err(format!("Session Present goes with code 0x{code:02x} [{statement}]"));
        }
        self.properties()
    }

    fn publish(&mut self, flags: u8) -> Result<(), String> {
        let (dup, qos, retain) = (flags >> 3, flags >> 1 & 3, flags & 1);
        if qos == 3 {
            return Err("QoS is 3 [MQTT-3.3.1-4]".to_owned());
        }
        if qos == 0 && dup == 1 {
            return Err("DUP is 1 at QoS 0 [MQTT-3.3.1-2]".to_owned());
        }
        for (name, bit) in [("dup", dup), ("qos", qos), ("retain", retain)] {
            self.field(name, Datum::Number(bit.into()));
        }
        let topic = self.reader.text("the topic name")?.to_vec();
        if topic.iter().any(|byte| b"+#".contains(byte)) {
            return Err("the topic name holds a wildcard [MQTT-3.3.2-2]".to_owned());
        }
        self.field("topic", Datum::Bytes(topic.clone()));
        if qos > 0 {
            self.packet_id()?;
        }
        self.properties()?;
        if topic.is_empty() && self.answer.number("topic_alias").is_none() {
            return Err("the topic name is empty and there is no alias".to_owned());
        }
        let payload = self.reader.everything().to_vec();
        self.field("payload", Datum::Bytes(payload));
        Ok(())
    }

    fn acknowledgement(&mut self) -> Result<(), String> {
        self.packet_id()?;
        if self.version == Version::V5 { self.reason_and_properties() } else { Ok(()) }
    }

    fn suback(&mut self) -> Result<(), String> {
        self.packet_id()?;
        self.properties()?;
        let mut reasons = Vec::new();
        while !self.reader.is_empty() {
            reasons.push(self.code()?);
        }
        if reasons.is_empty() {
            return Err("there is no code, there must be one for each filter".to_owned());
        }
        self.field("reasons", Datum::List(reasons));
        Ok(())
    }

    /// Both may be left out; the reason is then success.
    fn reason_and_properties(&mut self) -> Result<(), String> {
        let code = if self.reader.is_empty() { 0 } else { self.code()? };
        self.field("reason", Datum::Number(code));
        if self.reader.is_empty() { Ok(()) } else { self.properties() }
    }

    fn packet_id(&mut self) -> Result<(), String> {
        let packet_id = self.reader.integer(2, "the packet identifier")?;
        if packet_id == 0 {
            return Err("the packet identifier is 0".to_owned());
        }
        self.field("packet_id", Datum::Number(packet_id));
        Ok(())
    }

    fn code(&mut self) -> Result<u64, String> {
        let code = self.reader.byte("the code")?;
        let kind = self.answer.kind;
        if !reason::is_legal(self.version, kind, code) {
            let statement = reason::statement(self.version, kind);
            return Err(format!("code 0x{code:02x} is not one of its codes [{statement}]"));
        }
        Ok(code.into())
    }

    fn properties(&mut self) -> Result<(), String> {
        if self.version == Version::V311 {
            return Ok(());
        }
        let length = self.reader.variable("the Property Length")?;
        let bytes = self.reader.take(usize::try_from(length).unwrap_or(usize::MAX), "the properties")?;
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let identifier = reader.byte("a property's identifier")?;
            let Some(property) = property::by_identifier(identifier) else {
                return Err(format!("there is no property 0x{identifier:02x}"));
            };
            let datum = read_property(&mut reader, property)?;
            self.check_property(property, &datum)?;
            self.answer.properties.push((property.name.to_owned(), datum));
        }
        Ok(())
    }

    fn check_property(&self, property: &Property, datum: &Datum) -> Result<(), String> {
        let name = property.name;
        if !property.from_server.contains(&self.answer.kind) {
            return Err(format!("the property {name} does not belong here"));
        }
        if !property.may_repeat() && self.answer.properties.iter().any(|(other, _)| other == name) {
            return Err(format!("the property {name} comes twice"));
        }
        match datum {
            Datum::Number(number) if !property.legal.contains(number) => {
                Err(format!("the property {name} is {number}, which is not allowed"))
            }
            _ => Ok(()),
        }
    }
}

fn read_property(reader: &mut Reader<'_>, property: &Property) -> Result<Datum, String> {
    let name = property.name;
    Ok(match property.layout {
        Layout::Byte => Datum::Number(reader.integer(1, name)?),
        Layout::TwoBytes => Datum::Number(reader.integer(2, name)?),
        Layout::FourBytes => Datum::Number(reader.integer(4, name)?),
        Layout::Variable => Datum::Number(reader.variable(name)?),
        Layout::Text => Datum::Bytes(reader.text(name)?.to_vec()),
        Layout::Binary => Datum::Bytes(reader.binary(name)?.to_vec()),
        Layout::Pair => Datum::Pair(reader.text(name)?.to_vec(), reader.text(name)?.to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use super::{Decoded, Version, decode};

    fn shown(version: Version, bytes: &[u8]) -> String {
        match decode(bytes, version) {
            Decoded::Packet(answer, size) => {
                assert_eq!(size, bytes.len());
                answer.to_string()
            }
            other => format!("{other:?}"),
        }
    }

    fn illegal(version: Version, bytes: &[u8]) -> String {
        match decode(bytes, version) {
            Decoded::Illegal(error) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn known_answers_of_5() {
        let v5 = |bytes| shown(Version::V5, bytes);
        assert_eq!(
            v5(b"\x20\x06\x01\x00\x03\x21\x00\x0a"),
            "CONNACK session_present=1 reason=0x00 receive_maximum=10"
        );
        assert_eq!(v5(b"\x40\x02\x00\x07"), "PUBACK packet_id=7 reason=0x00");
        assert_eq!(v5(b"\x50\x04\x00\x07\x10\x00"), "PUBREC packet_id=7 reason=0x10");
        assert_eq!(v5(b"\x90\x05\x00\x01\x00\x01\x80"), "SUBACK packet_id=1 reasons=[0x01, 0x80]");
        assert_eq!(v5(b"\xe0\x00"), "DISCONNECT reason=0x00");
        assert_eq!(
            v5(b"\x3b\x0f\x00\x01a\x00\x05\x07\x26\x00\x01k\x00\x01vhi"),
            r#"PUBLISH dup=1 qos=1 retain=1 topic="a" packet_id=5 payload="hi" user_property="k":"v""#
        );
    }

    #[test]
    fn known_answers_of_3_1_1() {
        let v311 = |bytes| shown(Version::V311, bytes);
        assert_eq!(v311(b"\x20\x02\x00\x05"), "CONNACK session_present=0 reason=0x05");
        assert_eq!(v311(b"\xb0\x02\x00\x01"), "UNSUBACK packet_id=1");
        assert_eq!(v311(b"\xd0\x00"), "PINGRESP");
    }

    #[test]
    fn half_a_packet_waits_for_more() {
        for length in 0..8 {
            assert_eq!(
                decode(&b"\x20\x06\x01\x00\x03\x21\x00\x0a"[..length], Version::V5),
                Decoded::Incomplete
            );
        }
    }

    #[test]
    fn what_a_server_may_not_send_is_named() {
        let v5 = |bytes| illegal(Version::V5, bytes);
        assert!(v5(b"\xd0\x80\x00").contains("shortest"));
        assert!(v5(b"\xd1\x00").contains("MQTT-2.1.3-1"));
        assert!(v5(b"\x20\x03\x02\x00\x00").contains("MQTT-3.2.2-1"));
        assert!(v5(b"\x20\x03\x01\x82\x00").contains("MQTT-3.2.2-6"));
        assert!(v5(b"\x40\x03\x00\x01\x92").contains("MQTT-3.4.2-1"));
        assert!(v5(b"\x36\x04\x00\x01a\x00").contains("QoS is 3"));
        assert!(v5(b"\x38\x04\x00\x01a\x00").contains("DUP"));
        assert!(v5(b"\x40\x02\x00\x00").contains("identifier is 0"));
        assert!(v5(b"\x20\x09\x00\x00\x06\x21\x00\x0a\x21\x00\x0a").contains("twice"));
        assert!(v5(b"\x20\x06\x00\x00\x03\x23\x00\x01").contains("does not belong"));
        assert!(v5(b"\xe0\x07\x00\x05\x11\x00\x00\x00\x01").contains("session_expiry_interval"));
        assert!(v5(b"\x20\x04\x00\x00\x00\xff").contains("left over"));
        assert!(v5(b"\x30\x04\x00\x01\xff\x00").contains("UTF-8"));
        assert!(v5(b"\x10\x00").contains("never"));
        assert!(illegal(Version::V311, b"\x90\x03\x00\x01\x87").contains("MQTT-3.9.3-2"));
        assert!(illegal(Version::V311, b"\xe0\x00").contains("never"));
    }
}
