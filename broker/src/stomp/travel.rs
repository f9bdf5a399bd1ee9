//! STOMP frames over WebSocket: one in a message.

use bytes::BytesMut;

use crate::config::WebSocketFrame;
use crate::output::{FrameKind, Frames, Output};

/// How a connection's frames travel over WebSocket.
#[derive(Clone, Copy)]
pub(super) struct Travel {
    /// What the configuration says.
    pub(super) wanted: WebSocketFrame,
    pub(super) frames: Frames,
}

impl Travel {
    /// Appends a frame of the server's own making, which is UTF-8.
    pub(super) fn write(self, output: &mut Output, write: impl FnOnce(&mut BytesMut)) {
        let start = output.begin_message(self.frames);
        write(&mut output.bytes);
        output.end_message(start, self.kind(true));
    }

    /// Text or binary, by whether the frame is UTF-8.
    pub(super) fn kind(self, is_utf8: bool) -> FrameKind {
        match self.wanted {
            WebSocketFrame::Auto | WebSocketFrame::Text if is_utf8 => FrameKind::Text,
            WebSocketFrame::Auto | WebSocketFrame::Text | WebSocketFrame::Binary => FrameKind::Binary,
        }
    }
}
