//! STOMP for tests: an encoder that can build wrong frames and a decoder that forgives nothing.
//!
//! ```text
//! frame  = command EOL { header EOL } EOL body NUL { EOL }
//! header = name ":" value          escaped in 1.1 and 1.2, but not in CONNECT and CONNECTED
//! EOL    = [ CR ] LF               the CR in 1.2 only
//! ```

mod decode;
mod encode;
mod escape;
mod monitor;

pub use decode::{Decoded, decode};
pub use encode::encode;
pub use monitor::Monitor;

/// The version that CONNECTED has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// No escapes.
    V10,
    /// Escapes without `\r`.
    V11,
    /// Escapes with `\r`, lines may end in CR LF.
    V12,
}

impl Version {
    /// From CONNECTED's `version` header, which 1.0 does not have.
    pub fn from_header(value: Option<&[u8]>) -> Version {
        match value {
            Some(b"1.2") => Version::V12,
            Some(b"1.1") => Version::V11,
            _ => Version::V10,
        }
    }
}

/// Every frame of client and server; `EOL` is a line end between frames, which is a heart-beat.
pub const KINDS: &[&str] = &[
    "CONNECT",
    "STOMP",
    "SEND",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "ACK",
    "NACK",
    "BEGIN",
    "COMMIT",
    "ABORT",
    "DISCONNECT",
    "CONNECTED",
    "MESSAGE",
    "RECEIPT",
    "ERROR",
    "EOL",
];
