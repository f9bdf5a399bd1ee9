//! Reads one frame of a server and forgives nothing.

use super::is_control;

/// A frame that is right in itself; what came before it may still make it wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) fin: bool,
    pub(super) compressed: bool,
    pub(super) opcode: u8,
    pub(super) payload: Vec<u8>,
}

/// No answer to a case is longer; one that says so is a mistake of the server, and not worth the memory.
const PAYLOAD_MAX: u64 = 64 * 1024 * 1024;

/// The first frame of the buffer and its size, or none when it has not come whole. What is wrong shows by the header.
///
/// # Errors
///
/// The rule that the frame breaks.
pub(super) fn decode(buffer: &[u8], compression: bool) -> Result<Option<(Frame, usize)>, String> {
    let [first, second, rest @ ..] = buffer else { return Ok(None) };
    let (fin, rsv, opcode) = (first & 0x80 != 0, first >> 4 & 7, first & 0xf);
    let compressed = judge_first_byte(fin, rsv, opcode, compression)?;
    if second & 0x80 != 0 {
        return Err("a frame of the server is masked [WS-FR-2]".to_owned());
    }
    let short = second & 0x7f;
    if is_control(opcode) && short > 125 {
        return Err("a control frame has more than 125 bytes [WS-CT-1]".to_owned());
    }
    let Some((length, rest)) = take_length(short, rest)? else { return Ok(None) };
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    let size = buffer.len() - rest.len() + length;
    Ok(Some((Frame { fin, compressed, opcode, payload: payload.to_vec() }, size)))
}

/// Whether the frame begins a compressed message.
fn judge_first_byte(fin: bool, rsv: u8, opcode: u8, compression: bool) -> Result<bool, String> {
    if rsv & 3 != 0 {
        return Err(format!("a frame has the reserved bits {rsv:03b} [WS-FR-4]"));
    }
    if matches!(opcode, 3..=7 | 11..) {
        return Err(format!("a frame has the unknown opcode {opcode} [WS-FR-5]"));
    }
    if rsv & 4 != 0 && !compression {
        return Err("a frame has RSV1 without an extension [WS-FR-4]".to_owned());
    }
    if rsv & 4 != 0 && (is_control(opcode) || opcode == 0) {
        return Err("a control or continuation frame has RSV1 [WS-PMD-16]".to_owned());
    }
    if is_control(opcode) && !fin {
        return Err("a control frame is fragmented [WS-CT-2]".to_owned());
    }
    Ok(rsv & 4 != 0)
}

/// The payload's length and what follows it; none when it has not come whole.
fn take_length(short: u8, rest: &[u8]) -> Result<Option<(usize, &[u8])>, String> {
    let (length, rest, least) = match short {
        126 => {
            let Some((bytes, rest)) = rest.split_first_chunk::<2>() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*bytes)), rest, 126)
        }
        127 => {
            let Some((bytes, rest)) = rest.split_first_chunk::<8>() else { return Ok(None) };
            (u64::from_be_bytes(*bytes), rest, 0x1_0000)
        }
        short => (u64::from(short), rest, 0),
    };
    if length >> 63 != 0 {
        return Err("the top bit of a 64-bit length is set [WS-FR-7]".to_owned());
    }
    if length < least {
        return Err(format!("the length {length} is not in its shortest form [WS-FR-6]"));
    }
    match usize::try_from(length) {
        Ok(size) if length <= PAYLOAD_MAX => Ok(Some((size, rest))),
        _ => Err(format!("a frame of {length} bytes is more than any case asks for")),
    }
}
