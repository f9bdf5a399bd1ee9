//! Messages as answers show them: not whole where they are large.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::message::{Attributes, Message, MessageParts, Property};

/// Bytes of a payload that are shown.
const PAYLOAD_BYTES_MAX: usize = 4 << 10;
/// Bytes of a message's properties that are shown.
const PROPERTIES_BYTES_MAX: usize = 4 << 10;

/// What is the same of all messages.
#[derive(Serialize)]
pub(super) struct Content {
    qos: u8,
    size: usize,
    expires_at: Option<Timestamp>,
    payload: String,
    truncated: bool,
    properties: Vec<UserProperty>,
}

/// A user property, or a header of STOMP.
#[derive(Serialize)]
struct UserProperty {
    name: String,
    value: String,
}

impl Content {
    pub(super) fn of(message: &Message) -> Self {
        let MessageParts { payload, attributes, qos, expires_at, .. } = message.parts();
        let shown = &payload[..payload.len().min(PAYLOAD_BYTES_MAX)];
        Self {
            qos: qos as u8,
            size: payload.len(),
            expires_at: expires_at.map(Timestamp),
            payload: STANDARD.encode(shown),
            truncated: shown.len() < payload.len(),
            properties: properties(Attributes::assume_valid(attributes)),
        }
    }
}

/// The first of them, as far as there is room.
fn properties(attributes: Attributes<'_>) -> Vec<UserProperty> {
    let named = attributes.iter().filter_map(|property| match property {
        Property::UserProperty(name, value) => Some((name, value)),
        _ => None,
    });
    let mut left = PROPERTIES_BYTES_MAX;
    let fitting = named.take_while(|(name, value)| {
        let bytes = name.len() + value.len();
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    });
    let owned = |(name, value): (&str, &str)| UserProperty { name: name.to_owned(), value: value.to_owned() };
    fitting.map(owned).collect()
}
