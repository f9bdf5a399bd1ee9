//! Messages, the same for both protocols.

use std::time::Duration;

use bytes::Bytes;
use tidewire_protocols::mqtt::Qos;

/// One application message, to be published or received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The topic name. Over STOMP `a/b` stands for the destination `/topic/a/b`; what begins with a slash is a
    /// destination as it is, such as `/queue/jobs`.
    pub topic: String,
    /// Any bytes.
    pub payload: Bytes,
    /// How often it is to arrive.
    pub qos: Qos,
    /// When publishing: keep it for later subscribers. When received: it was kept.
    pub retain: bool,
    /// What else is said about it. MQTT 3.1.1 carries none of this.
    pub properties: Properties,
}

impl Message {
    /// A message of QoS 0 without properties.
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
            qos: Qos::AtMostOnce,
            retain: false,
            properties: Properties::default(),
        }
    }

    /// The same with another QoS.
    #[must_use]
    pub fn with_qos(self, qos: Qos) -> Self {
        Self { qos, ..self }
    }

    /// The same, to be retained or not.
    #[must_use]
    pub fn with_retain(self, retain: bool) -> Self {
        Self { retain, ..self }
    }

    /// The same, saying what the payload is, such as `application/json`.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.properties.content_type = Some(content_type.into());
        self
    }

    /// The same, of use for so long from now on.
    #[must_use]
    pub fn with_expiry(mut self, expiry: Duration) -> Self {
        self.properties.expiry = Some(expiry);
        self
    }

    /// The same with one more property of the application's own; over STOMP a header.
    #[must_use]
    pub fn with_user_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.user.push((name.into(), value.into()));
        self
    }
}

/// What travels with a message from end to end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// The payload is UTF-8 text, and says so: MQTT's payload format 1. Over STOMP a text WebSocket message is sent
    /// for it; what is received does not tell.
    pub payload_is_text: bool,
    /// How long the message is of use, from now on.
    pub expiry: Option<Duration>,
    /// What the payload is, such as `application/json`.
    pub content_type: Option<String>,
    /// Where an answer is to be published; a topic or a destination as in [`Message::topic`].
    pub response_topic: Option<String>,
    /// What an answer is to carry back.
    pub correlation_data: Option<Bytes>,
    /// The application's own, in their order; names may repeat. Over STOMP: headers.
    pub user: Vec<(String, String)>,
    /// Received over MQTT 5 only: the identifiers of the subscriptions that the message is for.
    pub subscription_identifiers: Vec<u32>,
}

impl Properties {
    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { payload_is_text, expiry, content_type, response_topic, correlation_data, user, .. } = self;
        !payload_is_text
            && expiry.is_none()
            && content_type.is_none()
            && response_topic.is_none()
            && correlation_data.is_none()
            && user.is_empty()
    }
}
