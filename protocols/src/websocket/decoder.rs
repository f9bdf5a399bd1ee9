//! Bytes from a client become events.
//!
//! ```text
//!           head whole                payload whole, or control frame whole
//!  InHead ---------------> InPayload ---------------------------------------> InHead
//!
//!  message:  none --text, binary--> open --continuation--> open --FIN--> none      (control frames leave it as it is)
//! ```

mod compressed;
mod whole;

use std::ops::ControlFlow;

use super::deflate::{Agreed, Inflater};
use super::head::Head;
use super::mask::apply_mask;
use super::utf8::Utf8Check;
use super::{Closing, DecodeError, HEAD_SIZE_MAX, Opcode};

/// What has come from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A piece of a message, unmasked and inflated; of text, all so far is UTF-8 but for a character that may be cut. Where
    /// messages are joined, several whole ones.
    Data {
        /// The bytes; may be none.
        bytes: &'a [u8],
        /// What the message is.
        kind: MessageKind,
        /// Whether the message ends with it.
        is_last: bool,
    },
    /// Is answered by a Pong with the same payload.
    Ping(&'a [u8]),
    /// Needs no answer.
    Pong(&'a [u8]),
    /// The client closes; nothing that comes later counts.
    Close(Closing<'a>),
}

/// Whether a message is text or binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// Sees each event; `Break` ends a call of [`Decoder::decode`] early.
pub type Visit<'v> = dyn FnMut(Event<'_>) -> ControlFlow<()> + 'v;

/// Bytes that were used, and whether the visitor goes on.
type Progress = (usize, ControlFlow<()>);

/// Decodes one connection's input. See the module's picture.
///
/// Holds no more than a cut frame head, a cut control frame, and, while a compressed message is incomplete or where the
/// client keeps its window, an inflater.
#[derive(Debug)]
pub struct Decoder {
    message_size_max: usize,
    is_joining: bool,
    inflater: Option<Inflater>,
    /// What has come of a head; the last byte of the longest one would make it whole.
    head: [u8; HEAD_SIZE_MAX - 1],
    head_len: u8,
    frame: Option<Frame>,
    message: Option<Message>,
    /// What has come of a control frame's payload.
    control: Vec<u8>,
    is_closed: bool,
}

/// A frame whose payload is on its way.
#[derive(Clone, Copy, Debug)]
struct Frame {
    head: Head,
    /// Payload bytes that have been used.
    offset: u64,
}

impl Frame {
    fn left(&self) -> u64 {
        self.head.payload_len - self.offset
    }
}

/// A message whose end has not come.
#[derive(Clone, Copy, Debug)]
struct Message {
    kind: MessageKind,
    is_compressed: bool,
    /// Payload bytes announced by its frames.
    announced: u64,
    /// Frames that announced none, and were not the last: there is an end to those too.
    empty_frames: u32,
    /// Bytes inflated.
    inflated: usize,
    utf8: Utf8Check,
    /// The inflater may have more to give without further input.
    has_more: bool,
    /// Bytes of [`TRAILER`](super::deflate::TRAILER) that the inflater has had.
    trailer_used: u8,
}

impl Decoder {
    /// For a connection whose messages hold at most `message_size_max` bytes, inflated, and which has agreed on
    /// permessage-deflate or has not.
    pub fn new(message_size_max: usize, agreed: Option<&Agreed>) -> Self {
        Self {
            message_size_max,
            is_joining: false,
            inflater: agreed.map(Inflater::new),
            head: [0; HEAD_SIZE_MAX - 1],
            head_len: 0,
            frame: None,
            message: None,
            control: Vec::new(),
            is_closed: false,
        }
    }

    /// Joins messages of one kind that have come together: they are handed on as one, one behind the other. For a reader to
    /// whom a WebSocket is a stream of bytes, and who need not be called for each of them.
    #[must_use]
    pub fn joining(self) -> Self {
        Self { is_joining: true, ..self }
    }

    /// Decodes `input`, which begins where the last call left off, and has `visit` see each event in turn, until it
    /// breaks off or nothing whole is left. Returns how many bytes were used; the others are to be offered again. What
    /// has been used was changed: it is unmasked in place.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], after the events before it were visited; the connection is of no use any more.
    pub fn decode(&mut self, input: &mut [u8], visit: &mut Visit<'_>) -> Result<usize, DecodeError> {
        let mut used = 0;
        while !self.is_closed {
            let Some(frame) = self.frame else {
                if self.head_len == 0 && self.message.is_none() {
                    let (size, flow) = self.take_whole(&mut input[used..], visit);
                    used += size;
                    if flow.is_break() {
                        return Ok(used);
                    }
                    if size > 0 {
                        continue;
                    }
                }
                match self.take_head(&input[used..])? {
                    Some(size) => used += size,
                    None => break,
                }
                continue;
            };
            let input = &mut input[used..];
            let is_compressed = self.message.is_some_and(|message| message.is_compressed);
            let (size, flow) = match frame.head.opcode {
                opcode if opcode.is_control() => self.take_control(frame, input, visit)?,
                _ if is_compressed => self.take_compressed(frame, input, visit)?,
                _ => self.take_plain(frame, input, visit)?,
            };
            used += size;
            if flow.is_break() {
                return Ok(used);
            }
            // The frame is still there: what was given is used up.
            if self.frame.is_some() {
                break;
            }
        }
        Ok(input.len())
    }

    /// Whether a Close frame has come: nothing is decoded any more.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether [`Decoder::decode`] may have events to visit without further input, since it was broken off.
    pub fn has_more(&self) -> bool {
        self.frame.is_some_and(|frame| frame.left() == 0)
            || self.message.is_some_and(|message| message.has_more)
    }

    /// Takes a frame's head, or keeps what there is of it.
    fn take_head(&mut self, input: &[u8]) -> Result<Option<usize>, DecodeError> {
        let kept = usize::from(self.head_len);
        let parsed = if kept == 0 {
            Head::parse(input)?
        } else {
            let mut head = [0; HEAD_SIZE_MAX];
            let more = input.len().min(HEAD_SIZE_MAX - kept);
            head[..kept].copy_from_slice(&self.head[..kept]);
            head[kept..kept + more].copy_from_slice(&input[..more]);
            Head::parse(&head[..kept + more])?
        };
        let Some((head, size)) = parsed else {
            self.head[kept..kept + input.len()].copy_from_slice(input);
            self.head_len = (kept + input.len()) as u8;
            return Ok(None);
        };
        self.head_len = 0;
        self.accept(head)?;
        self.frame = Some(Frame { head, offset: 0 });
        Ok(Some(size - kept))
    }

    /// Holds the head against the frames before it and the limits, before anything of its payload is looked at.
    fn accept(&mut self, head: Head) -> Result<(), DecodeError> {
        if head.is_compressed && self.inflater.is_none() {
            return Err(DecodeError::ReservedBit);
        }
        let kind = match (head.opcode, &self.message) {
            (Opcode::Text, None) => MessageKind::Text,
            (Opcode::Binary, None) => MessageKind::Binary,
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(DecodeError::Interleaved),
            (Opcode::Continuation, None) => return Err(DecodeError::NothingToContinue),
            (Opcode::Continuation, Some(message)) => message.kind,
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(()),
        };
        let message = self.message.get_or_insert(Message {
            kind,
            is_compressed: head.is_compressed,
            announced: 0,
            empty_frames: 0,
            inflated: 0,
            utf8: Utf8Check::default(),
            has_more: false,
            trailer_used: 0,
        });
        message.announced = message.announced.saturating_add(head.payload_len);
        let is_empty = head.payload_len == 0 && !head.is_final;
        message.empty_frames = message.empty_frames.saturating_add(is_empty.into());
        let max = self.message_size_max as u64;
        let announced_max = match message.is_compressed {
            // Inflated, it is counted later; but blocks may hold nothing. Who flushes after every byte needs seven.
            true => max.saturating_mul(8).saturating_add(64),
            false => max,
        };
        if message.announced > announced_max || u64::from(message.empty_frames) > max.saturating_add(64) {
            return Err(DecodeError::TooLarge(self.message_size_max));
        }
        Ok(())
    }

    fn take_control(
        &mut self,
        frame: Frame,
        input: &mut [u8],
        visit: &mut Visit<'_>,
    ) -> Result<Progress, DecodeError> {
        let (piece, is_whole) = split_payload(frame, input);
        let size = piece.len();
        apply_mask(piece, frame.head.mask, frame.offset);
        if !is_whole || frame.offset > 0 {
            self.control.extend_from_slice(piece);
        }
        self.advance(frame, size, is_whole);
        if !is_whole {
            return Ok((size, ControlFlow::Continue(())));
        }
        let kept = std::mem::take(&mut self.control);
        let payload = if kept.is_empty() { &*piece } else { &kept };
        let event = match frame.head.opcode {
            Opcode::Close => Event::Close(Closing::parse(payload)?),
            Opcode::Ping => Event::Ping(payload),
            _ => Event::Pong(payload),
        };
        self.is_closed = frame.head.opcode == Opcode::Close;
        Ok((size, visit(event)))
    }

    fn take_plain(
        &mut self,
        frame: Frame,
        input: &mut [u8],
        visit: &mut Visit<'_>,
    ) -> Result<Progress, DecodeError> {
        let (piece, is_whole) = split_payload(frame, input);
        let size = piece.len();
        let is_last = is_whole && frame.head.is_final;
        self.advance(frame, size, is_whole);
        let Some(message) = &mut self.message else { return Err(DecodeError::NothingToContinue) };
        if size == 0 && !is_last {
            return Ok((0, ControlFlow::Continue(())));
        }
        apply_mask(piece, frame.head.mask, frame.offset);
        let kind = message.kind;
        message.check(piece, is_last)?;
        if is_last {
            self.message = None;
        }
        Ok((size, visit(Event::Data { bytes: piece, kind, is_last })))
    }

    fn advance(&mut self, frame: Frame, size: usize, is_whole: bool) {
        self.frame = (!is_whole).then_some(Frame { offset: frame.offset + size as u64, ..frame });
    }
}

impl Message {
    fn check(&mut self, bytes: &[u8], is_last: bool) -> Result<(), DecodeError> {
        let is_utf8 = self.kind == MessageKind::Binary
            || (self.utf8.accept(bytes) && (!is_last || self.utf8.is_complete()));
        if is_utf8 { Ok(()) } else { Err(DecodeError::Utf8) }
    }
}

/// What of `input` belongs to the frame, and whether the frame ends with it.
fn split_payload(frame: Frame, input: &mut [u8]) -> (&mut [u8], bool) {
    let left = frame.left();
    let is_whole = left <= input.len() as u64;
    let size = if is_whole { left as usize } else { input.len() };
    (&mut input[..size], is_whole)
}
