//! Publishes a message.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::sessions::not_stored;
use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, done};
use crate::admin::call::{Call, bad, said};
use crate::admin::routes::Routes;
use crate::broker::{Broker, PublishRefused};
use crate::config::Config;
use crate::message::{
    Attributes, AttributesBuf, Property, Publication, QUEUE_PREFIX, Qos, SessionId, TopicName,
    is_client_queue,
};

/// Room for what stands around a payload in the largest request, in bytes.
const AROUND_BYTES: usize = 256 << 10;
/// Longest text that MQTT has room for, in bytes. [MQTT-1.5.4]
const TEXT_BYTES_MAX: usize = u16::MAX as usize;

pub(super) fn add(routes: &mut Routes, config: &Config) {
    let route = routes.add(Method::POST, "/api/v1/publish", publish);
    // Base64 is longer by a third.
    route.body_bytes_max = config.limits.packet_size_max.0.saturating_mul(4) / 3 + AROUND_BYTES;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(default, deserialize_with = "said")]
    topic: Option<String>,
    #[serde(default, deserialize_with = "said")]
    destination: Option<String>,
    #[serde(default, deserialize_with = "said")]
    payload: Option<String>,
    #[serde(default, deserialize_with = "said")]
    payload_base64: Option<String>,
    #[serde(default)]
    qos: u8,
    #[serde(default)]
    retain: bool,
    #[serde(default)]
    properties: Properties,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// Properties of MQTT 5.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Properties {
    #[serde(default, deserialize_with = "said")]
    content_type: Option<String>,
    #[serde(default, deserialize_with = "said")]
    response_topic: Option<String>,
    #[serde(default, deserialize_with = "said")]
    correlation_data: Option<String>,
    #[serde(default, deserialize_with = "said")]
    message_expiry_secs: Option<u32>,
    user: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Done {
    matched: usize,
}

async fn publish(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.has_no_query()?;
    let arguments: Arguments = call.arguments()?;
    let published = admin.off_thread(move |admin| arguments.publish(&admin.broker)).await??;
    admin.broker.wait_until_durable(published.commit).await;
    Ok(done(&Done { matched: published.matched }))
}

impl Arguments {
    fn publish(self, broker: &Broker) -> Result<crate::broker::operate::Published, Refused> {
        let config = broker.config();
        let name = self.topic()?;
        let topic = TopicName::parse(&name).map_err(|error| bad(format!("the topic: {error}")))?;
        check_topic(topic, &config)?;
        let payload = match (&self.payload, &self.payload_base64) {
            (Some(_), Some(_)) => return Err(bad("the body: say payload or payload_base64, not both")),
            (Some(text), None) => Cow::Borrowed(text.as_bytes()),
            (None, Some(text)) => Cow::Owned(decode("payload_base64", text)?),
            (None, None) => Cow::Borrowed(&b""[..]),
        };
        let attributes = self.attributes()?;
        let attributes = Attributes::of(&attributes);
        if payload.len() + attributes.encoded().len() > config.limits.packet_size_max.0 {
            let reason = "the message is larger than limits.packet_size_max";
            return Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, reason));
        }
        let mut publication = Publication::new(topic, &payload, SessionId::BROKER);
        publication.qos = Qos::from_u8(self.qos).ok_or_else(|| bad("the body: qos is 0, 1 or 2"))?;
        publication.retain = self.retain;
        publication.attributes = attributes;
        let expiry = self.properties.message_expiry_secs.map(|secs| Duration::from_secs(secs.into()));
        publication.expires_at = expiry.map(|expiry| broker.now().unix_ms_after(expiry));
        self.check_served(&config)?;
        // A queue keeps each message, and no last one.
        publication.retain &= publication.queue_name().is_none();
        broker.publish_as_operator(&publication).map_err(|refused| match refused {
            PublishRefused::QueueFull => Refused::new(StatusCode::CONFLICT, "the queue is full"),
            PublishRefused::Store(_) => not_stored(),
        })
    }

    /// The topic name, whichever way it is said.
    fn topic(&self) -> Result<Cow<'_, str>, Refused> {
        match (&self.topic, &self.destination) {
            (Some(topic), None) => Ok(Cow::Borrowed(topic)),
            (None, Some(destination)) => {
                if let Some(topic) = destination.strip_prefix("/topic/") {
                    Ok(Cow::Borrowed(topic))
                } else if let Some(queue) = destination.strip_prefix("/queue/") {
                    Ok(Cow::Owned(format!("{QUEUE_PREFIX}{queue}")))
                } else {
                    Err(bad("the body: destination is /topic/NAME or /queue/NAME"))
                }
            }
            _ => Err(bad("the body: say topic or destination")),
        }
    }

    /// What this server does not do for clients either.
    fn check_served(&self, config: &Config) -> Result<(), Refused> {
        let conflict = |reason| Err(Refused::new(StatusCode::CONFLICT, reason));
        if self.qos > config.mqtt.maximum_qos() as u8 {
            return conflict("the QoS is higher than mqtt.maximum_qos");
        }
        if self.retain && !config.mqtt.retain_available {
            return conflict("messages are not retained here (mqtt.retain_available)");
        }
        Ok(())
    }

    fn attributes(&self) -> Result<AttributesBuf, Refused> {
        let mut attributes = AttributesBuf::default();
        let Properties { content_type, response_topic, correlation_data, user, .. } = &self.properties;
        // A header of STOMP that has a place of its own.
        let content_type = content_type.as_ref().or_else(|| self.headers.get(CONTENT_TYPE));
        if let Some(content_type) = content_type {
            attributes.push(Property::ContentType(check_text(content_type)?));
        }
        if let Some(topic) = response_topic {
            let topic = TopicName::parse(topic);
            let topic = topic.map_err(|error| bad(format!("the body: response_topic: {error}")))?;
            attributes.push(Property::ResponseTopic(topic));
        }
        if let Some(text) = correlation_data {
            let data = decode("correlation_data", text)?;
            if data.len() > TEXT_BYTES_MAX {
                return Err(bad("the body: correlation_data has at most 65535 bytes"));
            }
            attributes.push(Property::CorrelationData(&data));
        }
        let headers = self.headers.iter().filter(|(name, _)| *name != CONTENT_TYPE);
        for (name, value) in user.iter().chain(headers) {
            attributes.push(Property::UserProperty(check_text(name)?, check_text(value)?));
        }
        Ok(attributes)
    }
}

fn check_topic(topic: TopicName<'_>, config: &Config) -> Result<(), Refused> {
    if topic.level_count() > config.limits.topic_levels_max {
        return Err(bad("the topic has more levels than limits.topic_levels_max"));
    }
    match topic.as_str().strip_prefix(QUEUE_PREFIX) {
        Some(queue) if !is_client_queue(queue) => {
            Err(bad("the topic: a queue's name is not empty and does not begin with $"))
        }
        None if topic.starts_with_dollar() => Err(bad("the topic: what begins with $ is the broker's own")),
        _ => Ok(()),
    }
}

fn decode(name: &str, text: &str) -> Result<Vec<u8>, Refused> {
    STANDARD.decode(text).map_err(|error| bad(format!("the body: {name} is no base64: {error}")))
}

/// Holds that MQTT has a form for it. [MQTT-1.5.4-2]
fn check_text(text: &str) -> Result<&str, Refused> {
    match text.len() <= TEXT_BYTES_MAX && !text.contains('\0') {
        true => Ok(text),
        false => Err(bad("the body: names and values have at most 65535 bytes, and none of them is 0")),
    }
}

const CONTENT_TYPE: &str = "content-type";
