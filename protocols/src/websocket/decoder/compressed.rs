//! Frames of compressed messages: inflated piece by piece, each visited before the next is made.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::{Decoder, Event, Frame, Progress, Visit, split_payload};
use crate::websocket::DecodeError;
use crate::websocket::deflate::{Inflated, TRAILER};
use crate::websocket::mask::apply_mask;

/// Bytes that are inflated at a time.
const INFLATED_BYTES: usize = 16 * 1024;

thread_local! {
    /// Where inflated bytes lie until they have been visited; taken out meanwhile.
    static INFLATED: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

impl Decoder {
    pub(super) fn take_compressed(
        &mut self,
        frame: Frame,
        input: &mut [u8],
        visit: &mut Visit<'_>,
    ) -> Result<Progress, DecodeError> {
        let mut inflated = INFLATED.take().unwrap_or_else(|| vec![0; INFLATED_BYTES].into());
        let result = self.inflate_frame(frame, input, &mut inflated, visit);
        INFLATED.set(Some(inflated));
        result
    }

    fn inflate_frame(
        &mut self,
        frame: Frame,
        input: &mut [u8],
        inflated: &mut [u8],
        visit: &mut Visit<'_>,
    ) -> Result<Progress, DecodeError> {
        let (piece, _) = split_payload(frame, input);
        apply_mask(piece, frame.head.mask, frame.offset);
        let (used, mut flow) = self.inflate(piece, inflated, visit)?;
        // What is left will be offered again, masked as it came.
        let frame = Frame { offset: frame.offset + used as u64, ..frame };
        apply_mask(&mut piece[used..], frame.head.mask, frame.offset);
        // A frame that was broken off stays, even where nothing of it is left: there may be more to inflate.
        self.frame = Some(frame);
        if flow.is_break() || frame.left() > 0 {
            return Ok((used, flow));
        }
        if !frame.head.is_final {
            self.frame = None;
            return Ok((used, flow));
        }
        while let Some(trailer_used) = self.trailer_used() {
            let size;
            (size, flow) = self.inflate(&TRAILER[trailer_used..], inflated, visit)?;
            if let Some(message) = &mut self.message {
                message.trailer_used += size as u8;
            }
            if flow.is_break() {
                return Ok((used, flow));
            }
        }
        let Some(message) = &mut self.message else { return Err(DecodeError::Deflate) };
        let kind = message.kind;
        message.check(&[], true)?;
        (self.message, self.frame) = (None, None);
        if self.inflater.as_mut().is_some_and(|inflater| !inflater.end_message()) {
            return Err(DecodeError::Deflate);
        }
        Ok((used, visit(Event::Data { bytes: &[], kind, is_last: true })))
    }

    /// How much of the trailer the inflater has had, while it has not had all or has more to give.
    fn trailer_used(&self) -> Option<usize> {
        let message = self.message?;
        let trailer_used = usize::from(message.trailer_used);
        (message.has_more || trailer_used < TRAILER.len()).then_some(trailer_used)
    }

    /// Inflates `input` as far as `visit` wants to see it. Returns how much of it was used.
    fn inflate(
        &mut self,
        input: &[u8],
        inflated: &mut [u8],
        visit: &mut Visit<'_>,
    ) -> Result<Progress, DecodeError> {
        let (Some(inflater), Some(message)) = (&mut self.inflater, &mut self.message) else {
            return Err(DecodeError::Deflate);
        };
        let mut used = 0;
        while used < input.len() || message.has_more {
            // Never beyond the limit but for one byte, which tells: so all up to it is judged and handed on first.
            let room = (self.message_size_max - message.inflated).clamp(1, inflated.len());
            let Inflated { taken, given, is_valid } = inflater.inflate(&input[used..], &mut inflated[..room]);
            used += taken;
            message.has_more = given == room;
            if given > 0 {
                if message.inflated == self.message_size_max {
                    return Err(DecodeError::TooLarge(self.message_size_max));
                }
                message.inflated += given;
                message.check(&inflated[..given], false)?;
                let event = Event::Data { bytes: &inflated[..given], kind: message.kind, is_last: false };
                let flow = visit(event);
                if is_valid && flow.is_break() {
                    return Ok((used, flow));
                }
            }
            if !is_valid || (taken == 0 && given == 0 && used < input.len()) {
                return Err(DecodeError::Deflate);
            }
        }
        Ok((used, ControlFlow::Continue(())))
    }
}
