//! MQTT control packets of versions 3.1, 3.1.1 and 5.0: bytes to packets and back.
//!
//! ```text
//! packet       = fixed header, variable header, payload      each type's parts: see its file under packet/
//! fixed header = type (4 bits), flags (4 bits), remaining length (variable byte integer of 1 to 4 bytes)
//! ```
//!
//! [`decode`] takes the next packet from the front of what has arrived, borrowed and without allocation, and
//! [`Packet::encode`] writes one. Both are stateless: what depends on earlier packets (topic aliases, packet
//! identifiers in use, quotas, who may send what when) is the caller's to check. Everything that can be told from the
//! packet alone is checked here, so a packet that came out is well-formed; the type of each field says what holds.
//!
//! * [`Packet`], and one struct for each type of packet
//! * [`Properties`] and [`PropertiesBuf`]: MQTT 5's properties, read and built
//! * [`ReasonCode`] and its older kin [`ReturnCode`]
//! * [`Error`]: what is wrong with bytes that are no packet, with the statement that says so

mod codec;
mod error;
mod packet;
mod packet_id;
mod packet_type;
mod property;
mod qos;
mod reason;
mod return_code;
mod version;
mod wire;

pub use self::codec::{Decoded, PACKET_SIZE_MAX, connect_version, decode};
pub use self::error::{Error, ErrorKind};
pub use self::packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, PLAIN_ACK_SIZE, Packet, Publish, Reasons, RetainHandling,
    SubAck, Subscribe, SubscribeFilter, SubscribeFilters, SubscribeFiltersBuf, SubscribeFiltersIter,
    SubscribeOptions, UnsubAck, Unsubscribe, UnsubscribeFilters, UnsubscribeFiltersBuf,
    UnsubscribeFiltersIter, Will, plain_acks,
};
pub use self::packet_id::PacketId;
pub use self::packet_type::PacketType;
pub use self::property::{Properties, PropertiesBuf, PropertiesIter, Property, PropertyPlace};
pub use self::qos::Qos;
pub use self::reason::{ReasonCode, Sender};
pub use self::return_code::ReturnCode;
pub use self::version::Version;
pub use self::wire::{encode_variable_byte_integer, variable_byte_integer_len, visit_variable_byte_integer};
