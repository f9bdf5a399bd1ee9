//! Writes the frames that cases send. A frame is right unless the case says otherwise, and may be wrong in each of its parts.

use super::OPCODES;
use super::deflate::{Deflater, Options};
use crate::filled::Filled;
use crate::variables::Datum;

/// What a case may say of every frame. `length` and `length_size` announce, whatever the payload is.
pub(super) const FIELDS_OF_FRAMES: &[&str] = &["fin", "rsv", "mask", "length", "length_size"];

/// What a case may say of a frame that begins a message. `fragment`: cut into frames of so many bytes.
pub(super) const FIELDS_OF_MESSAGES: &[&str] =
    &["payload", "fragment", "deflate", "takeover", "level", "block", "final"];

/// The bit that marks a compressed message.
const RSV1: u64 = 4;

/// A frame, or the frames of a message that is cut; the mask is what a frame gets whose case names none.
///
/// # Errors
///
/// When a field cannot be written.
pub(super) fn encode(
    frame: &Filled,
    deflater: Option<&mut Deflater>,
    mut mask: impl FnMut() -> [u8; 4],
) -> Result<Vec<u8>, String> {
    let opcode = match OPCODES.into_iter().find(|(kind, _)| *kind == frame.kind) {
        Some((_, opcode)) => opcode.into(),
        None => frame.number("opcode")?.unwrap_or_default(),
    };
    let mut payload = payload(frame)?;
    let mut rsv = frame.number("rsv")?;
    match (frame.bytes("deflate").as_deref(), deflater) {
        (None, _) | (Some(b"0"), _) | (Some(b"agreed"), None) => {}
        (Some(b"1" | b"agreed"), Some(deflater)) => {
            payload = deflater.deflate(&payload, options(frame)?)?;
            rsv = rsv.or(Some(RSV1));
        }
        (Some(b"1"), None) => {
            return Err("deflate=1, and no compression is agreed on this connection".to_owned());
        }
        _ => return Err("deflate is 1, 0 or `agreed`: where the server has agreed".to_owned()),
    }
    let rsv = rsv.unwrap_or_default();
    let fin = frame.number("fin")?.unwrap_or(1);
    let Some(size) = frame.number("fragment")?.and_then(|size| usize::try_from(size).ok()) else {
        return Header { fin, rsv, opcode }.write(frame, &payload, mask());
    };
    let pieces: Vec<&[u8]> = payload.chunks(size.max(1)).collect();
    let mut bytes = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let fin = if index + 1 == pieces.len() { fin } else { 0 };
        let header = if index == 0 { Header { fin, rsv, opcode } } else { Header { fin, rsv: 0, opcode: 0 } };
        bytes.extend(header.write(frame, piece, mask())?);
    }
    Ok(bytes)
}

fn payload(frame: &Filled) -> Result<Vec<u8>, String> {
    let mut payload = Vec::new();
    if let Some(code) = frame.number("code")? {
        let code = u16::try_from(code).map_err(|_| format!("{code} is no code of 16 bits"))?;
        payload.extend(code.to_be_bytes());
    } else if frame.kind == "CLOSE" && frame.value("payload").is_none() && !frame.omits("code") {
        payload.extend(1000_u16.to_be_bytes());
    }
    payload.extend(frame.bytes("reason").unwrap_or_default());
    payload.extend(frame.bytes("payload").unwrap_or_default());
    Ok(payload)
}

fn options(frame: &Filled) -> Result<Options, String> {
    let usual = Options::default();
    let level = frame.number("level")?.and_then(|level| u32::try_from(level).ok());
    Ok(Options {
        takeover: frame.number("takeover")? != Some(0),
        level: level.unwrap_or(usual.level),
        block: frame.number("block")?.and_then(|size| usize::try_from(size).ok()),
        is_final: frame.number("final")? == Some(1),
    })
}

struct Header {
    fin: u64,
    rsv: u64,
    opcode: u64,
}

impl Header {
    fn write(&self, frame: &Filled, payload: &[u8], own_mask: [u8; 4]) -> Result<Vec<u8>, String> {
        let mask = match frame.value("mask") {
            None if frame.omits("mask") => None,
            None => Some(own_mask),
            Some(Datum::Bytes(bytes)) => Some(
                <[u8; 4]>::try_from(&bytes[..]).map_err(|_| "mask= has four bytes, as in hex:00000000")?,
            ),
            Some(other) => return Err(format!("mask={other} is no four bytes, as in hex:00000000")),
        };
        let first = (self.fin & 1) << 7 | (self.rsv & 7) << 4 | self.opcode & 0xf;
        let mut bytes = vec![first as u8];
        let length = frame.number("length")?.unwrap_or(payload.len() as u64);
        let masked = if mask.is_some() { 0x80 } else { 0 };
        match (frame.number("length_size")?, length) {
            (Some(1), _) | (None, ..126) => bytes.push(masked | length as u8 & 0x7f),
            (Some(2), _) | (None, ..0x1_0000) => {
                bytes.push(masked | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            (Some(8) | None, _) => {
                bytes.push(masked | 127);
                bytes.extend(length.to_be_bytes());
            }
            (Some(size), _) => return Err(format!("length_size is 1, 2 or 8, not {size}")),
        }
        let mask = mask.inspect(|mask| bytes.extend(mask)).unwrap_or_default();
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        Ok(bytes)
    }
}
