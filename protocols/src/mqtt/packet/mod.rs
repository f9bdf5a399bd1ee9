//! The packets, one file for each: decoding and encoding side by side, each check under the statement it enforces.

mod ack;
mod auth;
mod conn_ack;
mod connect;
mod disconnect;
mod publish;
mod reasons;
mod sub_ack;
mod subscribe;
mod subscribe_options;
mod tail;
mod unsub_ack;
mod unsubscribe;
mod will;

use bytes::{BufMut, BytesMut};

pub use self::ack::{Ack, PLAIN_ACK_SIZE, plain_acks};
pub use self::auth::Auth;
pub use self::conn_ack::ConnAck;
pub use self::connect::Connect;
pub use self::disconnect::Disconnect;
pub use self::publish::Publish;
pub use self::reasons::Reasons;
pub use self::sub_ack::SubAck;
pub use self::subscribe::{
    Subscribe, SubscribeFilter, SubscribeFilters, SubscribeFiltersBuf, SubscribeFiltersIter,
};
pub use self::subscribe_options::{RetainHandling, SubscribeOptions};
pub use self::unsub_ack::UnsubAck;
pub use self::unsubscribe::{Unsubscribe, UnsubscribeFilters, UnsubscribeFiltersBuf, UnsubscribeFiltersIter};
pub use self::will::Will;
use super::error::{Rule, Violation};
use super::wire::{VARIABLE_BYTE_INTEGER_MAX, encode_variable_byte_integer, variable_byte_integer_len};
use super::{PacketType, Version};

/// What a packet's own parser returns: each takes the whole body, so there is no rest.
type Body<T> = Result<T, nom::Err<Violation>>;

/// One control packet.
///
/// # Encoding
///
/// Encoding cannot fail, for a packet that keeps to what its type cannot say: strings and binary data are at most
/// 65,535 bytes long, all of it at most 268,435,460, and the packet exists in the version. Every decoded packet keeps
/// to it in its own version; for one built from foreign parts, [`is_encodable`](Self::is_encodable) tells. Whatever
/// else is encoded stops a debug build, and is no packet in a release build. What a version before MQTT 5 has no room
/// for (properties, reason codes, subscription options beyond QoS) is left out there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is documented at its struct")]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    ConnAck(ConnAck<'a>),
    Publish(Publish<'a>),
    PubAck(Ack<'a>),
    PubRec(Ack<'a>),
    PubRel(Ack<'a>),
    PubComp(Ack<'a>),
    Subscribe(Subscribe<'a>),
    SubAck(SubAck<'a>),
    Unsubscribe(Unsubscribe<'a>),
    UnsubAck(UnsubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    pub(super) fn decode(version: Version, packet_type: PacketType, flags: u8, body: &'a [u8]) -> Body<Self> {
        match packet_type {
            PacketType::Publish => Publish::decode(version, flags, body).map(Self::Publish),
            PacketType::PubAck => Ack::decode(packet_type, version, body).map(Self::PubAck),
            PacketType::PubRec => Ack::decode(packet_type, version, body).map(Self::PubRec),
            PacketType::PubRel => Ack::decode(packet_type, version, body).map(Self::PubRel),
            PacketType::PubComp => Ack::decode(packet_type, version, body).map(Self::PubComp),
            PacketType::Connect => Connect::decode(body).map(Self::Connect),
            PacketType::ConnAck => ConnAck::decode(version, body).map(Self::ConnAck),
            PacketType::Subscribe => Subscribe::decode(version, body).map(Self::Subscribe),
            PacketType::SubAck => SubAck::decode(version, body).map(Self::SubAck),
            PacketType::Unsubscribe => Unsubscribe::decode(version, body).map(Self::Unsubscribe),
            PacketType::UnsubAck => UnsubAck::decode(version, body).map(Self::UnsubAck),
            PacketType::PingReq => end(body).map(|()| Self::PingReq),
            PacketType::PingResp => end(body).map(|()| Self::PingResp),
            PacketType::Disconnect => Disconnect::decode(version, body).map(Self::Disconnect),
            PacketType::Auth => Auth::decode(body).map(Self::Auth),
        }
    }

    /// What kind of packet it is.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }

    /// Appends the packet to `out`: see [encoding](Self#encoding) for what may be encoded. A CONNECT is written in
    /// its own version.
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        match self {
            Self::Connect(packet) => packet.encode(version, out),
            Self::ConnAck(packet) => packet.encode(version, out),
            Self::Publish(packet) => packet.encode(version, out),
            Self::PubAck(packet) | Self::PubRec(packet) | Self::PubRel(packet) | Self::PubComp(packet) => {
                packet.encode(self.packet_type(), version, out);
            }
            Self::Subscribe(packet) => packet.encode(version, out),
            Self::SubAck(packet) => packet.encode(version, out),
            Self::Unsubscribe(packet) => packet.encode(version, out),
            Self::UnsubAck(packet) => packet.encode(version, out),
            Self::PingReq | Self::PingResp => put_header(self.packet_type().first_byte(), 0, out),
            Self::Disconnect(packet) => packet.encode(version, out),
            Self::Auth(packet) => packet.encode(version, out),
        }
    }

    /// How many bytes [`encode`](Self::encode) appends.
    pub fn encoded_len(&self, version: Version) -> usize {
        match self {
            Self::Connect(packet) => packet.encoded_len(version),
            Self::ConnAck(packet) => packet.encoded_len(version),
            Self::Publish(packet) => packet.encoded_len(version),
            Self::PubAck(packet) | Self::PubRec(packet) | Self::PubRel(packet) | Self::PubComp(packet) => {
                packet.encoded_len(self.packet_type(), version)
            }
            Self::Subscribe(packet) => packet.encoded_len(version),
            Self::SubAck(packet) => packet.encoded_len(version),
            Self::Unsubscribe(packet) => packet.encoded_len(version),
            Self::UnsubAck(packet) => packet.encoded_len(version),
            Self::PingReq | Self::PingResp => size_with_header(0),
            Self::Disconnect(packet) => packet.encoded_len(version),
            Self::Auth(packet) => packet.encoded_len(version),
        }
    }

    /// Whether the packet exists in that version and its parts fit: see [encoding](Self#encoding).
    ///
    /// It does not tell whether the packet would be accepted: reason codes, properties and topics that the caller
    /// put in the wrong place are not looked for.
    pub fn is_encodable(&self, version: Version) -> bool {
        let parts_fit = match self {
            Self::Connect(packet) => packet.parts_fit(),
            Self::ConnAck(packet) => packet.parts_fit(version),
            Self::Publish(packet) => packet.parts_fit(version),
            Self::Auth(_) => version.is_v5(),
            _ => true,
        };
        parts_fit && self.encoded_len(version) <= super::PACKET_SIZE_MAX
    }
}

/// Writes a fixed header and makes room for the rest.
#[inline]
fn put_header(first_byte: u8, remaining_length: usize, out: &mut BytesMut) {
    debug_assert!(remaining_length <= VARIABLE_BYTE_INTEGER_MAX as usize, "{remaining_length} bytes");
    out.reserve(5 + remaining_length);
    out.put_u8(first_byte);
    encode_variable_byte_integer(remaining_length as u32, out);
}

/// The size of a packet with that remaining length, in bytes.
#[inline]
fn size_with_header(remaining_length: usize) -> usize {
    1 + variable_byte_integer_len(remaining_length as u32) + remaining_length
}

/// Nothing may follow the last field.
#[inline]
fn end(rest: &[u8]) -> Body<()> {
    if rest.is_empty() { Ok(()) } else { Err(TRAILING.broken()) }
}

const TRAILING: Rule = Rule::malformed(
    "MQTT-4.8.0-1",
    "MQTT-4.13.1-1",
    "bytes follow the packet's last field: the remaining length ends there",
);
