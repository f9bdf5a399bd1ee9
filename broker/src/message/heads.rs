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
    made: RefCell<Vec<(LayoutKey, Box<[u8]>)>>,
}

impl Heads {
    /// Appends the head in the layout `key` to `out`; `write` writes it where it has not been wanted before.
    pub fn write(&self, key: LayoutKey, write: impl FnOnce(&mut BytesMut), out: &mut BytesMut) {
        let mut made = self.made.borrow_mut();
        if let Some((_, head)) = made.iter().find(|(wanted, _)| *wanted == key) {
            out.put_slice(head);
            return;
        }
        let begin = out.len();
        write(out);
        if made.len() < LAYOUTS_MAX {
            made.push((key, out[begin..].into()));
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
        for round in 0..3 {
            for layout in 0..2 * LAYOUTS_MAX {
                let mut calls = 0;
                let key = LayoutKey(u32::try_from(layout).unwrap());
                let write = |out: &mut BytesMut| {
                    calls += 1;
                    out.put_slice(format!("head {layout}").as_bytes());
                };
                out.clear();
                out.put_slice(b"before ");
                heads.write(key, write, &mut out);
                assert_eq!(out, format!("before head {layout}"));
                let is_remembered = round > 0 && layout < LAYOUTS_MAX;
                assert_eq!(calls, usize::from(!is_remembered), "layout {layout}, round {round}");
            }
        }
        heads.clear();
        out.clear();
        heads.write(LayoutKey(0), |out| out.put_slice(b"another"), &mut out);
        assert_eq!(out, b"another"[..]);
    }
}
