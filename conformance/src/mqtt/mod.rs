//! MQTT for tests: an encoder that can build wrong packets, a decoder that forgives nothing, and the rules that
//! hold on every connection whatever a case is about.

mod decode;
mod encode;
mod monitor;
mod property;
mod reader;
mod reason;

pub use decode::{Decoded, decode};
pub use encode::encode;
pub use monitor::Monitor;

/// Which of the two layouts a connection speaks; the first CONNECT decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1, and 3.1.
    V311,
    /// MQTT 5.0.
    V5,
}

/// Every packet type, in the order of its number, which starts at 1.
pub const KINDS: &[&str] = &[
    "CONNECT",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "PINGREQ",
    "PINGRESP",
    "DISCONNECT",
    "AUTH",
];

/// What a case may say about a packet besides its properties.
pub fn own_field_names(kind: &str) -> &'static [&'static str] {
    match kind {
        "CONNECT" => &[
            "protocol_name",
            "protocol_level",
            "connect_flags",
            "clean_start",
            "keep_alive",
            "client_id",
            "will_topic",
            "will_payload",
            "will_qos",
            "will_retain",
            "username",
            "password",
        ],
        "CONNACK" => &["session_present", "reason"],
        "PUBLISH" => &["dup", "qos", "retain", "topic", "packet_id", "payload"],
        "PUBACK" | "PUBREC" | "PUBREL" | "PUBCOMP" => &["packet_id", "reason"],
        "SUBSCRIBE" => {
            &["packet_id", "filter", "qos", "no_local", "retain_as_published", "retain_handling", "options"]
        }
        "UNSUBSCRIBE" => &["packet_id", "filter"],
        "SUBACK" | "UNSUBACK" => &["packet_id", "reasons"],
        "DISCONNECT" | "AUTH" => &["reason"],
        _ => &[],
    }
}

/// Every field that a case may give a packet: its own, the ways to make it wrong, and all properties, since a
/// property in the wrong packet is a case as well. Properties of the will are written `will.…`.
pub fn field_names(kind: &str) -> Vec<&'static str> {
    let mut names = own_field_names(kind).to_vec();
    names.extend(encode::DISTORTIONS);
    names.extend(property::names());
    if kind == "CONNECT" {
        names.extend(property::will_names());
    }
    names
}
