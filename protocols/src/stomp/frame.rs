//! One frame, as it was decoded.

use bytes::BytesMut;

use super::{Command, FrameWriter, Headers, Version};

/// A frame that borrows from the bytes that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is for.
    pub command: Command,
    /// Its headers, `content-length` included.
    pub headers: Headers<'a>,
    /// Its body, without the NUL that ends the frame. Empty where the command has none
    /// ([`Command::may_have_body`]).
    pub body: &'a [u8],
}

/// Appends `frame` to `out` as `version` writes it.
///
/// `content-length` is not copied but counted again, and written behind the other headers of every frame that may
/// have a body (STOMP12-LENGTH-4).
pub fn encode_frame(version: Version, frame: &Frame<'_>, out: &mut BytesMut) {
    let mut writer = FrameWriter::new(out, version, frame.command);
    for (name, value) in frame.headers.iter().filter(|(name, _)| name != "content-length") {
        writer.header(&name, &value);
    }
    if frame.command.may_have_body() {
        writer.finish_with_body(frame.body);
    } else {
        writer.finish();
    }
}
