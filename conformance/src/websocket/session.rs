//! One WebSocket connection of a case: the upgrade, then frames.
//!
//! ```text
//! Upgrading --101--> Open
//!     |  ^
//!     v  |
//! Refused: any other status, until its body has come
//! ```

use super::agreement;
use super::decode::decode;
use super::deflate::Deflater;
use super::offer::Offer;
use super::receive::Receiver;
use super::{encode, request, response};
use crate::answer::Answer;
use crate::filled::Filled;
use crate::variables::Datum;

/// What the bytes at hand amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// More bytes are needed.
    Incomplete,
    /// These many bytes are part of a message that goes on, or the body of a refusal.
    Part(usize),
    /// The answer to the upgrade, a message or a control frame, and how many bytes its last frame took.
    Answer(Answer, usize),
    /// Something that a server may not send.
    Illegal(String),
}

/// The state of a connection.
pub struct Session {
    authority: String,
    path: String,
    /// What went out before the answer to the upgrade came.
    head: Vec<u8>,
    state: State,
    /// How many masks have been made.
    masks: u32,
    close_sent: bool,
}

enum State {
    Upgrading,
    Open(Box<Open>),
    /// These many bytes of the body are to come; none: it ends with the connection.
    Refused(Option<usize>),
}

struct Open {
    deflater: Option<Deflater>,
    receiver: Receiver,
}

impl Session {
    /// A connection on which nothing was said; `authority` and `path` are what the request names.
    pub fn new(authority: String, path: String) -> Session {
        Session { authority, path, head: Vec::new(), state: State::Upgrading, masks: 0, close_sent: false }
    }

    /// The bytes of a request or a frame.
    ///
    /// # Errors
    ///
    /// When a field cannot be written.
    pub fn encode(&mut self, filled: &Filled) -> Result<Vec<u8>, String> {
        if filled.kind == "REQUEST" {
            return Ok(request::encode(filled, &self.authority, &self.path));
        }
        self.close_sent |= filled.kind == "CLOSE";
        let deflater = match &mut self.state {
            State::Open(open) => open.deflater.as_mut(),
            State::Upgrading | State::Refused(_) => None,
        };
        let masks = &mut self.masks;
        encode::encode(filled, deflater, || {
            // Each frame has another mask, and each run the same ones.
            *masks = masks.wrapping_add(1);
            masks.wrapping_mul(0x9e37_79b1).to_be_bytes()
        })
    }

    /// Bytes went out; those of the request decide what its answer may be.
    pub fn handle_sent(&mut self, bytes: &[u8]) {
        if let State::Upgrading = self.state {
            self.head.extend(bytes);
        }
    }

    /// The Close frame that ends this connection in order; none where it has no place.
    pub fn closing(&mut self) -> Option<Vec<u8>> {
        if self.close_sent || !matches!(self.state, State::Open(_)) {
            return None;
        }
        let code = vec![("code".to_owned(), Some(Datum::Number(1000)))];
        self.encode(&Filled { kind: "CLOSE".to_owned(), fields: code }).ok()
    }

    /// The answer to a Ping.
    pub fn pong(&mut self, ping: &Answer) -> Option<Vec<u8>> {
        let payload = Datum::Bytes(ping.bytes("payload").unwrap_or_default().to_vec());
        self.encode(&Filled { kind: "PONG".to_owned(), fields: vec![("payload".to_owned(), Some(payload))] })
            .ok()
    }

    /// What the buffer holds, judged.
    pub fn decode(&mut self, buffer: &[u8]) -> Decoded {
        let decoded = match &mut self.state {
            State::Refused(left) => {
                let size = left.map_or(buffer.len(), |left| left.min(buffer.len()));
                *left = left.map(|left| left - size);
                if *left == Some(0) {
                    self.state = State::Upgrading;
                }
                return Decoded::Part(size);
            }
            State::Upgrading => response::decode(buffer).and_then(|decoded| match decoded {
                Some((answer, size)) => self.handle_response(answer).map(|answer| Some((Some(answer), size))),
                None => Ok(None),
            }),
            State::Open(open) => {
                decode(buffer, open.receiver.compression()).and_then(|decoded| match decoded {
                    Some((frame, size)) => {
                        open.receiver.handle_frame(frame).map(|answer| Some((answer, size)))
                    }
                    None => Ok(None),
                })
            }
        };
        match decoded {
            Ok(None) => Decoded::Incomplete,
            Ok(Some((None, size))) => Decoded::Part(size),
            Ok(Some((Some(answer), size))) => Decoded::Answer(answer, size),
            Err(rule) => Decoded::Illegal(rule),
        }
    }

    fn handle_response(&mut self, mut answer: Answer) -> Result<Answer, String> {
        match answer.number("status") {
            Some(101) => {
                let agreed = agreement::judge(&mut answer, &Offer::read(&self.head))?;
                self.state = State::Open(Box::new(Open {
                    deflater: agreed.as_ref().map(Deflater::new),
                    receiver: Receiver::new(agreed.as_ref()),
                }));
            }
            Some(100..200) => {}
            _ => {
                // Another request may follow, but no frame: it would be no HTTP response.
                self.head.clear();
                let length = response::header(&answer, "content-length").next();
                let length = length.and_then(|length| length.parse().ok());
                if length != Some(0) {
                    self.state = State::Refused(length);
                }
            }
        }
        Ok(answer)
    }
}
