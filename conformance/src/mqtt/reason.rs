//! The reason codes that a server may send, by packet; MQTT 3.1.1's return codes.

use super::Version;

/// Whether the server may send that code in that packet.
pub(super) fn is_legal(version: Version, kind: &str, code: u8) -> bool {
    let codes: &[u8] = match (version, kind) {
        (Version::V311, "CONNACK") => &[0, 1, 2, 3, 4, 5],
        (Version::V311, _) => &[0, 1, 2, 0x80],
        (Version::V5, "CONNACK") => &[
            0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97,
            0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
        ],
        (Version::V5, "PUBACK" | "PUBREC") => &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
        (Version::V5, "PUBREL" | "PUBCOMP") => &[0x00, 0x92],
        (Version::V5, "SUBACK") => &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
        (Version::V5, "UNSUBACK") => &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
        // 0x04 is for clients only.
        (Version::V5, "DISCONNECT") => &[
            0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95,
            0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
        ],
        (Version::V5, "AUTH") => &[0x00, 0x18],
        (Version::V5, _) => &[],
    };
    codes.contains(&code)
}

/// The statement that limits the codes of that packet.
pub(super) fn statement(version: Version, kind: &str) -> &'static str {
    match (version, kind) {
        (Version::V311, "CONNACK") => "MQTT-3.2.2-6",
        (Version::V311, _) => "MQTT-3.9.3-2",
        (Version::V5, "CONNACK") => "MQTT-3.2.2-8",
        (Version::V5, "PUBACK") => "MQTT-3.4.2-1",
        (Version::V5, "PUBREC") => "MQTT-3.5.2-1",
        (Version::V5, "PUBREL") => "MQTT-3.6.2-1",
        (Version::V5, "PUBCOMP") => "MQTT-3.7.2-1",
        (Version::V5, "SUBACK") => "MQTT-3.9.3-2",
        (Version::V5, "UNSUBACK") => "MQTT-3.11.3-2",
        (Version::V5, "DISCONNECT") => "MQTT-3.14.2-1",
        (Version::V5, _) => "MQTT-3.15.2-1",
    }
}
