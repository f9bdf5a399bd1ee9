//! What a connection is about to write: many packets or frames in one buffer, for one write.

use std::ops::Range;

use bytes::{Buf, BytesMut};

/// How a stretch of output travels over WebSocket. Over TCP it makes no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A binary WebSocket message.
    Binary,
    /// A text WebSocket message; the bytes are UTF-8.
    Text,
}

/// The end of one WebSocket message within the bytes.
#[derive(Clone, Copy, Debug)]
struct Boundary {
    end: usize,
    kind: FrameKind,
}

/// Bytes on their way out. MQTT sets no boundaries: its packets may be cut anywhere [MQTT-6.0.0-2], so all of a turn
/// travels in one WebSocket message. STOMP ends a WebSocket message after every frame.
///
/// Where the connection has agreed on permessage-deflate, some stretches are DEFLATE blocks already.
#[derive(Debug, Default)]
pub struct Output {
    /// The bytes; protocols append here.
    pub bytes: BytesMut,
    boundaries: Vec<Boundary>,
    /// Where the bytes are DEFLATE blocks, in order.
    deflated: Vec<Range<usize>>,
}

/// One WebSocket message of an output.
#[derive(Debug)]
pub struct OutputMessage<'o> {
    /// Text or binary.
    pub kind: FrameKind,
    /// Its bytes.
    pub bytes: &'o [u8],
    deflated: &'o [Range<usize>],
    /// Where its bytes begin among the output's.
    start: usize,
}

impl<'o> OutputMessage<'o> {
    /// Whether some of it is DEFLATE blocks, so that it must travel compressed.
    pub fn is_deflated(&self) -> bool {
        !self.deflated.is_empty()
    }

    /// Its stretches in order, each with whether it is DEFLATE blocks.
    pub fn stretches(&self) -> impl Iterator<Item = (bool, &'o [u8])> {
        let (bytes, start) = (self.bytes, self.start);
        let mut at = 0;
        let blocks = self.deflated.iter().flat_map(move |range| {
            let range = range.start - start..range.end - start;
            let before = &bytes[at..range.start];
            at = range.end;
            [(false, before), (true, &bytes[range])]
        });
        let last = self.deflated.last().map_or(0, |range| range.end - start);
        blocks.chain([(false, &bytes[last..])]).filter(|(_, stretch)| !stretch.is_empty())
    }
}

impl Output {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that wait here.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Ends a WebSocket message after the bytes written so far.
    pub fn end_message(&mut self, kind: FrameKind) {
        self.boundaries.push(Boundary { end: self.bytes.len(), kind });
    }

    /// Appends DEFLATE blocks that stand on their own; only for a connection that takes them.
    pub fn append_deflated(&mut self, blocks: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(blocks);
        self.deflated.push(start..self.bytes.len());
    }

    /// Moves everything from `other` behind what is here; swaps buffers instead of copying where this one is empty.
    pub fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        other.move_front(other.len(), self);
    }

    /// Moves the first `count` bytes, with the boundaries among them, to the end of `other`. Neither may cut DEFLATE
    /// blocks.
    pub fn move_front(&mut self, count: usize, other: &mut Self) {
        if count >= self.bytes.len() && other.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        let count = count.min(self.bytes.len());
        let offset = other.bytes.len();
        other.bytes.extend_from_slice(&self.bytes[..count]);
        let boundaries = self.boundaries.drain(..self.boundaries.partition_point(|one| one.end <= count));
        other.boundaries.extend(boundaries.map(|one| Boundary { end: one.end + offset, ..one }));
        let deflated = self.deflated.drain(..self.deflated.partition_point(|range| range.end <= count));
        other.deflated.extend(deflated.map(|range| range.start + offset..range.end + offset));
        self.advance(count);
    }

    /// The WebSocket messages, one after the other.
    pub fn messages(&self) -> impl Iterator<Item = OutputMessage<'_>> {
        let mut start = 0;
        let mut deflated = self.deflated.as_slice();
        let rest = Boundary { end: self.bytes.len(), kind: FrameKind::Binary };
        self.boundaries.iter().copied().chain([rest]).filter_map(move |Boundary { end, kind }| {
            let count = deflated.partition_point(|range| range.end <= end);
            let (own, others) = deflated.split_at(count);
            let message = OutputMessage { kind, bytes: &self.bytes[start..end], deflated: own, start };
            (start, deflated) = (end, others);
            (!message.bytes.is_empty()).then_some(message)
        })
    }

    /// Whether all of it is one binary WebSocket message as it stands.
    pub fn is_plain(&self) -> bool {
        self.boundaries.is_empty() && self.deflated.is_empty()
    }

    /// Forgets everything; memory beyond `keep` bytes is given back, so that idle connections hold none.
    pub fn clear(&mut self, keep: usize) {
        self.bytes.clear();
        // What has been advanced over shows in no capacity, and is memory all the same.
        if self.bytes.try_reclaim(keep.saturating_add(1)) {
            self.bytes = BytesMut::new();
        }
        self.clear_marks(keep);
    }

    /// Drops the first `count` bytes, which have gone elsewhere, with the boundaries among them.
    pub fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if self.bytes.is_empty() {
            self.clear_marks(usize::MAX);
            return;
        }
        self.boundaries.retain_mut(|boundary| {
            let is_left = boundary.end > count;
            boundary.end = boundary.end.saturating_sub(count);
            is_left
        });
        self.deflated.retain_mut(|range| {
            let is_left = range.end > count;
            *range = range.start.saturating_sub(count)..range.end.saturating_sub(count);
            is_left
        });
    }

    fn clear_marks(&mut self, keep: usize) {
        self.boundaries.clear();
        self.deflated.clear();
        if self.boundaries.capacity() * size_of::<Boundary>() > keep {
            self.boundaries = Vec::new();
        }
        if self.deflated.capacity() * size_of::<Range<usize>>() > keep {
            self.deflated = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(output: &Output) -> Vec<(FrameKind, Vec<u8>)> {
        output.messages().map(|message| (message.kind, message.bytes.to_vec())).collect()
    }

    #[test]
    fn bytes_without_boundaries_are_one_binary_message() {
        let mut output = Output::default();
        output.bytes.extend_from_slice(b"ab");
        assert_eq!(messages(&output), [(FrameKind::Binary, b"ab".to_vec())]);
        assert!(output.is_plain());
    }

    #[test]
    fn boundaries_survive_appending() {
        let mut first = Output::default();
        first.bytes.extend_from_slice(b"one");
        first.end_message(FrameKind::Text);
        let mut second = Output::default();
        second.bytes.extend_from_slice(b"two");
        second.end_message(FrameKind::Binary);
        first.append(&mut second);
        assert!(second.is_empty());
        assert_eq!(
            messages(&first),
            [(FrameKind::Text, b"one".to_vec()), (FrameKind::Binary, b"two".to_vec())]
        );
    }

    #[test]
    fn what_was_sent_leaves_no_large_buffer_behind() {
        for sent in [0, 1, 65_000, 65_536] {
            let mut output = Output::default();
            output.bytes.extend_from_slice(&[0; 65_536]);
            output.advance(sent);
            output.clear(1_024);
            assert!(!output.bytes.try_reclaim(1_025), "after {sent} bytes were sent");
        }
        let mut small = Output::default();
        small.bytes.extend_from_slice(&[0; 100]);
        small.advance(100);
        small.clear(1_024);
        assert!(small.bytes.try_reclaim(100), "a small one is kept");
    }

    #[test]
    fn deflated_stretches_survive_being_moved() {
        let mut output = Output::default();
        output.bytes.extend_from_slice(b"head");
        output.append_deflated(b"BLOCKS");
        output.bytes.extend_from_slice(b"\0");
        output.end_message(FrameKind::Text);
        output.bytes.extend_from_slice(b"next");
        output.end_message(FrameKind::Text);
        let mut other = Output::default();
        other.bytes.extend_from_slice(b"earlier");
        other.end_message(FrameKind::Binary);
        output.move_front(11, &mut other);
        let stretches: Vec<Vec<_>> = other.messages().map(|message| message.stretches().collect()).collect();
        let expected: [&[(bool, &[u8])]; 2] =
            [&[(false, b"earlier")], &[(false, b"head"), (true, b"BLOCKS"), (false, b"\0")]];
        assert_eq!(stretches, expected);
        assert_eq!(messages(&output), [(FrameKind::Text, b"next".to_vec())]);
        assert!(!output.messages().any(|message| message.is_deflated()));
    }
}
