//! Escapes in header names and values.
//!
//! | octet     | 1.0             | 1.1   | 1.2   | CONNECT, STOMP, CONNECTED |
//! |-----------|-----------------|-------|-------|---------------------------|
//! | LF        | space           | `\n`  | `\n`  | space                     |
//! | CR        | CR              | CR    | `\r`  | space                     |
//! | colon     | `_` in a name   | `\c`  | `\c`  | `_` in a name             |
//! | backslash | backslash       | `\\`  | `\\`  | backslash                 |
//! | NUL       | space           | space | space | space                     |
//!
//! Spaces and `_` stand in for what the version cannot say at all: a value from elsewhere must never end a line or a
//! frame, or begin a header of its own. Reading goes the other way for the escapes and leaves everything else as it is.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use memchr::memchr;

use super::{Command, Version};

/// Which escapes a frame's headers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escaping {
    /// 1.0 has none (STOMP10-FRAME-2).
    Version10,
    /// STOMP11-ENCODE-1, -3.
    Version11,
    /// STOMP12-ENCODE-2, -3.
    Version12,
    /// The frames that open a session, whose reader may take CR LF for a line's end (STOMP12-ENCODE-5).
    Exempt,
}

impl Escaping {
    /// The escapes of a frame.
    pub(super) fn of(version: Version, command: Command) -> Self {
        if command.opens_session() { Self::Exempt } else { Self::of_version(version) }
    }

    /// The escapes of every frame but those that open a session.
    pub(super) const fn of_version(version: Version) -> Self {
        match version {
            Version::V10 => Self::Version10,
            Version::V11 => Self::Version11,
            Version::V12 => Self::Version12,
        }
    }

    /// Whether a backslash means anything.
    pub(super) const fn has_escapes(self) -> bool {
        matches!(self, Self::Version11 | Self::Version12)
    }

    /// What a backslash and `code` stand for; `None` is fatal (STOMP12-ENCODE-4, STOMP11-ENCODE-2).
    pub(super) const fn decoded(self, code: u8) -> Option<char> {
        match (self, code) {
            (Self::Version11 | Self::Version12, b'n') => Some('\n'),
            (Self::Version11 | Self::Version12, b'c') => Some(':'),
            (Self::Version11 | Self::Version12, b'\\') => Some('\\'),
            (Self::Version12, b'r') => Some('\r'),
            _ => None,
        }
    }

    /// What is written for `octet`; `None` for the octet itself.
    const fn encoded(self, octet: u8, place: Place) -> Option<&'static [u8]> {
        match (self, octet) {
            (_, 0) => Some(b" "),
            (Self::Version11 | Self::Version12, b'\n') => Some(b"\\n"),
            (Self::Version11 | Self::Version12, b':') => Some(b"\\c"),
            (Self::Version11 | Self::Version12, b'\\') => Some(b"\\\\"),
            (Self::Version12, b'\r') => Some(b"\\r"),
            (Self::Version10 | Self::Exempt, b'\n') | (Self::Exempt, b'\r') => Some(b" "),
            (Self::Version10 | Self::Exempt, b':') if matches!(place, Place::Name) => Some(b"_"),
            _ => None,
        }
    }
}

/// Where in a header a text stands.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// Before the colon.
    Name,
    /// Behind it.
    Value,
}

/// Appends `text` to `out` so that it stays within its place.
pub(super) fn escape(text: &str, escaping: Escaping, place: Place, out: &mut BytesMut) {
    let mut rest = text.as_bytes();
    // Without a way out, so that many octets are looked at at once: most texts hold nothing special.
    if !rest.iter().fold(false, |found, &octet| found | may_be_special(octet)) {
        out.extend_from_slice(rest);
        return;
    }
    while let Some(index) = rest.iter().position(|&octet| IS_SPECIAL[octet as usize]) {
        let (plain, special) = rest.split_at(index);
        out.extend_from_slice(plain);
        match escaping.encoded(special[0], place) {
            Some(encoded) => out.extend_from_slice(encoded),
            None => out.put_u8(special[0]),
        }
        rest = &special[1..];
    }
    out.extend_from_slice(rest);
}

/// Whether an octet may be one of those in [`IS_SPECIAL`].
const fn may_be_special(octet: u8) -> bool {
    octet <= b'\r' || octet == b':' || octet == b'\\'
}

/// The text that a raw name or value stands for; `None` if it holds an escape that the version does not know.
pub(super) fn unescape(raw: &str, escaping: Escaping) -> Option<Cow<'_, str>> {
    if !escaping.has_escapes() {
        return Some(Cow::Borrowed(raw));
    }
    let Some(mut backslash) = memchr(b'\\', raw.as_bytes()) else {
        return Some(Cow::Borrowed(raw));
    };
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    loop {
        text.push_str(&rest[..backslash]);
        let code = *rest.as_bytes().get(backslash + 1)?;
        text.push(escaping.decoded(code)?);
        // Every code is ASCII, so this is a character's boundary.
        rest = &rest[backslash + 2..];
        match memchr(b'\\', rest.as_bytes()) {
            Some(index) => backslash = index,
            None => break,
        }
    }
    text.push_str(rest);
    Some(Cow::Owned(text))
}

/// The octets that some version writes differently somewhere; a table, since most texts are short.
static IS_SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    table[0] = true;
    table[b'\n' as usize] = true;
    table[b'\r' as usize] = true;
    table[b':' as usize] = true;
    table[b'\\' as usize] = true;
    let mut octet = 0;
    while octet < table.len() {
        assert!(!table[octet] || may_be_special(octet as u8));
        octet += 1;
    }
    table
};
