//! How a client introduces itself.

use std::num::NonZeroU16;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tidewire_protocols::mqtt::{self, Connect, Packet, PropertiesBuf, Property, Version};

use super::attributes;
use crate::message::Message;

/// What CONNECT says. The default is MQTT 5 with a clean start and a keep alive of a minute.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which MQTT to speak.
    pub version: Version,
    /// The session's key; empty: the broker chooses one.
    pub client_id: String,
    /// Whether to begin with a new session, whatever the broker still has.
    pub clean_start: bool,
    /// How long the session outlives the connection. MQTT 3.1.1 knows only none, with a clean start, and for ever.
    pub session_expiry: Duration,
    /// The longest silence; none for zero. The broker may demand another.
    pub keep_alive: Duration,
    /// Who this client says it is.
    pub user_name: Option<String>,
    /// The proof of it.
    pub password: Option<Bytes>,
    /// Published by the broker if the connection breaks.
    pub will: Option<Will>,
    /// How many messages of QoS 1 and 2 the broker may send before the application has done with any. MQTT 5 only.
    pub receive_maximum: NonZeroU16,
    /// For everything up to the broker's CONNACK.
    pub connect_timeout: Duration,
}

/// A message left with the broker.
#[derive(Clone, Debug)]
pub struct Will {
    /// The message.
    pub message: Message,
    /// How long the broker waits for the client to come back. MQTT 5 only.
    pub delay: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: Version::V5,
            client_id: String::new(),
            clean_start: true,
            session_expiry: Duration::ZERO,
            keep_alive: Duration::from_secs(60),
            user_name: None,
            password: None,
            will: None,
            receive_maximum: RECEIVE_MAXIMUM,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

impl Options {
    /// The CONNECT, if its parts fit into one.
    pub(super) fn connect_packet(&self) -> Option<Bytes> {
        let mut will_properties = PropertiesBuf::default();
        if let Some(will) = &self.will {
            attributes::write(&will.message.properties, &mut will_properties)?;
            if !will.delay.is_zero() {
                will_properties.push(Property::WillDelayInterval(seconds(will.delay)));
            }
        }
        let properties = self.properties();
        let packet = Packet::Connect(Connect {
            version: self.version,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive_seconds(),
            properties: properties.as_properties(),
            client_id: &self.client_id,
            will: self.will.as_ref().map(|will| mqtt::Will {
                qos: will.message.qos,
                retain: will.message.retain,
                properties: will_properties.as_properties(),
                topic: &will.message.topic,
                payload: &will.message.payload,
            }),
            user_name: self.user_name.as_deref(),
            password: self.password.as_deref(),
        });
        let mut out = BytesMut::new();
        packet.is_encodable(self.version).then(|| packet.encode(self.version, &mut out))?;
        Some(out.freeze())
    }

    /// A fraction of a second counts as a whole one, so that it does not become "none".
    pub(super) fn keep_alive_seconds(&self) -> u16 {
        u16::try_from(seconds(self.keep_alive)).unwrap_or(u16::MAX)
    }

    fn properties(&self) -> PropertiesBuf {
        let mut properties = PropertiesBuf::default();
        if self.version.is_v5() {
            properties.push(Property::ReceiveMaximum(self.receive_maximum));
            if !self.session_expiry.is_zero() {
                properties.push(Property::SessionExpiryInterval(seconds(self.session_expiry)));
            }
        }
        properties
    }
}

/// Whole seconds, rounded up. The highest number is MQTT's word for "for ever" where it has one.
pub(super) fn seconds(duration: Duration) -> u32 {
    let whole = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(whole).unwrap_or(u32::MAX)
}

/// As many as wait for the application at most; see the connection's inbox.
const RECEIVE_MAXIMUM: NonZeroU16 = NonZeroU16::new(1024).unwrap();
