//! WebSocket for tests: an upgrade and frames that may be wrong in every way, and a reader that forgives nothing.
//!
//! ```text
//! connection = request response { frame }
//! frame      = fin rsv opcode  mask length [ long length ] [ masking key ] payload
//! message    = ( TEXT | BINARY ) { CONTINUATION }      control frames may stand in between
//! ```
//!
//! The bytes travel over TCP or TLS as they are: nothing of a WebSocket library is between a case and the server.
//! [`request`] and [`encode`] write what cases send; [`response`] reads the answer, [`agreement`] judges it by what
//! was offered; [`decode`] reads a frame, [`receive`] puts messages together, [`deflate`] and [`inflate`] are
//! permessage-deflate. [`session`] is one connection.

mod agreement;
mod bits;
mod decode;
mod deflate;
mod encode;
mod extension;
mod huffman;
mod inflate;
mod offer;
mod receive;
mod request;
mod response;
mod session;
#[cfg(test)]
mod tests;

pub use session::{Decoded, Session};

/// What a case may send: the request of the upgrade, and frames. `FRAME` is any other, by its `opcode`.
pub const SENT: &[&str] = &["REQUEST", "TEXT", "BINARY", "CONTINUATION", "PING", "PONG", "CLOSE", "FRAME"];

/// What may come: the answer to the upgrade, whole messages, and control frames.
pub const RECEIVED: &[&str] = &["RESPONSE", "TEXT", "BINARY", "PING", "PONG", "CLOSE"];

/// The fields of what is sent; none: it may have any, since headers are fields.
pub fn fields_to_send(kind: &str) -> Option<Vec<&'static str>> {
    let own: &[&str] = match kind {
        "REQUEST" => return None,
        "TEXT" | "BINARY" => encode::FIELDS_OF_MESSAGES,
        "CONTINUATION" => &["payload"],
        "CLOSE" => &["code", "reason", "payload"],
        "FRAME" => &["opcode", "payload"],
        _ => &["payload"],
    };
    Some(own.iter().chain(encode::FIELDS_OF_FRAMES).copied().collect())
}

/// The fields of what comes; none: it may have any.
pub fn fields_to_receive(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "RESPONSE" => None,
        "TEXT" | "BINARY" => Some(&["payload", "contains", "size", "frames", "compressed"]),
        "CLOSE" => Some(&["code", "reason"]),
        _ => Some(&["payload"]),
    }
}

/// The opcodes that have a meaning.
const OPCODES: [(&str, u8); 6] =
    [("CONTINUATION", 0), ("TEXT", 1), ("BINARY", 2), ("CLOSE", 8), ("PING", 9), ("PONG", 10)];

/// Pings, pongs and Close: those with the opcode's highest bit.
const fn is_control(opcode: u8) -> bool {
    opcode & 8 != 0
}
