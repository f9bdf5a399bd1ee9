//! The sixteen values of a packet's first four bits.

use super::Version;
use super::error::{Rule, Violation};

/// What kind of packet it is, with its number in the fixed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum PacketType {
    /// A client asks to be connected.
    Connect = 1,
    /// The server's answer to CONNECT.
    ConnAck = 2,
    /// A message.
    Publish = 3,
    /// QoS 1: the message is owned by the receiver.
    PubAck = 4,
    /// QoS 2, first: the message is owned by the receiver.
    PubRec = 5,
    /// QoS 2, second: the sender will not send the message again.
    PubRel = 6,
    /// QoS 2, last: the packet identifier is free again.
    PubComp = 7,
    /// A client asks for messages.
    Subscribe = 8,
    /// The server's answer to SUBSCRIBE.
    SubAck = 9,
    /// A client asks for no more messages.
    Unsubscribe = 10,
    /// The server's answer to UNSUBSCRIBE.
    UnsubAck = 11,
    /// A client shows that it is alive.
    PingReq = 12,
    /// The server's answer to PINGREQ.
    PingResp = 13,
    /// The last packet of a connection.
    Disconnect = 14,
    /// One step of an enhanced authentication; MQTT 5 only.
    Auth = 15,
}

impl PacketType {
    /// The type of that number; 0 and 16 and more are none.
    #[inline]
    pub const fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The number in the fixed header.
    #[inline]
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// What the standards call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }

    /// The first byte of a packet that is not a PUBLISH: the type and the flags that are reserved for it.
    #[inline]
    pub(crate) const fn first_byte(self) -> u8 {
        self.as_u8() << 4 | self.reserved_flags()
    }

    /// Reads type and flags from a packet's first byte.
    #[inline]
    pub(crate) fn from_first_byte(version: Version, byte: u8) -> Result<(Self, u8), nom::Err<Violation>> {
        let flags = byte & 0x0F;
        // First, because most packets are: its QoS and DUP are checked with the rest of it.
        if byte >> 4 == Self::Publish.as_u8() {
            return Ok((Self::Publish, flags));
        }
        let packet_type = Self::from_u8(byte >> 4).ok_or_else(|| TYPE_RESERVED.broken())?;
        match packet_type {
            Self::Auth if !version.is_v5() => Err(TYPE_RESERVED.broken()),
            _ if flags == packet_type.reserved_flags() => Ok((packet_type, flags)),
            // MQTT 3.1 also repeats these three with DUP set.
            Self::PubRel | Self::Subscribe | Self::Unsubscribe
                if version == Version::V31 && flags == 0b1010 =>
            {
                Ok((packet_type, flags))
            }
            _ => Err(packet_type.wrong_flags().broken()),
        }
    }

    /// Table 2.2: the flags of every type but PUBLISH are fixed [MQTT-2.1.3-1], 3.1.1: [MQTT-2.2.2-1].
    const fn reserved_flags(self) -> u8 {
        match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            _ => 0,
        }
    }

    const fn wrong_flags(self) -> &'static Rule {
        match self {
            Self::PubRel => &PUBREL_FLAGS,
            Self::Subscribe => &SUBSCRIBE_FLAGS,
            Self::Unsubscribe => &UNSUBSCRIBE_FLAGS,
            Self::Disconnect => &DISCONNECT_FLAGS,
            Self::Auth => &AUTH_FLAGS,
            _ => &FLAGS,
        }
    }
}

const TYPE_RESERVED: Rule = Rule::malformed(
    "MQTT-4.8.0-1",
    "MQTT-4.13.1-1",
    "the packet type is reserved: types are 1 to 14, and 15 in MQTT 5",
);

const FLAGS: Rule =
    Rule::malformed("MQTT-2.2.2-2", "MQTT-2.1.3-1", "the fixed header's flags are reserved: they are 0000");

const PUBREL_FLAGS: Rule =
    Rule::malformed("MQTT-3.6.1-1", "MQTT-3.6.1-1", "the flags of PUBREL are reserved: they are 0010");

const SUBSCRIBE_FLAGS: Rule =
    Rule::malformed("MQTT-3.8.1-1", "MQTT-3.8.1-1", "the flags of SUBSCRIBE are reserved: they are 0010");

const UNSUBSCRIBE_FLAGS: Rule =
    Rule::malformed("MQTT-3.10.1-1", "MQTT-3.10.1-1", "the flags of UNSUBSCRIBE are reserved: they are 0010");

const DISCONNECT_FLAGS: Rule =
    Rule::malformed("MQTT-3.14.1-1", "MQTT-3.14.1-1", "the flags of DISCONNECT are reserved: they are 0000");

const AUTH_FLAGS: Rule =
    Rule::malformed("MQTT-4.8.0-1", "MQTT-3.15.1-1", "the flags of AUTH are reserved: they are 0000");
