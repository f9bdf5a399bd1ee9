//! A message's properties, to and from MQTT 5's.

use std::time::Duration;

use bytes::Bytes;
use tidewire_protocols::mqtt::{self, PropertiesBuf, Property};
use tidewire_protocols::topic::TopicName;

use crate::message::Properties;

/// Appends what a PUBLISH or a will says about its message; `None` if MQTT cannot say it: a text or correlation data
/// beyond 65,535 bytes, a NUL, or a response topic that is no topic name.
pub(super) fn write(properties: &Properties, out: &mut PropertiesBuf) -> Option<()> {
    let Properties { payload_is_text, expiry, content_type, response_topic, correlation_data, user, .. } =
        properties;
    if *payload_is_text {
        out.push(Property::PayloadFormatIndicator(true));
    }
    if let Some(expiry) = expiry {
        out.push(Property::MessageExpiryInterval(seconds(*expiry)));
    }
    if let Some(content_type) = content_type {
        out.push(Property::ContentType(text(content_type)?));
    }
    if let Some(response_topic) = response_topic {
        out.push(Property::ResponseTopic(TopicName::parse(response_topic).ok()?));
    }
    if let Some(data) = correlation_data {
        out.push(Property::CorrelationData(binary(data)?));
    }
    for (name, value) in user {
        out.push(Property::UserProperty(text(name)?, text(value)?));
    }
    Some(())
}

/// What a PUBLISH says about its message.
pub(super) fn read(properties: mqtt::Properties<'_>) -> Properties {
    let mut read = Properties::default();
    for property in properties {
        match property {
            Property::PayloadFormatIndicator(is_text) => read.payload_is_text = is_text,
            Property::MessageExpiryInterval(seconds) => {
                read.expiry = Some(Duration::from_secs(seconds.into()));
            }
            Property::ContentType(content_type) => read.content_type = Some(content_type.to_owned()),
            Property::ResponseTopic(topic) => read.response_topic = Some(topic.as_str().to_owned()),
            Property::CorrelationData(data) => read.correlation_data = Some(Bytes::copy_from_slice(data)),
            Property::UserProperty(name, value) => read.user.push((name.to_owned(), value.to_owned())),
            Property::SubscriptionIdentifier(identifier) => {
                read.subscription_identifiers.push(identifier.get());
            }
            _ => {}
        }
    }
    read
}

/// Whole seconds, rounded up. The highest number is MQTT's word for "for ever" where it has one.
pub(super) fn seconds(duration: Duration) -> u32 {
    let whole = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    u32::try_from(whole).unwrap_or(u32::MAX)
}

/// A text, if MQTT can say it.
pub(super) fn text(text: &str) -> Option<&str> {
    (text.len() <= FIELD_BYTES_MAX && !text.contains('\0')).then_some(text)
}

/// Data, if MQTT can say it.
pub(super) fn binary(data: &[u8]) -> Option<&[u8]> {
    (data.len() <= FIELD_BYTES_MAX).then_some(data)
}

/// What a length of two bytes can say.
const FIELD_BYTES_MAX: usize = 65_535;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_come_back_as_they_were() {
        let properties = Properties {
            payload_is_text: true,
            expiry: Some(Duration::from_secs(60)),
            content_type: Some("text/plain".to_owned()),
            response_topic: Some("answers".to_owned()),
            correlation_data: Some(Bytes::from_static(b"\0\xff")),
            user: vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())],
            subscription_identifiers: Vec::new(),
        };
        let mut written = PropertiesBuf::default();
        write(&properties, &mut written).unwrap();
        assert_eq!(read(written.as_properties()), properties);
    }

    #[test]
    fn what_mqtt_cannot_say_is_not_written() {
        let with = |change: fn(&mut Properties)| {
            let mut properties = Properties::default();
            change(&mut properties);
            write(&properties, &mut PropertiesBuf::default())
        };
        assert_eq!(with(|properties| properties.content_type = Some("a\0b".to_owned())), None);
        assert_eq!(with(|properties| properties.response_topic = Some("a/#".to_owned())), None);
        assert_eq!(with(|properties| properties.correlation_data = Some(vec![0; 65_536].into())), None);
        assert_eq!(with(|properties| properties.user.push(("a".repeat(65_536), String::new()))), None);
    }
}
