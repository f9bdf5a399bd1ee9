//! Messages that have come whole, in a frame each, as most do: the short way.

use std::ops::ControlFlow;

use super::{Decoder, Event, MessageKind, Progress, Visit};
use crate::websocket::Opcode;
use crate::websocket::head::Head;
use crate::websocket::mask::{apply_mask, unmask_text};

impl Decoder {
    /// Takes the message at the front of `input`, between two others, if it is one frame that is whole, not compressed and
    /// not wrong; where messages are joined, those behind it as well that are of its kind. Whatever else is there is left
    /// as it came, and nothing is used then.
    pub(super) fn take_whole(&self, input: &mut [u8], visit: &mut Visit<'_>) -> Progress {
        let Some((first, start)) = Head::parse_usual(input) else {
            return (0, ControlFlow::Continue(()));
        };
        let is_text = first.opcode == Opcode::Text;
        let (mut head, mut at) = (first, start);
        let (mut used, mut end) = (0, start);
        loop {
            let length = head.payload_len as usize;
            let Some(payload) = input.get_mut(at..at + length).filter(|_| length <= self.message_size_max)
            else {
                break;
            };
            if !is_text {
                apply_mask(payload, head.mask, 0);
            } else if !unmask_text(payload, head.mask) && simdutf8::basic::from_utf8(payload).is_err() {
                // How far it is right, and what is wrong with it, is not found out here.
                apply_mask(payload, head.mask, 0);
                break;
            }
            if at > end {
                input.copy_within(at..at + length, end);
            }
            (used, end) = (at + length, end + length);
            match Head::parse_usual(&input[used..]) {
                Some((next, size)) if self.is_joining && next.opcode == first.opcode => {
                    (head, at) = (next, used + size);
                }
                _ => break,
            }
        }
        if used == 0 {
            return (0, ControlFlow::Continue(()));
        }
        let kind = if is_text { MessageKind::Text } else { MessageKind::Binary };
        (used, visit(Event::Data { bytes: &input[start..end], kind, is_last: true }))
    }
}
