//! A store as text: one JSON object a line, for backups, for moving to another machine, and for people to read.
//!
//! The first line is a [`Line::Tidewire`], the last a [`Line::End`]: an export that was cut short is not taken for a whole
//! one. A message comes before the lines that refer to it by its `id`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::message::{Attributes, AttributesBuf, Message, MessageParts, Property, Qos, SessionId, TopicName};
use crate::store::record::{Origin, QueuedTerms, SessionKind};

/// The version of the text that is written; a higher one is refused.
pub(super) const TEXT_FORMAT: u32 = 1;

/// One line. See the module.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    Tidewire { format: u32 },
    Session(SessionLine),
    Message(MessageLine),
    Delivery(DeliveryLine),
    Queued(QueuedLine),
    Retained(MessageLine),
    End { lines: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionLine {
    pub(super) session: u64,
    pub(super) kind: Kind,
    pub(super) client_id: Arc<str>,
    pub(super) expiry_secs: u32,
    pub(super) closed_at_unix_ms: Option<u64>,
    pub(super) sent_to: u64,
    pub(super) subscriptions: Vec<SubscriptionLine>,
    /// QoS 2 publishes that the client has not released.
    pub(super) received: Vec<u16>,
    pub(super) will: Option<WillLine>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Mqtt,
    Stomp,
    DurableSubscription,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscriptionLine {
    pub(super) filter: Arc<str>,
    pub(super) qos: u8,
    pub(super) options: u8,
    pub(super) identifier: u32,
    pub(super) selector: Option<Arc<str>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WillLine {
    pub(super) delay_secs: u32,
    pub(super) expiry_secs: Option<u32>,
    pub(super) message: MessageLine,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageLine {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<u64>,
    topic: String,
    qos: u8,
    retain: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at_unix_ms: Option<u64>,
    publisher: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// Where the payload is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    properties: Vec<PropertyLine>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PropertyLine {
    PayloadFormat(bool),
    ContentType(String),
    ResponseTopic(String),
    CorrelationDataBase64(String),
    User(String, String),
}

/// A message that waits for a session.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveryLine {
    pub(super) session: u64,
    pub(super) sequence: u64,
    pub(super) message: u64,
    pub(super) is_received: bool,
    pub(super) qos: u8,
    pub(super) retain: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) identifiers: Vec<std::num::NonZeroU32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) share: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<OriginLine>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OriginLine {
    queue: Arc<str>,
    priority: u8,
    sequence: u64,
    deliveries: u32,
}

/// A message in a queue.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueuedLine {
    pub(super) queue: Arc<str>,
    pub(super) sequence: u64,
    pub(super) priority: u8,
    pub(super) deliveries: u32,
    pub(super) message: u64,
}

impl From<SessionKind> for Kind {
    fn from(kind: SessionKind) -> Self {
        match kind {
            SessionKind::Mqtt => Self::Mqtt,
            SessionKind::Stomp => Self::Stomp,
            SessionKind::DurableSubscription => Self::DurableSubscription,
        }
    }
}

impl From<Kind> for SessionKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Mqtt => Self::Mqtt,
            Kind::Stomp => Self::Stomp,
            Kind::DurableSubscription => Self::DurableSubscription,
        }
    }
}

impl MessageLine {
    pub(super) fn of(id: Option<u64>, message: &Message) -> Self {
        let parts = message.parts();
        let text = std::str::from_utf8(parts.payload).ok();
        Self {
            id,
            topic: parts.topic.as_str().to_owned(),
            qos: parts.qos.as_u8(),
            retain: parts.retain,
            expires_at_unix_ms: parts.expires_at,
            publisher: parts.publisher.0,
            payload: text.map(str::to_owned),
            payload_base64: text.is_none().then(|| BASE64.encode(parts.payload)),
            properties: Attributes::assume_valid(parts.attributes).iter().filter_map(property_line).collect(),
        }
    }

    /// The message that the line tells of, or what is wrong with it.
    pub(super) fn to_message(&self) -> Result<Message, String> {
        let topic = TopicName::parse(&self.topic).map_err(|error| format!("topic: {error}"))?;
        let payload = match (&self.payload, &self.payload_base64) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(text)) => BASE64.decode(text).map_err(|error| format!("payload_base64: {error}"))?,
            _ => return Err("a message has either payload or payload_base64".to_owned()),
        };
        let mut attributes = AttributesBuf::default();
        for property in &self.properties {
            push_property(property, &mut attributes)?;
        }
        Ok(Message::of(&MessageParts {
            topic,
            payload: &payload,
            attributes: Attributes::of(&attributes).encoded(),
            qos: qos(self.qos)?,
            retain: self.retain,
            expires_at: self.expires_at_unix_ms,
            publisher: SessionId(self.publisher),
        }))
    }
}

fn property_line(property: Property<'_>) -> Option<PropertyLine> {
    Some(match property {
        Property::PayloadFormatIndicator(is_text) => PropertyLine::PayloadFormat(is_text),
        Property::ContentType(text) => PropertyLine::ContentType(text.to_owned()),
        Property::ResponseTopic(topic) => PropertyLine::ResponseTopic(topic.as_str().to_owned()),
        Property::CorrelationData(data) => PropertyLine::CorrelationDataBase64(BASE64.encode(data)),
        Property::UserProperty(name, value) => PropertyLine::User(name.to_owned(), value.to_owned()),
        _ => return None,
    })
}

fn push_property(property: &PropertyLine, attributes: &mut AttributesBuf) -> Result<(), String> {
    let is_short = |text: &str| u16::try_from(text.len()).is_ok() && !text.contains('\0');
    let short = |text: &String| match is_short(text) {
        true => Ok(()),
        false => Err("a property has more than 65535 bytes, or a NUL".to_owned()),
    };
    match property {
        PropertyLine::PayloadFormat(is_text) => attributes.push(Property::PayloadFormatIndicator(*is_text)),
        PropertyLine::ContentType(text) => {
            short(text)?;
            attributes.push(Property::ContentType(text))
        }
        PropertyLine::ResponseTopic(topic) => {
            let topic = TopicName::parse(topic).map_err(|error| format!("response_topic: {error}"))?;
            attributes.push(Property::ResponseTopic(topic))
        }
        PropertyLine::CorrelationDataBase64(text) => {
            let data = BASE64.decode(text).map_err(|error| format!("correlation_data_base64: {error}"))?;
            if u16::try_from(data.len()).is_err() {
                return Err("correlation data has more than 65535 bytes".to_owned());
            }
            attributes.push(Property::CorrelationData(&data))
        }
        PropertyLine::User(name, value) => {
            short(name)?;
            short(value)?;
            attributes.push(Property::UserProperty(name, value))
        }
    };
    Ok(())
}

impl DeliveryLine {
    pub(super) fn of(
        session: u64,
        sequence: u64,
        message: u64,
        is_received: bool,
        terms: &QueuedTerms,
    ) -> Self {
        Self {
            session,
            sequence,
            message,
            is_received,
            qos: terms.qos.as_u8(),
            retain: terms.retain,
            identifiers: terms.identifiers.to_vec(),
            share: terms.share.clone(),
            origin: terms.origin.as_deref().map(|origin| OriginLine {
                queue: Arc::clone(&origin.queue),
                priority: origin.priority,
                sequence: origin.sequence,
                deliveries: origin.deliveries,
            }),
        }
    }

    pub(super) fn terms(&self) -> Result<QueuedTerms, String> {
        Ok(QueuedTerms {
            qos: qos(self.qos)?,
            retain: self.retain,
            identifiers: self.identifiers.iter().copied().collect(),
            share: self.share.clone(),
            origin: self.origin.as_ref().map(|origin| {
                Arc::new(Origin {
                    queue: Arc::clone(&origin.queue),
                    priority: origin.priority,
                    sequence: origin.sequence,
                    deliveries: origin.deliveries,
                })
            }),
        })
    }
}

/// A QoS by its number.
pub(super) fn qos(number: u8) -> Result<Qos, String> {
    Qos::from_u8(number).ok_or_else(|| format!("{number} is no QoS: 0, 1 or 2"))
}
