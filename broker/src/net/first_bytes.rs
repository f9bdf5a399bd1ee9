//! What a peer speaks, told from the first bytes that it sends, so that whoever comes to the wrong port is told apart
//! from whoever speaks badly.

use crate::config::ProtocolName;

/// A record of the type handshake. (RFC 8446, section 5.1)
const TLS_HANDSHAKE: u8 = 0x16;

/// How HTTP requests begin, those of HTTP/2 included.
const METHODS: [&[u8]; 8] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"PRI * HTTP/2.0"];

/// Whether it is a TLS hello. The second byte, where it has come, is the major version.
pub(super) fn is_tls(bytes: &[u8]) -> bool {
    bytes.first() == Some(&TLS_HANDSHAKE) && bytes.get(1).is_none_or(|version| *version == 3)
}

/// Whether it is an HTTP request, as far as it has come.
pub(super) fn is_http(bytes: &[u8]) -> bool {
    METHODS.iter().any(|method| bytes.starts_with(method))
}

/// What it is, in words for the log.
pub(super) fn describe(bytes: &[u8]) -> &'static str {
    match bytes.first() {
        _ if is_tls(bytes) => "a TLS hello",
        _ if is_http(bytes) => "an HTTP request",
        Some(0x10) => "an MQTT CONNECT",
        Some(b'C' | b'S' | b'\n' | b'\r') => "a STOMP frame",
        _ => "something unknown",
    }
}

/// The protocol that a listener for `served` over bare TCP speaks with whoever sends this. Where there is one alone it
/// has the say about all that could be meant for it.
///
/// # Errors
///
/// Why none is spoken.
pub(super) fn protocol(bytes: &[u8], served: &[ProtocolName]) -> Result<ProtocolName, String> {
    if is_tls(bytes) {
        return Err("a TLS hello came to a port without TLS".to_owned());
    }
    if is_http(bytes) {
        return Err("an HTTP request came to a port for MQTT and STOMP over TCP".to_owned());
    }
    if let [only] = served {
        return Ok(*only);
    }
    match bytes.first() {
        // CONNECT's type, without flags.
        Some(0x10) => Ok(ProtocolName::Mqtt),
        // CONNECT, STOMP, or the end of line that is allowed before them.
        Some(b'C' | b'S' | b'\n' | b'\r') => Ok(ProtocolName::Stomp),
        _ => Err("the first byte begins neither an MQTT nor a STOMP connection".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_told_by_their_first_bytes() {
        use ProtocolName::{Mqtt, Stomp};
        for (bytes, one, both) in [
            (&b"\x10"[..], true, Some(Mqtt)),
            (b"C", true, Some(Stomp)),
            (b"\r\nSTOMP", true, Some(Stomp)),
            (b"\x20", true, None),
            (b"\x16", false, None),
            (b"\x16\x03\x01", false, None),
            (b"\x16\x04\x01", true, None),
            (b"G", true, None),
            (b"GET / HTTP/1.1\r\n", false, None),
            (b"PRI * HTTP/2.0\r\n", false, None),
        ] {
            assert_eq!(protocol(bytes, &[Stomp]).is_ok(), one, "{bytes:?}");
            assert_eq!(protocol(bytes, &[Mqtt, Stomp]).ok(), both, "{bytes:?}");
        }
    }
}
