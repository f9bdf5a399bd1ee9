//! Which packet may carry which property, and which property may repeat: tables 2-4 and the sections of the packets.

use crate::mqtt::error::Rule;

/// A list of properties by the packet it is in; a CONNECT has two lists, its own and its will's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the packet of that name")]
pub enum PropertyPlace {
    Connect,
    Will,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    Disconnect,
    Auth,
}

impl PropertyPlace {
    /// Whether a list in this place may contain the property of that identifier at all [MQTT50-U-2.2.2.2-1].
    #[inline]
    pub(super) const fn allows(self, identifier: u8) -> bool {
        let places = match identifier {
            0x01 | 0x02 | 0x03 | 0x08 | 0x09 => PUBLISH | WILL,
            0x0B => PUBLISH | SUBSCRIBE,
            0x11 => CONNECT | CONN_ACK | DISCONNECT,
            0x12 | 0x13 | 0x1A | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => CONN_ACK,
            0x15 | 0x16 => CONNECT | CONN_ACK | AUTH,
            0x17 | 0x19 => CONNECT,
            0x18 => WILL,
            0x1C => CONN_ACK | DISCONNECT,
            0x1F => ACKS | CONN_ACK | DISCONNECT | AUTH,
            0x21 | 0x22 | 0x27 => CONNECT | CONN_ACK,
            0x23 => PUBLISH,
            0x26 => ALL,
            _ => 0,
        };
        places & self.bit() != 0
    }

    /// Whether the property may be there more than once: a User Property always, a Subscription Identifier in a
    /// PUBLISH that several subscriptions caused [MQTT-3.3.4-4].
    #[inline]
    pub(super) const fn allows_repetition(self, identifier: u8) -> bool {
        identifier == 0x26 || (identifier == 0x0B && matches!(self, Self::Publish))
    }

    /// The rule that a second property of that identifier breaks in this place.
    pub(super) const fn repetition_rule(self, identifier: u8) -> &'static Rule {
        macro_rules! twice {
            ($statement:literal) => {
                &const { twice($statement) }
            };
        }
        match (self, identifier) {
            (Self::Connect, 0x11) => twice!("MQTT50-U-3.1.2.11.2-1"),
            (Self::Connect, 0x21) => twice!("MQTT50-U-3.1.2.11.3-1"),
            (Self::Connect, 0x27) => twice!("MQTT50-U-3.1.2.11.4-1"),
            (Self::Connect, 0x22) => twice!("MQTT50-U-3.1.2.11.5-1"),
            (Self::Connect, 0x19) => twice!("MQTT50-U-3.1.2.11.6-1"),
            (Self::Connect, 0x17) => twice!("MQTT50-U-3.1.2.11.7-1"),
            (Self::Connect, 0x15) => twice!("MQTT50-U-3.1.2.11.9-1"),
            (Self::Connect, 0x16) => twice!("MQTT50-U-3.1.2.11.10-1"),
            (Self::Will, 0x18) => twice!("MQTT50-U-3.1.3.2.2-1"),
            (Self::Will, 0x01) => twice!("MQTT50-U-3.1.3.2.3-1"),
            (Self::Will, 0x02) => twice!("MQTT50-U-3.1.3.2.4-1"),
            (Self::Will, 0x03) => twice!("MQTT50-U-3.1.3.2.5-1"),
            (Self::Will, 0x08) => twice!("MQTT50-U-3.1.3.2.6-1"),
            (Self::Will, 0x09) => twice!("MQTT50-U-3.1.3.2.7-1"),
            (Self::ConnAck, 0x21) => twice!("MQTT50-U-3.2.2.3.3-1"),
            (Self::ConnAck, 0x24) => twice!("MQTT50-U-3.2.2.3.4-1"),
            (Self::ConnAck, 0x27) => twice!("MQTT50-U-3.2.2.3.6-1"),
            (Self::Publish, 0x01 | 0x02) => twice!("MQTT50-U-3.3.2.3.2-2"),
            (Self::Publish, 0x23) => twice!("MQTT50-U-3.3.2.3.4-1"),
            (Self::Publish, 0x08) => twice!("MQTT50-U-3.3.2.3.5-1"),
            (Self::Publish, 0x09) => twice!("MQTT50-U-3.3.2.3.6-1"),
            (Self::Publish, 0x03) => twice!("MQTT50-U-3.3.2.3.9-1"),
            (Self::Subscribe, 0x0B) => twice!("MQTT50-U-3.8.2.1.2-1"),
            (Self::Disconnect, 0x11 | 0x1F) => twice!("MQTT50-U-3.14.2.2.2-3"),
            (Self::Auth, 0x15 | 0x16) => twice!("MQTT50-U-3.15.2.2.2-1"),
            (_, 0x1F) => twice!("MQTT50-U-3.4.2.2.2-1"),
            _ => twice!("MQTT-4.13.1-1"),
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

pub(super) const NOT_VALID_HERE: Rule = Rule::malformed(
    "MQTT50-U-2.2.2.2-1",
    "MQTT50-U-2.2.2.2-1",
    "a property is unknown, or not valid in this packet: table 2-4 says where each may be",
);

/// CONNECT's statement; CONNACK and AUTH say the same without one of their own.
pub(super) const DATA_WITHOUT_METHOD: Rule = Rule::protocol(
    "MQTT50-U-3.1.2.11.10-1",
    "MQTT50-U-3.1.2.11.10-1",
    "there is Authentication Data but no Authentication Method: the method says what the data means",
);

const fn twice(statement: &'static str) -> Rule {
    Rule::protocol(statement, statement, "a property is there twice: only User Property may repeat")
}

const CONNECT: u16 = PropertyPlace::Connect.bit();
const WILL: u16 = PropertyPlace::Will.bit();
const CONN_ACK: u16 = PropertyPlace::ConnAck.bit();
const PUBLISH: u16 = PropertyPlace::Publish.bit();
const SUBSCRIBE: u16 = PropertyPlace::Subscribe.bit();
const DISCONNECT: u16 = PropertyPlace::Disconnect.bit();
const AUTH: u16 = PropertyPlace::Auth.bit();

/// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
const ACKS: u16 = PropertyPlace::PubAck.bit()
    | PropertyPlace::PubRec.bit()
    | PropertyPlace::PubRel.bit()
    | PropertyPlace::PubComp.bit()
    | PropertyPlace::SubAck.bit()
    | PropertyPlace::UnsubAck.bit();

const ALL: u16 = u16::MAX;
