//! CONNECT.
//!
//! ```text
//! connect = protocol name, level, flags, keep alive [ properties ]                 properties in MQTT 5
//!           client identifier [ will ] [ user name ] [ password ]                  each if its flag is set
//! flags   = user name, password, will retain, will QoS (2 bits), will, clean start, reserved 0
//! ```

use bytes::{BufMut, BytesMut};
use nom::number::complete::{be_u16, u8 as byte};

use super::will::Will;
use super::{Body, put_header, size_with_header};
use crate::mqtt::error::{ErrorKind, Rule};
use crate::mqtt::property::properties;
use crate::mqtt::wire::{FIELD_LENGTH_MAX, Parsed, binary, binary_len, put_binary, utf8_string};
use crate::mqtt::{PacketType, Properties, PropertyPlace, Qos, Version};

/// A client asks to be connected. It names the version that all other packets of the connection are read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// From protocol name and level.
    pub version: Version,
    /// Whether an older session is to be discarded; 3.1.1 calls it clean session.
    pub clean_start: bool,
    /// The longest silence that the client promises, in seconds; 0: any.
    pub keep_alive: u16,
    /// What the client demands; MQTT 5 only.
    pub properties: Properties<'a>,
    /// The key of the session; empty: the server chooses one, if it does that.
    pub client_id: &'a str,
    /// What is to be published if the connection ends without a regular DISCONNECT.
    pub will: Option<Will<'a>>,
    /// Who the client says it is.
    pub user_name: Option<&'a str>,
    /// Any bytes. Before MQTT 5 only together with a user name [MQTT-3.1.2-22].
    pub password: Option<&'a [u8]>,
}

impl<'a> Connect<'a> {
    pub(super) fn decode(body: &'a [u8]) -> Body<Self> {
        let (rest, version) = Self::decode_version(body)?;
        let (rest, flags) = byte(rest)?;
        let flags = Flags::check(version, flags)?;
        let (rest, keep_alive) = be_u16(rest)?;
        let (rest, properties) = if version.is_v5() {
            let (rest, (properties, _)) = properties(PropertyPlace::Connect)(rest)?;
            (rest, properties)
        } else {
            (rest, Properties::EMPTY)
        };
        // [MQTT-3.1.3-1], [MQTT-3.1.3-3]
        let (rest, client_id) = field(utf8_string, &CLIENT_ID_MISSING)(rest)?;
        let (rest, will) = match flags.will_qos {
            Some(qos) => {
                let (rest, will) = Will::decode(version, qos, flags.has(WILL_RETAIN), rest)?;
                (rest, Some(will))
            }
            None => (rest, None),
        };
        // [MQTT-3.1.2-17], 3.1.1: [MQTT-3.1.2-19]
        let (rest, user_name) = optional(flags.has(USER_NAME), utf8_string, &USER_NAME_MISSING)(rest)?;
        // [MQTT-3.1.2-19], 3.1.1: [MQTT-3.1.2-21]
        let (rest, password) = optional(flags.has(PASSWORD), binary, &PASSWORD_MISSING)(rest)?;
        // [MQTT-3.1.2-16], [MQTT-3.1.2-18]
        if !rest.is_empty() {
            return Err(SURPLUS.broken());
        }
        let clean_start = flags.has(CLEAN_START);
        Ok(Self { version, clean_start, keep_alive, properties, client_id, will, user_name, password })
    }

    /// Reads the protocol name and the level, with which every version of the packet begins.
    pub(crate) fn decode_version(body: &[u8]) -> Parsed<'_, Version> {
        let (rest, name) = binary(body)?;
        // [MQTT-3.1.2-1]
        if name != b"MQTT" && name != b"MQIsdp" {
            return Err(NAME.broken());
        }
        let (rest, level) = byte(rest)?;
        // [MQTT-3.1.2-2]
        let version = match (name, level) {
            (b"MQIsdp", 3) => Version::V31,
            (b"MQTT", 4) => Version::V311,
            (b"MQTT", 5) => Version::V5,
            _ => return Err(LEVEL.broken()),
        };
        Ok((rest, version))
    }

    /// Appends the packet to `out`, in the packet's own version whatever the other argument is.
    pub fn encode(&self, _version: Version, out: &mut BytesMut) {
        put_header(PacketType::Connect.first_byte(), self.remaining_length(), out);
        put_binary(self.version.protocol_name().as_bytes(), out);
        out.put_u8(self.version.level());
        out.put_u8(self.flags());
        out.put_u16(self.keep_alive);
        if self.version.is_v5() {
            self.properties.put(out);
        }
        put_binary(self.client_id.as_bytes(), out);
        if let Some(will) = &self.will {
            will.encode(self.version, out);
        }
        if let Some(user_name) = self.user_name {
            put_binary(user_name.as_bytes(), out);
        }
        if let Some(password) = self.password {
            put_binary(password, out);
        }
    }

    /// How many bytes [`encode`](Self::encode) appends.
    pub fn encoded_len(&self, _version: Version) -> usize {
        size_with_header(self.remaining_length())
    }

    pub(super) fn parts_fit(&self) -> bool {
        let fits = |bytes: &[u8]| bytes.len() <= FIELD_LENGTH_MAX;
        fits(self.client_id.as_bytes())
            && self.will.is_none_or(|will| fits(will.topic.as_bytes()) && fits(will.payload))
            && self.user_name.is_none_or(|name| fits(name.as_bytes()))
            && self.password.is_none_or(fits)
            && (self.version.is_v5() || self.password.is_none() || self.user_name.is_some())
    }

    fn remaining_length(&self) -> usize {
        binary_len(self.version.protocol_name().as_bytes())
            + 4
            + if self.version.is_v5() { self.properties.len_with_prefix() } else { 0 }
            + binary_len(self.client_id.as_bytes())
            + self.will.map_or(0, |will| will.encoded_len(self.version))
            + self.user_name.map_or(0, |name| binary_len(name.as_bytes()))
            + self.password.map_or(0, binary_len)
    }

    fn flags(&self) -> u8 {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        flag(self.clean_start, CLEAN_START)
            | self.will.map_or(0, |will| WILL | will.qos.as_u8() << 3 | flag(will.retain, WILL_RETAIN))
            | flag(self.user_name.is_some(), USER_NAME)
            | flag(self.password.is_some(), PASSWORD)
    }
}

/// Connect flags that do not contradict each other.
struct Flags {
    bits: u8,
    /// There if the will flag is set.
    will_qos: Option<Qos>,
}

impl Flags {
    fn check(version: Version, bits: u8) -> Body<Self> {
        // [MQTT-3.1.2-3]
        if bits & RESERVED != 0 {
            return Err(RESERVED_FLAG.broken());
        }
        // [MQTT-3.1.2-12], 3.1.1: [MQTT-3.1.2-14]
        let qos = Qos::from_u8(bits >> 3 & 0b11).ok_or_else(|| WILL_QOS_3.broken())?;
        if bits & WILL == 0 {
            // [MQTT-3.1.2-11], 3.1.1: [MQTT-3.1.2-13]
            if qos != Qos::AtMostOnce {
                return Err(WILL_QOS_ALONE.broken());
            }
            // [MQTT-3.1.2-13], 3.1.1: [MQTT-3.1.2-15]
            if bits & WILL_RETAIN != 0 {
                return Err(WILL_RETAIN_ALONE.broken());
            }
        }
        // 3.1.1 only: [MQTT-3.1.2-22]
        if !version.is_v5() && bits & (USER_NAME | PASSWORD) == PASSWORD {
            return Err(PASSWORD_ALONE.broken());
        }
        Ok(Self { bits, will_qos: (bits & WILL != 0).then_some(qos) })
    }

    const fn has(&self, flag: u8) -> bool {
        self.bits & flag != 0
    }
}

/// Reads a field that a flag, or the packet itself, has announced: if the packet ends before it, that breaks `missing`.
pub(super) fn field<'a, T>(
    parser: impl Fn(&'a [u8]) -> Parsed<'a, T>,
    missing: &'static Rule,
) -> impl Fn(&'a [u8]) -> Parsed<'a, T> {
    move |input| if input.is_empty() { Err(missing.broken()) } else { parser(input) }
}

fn optional<'a, T>(
    is_there: bool,
    parser: impl Fn(&'a [u8]) -> Parsed<'a, T>,
    missing: &'static Rule,
) -> impl Fn(&'a [u8]) -> Parsed<'a, Option<T>> {
    let parser = field(parser, missing);
    move |input| {
        if is_there { parser(input).map(|(rest, value)| (rest, Some(value))) } else { Ok((input, None)) }
    }
}

const RESERVED: u8 = 0b0000_0001;
const CLEAN_START: u8 = 0b0000_0010;
const WILL: u8 = 0b0000_0100;
const WILL_RETAIN: u8 = 0b0010_0000;
const PASSWORD: u8 = 0b0100_0000;
const USER_NAME: u8 = 0b1000_0000;

const NAME: Rule = Rule::malformed(
    "MQTT-3.1.2-1",
    "MQTT-3.1.2-1",
    "the protocol name is unknown: it is MQTT, or MQIsdp in 3.1",
);

const LEVEL: Rule = Rule::new(
    ErrorKind::UnsupportedVersion,
    "MQTT-3.1.2-2",
    "MQTT-3.1.2-2",
    "the protocol level is not spoken here: MQIsdp has 3, MQTT has 4 and 5",
);

const RESERVED_FLAG: Rule =
    Rule::malformed("MQTT-3.1.2-3", "MQTT-3.1.2-3", "bit 0 of the connect flags is reserved: it is 0");

const WILL_QOS_3: Rule =
    Rule::malformed("MQTT-3.1.2-14", "MQTT-3.1.2-12", "the will's QoS is 3: it is 0, 1 or 2");

const WILL_QOS_ALONE: Rule =
    Rule::malformed("MQTT-3.1.2-13", "MQTT-3.1.2-11", "there is a will QoS but no will: without one it is 0");

const WILL_RETAIN_ALONE: Rule = Rule::malformed(
    "MQTT-3.1.2-15",
    "MQTT-3.1.2-13",
    "will retain is set but there is no will: without one it is 0",
);

const PASSWORD_ALONE: Rule = Rule::malformed(
    "MQTT-3.1.2-22",
    "MQTT-3.1.2-19",
    "there is a password but no user name: before MQTT 5 it needs one",
);

const CLIENT_ID_MISSING: Rule = Rule::malformed(
    "MQTT-3.1.3-3",
    "MQTT-3.1.3-3",
    "the client identifier is missing: it is there even if empty",
);

const USER_NAME_MISSING: Rule =
    Rule::malformed("MQTT-3.1.2-19", "MQTT-3.1.2-17", "the user name flag is set but there is no user name");

const PASSWORD_MISSING: Rule =
    Rule::malformed("MQTT-3.1.2-21", "MQTT-3.1.2-19", "the password flag is set but there is no password");

const SURPLUS: Rule = Rule::malformed(
    "MQTT-3.1.4-1",
    "MQTT-3.1.4-1",
    "bytes follow the last field that the connect flags announce",
);
