//! Close frames. (RFC 6455, sections 5.5.1 and 7.4)

use bytes::{BufMut, BytesMut};

use super::{CONTROL_PAYLOAD_MAX, DecodeError, Opcode, encode_head};

/// What a Close frame says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closing<'a> {
    /// The code; none where the frame is empty.
    pub code: Option<u16>,
    /// The reason, for people; often empty.
    pub reason: &'a str,
}

impl<'a> Closing<'a> {
    /// Parses a Close frame's payload.
    ///
    /// # Errors
    ///
    /// A single byte, a code that may not be sent, a reason that is not UTF-8.
    pub fn parse(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let [high, low, reason @ ..] = payload else {
            return if payload.is_empty() { Ok(Self::default()) } else { Err(DecodeError::CloseLength) };
        };
        let code = u16::from_be_bytes([*high, *low]);
        if !is_code_allowed(code) {
            return Err(DecodeError::CloseCode(code));
        }
        let reason = simdutf8::basic::from_utf8(reason).map_err(|_| DecodeError::CloseReason)?;
        Ok(Self { code: Some(code), reason })
    }
}

/// Whether a Close frame may carry the code: those that RFC 6455, section 7.4 and the IANA registry define for the wire,
/// and those that are left to libraries and applications.
pub fn is_code_allowed(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Appends a Close frame; the reason is shortened to what a control frame holds.
pub fn encode_close(closing: Closing<'_>, out: &mut BytesMut) {
    let Some(code) = closing.code else {
        encode_head(Opcode::Close, false, 0, out);
        return;
    };
    let mut end = closing.reason.len().min(CONTROL_PAYLOAD_MAX - 2);
    while !closing.reason.is_char_boundary(end) {
        end -= 1;
    }
    encode_head(Opcode::Close, false, 2 + end, out);
    out.put_u16(code);
    out.put_slice(&closing.reason.as_bytes()[..end]);
}
