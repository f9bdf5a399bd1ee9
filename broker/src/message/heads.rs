//! What a publisher says of each of its messages alike, as a protocol writes it for those who receive them.

use std::cell::RefCell;

use bytes::{BufMut, BytesMut};

use super::LayoutKey;

/// Layouts that are remembered. Receivers have few between them: a version, a QoS.
const LAYOUTS_MAX: usize = 8;

/// What stands before the payload, in each layout that somebody has wanted it in: for a publisher whose messages differ in
/// their payloads alone, so that it is written once and not for each of them.
#[derive(Debug, Default)]
pub struct Heads {
    made: RefCell<Vec<Made>>,
}

/// A head in one layout.
#[derive(Debug)]
struct Made {
    key: LayoutKey,
    bytes: BytesMut,
    /// Where its end begins, which says how long the payload is.
    end_at: usize,
    payload_len: usize,
}

impl Heads {
    /// Appends the head in the layout `key` to `out`, for a payload of that length. `write` writes it where it has not been
    /// wanted before, and `write_end` its end, which is another one where the last payload had another length.
    pub fn write(
        &self,
        key: LayoutKey,
        payload_len: usize,
        write: impl FnOnce(&mut BytesMut),
        write_end: impl FnOnce(&mut BytesMut),
        out: &mut BytesMut,
    ) {
        let mut made = self.made.borrow_mut();
        if let Some(head) = made.iter_mut().find(|head| head.key == key) {
            if head.payload_len != payload_len {
                head.bytes.truncate(head.end_at);
                write_end(&mut head.bytes);
                head.payload_len = payload_len;
            }
            out.put_slice(&head.bytes);
            return;
        }
        let begin = out.len();
        write(out);
        let end_at = out.len() - begin;
        write_end(out);
        if made.len() < LAYOUTS_MAX {
            let bytes = BytesMut::from(&out[begin..]);
            made.push(Made { key, bytes, end_at, payload_len });
        }
    }

    /// Forgets all of them: the publisher says something else from now on.
    pub fn clear(&mut self) {
        self.made.get_mut().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_written_once_for_each_layout() {
        let mut heads = Heads::default();
        let mut out = BytesMut::new();
        for round in 0..6 {
            for layout in 0..2 * LAYOUTS_MAX {
                let mut calls = 0;
                let key = LayoutKey(u32::try_from(layout).unwrap());
                let write = |out: &mut BytesMut| {
                    calls += 1;
                    out.put_slice(format!("head {layout}").as_bytes());
                };
                out.clear();
                out.put_slice(b"before ");
                // The same twice, then another.
                let payload_len = 9 + round / 2;
                let end = |out: &mut BytesMut| out.put_slice(format!(" of {payload_len}").as_bytes());
                heads.write(key, payload_len, write, end, &mut out);
                assert_eq!(out, format!("before head {layout} of {payload_len}"));
                let is_remembered = round > 0 && layout < LAYOUTS_MAX;
                assert_eq!(calls, usize::from(!is_remembered), "layout {layout}, round {round}");
            }
        }
        heads.clear();
        out.clear();
        heads.write(LayoutKey(0), 9, |out| out.put_slice(b"another"), |out| out.put_u8(b'.'), &mut out);
        assert_eq!(out, b"another."[..]);
    }
}
