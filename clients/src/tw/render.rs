//! Messages as bytes for standard output.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use tidewire_client::{Message, Properties};

/// What is written of a message. Each ends its line; a payload may have line ends of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Payload,
    TopicAndPayload,
    /// `{"topic":…,"payload":…,"qos":…,"retain":…,"properties":{…}}`. Bytes that are no text are base64, and
    /// `payload_encoding` or `correlation_data_encoding` says so.
    Json,
}

/// Appends one message.
pub(super) fn message(message: &Message, format: Format, out: &mut Vec<u8>) {
    match format {
        Format::Payload => out.extend_from_slice(&message.payload),
        Format::TopicAndPayload => {
            out.extend_from_slice(message.topic.as_bytes());
            out.push(b' ');
            out.extend_from_slice(&message.payload);
        }
        Format::Json => out.extend_from_slice(json(message).to_string().as_bytes()),
    }
    out.push(b'\n');
}

fn json(message: &Message) -> Value {
    let mut object = Map::new();
    object.insert("topic".to_owned(), message.topic.as_str().into());
    insert_bytes("payload", &message.payload, &mut object);
    object.insert("qos".to_owned(), message.qos.as_u8().into());
    object.insert("retain".to_owned(), message.retain.into());
    object.insert("properties".to_owned(), properties(&message.properties));
    object.into()
}

/// Only those that the message has; user properties in their order, as they may repeat.
fn properties(properties: &Properties) -> Value {
    let Properties {
        payload_is_text,
        expiry,
        content_type,
        response_topic,
        correlation_data,
        user,
        subscription_identifiers,
    } = properties;
    let mut object = Map::new();
    let mut insert = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(name.to_owned(), value);
        }
    };
    insert("payload_is_text", payload_is_text.then_some(true.into()));
    insert("expiry_s", expiry.map(|expiry| expiry.as_secs_f64().into()));
    insert("content_type", content_type.as_deref().map(Value::from));
    insert("response_topic", response_topic.as_deref().map(Value::from));
    insert("user", (!user.is_empty()).then(|| json!(user)));
    let identifiers = subscription_identifiers;
    insert("subscription_identifiers", (!identifiers.is_empty()).then(|| json!(identifiers)));
    if let Some(data) = correlation_data {
        insert_bytes("correlation_data", data, &mut object);
    }
    object.into()
}

fn insert_bytes(name: &str, bytes: &[u8], object: &mut Map<String, Value>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.insert(name.to_owned(), text.into()),
        Err(_) => {
            object.insert(format!("{name}_encoding"), "base64".into());
            object.insert(name.to_owned(), BASE64.encode(bytes).into())
        }
    };
}

#[cfg(test)]
mod tests {
    use tidewire_client::Qos;

    use super::*;

    fn rendered(received: &Message, format: Format) -> String {
        let mut out = Vec::new();
        message(received, format, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_message_in_every_format() {
        let received = Message::new("a/b", "hello").with_qos(Qos::AtLeastOnce);
        assert_eq!(rendered(&received, Format::Payload), "hello\n");
        assert_eq!(rendered(&received, Format::TopicAndPayload), "a/b hello\n");
        let expected =
            json!({"topic": "a/b", "payload": "hello", "qos": 1, "retain": false, "properties": {}});
        assert_eq!(rendered(&received, Format::Json), format!("{expected}\n"));
    }

    #[test]
    fn bytes_that_are_no_text_are_base64_in_json() {
        let mut received = Message::new("a", vec![0xFF, 0x00]);
        received.properties.correlation_data = Some(vec![0xFE].into());
        received.properties.user = vec![("k".to_owned(), "1".to_owned()), ("k".to_owned(), "2".to_owned())];
        let expected = json!({
            "topic": "a", "payload": "/wA=", "payload_encoding": "base64", "qos": 0, "retain": false,
            "properties": {
                "user": [["k", "1"], ["k", "2"]],
                "correlation_data": "/g==", "correlation_data_encoding": "base64",
            },
        });
        assert_eq!(json(&received), expected);
    }
}
