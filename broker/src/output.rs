//! What a connection is about to write: many packets or frames in one buffer, for one write.

use bytes::BytesMut;

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
#[derive(Debug, Default)]
pub struct Output {
    /// The bytes; protocols append here.
    pub bytes: BytesMut,
    boundaries: Vec<Boundary>,
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

    /// Moves everything from `other` behind what is here; swaps buffers instead of copying where this one is empty.
    pub fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        let moved = other.boundaries.drain(..);
        self.boundaries.extend(moved.map(|boundary| Boundary { end: boundary.end + offset, ..boundary }));
        other.bytes.clear();
    }

    /// Moves the first `count` bytes, with the boundaries among them, to the end of `other`.
    pub fn move_front(&mut self, count: usize, other: &mut Self) {
        if count >= self.bytes.len() {
            other.append(self);
            return;
        }
        let offset = other.bytes.len();
        other.bytes.extend_from_slice(&self.bytes.split_to(count));
        let moved = self.boundaries.partition_point(|boundary| boundary.end <= count);
        let boundaries = self.boundaries.drain(..moved);
        other
            .boundaries
            .extend(boundaries.map(|boundary| Boundary { end: boundary.end + offset, ..boundary }));
        for boundary in &mut self.boundaries {
            boundary.end -= count;
        }
    }

    /// Takes everything out, one WebSocket message after the other.
    pub fn take_messages(&mut self) -> impl Iterator<Item = (FrameKind, BytesMut)> + '_ {
        let mut taken = 0;
        let mut boundaries = std::mem::take(&mut self.boundaries).into_iter();
        std::iter::from_fn(move || {
            if self.bytes.is_empty() {
                return None;
            }
            let (kind, end) = match boundaries.next() {
                Some(boundary) => (boundary.kind, boundary.end - taken),
                None => (FrameKind::Binary, self.bytes.len()),
            };
            taken += end;
            Some((kind, self.bytes.split_to(end)))
        })
    }

    /// Forgets everything; memory beyond `keep` bytes is given back, so that idle connections hold none.
    pub fn clear(&mut self, keep: usize) {
        if self.bytes.capacity() > keep {
            self.bytes = BytesMut::new();
        } else {
            self.bytes.clear();
        }
        self.boundaries.clear();
    }

    /// Drops the first `count` bytes, which have been written to a byte stream.
    pub fn advance(&mut self, count: usize) {
        let _ = self.bytes.split_to(count);
        if self.bytes.is_empty() {
            self.boundaries.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(output: &mut Output) -> Vec<(FrameKind, Vec<u8>)> {
        output.take_messages().map(|(kind, bytes)| (kind, bytes.to_vec())).collect()
    }

    #[test]
    fn bytes_without_boundaries_are_one_binary_message() {
        let mut output = Output::default();
        output.bytes.extend_from_slice(b"ab");
        assert_eq!(messages(&mut output), [(FrameKind::Binary, b"ab".to_vec())]);
        assert!(output.is_empty());
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
            messages(&mut first),
            [(FrameKind::Text, b"one".to_vec()), (FrameKind::Binary, b"two".to_vec())]
        );
    }
}
