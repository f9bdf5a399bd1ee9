//! A message as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use tidewire_client::{Message, Properties};

/// How a payload stands within the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// As a text.
    Text,
    /// As what it is, where it is JSON itself.
    Json,
}

/// `{"topic":…,"payload":…,"qos":…,"retain":…,"properties":{…}}`. Bytes that are no text are base64, and
/// `payload_encoding` or `correlation_data_encoding` says so.
pub(super) fn message(message: &Message, payload: Payload) -> Value {
    let mut object = Map::new();
    object.insert("topic".to_owned(), message.topic.as_str().into());
    let value = match payload {
        Payload::Text => None,
        Payload::Json => serde_json::from_slice(&message.payload).ok(),
    };
    match value {
        Some(value) => drop(object.insert("payload".to_owned(), value)),
        None => insert_bytes("payload", &message.payload, &mut object),
    }
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

    #[test]
    fn a_payload_is_a_text_or_what_it_is() {
        let received = Message::new("a/b", "[1]").with_qos(Qos::AtLeastOnce);
        let expected = |payload: Value| json!({"topic": "a/b", "payload": payload, "qos": 1, "retain": false, "properties": {}});
        assert_eq!(message(&received, Payload::Text), expected("[1]".into()));
        assert_eq!(message(&received, Payload::Json), expected(json!([1])));
        let received = Message { payload: "[1".into(), ..received };
        assert_eq!(message(&received, Payload::Json), expected("[1".into()));
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
        assert_eq!(message(&received, Payload::Text), expected);
    }
}
