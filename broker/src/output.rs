//! What a connection is about to write: many packets or frames in one buffer, for one write.

use std::ops::Range;

use bytes::{Buf, BufMut, BytesMut};
use tidewire_protocols::websocket::{HEAD_ROOM, HEAD_SIZE_MAX, Opcode, close_frame, encode_head};

/// How a stretch of output travels over WebSocket. Over TCP it makes no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A binary WebSocket message.
    Binary,
    /// A text WebSocket message; the bytes are UTF-8.
    Text,
}

impl FrameKind {
    /// What its first frame is.
    pub fn opcode(self) -> Opcode {
        match self {
            Self::Binary => Opcode::Binary,
            Self::Text => Opcode::Text,
        }
    }
}

/// How the WebSocket messages of an output become frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frames {
    /// They are marked, for whoever sends them: over TCP there are none, and what may be compressed is framed last.
    #[default]
    Marked,
    /// Each is framed where it is written, so that it need not be copied for that.
    Made,
}

/// The beginning of a WebSocket message that is being written: see [`Output::begin_message`].
#[derive(Debug)]
#[must_use = "a message has an end"]
pub struct MessageStart {
    at: usize,
    frames: Frames,
}

/// The end of one WebSocket message within the bytes.
#[derive(Clone, Copy, Debug)]
struct Boundary {
    end: usize,
    kind: FrameKind,
}

/// Bytes on their way out. MQTT sets no boundaries: its packets may be cut anywhere [MQTT-6.0.0-2], so all of a turn
/// travels in one WebSocket message. STOMP has a WebSocket message for every frame.
///
/// Where the connection has agreed on permessage-deflate, some stretches are DEFLATE blocks already.
#[derive(Debug, Default)]
pub struct Output {
    /// The bytes; protocols append here.
    pub bytes: BytesMut,
    /// Whether the bytes, if there are any, are WebSocket frames as they stand.
    frames: Frames,
    /// Boxed, since most outputs never have any.
    marks: Option<Box<Marks>>,
}

/// Places among the bytes, each list in order.
#[derive(Debug, Default)]
struct Marks {
    /// Where WebSocket messages end.
    boundaries: Vec<Boundary>,
    /// Where the bytes are DEFLATE blocks.
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
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that wait here.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Begins a WebSocket message, which ends with [`Output::end_message`]. All messages of one connection become frames in
    /// the same way.
    #[inline]
    pub fn begin_message(&mut self, frames: Frames) -> MessageStart {
        let at = self.bytes.len();
        debug_assert!(at == 0 || self.frames == frames, "one connection, one way of framing");
        self.frames = frames;
        if frames == Frames::Made {
            self.bytes.put_slice(&[0; HEAD_ROOM]);
        }
        MessageStart { at, frames }
    }

    /// Ends a WebSocket message after the bytes written so far.
    #[inline]
    pub fn end_message(&mut self, start: MessageStart, kind: FrameKind) {
        match start.frames {
            Frames::Made => close_frame(kind.opcode(), start.at, &mut self.bytes),
            Frames::Marked => {
                let end = self.bytes.len();
                self.marks().boundaries.push(Boundary { end, kind });
            }
        }
    }

    /// Appends a WebSocket message of `size` bytes, which `write` writes.
    #[inline]
    pub fn append_message(
        &mut self,
        frames: Frames,
        kind: FrameKind,
        size: usize,
        write: impl FnOnce(&mut BytesMut),
    ) {
        debug_assert!(self.is_empty() || self.frames == frames, "one connection, one way of framing");
        self.frames = frames;
        self.bytes.reserve(size + HEAD_SIZE_MAX);
        match frames {
            Frames::Made => {
                encode_head(kind.opcode(), false, size, &mut self.bytes);
                let end = self.bytes.len() + size;
                write(&mut self.bytes);
                debug_assert_eq!(self.bytes.len(), end, "the head has said how long it is");
            }
            Frames::Marked => {
                write(&mut self.bytes);
                let end = self.bytes.len();
                self.marks().boundaries.push(Boundary { end, kind });
            }
        }
    }

    /// Whether the bytes are WebSocket frames as they stand.
    pub fn is_framed(&self) -> bool {
        self.frames == Frames::Made && !self.is_empty()
    }

    /// Appends DEFLATE blocks that stand on their own; only for a connection that takes them.
    pub fn append_deflated(&mut self, blocks: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(blocks);
        let end = self.bytes.len();
        self.marks().deflated.push(start..end);
    }

    fn marks(&mut self) -> &mut Marks {
        self.marks.get_or_insert_default()
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
        if count == 0 {
            return;
        }
        debug_assert!(other.is_empty() || other.frames == self.frames, "one connection, one way of framing");
        other.frames = self.frames;
        let offset = other.bytes.len();
        other.bytes.extend_from_slice(&self.bytes[..count]);
        if let Some(Marks { boundaries, deflated }) = self.marks.as_deref_mut() {
            let others = other.marks();
            let boundaries = boundaries.drain(..boundaries.partition_point(|one| one.end <= count));
            others.boundaries.extend(boundaries.map(|one| Boundary { end: one.end + offset, ..one }));
            let deflated = deflated.drain(..deflated.partition_point(|range| range.end <= count));
            others.deflated.extend(deflated.map(|range| range.start + offset..range.end + offset));
        }
        self.advance(count);
    }

    /// The WebSocket messages, one after the other.
    pub fn messages(&self) -> impl Iterator<Item = OutputMessage<'_>> {
        let mut start = 0;
        let marks = self.marks.as_deref();
        let mut deflated = marks.map_or(&[][..], |marks| &marks.deflated);
        let boundaries = marks.map_or(&[][..], |marks| &marks.boundaries);
        let rest = Boundary { end: self.bytes.len(), kind: FrameKind::Binary };
        boundaries.iter().copied().chain([rest]).filter_map(move |Boundary { end, kind }| {
            let count = deflated.partition_point(|range| range.end <= end);
            let (own, others) = deflated.split_at(count);
            let message = OutputMessage { kind, bytes: &self.bytes[start..end], deflated: own, start };
            (start, deflated) = (end, others);
            (!message.bytes.is_empty()).then_some(message)
        })
    }

    /// Whether all of it is one binary WebSocket message as it stands.
    pub fn is_plain(&self) -> bool {
        self.marks.as_ref().is_none_or(|marks| marks.boundaries.is_empty() && marks.deflated.is_empty())
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
        let Some(marks) = self.marks.as_deref_mut() else { return };
        marks.boundaries.retain_mut(|boundary| {
            let is_left = boundary.end > count;
            boundary.end = boundary.end.saturating_sub(count);
            is_left
        });
        marks.deflated.retain_mut(|range| {
            let is_left = range.end > count;
            *range = range.start.saturating_sub(count)..range.end.saturating_sub(count);
            is_left
        });
    }

    fn clear_marks(&mut self, keep: usize) {
        let Some(Marks { boundaries, deflated }) = self.marks.as_deref_mut() else { return };
        boundaries.clear();
        deflated.clear();
        let boundaries_bytes = boundaries.capacity() * size_of::<Boundary>();
        let deflated_bytes = deflated.capacity() * size_of::<Range<usize>>();
        if boundaries_bytes.saturating_add(deflated_bytes) > keep {
            self.marks = None;
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
    fn an_output_is_small() {
        assert!(size_of::<Output>() <= 48, "{} bytes: an idle connection has four", size_of::<Output>());
    }

    #[test]
    fn bytes_without_boundaries_are_one_binary_message() {
        let mut output = Output::default();
        output.bytes.extend_from_slice(b"ab");
        assert_eq!(messages(&output), [(FrameKind::Binary, b"ab".to_vec())]);
        assert!(output.is_plain());
    }

    fn write(output: &mut Output, frames: Frames, text: &[u8], kind: FrameKind) {
        let start = output.begin_message(frames);
        output.bytes.extend_from_slice(text);
        output.end_message(start, kind);
    }

    #[test]
    fn what_is_framed_where_it_is_written_stays_so_wherever_it_goes() {
        let mut first = Output::default();
        write(&mut first, Frames::Made, b"one", FrameKind::Text);
        let mut second = Output::default();
        write(&mut second, Frames::Made, b"two", FrameKind::Binary);
        first.append(&mut second);
        first.append(&mut Output::default());
        let mut third = Output::default();
        first.move_front(5, &mut third);
        assert!(first.is_framed() && third.is_framed() && !second.is_framed());
        assert_eq!((&third.bytes[..], &first.bytes[..]), (&b"\x81\x03one"[..], &b"\x82\x03two"[..]));
        first.clear(0);
        assert!(!first.is_framed());
        first.bytes.extend_from_slice(b"a client's next connection may be another");
        write(&mut third, Frames::Made, b"", FrameKind::Text);
        assert_eq!(&third.bytes[5..], b"\x81\0");
    }

    #[test]
    fn a_message_whose_size_is_known_is_the_same() {
        let lengths = [0, 1, 125, 126, 70_000];
        for (frames, length) in
            lengths.map(|length| [(Frames::Marked, length), (Frames::Made, length)]).as_flattened()
        {
            let (frames, length) = (*frames, *length);
            let text = vec![b'x'; length];
            let (mut known, mut unknown) = (Output::default(), Output::default());
            for kind in [FrameKind::Text, FrameKind::Binary] {
                known.append_message(frames, kind, length, |out| out.put_slice(&text));
                write(&mut unknown, frames, &text, kind);
            }
            assert_eq!(
                (known.bytes == unknown.bytes, messages(&known)),
                (true, messages(&unknown)),
                "{length}"
            );
        }
    }

    #[test]
    fn boundaries_survive_appending() {
        let mut first = Output::default();
        write(&mut first, Frames::Marked, b"one", FrameKind::Text);
        let mut second = Output::default();
        write(&mut second, Frames::Marked, b"two", FrameKind::Binary);
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
        let start = output.begin_message(Frames::Marked);
        output.bytes.extend_from_slice(b"head");
        output.append_deflated(b"BLOCKS");
        output.bytes.extend_from_slice(b"\0");
        output.end_message(start, FrameKind::Text);
        write(&mut output, Frames::Marked, b"next", FrameKind::Text);
        let mut other = Output::default();
        write(&mut other, Frames::Marked, b"earlier", FrameKind::Binary);
        output.move_front(11, &mut other);
        let stretches: Vec<Vec<_>> = other.messages().map(|message| message.stretches().collect()).collect();
        let expected: [&[(bool, &[u8])]; 2] =
            [&[(false, b"earlier")], &[(false, b"head"), (true, b"BLOCKS"), (false, b"\0")]];
        assert_eq!(stretches, expected);
        assert_eq!(messages(&output), [(FrameKind::Text, b"next".to_vec())]);
        assert!(!output.messages().any(|message| message.is_deflated()));
    }
}
