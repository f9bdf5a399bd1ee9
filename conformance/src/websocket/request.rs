//! Writes the request of the upgrade. Nothing is checked: what a case leaves out is left out, what it repeats comes twice.

use crate::filled::{Filled, bytes_of};

/// The key that a case sends unless it names another: 16 bytes in base64.
pub(super) const KEY: &str = "dGlkZXdpcmUgY2FzZXMuLg==";

/// The parts of the request line; every other field is a header.
const LINE: [&str; 3] = ["method", "path", "version"];

/// Short names of long headers.
const SHORT: [(&str, &str); 2] =
    [("subprotocol", "Sec-WebSocket-Protocol"), ("extensions", "Sec-WebSocket-Extensions")];

/// The head of a request, with what a correct upgrade needs and the case does not say.
pub(super) fn encode(request: &Filled, authority: &str, path: &str) -> Vec<u8> {
    let part = |name, usual: &str| request.bytes(name).unwrap_or_else(|| usual.as_bytes().to_vec());
    let mut head = [part("method", "GET"), part("path", path), part("version", "HTTP/1.1")].join(&b' ');
    head.extend(b"\r\n");
    let mut header = |name: &str, value: &[u8]| {
        for piece in [name.as_bytes(), b": ", value, b"\r\n"] {
            head.extend(piece);
        }
    };
    let usual = [
        ("Host", authority),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "mqtt"),
    ];
    for (name, value) in usual {
        if !request.fields.iter().any(|(other, _)| long(other).eq_ignore_ascii_case(name)) {
            header(name, value.as_bytes());
        }
    }
    for (name, value) in &request.fields {
        if let Some(value) = value.as_ref().filter(|_| !LINE.contains(&&**name)) {
            header(long(name), &bytes_of(value));
        }
    }
    head.extend(b"\r\n");
    head
}

fn long(name: &str) -> &str {
    SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long)
}
