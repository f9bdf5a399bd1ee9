//! The properties of MQTT 5. One property and how it is written are here; reading one is in `read`, the list that a
//! packet carries in `list`, and which packet may carry which property in `rules`.
//!
//! ```text
//! properties = variable byte integer n, n bytes of property
//! property   = identifier (1 byte; every one of the standard is below 128), value
//! ```

mod list;
mod read;
mod rules;

use std::num::{NonZeroU16, NonZeroU32};

use bytes::BufMut;

pub use self::list::{Properties, PropertiesBuf, PropertiesIter};
pub(crate) use self::list::{Seen, properties};
pub use self::rules::PropertyPlace;
use super::Qos;
use super::wire::{binary_len, encode_variable_byte_integer, put_binary, variable_byte_integer_len};
use crate::topic::TopicName;

/// One property, borrowed from its packet. Each variant's comment names the identifier and the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property<'a> {
    /// 0x01: whether the payload is UTF-8 text.
    PayloadFormatIndicator(bool),
    /// 0x02: the message's lifetime, in seconds.
    MessageExpiryInterval(u32),
    /// 0x03: what the payload is; the standard leaves its form open.
    ContentType(&'a str),
    /// 0x08: where an answer is to be published.
    ResponseTopic(TopicName<'a>),
    /// 0x09: what an answer is to carry back.
    CorrelationData(&'a [u8]),
    /// 0x0B: the number that the subscriber gave its subscription, 1 to 268,435,455.
    SubscriptionIdentifier(NonZeroU32),
    /// 0x11: how long the session outlives its connection, in seconds; 0xFFFFFFFF: for ever.
    SessionExpiryInterval(u32),
    /// 0x12: the client identifier that the server chose.
    AssignedClientIdentifier(&'a str),
    /// 0x13: the keep alive that the server demands instead of the client's, in seconds.
    ServerKeepAlive(u16),
    /// 0x15: the name of the method of enhanced authentication.
    AuthenticationMethod(&'a str),
    /// 0x16: what the method says.
    AuthenticationData(&'a [u8]),
    /// 0x17: whether reason strings and user properties are welcome in all packets.
    RequestProblemInformation(bool),
    /// 0x18: how long the will waits after the connection's end, in seconds.
    WillDelayInterval(u32),
    /// 0x19: whether the client asks for response information.
    RequestResponseInformation(bool),
    /// 0x1A: what response topics may be built from.
    ResponseInformation(&'a str),
    /// 0x1C: which server to use instead.
    ServerReference(&'a str),
    /// 0x1F: the reason, for a human.
    ReasonString(&'a str),
    /// 0x21: how many QoS 1 and 2 messages may be inflight, in packets.
    ReceiveMaximum(NonZeroU16),
    /// 0x22: the highest topic alias that is accepted; 0: none is.
    TopicAliasMaximum(u16),
    /// 0x23: a number that stands for the topic name. 0 can be read: whoever knows the maximum answers 0x94 to both
    /// [MQTT-3.3.2-8].
    TopicAlias(u16),
    /// 0x24: the highest QoS that the server supports: 0 or 1; it is left out if that is 2.
    MaximumQos(Qos),
    /// 0x25: whether messages may be retained.
    RetainAvailable(bool),
    /// 0x26: a name and a value of the application's own; the only property that may always repeat.
    UserProperty(&'a str, &'a str),
    /// 0x27: the largest packet that is accepted, in bytes with the fixed header.
    MaximumPacketSize(NonZeroU32),
    /// 0x28: whether filters may contain wildcards.
    WildcardSubscriptionAvailable(bool),
    /// 0x29: whether subscriptions may have identifiers.
    SubscriptionIdentifierAvailable(bool),
    /// 0x2A: whether subscriptions may be shared.
    SharedSubscriptionAvailable(bool),
}

impl Property<'_> {
    /// The number that precedes the value on the wire.
    pub const fn identifier(&self) -> u8 {
        match self {
            Self::PayloadFormatIndicator(_) => 0x01,
            Self::MessageExpiryInterval(_) => 0x02,
            Self::ContentType(_) => 0x03,
            Self::ResponseTopic(_) => 0x08,
            Self::CorrelationData(_) => 0x09,
            Self::SubscriptionIdentifier(_) => 0x0B,
            Self::SessionExpiryInterval(_) => 0x11,
            Self::AssignedClientIdentifier(_) => 0x12,
            Self::ServerKeepAlive(_) => 0x13,
            Self::AuthenticationMethod(_) => 0x15,
            Self::AuthenticationData(_) => 0x16,
            Self::RequestProblemInformation(_) => 0x17,
            Self::WillDelayInterval(_) => 0x18,
            Self::RequestResponseInformation(_) => 0x19,
            Self::ResponseInformation(_) => 0x1A,
            Self::ServerReference(_) => 0x1C,
            Self::ReasonString(_) => 0x1F,
            Self::ReceiveMaximum(_) => 0x21,
            Self::TopicAliasMaximum(_) => 0x22,
            Self::TopicAlias(_) => 0x23,
            Self::MaximumQos(_) => 0x24,
            Self::RetainAvailable(_) => 0x25,
            Self::UserProperty(..) => 0x26,
            Self::MaximumPacketSize(_) => 0x27,
            Self::WildcardSubscriptionAvailable(_) => 0x28,
            Self::SubscriptionIdentifierAvailable(_) => 0x29,
            Self::SharedSubscriptionAvailable(_) => 0x2A,
        }
    }

    /// Writes identifier and value. Texts and data are at most 65,535 bytes long; a longer one is a defect of the
    /// caller and stops a debug build.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_u8(self.identifier());
        match self.value() {
            Value::Byte(value) => out.put_u8(value),
            Value::TwoBytes(value) => out.put_u16(value),
            Value::FourBytes(value) => out.put_u32(value),
            Value::Variable(value) => encode_variable_byte_integer(value, out),
            Value::Binary(value) => put_binary(value, out),
            Value::Pair(name, value) => {
                put_binary(name, out);
                put_binary(value, out);
            }
        }
    }

    /// How many bytes [`encode`](Self::encode) writes.
    pub fn encoded_len(&self) -> usize {
        1 + match self.value() {
            Value::Byte(_) => 1,
            Value::TwoBytes(_) => 2,
            Value::FourBytes(_) => 4,
            Value::Variable(value) => variable_byte_integer_len(value),
            Value::Binary(value) => binary_len(value),
            Value::Pair(name, value) => binary_len(name) + binary_len(value),
        }
    }

    fn value(&self) -> Value<'_> {
        match *self {
            Self::PayloadFormatIndicator(value)
            | Self::RequestProblemInformation(value)
            | Self::RequestResponseInformation(value)
            | Self::RetainAvailable(value)
            | Self::WildcardSubscriptionAvailable(value)
            | Self::SubscriptionIdentifierAvailable(value)
            | Self::SharedSubscriptionAvailable(value) => Value::Byte(u8::from(value)),
            Self::MaximumQos(qos) => Value::Byte(qos.as_u8()),
            Self::ServerKeepAlive(value) | Self::TopicAliasMaximum(value) | Self::TopicAlias(value) => {
                Value::TwoBytes(value)
            }
            Self::ReceiveMaximum(value) => Value::TwoBytes(value.get()),
            Self::MessageExpiryInterval(value)
            | Self::SessionExpiryInterval(value)
            | Self::WillDelayInterval(value) => Value::FourBytes(value),
            Self::MaximumPacketSize(value) => Value::FourBytes(value.get()),
            Self::SubscriptionIdentifier(value) => Value::Variable(value.get()),
            Self::ContentType(text)
            | Self::AssignedClientIdentifier(text)
            | Self::AuthenticationMethod(text)
            | Self::ResponseInformation(text)
            | Self::ServerReference(text)
            | Self::ReasonString(text) => Value::Binary(text.as_bytes()),
            Self::ResponseTopic(topic) => Value::Binary(topic.as_str().as_bytes()),
            Self::CorrelationData(data) | Self::AuthenticationData(data) => Value::Binary(data),
            Self::UserProperty(name, value) => Value::Pair(name.as_bytes(), value.as_bytes()),
        }
    }
}

/// A value by its type on the wire, so that length and encoding cannot disagree.
enum Value<'a> {
    Byte(u8),
    TwoBytes(u16),
    FourBytes(u32),
    Variable(u32),
    Binary(&'a [u8]),
    Pair(&'a [u8], &'a [u8]),
}
