//! The options behind each filter of a SUBSCRIBE.
//!
//! ```text
//! options = 00, retain handling (2 bits), retain as published, no local, QoS (2 bits)
//!           before MQTT 5: 000000, QoS
//! ```

use super::Body;
use crate::mqtt::error::Rule;
use crate::mqtt::{Qos, Version};

/// How the messages of a subscription are to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SubscribeOptions {
    /// The highest QoS.
    pub qos: Qos,
    /// Whether the client's own messages are to be left out; false before MQTT 5.
    pub no_local: bool,
    /// Whether forwarded messages keep the publisher's RETAIN flag; false before MQTT 5.
    pub retain_as_published: bool,
    /// When retained messages are to be sent; at each subscribe before MQTT 5.
    pub retain_handling: RetainHandling,
}

impl SubscribeOptions {
    /// The options of a version before MQTT 5, and the defaults of MQTT 5: a QoS and nothing else.
    pub const fn new(qos: Qos) -> Self {
        Self {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::SendAtSubscribe,
        }
    }

    /// The byte on the wire in MQTT 5; in earlier versions only the QoS goes there.
    pub const fn as_u8(self) -> u8 {
        self.qos.as_u8()
            | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | (self.retain_handling as u8) << 4
    }

    /// The options that [`SubscribeOptions::as_u8`] wrote; `None` where it cannot have.
    pub fn from_u8(bits: u8) -> Option<Self> {
        Self::check(Version::V5, bits).ok()
    }

    pub(super) fn check(version: Version, bits: u8) -> Body<Self> {
        if !version.is_v5() {
            // 3.1.1: [MQTT-3.8.3-4]
            let qos = Qos::from_u8(bits).ok_or_else(|| OPTIONS_V311.broken())?;
            return Ok(Self::new(qos));
        }
        // [MQTT-3.8.3-5]
        if bits & 0b1100_0000 != 0 {
            return Err(RESERVED.broken());
        }
        // [MQTT50-U-3.8.3.1-1]
        let qos = Qos::from_u8(bits & 0b11).ok_or_else(|| QOS_3.broken())?;
        // [MQTT50-U-3.8.3.1-2]
        let retain_handling =
            RetainHandling::from_u8(bits >> 4 & 0b11).ok_or_else(|| RETAIN_HANDLING_3.broken())?;
        Ok(Self {
            qos,
            no_local: bits & 0b0100 != 0,
            retain_as_published: bits & 0b1000 != 0,
            retain_handling,
        })
    }
}

/// When a subscription gets the messages that were retained before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RetainHandling {
    /// At each subscribe [MQTT-3.3.1-9].
    SendAtSubscribe = 0,
    /// Only if the subscription did not exist yet [MQTT-3.3.1-10].
    SendIfNew = 1,
    /// Never [MQTT-3.3.1-11].
    DoNotSend = 2,
}

impl RetainHandling {
    const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::SendAtSubscribe),
            1 => Some(Self::SendIfNew),
            2 => Some(Self::DoNotSend),
            _ => None,
        }
    }
}

const OPTIONS_V311: Rule = Rule::malformed(
    "MQTT-3.8.3-4",
    "MQTT-3.8.3-5",
    "the requested QoS is not 0, 1 or 2, or a reserved bit beside it is set",
);

const RESERVED: Rule = Rule::malformed(
    "MQTT-3.8.3-4",
    "MQTT-3.8.3-5",
    "bits 6 and 7 of the subscription options are reserved: they are 0",
);

const QOS_3: Rule =
    Rule::protocol("MQTT-3.8.3-4", "MQTT50-U-3.8.3.1-1", "the subscription's QoS is 3: it is 0, 1 or 2");

const RETAIN_HANDLING_3: Rule =
    Rule::protocol("MQTT-3.8.3-4", "MQTT50-U-3.8.3.1-2", "the Retain Handling is 3: it is 0, 1 or 2");
