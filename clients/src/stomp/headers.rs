//! A message as SEND's headers, and MESSAGE's headers as a message. The table is the broker's: see its documentation
//! on what both protocols share.
//!
//! | message | header |
//! |---|---|
//! | topic | `destination` |
//! | QoS, retain | `qos`, `retain:true` |
//! | expiry | `ttl` (ms) when sent, `expires` (ms since the epoch) when received |
//! | content type | `content-type` |
//! | response topic | `reply-to` |
//! | correlation data | `correlation-id`, with `correlation-id-encoding:base64` if it is no plain text |
//! | user properties | headers of their names; a reserved name behind `user-` |

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use tidewire_protocols::mqtt::Qos;
use tidewire_protocols::stomp::{Frame, FrameWriter, RESERVED_HEADERS, user_header, user_name};

use super::destination;
use crate::message::{Message, Properties};

/// Writes what SEND says about its message; the body is not among it.
pub(super) fn write(message: &Message, writer: &mut FrameWriter<'_>) {
    writer.header("destination", &destination::of_topic(&message.topic));
    writer.header_number("qos", message.qos.as_u8().into());
    if message.retain {
        writer.header("retain", "true");
    }
    let Properties { expiry, content_type, response_topic, correlation_data, user, .. } = &message.properties;
    if let Some(expiry) = expiry {
        writer.header_number("ttl", u64::try_from(expiry.as_millis()).unwrap_or(u64::MAX));
    }
    if let Some(content_type) = content_type {
        writer.header("content-type", content_type);
    }
    if let Some(topic) = response_topic {
        writer.header("reply-to", &destination::of_topic(topic));
    }
    if let Some(data) = correlation_data {
        write_correlation_data(data, writer);
    }
    for (name, value) in user {
        writer.header(&user_header(name), value);
    }
}

/// Reads a MESSAGE. A broker of another make may leave out what ours always says.
pub(super) fn read(frame: &Frame<'_>, now: SystemTime) -> Message {
    let header = |name: &str| frame.headers.get(name);
    let properties = Properties {
        payload_is_text: false,
        expiry: header("expires").and_then(|at| time_left(&at, now)),
        content_type: header("content-type").map(Cow::into_owned),
        response_topic: header("reply-to").map(|reply_to| destination::to_topic(&reply_to).to_owned()),
        correlation_data: header("correlation-id")
            .map(|value| correlation_data(&value, header("correlation-id-encoding").as_deref())),
        user: frame.headers.iter().filter_map(|(name, value)| user_property(&name, value)).collect(),
        subscription_identifiers: Vec::new(),
    };
    Message {
        topic: destination::to_topic(&header("destination").unwrap_or_default()).to_owned(),
        payload: Bytes::copy_from_slice(frame.body),
        qos: header("qos").and_then(|qos| Qos::from_u8(qos.parse().ok()?)).unwrap_or(Qos::AtMostOnce),
        retain: header("retain").as_deref() == Some("true"),
        properties,
    }
}

fn write_correlation_data(data: &[u8], writer: &mut FrameWriter<'_>) {
    match std::str::from_utf8(data).ok().filter(|text| !text.chars().any(char::is_control)) {
        Some(text) => {
            writer.header("correlation-id", text);
        }
        None => {
            writer.header("correlation-id", &BASE64.encode(data));
            writer.header("correlation-id-encoding", "base64");
        }
    }
}

/// What is no base64 after all is taken as it came.
fn correlation_data(value: &str, encoding: Option<&str>) -> Bytes {
    let decoded = encoding.filter(|encoding| *encoding == "base64").and_then(|_| BASE64.decode(value).ok());
    decoded.map_or_else(|| Bytes::copy_from_slice(value.as_bytes()), Bytes::from)
}

/// What is left of the time until then; nothing if it has passed, or means "never".
fn time_left(expires: &str, now: SystemTime) -> Option<Duration> {
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(expires.parse().ok().filter(|at| *at > 0)?))?;
    Some(at.duration_since(now).unwrap_or_default())
}

fn user_property(name: &str, value: Cow<'_, str>) -> Option<(String, String)> {
    let is_user = !RESERVED_HEADERS.contains(&name);
    is_user.then(|| (user_name(name).to_owned(), value.into_owned()))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use tidewire_protocols::stomp::{Command, Decoded, Decoder, Version};

    use super::*;

    fn there_and_back(message: &Message) -> Message {
        let mut out = BytesMut::new();
        let mut writer = FrameWriter::new(&mut out, Version::V12, Command::Send);
        write(message, &mut writer);
        writer.finish_with_body(&message.payload);
        match Decoder::default().decode(&out) {
            Ok(Decoded::Frame { frame, .. }) => read(&frame, UNIX_EPOCH),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_message_comes_back_as_it_was() {
        let mut message = Message::new("a/b", &b"\0\xff"[..]).with_qos(Qos::AtLeastOnce).with_retain(true);
        message.properties = Properties {
            content_type: Some("text/plain".to_owned()),
            response_topic: Some("answers".to_owned()),
            correlation_data: Some(Bytes::from_static(b"\0\xff")),
            user: vec![
                ("colour".to_owned(), "red:green".to_owned()),
                ("destination".to_owned(), "Oslo".to_owned()),
                ("user-destination".to_owned(), "Bergen\n".to_owned()),
            ],
            ..Properties::default()
        };
        assert_eq!(there_and_back(&message), message);
        message.properties.correlation_data = Some(Bytes::from_static(b"plain"));
        assert_eq!(there_and_back(&message), message);
    }

    #[test]
    fn what_is_left_until_it_expires() {
        let now = UNIX_EPOCH + Duration::from_secs(10);
        assert_eq!(time_left("12000", now), Some(Duration::from_secs(2)));
        assert_eq!(time_left("9000", now), Some(Duration::ZERO));
        assert_eq!(time_left("0", now), None);
        assert_eq!(time_left("soon", now), None);
    }
}
