//! What a peer may make us hold for one frame.

/// Bounds on what the grammar leaves open (STOMP12-LIMIT-1, STOMP11-LIMIT-1).
///
/// A frame's head takes at most `header_count_max * header_line_max` bytes, 1 MiB by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Headers of one frame, repeats included. Real clients send fewer than twenty.
    pub header_count_max: usize,
    /// Bytes of one header line as it is sent, escapes included and its end not. Room for a signed token as passcode.
    pub header_line_max: usize,
    /// Bytes of a body. A larger `content-length` is refused before any of the body has arrived.
    pub body_size_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { header_count_max: 128, header_line_max: 8 * 1024, body_size_max: 1024 * 1024 }
    }
}
