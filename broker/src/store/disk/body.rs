//! A message as bytes.

use super::codec::{Malformed, Reader, put_bytes, put_number};
use crate::message::{Message, MessageParts, Qos, SessionId, TopicName};

const QOS: u8 = 0b0000_0011;
const RETAIN: u8 = 0b0000_0100;
const EXPIRES: u8 = 0b0000_1000;

/// Appends a message.
pub(super) fn put(out: &mut Vec<u8>, message: &MessageParts<'_>) {
    let flags = message.qos.as_u8()
        | if message.retain { RETAIN } else { 0 }
        | if message.expires_at.is_some() { EXPIRES } else { 0 };
    out.push(flags);
    put_number(out, message.publisher.0);
    if let Some(at) = message.expires_at {
        put_number(out, at);
    }
    put_bytes(out, message.topic.as_str().as_bytes());
    put_bytes(out, message.attributes);
    out.extend_from_slice(message.payload);
}

/// Reads a message, which is all there is in `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<MessageParts<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    let flags = reader.byte()?;
    if flags & !(QOS | RETAIN | EXPIRES) != 0 {
        return Err(Malformed);
    }
    let publisher = SessionId(reader.number()?);
    let expires_at = if flags & EXPIRES == 0 { None } else { Some(reader.number()?) };
    let topic = TopicName::parse(reader.text()?).map_err(|_| Malformed)?;
    let attributes = reader.bytes()?;
    let payload = reader.take(reader.len())?;
    let qos = Qos::from_u8(flags & QOS).ok_or(Malformed)?;
    Ok(MessageParts { topic, payload, attributes, qos, retain: flags & RETAIN != 0, expires_at, publisher })
}

/// The message whose bytes these are.
pub(super) fn read(bytes: &[u8]) -> Result<Message, Malformed> {
    parse(bytes).map(|parts| Message::of(&parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_with_all_its_parts() {
        let parts = MessageParts {
            topic: TopicName::parse("a/b").unwrap(),
            payload: b"payload",
            attributes: &[1, 1],
            qos: Qos::ExactlyOnce,
            retain: true,
            expires_at: Some(1_700_000_000_000),
            publisher: SessionId(77),
        };
        let mut bytes = Vec::new();
        put(&mut bytes, &parts);
        let message = read(&bytes).unwrap();
        assert_eq!(format!("{:?}", message.parts()), format!("{parts:?}"));
        // Whatever ends too soon is no message, but for a payload, which may have any length.
        for end in 0..bytes.len() - parts.payload.len() {
            assert!(read(&bytes[..end]).is_err(), "{end}");
        }
    }
}
