//! What a client can do wrong within WebSocket.

use super::CONTROL_PAYLOAD_MAX;

/// A breach of WebSocket's rules. The connection fails: nothing more may be decoded. (RFC 6455, section 7.1.7)
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// RFC 6455, section 5.1.
    #[error("a frame is not masked")]
    NotMasked,
    /// RFC 6455, section 5.2; RFC 7692, section 6.
    #[error("a reserved bit is set that no extension gives a meaning")]
    ReservedBit,
    /// RFC 6455, section 5.2.
    #[error("opcode {0} is not defined")]
    Opcode(u8),
    /// RFC 6455, section 5.2: shortest form, top bit clear.
    #[error("a frame's length is not in its shortest form, or its top bit is set")]
    Length,
    /// RFC 6455, section 5.4.
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// RFC 6455, section 5.5.
    #[error("a control frame is longer than {CONTROL_PAYLOAD_MAX} bytes")]
    LongControl,
    /// RFC 6455, section 5.4.
    #[error("a message begins within another one")]
    Interleaved,
    /// RFC 6455, section 5.4.
    #[error("a continuation frame comes where no message has begun")]
    NothingToContinue,
    /// RFC 6455, section 5.5.1.
    #[error("a Close frame holds a single byte")]
    CloseLength,
    /// RFC 6455, section 7.4.
    #[error("close code {0} may not be sent")]
    CloseCode(u16),
    /// RFC 6455, sections 5.5.1 and 8.1.
    #[error("a close reason is not UTF-8")]
    CloseReason,
    /// RFC 6455, section 8.1.
    #[error("a text message is not UTF-8")]
    Utf8,
    /// RFC 7692, section 7.2.2.
    #[error("a compressed message cannot be inflated")]
    Deflate,
    /// RFC 6455, section 10.4: what a message holds, inflated.
    #[error("a message is larger than {0} bytes")]
    TooLarge(usize),
}

impl DecodeError {
    /// The code that the connection is closed with. (RFC 6455, section 7.4.1)
    pub fn close_code(self) -> u16 {
        match self {
            Self::Utf8 | Self::CloseReason | Self::Deflate => 1007,
            Self::TooLarge(_) => 1009,
            _ => 1002,
        }
    }
}
