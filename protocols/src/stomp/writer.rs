//! Writing frames.

use bytes::{BufMut, BytesMut};

use super::escape::{Escaping, Place, escape};
use super::{Command, Version};

/// Writes one frame to the end of a buffer: `new`, then headers, then one of the `finish` methods. A writer that is
/// dropped before leaves half a frame behind.
///
/// Lines end with LF in every version (STOMP11-FRAME-1). Texts are escaped as the version and the command want
/// (STOMP12-ENCODE-3, STOMP11-ENCODE-3); what cannot be said is replaced, so that no text can break out of its header:
///
/// * NUL by a space in every version, LF by a space in 1.0;
/// * in a name, `:` by `_` in 1.0, and nothing at all by `_` in every version;
/// * CONNECT, STOMP and CONNECTED follow 1.0's rules, and CR becomes a space there, since their reader may take
///   CR LF for the end of the line.
#[derive(Debug)]
#[must_use = "a frame is complete only after finish or finish_with_body"]
pub struct FrameWriter<'o> {
    out: &'o mut BytesMut,
    escaping: Escaping,
}

impl<'o> FrameWriter<'o> {
    /// Begins a frame.
    pub fn new(out: &'o mut BytesMut, version: Version, command: Command) -> Self {
        out.extend_from_slice(command.as_str().as_bytes());
        out.put_u8(b'\n');
        Self { out, escaping: Escaping::of(version, command) }
    }

    /// Writes a header. Not for `content-length`, which [`finish_with_body`](Self::finish_with_body) writes.
    pub fn header(&mut self, name: &str, value: &str) -> &mut Self {
        write_header(self.escaping, name, value, self.out);
        self
    }

    /// Writes a header whose value is a number.
    pub fn header_number(&mut self, name: &str, value: u64) -> &mut Self {
        write_name(self.escaping, name, self.out);
        encode_number(value, self.out);
        self.out.put_u8(b'\n');
        self
    }

    /// Writes header lines that [`encode_header`] made for the same version, each with its end.
    pub fn raw_headers(&mut self, lines: &[u8]) -> &mut Self {
        debug_assert!(lines.is_empty() || lines.ends_with(b"\n"), "header lines end with LF");
        self.out.extend_from_slice(lines);
        self
    }

    /// Ends a frame that has no body.
    pub fn finish(self) {
        self.out.extend_from_slice(b"\n\0");
    }

    /// Ends the frame with `content-length` and the body, which may be empty and may hold NULs (STOMP12-LENGTH-4, -5).
    pub fn finish_with_body(mut self, body: &[u8]) {
        self.header_number("content-length", body.len() as u64);
        self.out.reserve(body.len() + 2);
        self.out.put_u8(b'\n');
        self.out.extend_from_slice(body);
        self.out.put_u8(0);
    }
}

/// Appends one header line with its end, escaped as in every frame but CONNECT, STOMP and CONNECTED; see
/// [`FrameWriter`] for what cannot be escaped.
pub fn encode_header(version: Version, name: &str, value: &str, out: &mut BytesMut) {
    write_header(Escaping::of_version(version), name, value, out);
}

/// Appends the value of a header and its line's end, escaped likewise: what stands before it has been written.
pub fn encode_header_end(version: Version, value: &str, out: &mut BytesMut) {
    escape(value, Escaping::of_version(version), Place::Value, out);
    out.put_u8(b'\n');
}

/// Appends one header line with its end whose value is a number; `name` needs no escapes.
pub fn encode_header_number(name: &str, value: u64, out: &mut BytesMut) {
    out.put_slice(name.as_bytes());
    out.put_u8(b':');
    encode_number(value, out);
    out.put_u8(b'\n');
}

/// Appends a number in decimal.
pub fn encode_number(value: u64, out: &mut BytesMut) {
    out.put_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn write_header(escaping: Escaping, name: &str, value: &str, out: &mut BytesMut) {
    out.reserve(name.len() + value.len() + 2);
    write_name(escaping, name, out);
    escape(value, escaping, Place::Value, out);
    out.put_u8(b'\n');
}

fn write_name(escaping: Escaping, name: &str, out: &mut BytesMut) {
    // A name has at least one octet; MQTT's user properties may have an empty one.
    escape(if name.is_empty() { "_" } else { name }, escaping, Place::Name, out);
    out.put_u8(b':');
}
