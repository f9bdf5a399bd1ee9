//! Builds the frames that cases send. `body` is the body, every other field a header, in the order of the case.
//!
//! Nothing is added: no content-length, unless the case gives it. What no header can express, a case sends with
//! `> text "…\0"`.

use super::Version;
use super::escape::escape;
use crate::filled::{Filled, bytes_of};

/// Encodes one frame.
pub fn encode(frame: &Filled, version: Version) -> Vec<u8> {
    if frame.kind == "EOL" {
        return vec![b'\n'];
    }
    // CONNECT goes out before a version is agreed upon.
    let version = if matches!(frame.kind.as_str(), "CONNECT" | "STOMP") { Version::V10 } else { version };
    let mut bytes = frame.kind.clone().into_bytes();
    bytes.push(b'\n');
    for (name, value) in &frame.fields {
        let Some(value) = value.as_ref().filter(|_| name != "body") else { continue };
        bytes.extend(escape(name.as_bytes(), version));
        bytes.push(b':');
        bytes.extend(escape(&bytes_of(value), version));
        bytes.push(b'\n');
    }
    bytes.push(b'\n');
    bytes.extend(frame.bytes("body").unwrap_or_default());
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::{Filled, Version, encode};
    use crate::variables::Datum;

    fn frame(kind: &str, fields: &[(&str, &str)]) -> Filled {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Some(Datum::Bytes(value.as_bytes().to_vec()))));
        Filled { kind: kind.to_owned(), fields: fields.collect() }
    }

    #[test]
    fn known_answers() {
        let send = frame("SEND", &[("destination", "/topic/a"), ("k:e", "v\n"), ("body", "hi\n")]);
        assert_eq!(encode(&send, Version::V12), b"SEND\ndestination:/topic/a\nk\\ce:v\\n\n\nhi\n\0");
        let connect = frame("CONNECT", &[("passcode", "a\\b:c")]);
        assert_eq!(encode(&connect, Version::V12), b"CONNECT\npasscode:a\\b:c\n\n\0");
        assert_eq!(encode(&frame("EOL", &[]), Version::V12), b"\n");
    }
}
