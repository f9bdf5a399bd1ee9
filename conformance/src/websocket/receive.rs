//! Puts frames together into messages, and watches the rules between frames.

use super::decode::Frame;
use super::extension::Deflate;
use super::inflate::Inflater;
use super::is_control;
use crate::answer::Answer;
use crate::variables::Datum;

/// The receiving side of a connection after the upgrade.
pub(super) struct Receiver {
    /// None: no compression is agreed.
    inflater: Option<Inflater>,
    /// The message whose last frame has not come.
    begun: Option<Message>,
    /// A Close frame has come.
    closed: bool,
}

struct Message {
    is_text: bool,
    compressed: bool,
    frames: u64,
    payload: Vec<u8>,
}

impl Receiver {
    pub(super) fn new(agreement: Option<&Deflate>) -> Receiver {
        Receiver { inflater: agreement.map(Inflater::new), begun: None, closed: false }
    }

    pub(super) fn compression(&self) -> bool {
        self.inflater.is_some()
    }

    /// Takes a frame. Returns a control frame or the message that it completes.
    ///
    /// # Errors
    ///
    /// The rule that it breaks.
    pub(super) fn handle_frame(&mut self, frame: Frame) -> Result<Option<Answer>, String> {
        if self.closed && !is_control(frame.opcode) {
            return Err("a data frame came after Close [WS-CL-3]".to_owned());
        }
        match frame.opcode {
            8 if self.closed => Err("a second Close frame came [WS-CL-1]".to_owned()),
            8 => {
                self.closed = true;
                decode_close(&frame.payload).map(Some)
            }
            9 => Ok(Some(answer("PING", vec![bytes("payload", frame.payload)]))),
            10 => Ok(Some(answer("PONG", vec![bytes("payload", frame.payload)]))),
            _ => self.handle_data(frame),
        }
    }

    fn handle_data(&mut self, frame: Frame) -> Result<Option<Answer>, String> {
        let mut message = match (frame.opcode, self.begun.take()) {
            (0, None) => {
                return Err("a continuation frame came, and no message has begun [WS-FR-12]".to_owned());
            }
            (0, Some(message)) => message,
            (_, Some(_)) => return Err("a message began within another [WS-FR-11]".to_owned()),
            (opcode, None) => {
                Message { is_text: opcode == 1, compressed: frame.compressed, frames: 0, payload: Vec::new() }
            }
        };
        message.frames += 1;
        if message.payload.is_empty() {
            message.payload = frame.payload;
        } else {
            message.payload.extend(frame.payload);
        }
        if !frame.fin {
            self.begun = Some(message);
            return Ok(None);
        }
        self.finish(message).map(Some)
    }

    fn finish(&mut self, message: Message) -> Result<Answer, String> {
        let payload = match self.inflater.as_mut().filter(|_| message.compressed) {
            Some(inflater) => inflater.inflate(&message.payload)?,
            None => message.payload,
        };
        if message.is_text && std::str::from_utf8(&payload).is_err() {
            return Err("a text message is not UTF-8 [WS-UT-1]".to_owned());
        }
        let fields = vec![
            number("size", payload.len() as u64),
            bytes("payload", payload),
            number("frames", message.frames),
            number("compressed", message.compressed.into()),
        ];
        Ok(answer(if message.is_text { "TEXT" } else { "BINARY" }, fields))
    }
}

fn decode_close(payload: &[u8]) -> Result<Answer, String> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload {
            [] => Ok(answer("CLOSE", Vec::new())),
            _ => Err("a Close frame has half a code [WS-CL-4]".to_owned()),
        };
    };
    let code = u16::from_be_bytes(*code);
    // 1010 is a client's; a server may repeat it.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(format!("a Close frame has the code {code} [WS-CL-6, WS-CL-7]"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err("the reason in a Close frame is not UTF-8 [WS-CL-5]".to_owned());
    }
    Ok(answer("CLOSE", vec![number("code", code.into()), bytes("reason", reason.to_vec())]))
}

fn answer(kind: &'static str, fields: Vec<(String, Datum)>) -> Answer {
    Answer { kind, fields, properties: Vec::new() }
}

fn number(name: &str, number: u64) -> (String, Datum) {
    (name.to_owned(), Datum::Number(number))
}

fn bytes(name: &str, bytes: Vec<u8>) -> (String, Datum) {
    (name.to_owned(), Datum::Bytes(bytes))
}
