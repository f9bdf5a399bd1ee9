//! Things by the numbers that they were given, one after the other, in that order: connections, sessions.
//!
//! A map in pieces, since those who come and go do so on many threads at once: neighbours are in different pieces. So many from
//! some number on are found in time for those alone, however many there are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

/// Pieces; a number's is told by its last bits.
const PIECES: usize = 16;

/// See the module. Hands out clones, never guards, since a guard is a lock.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    pieces: [RwLock<BTreeMap<u64, T>>; PIECES],
    /// Counted besides, since whoever comes asks for it.
    len: AtomicUsize,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { pieces: std::array::from_fn(|_| RwLock::default()), len: AtomicUsize::new(0) }
    }
}

impl<T: Clone> Numbered<T> {
    /// Adds what has this number, in place of what had it.
    pub(crate) fn insert(&self, number: u64, value: T) {
        if self.piece(number).write().insert(number, value).is_none() {
            self.len.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Removes what has this number.
    pub(crate) fn remove(&self, number: u64) {
        if self.piece(number).write().remove(&number).is_some() {
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Changes what has this number, if that is there.
    pub(crate) fn change(&self, number: u64, change: impl FnOnce(&mut T)) {
        if let Some(value) = self.piece(number).write().get_mut(&number) {
            change(value);
        }
    }

    /// The first `limit` from the number `first` on.
    pub(crate) fn from(&self, first: u64, limit: usize) -> Vec<T> {
        let mut found = Vec::new();
        for piece in &self.pieces {
            let piece = piece.read();
            found.extend(piece.range(first..).take(limit).map(|(number, value)| (*number, value.clone())));
        }
        found.sort_unstable_by_key(|(number, _)| *number);
        found.truncate(limit);
        found.into_iter().map(|(_, value)| value).collect()
    }

    /// All of them, in order.
    pub(crate) fn all(&self) -> Vec<T> {
        self.from(0, usize::MAX)
    }

    /// How many there are. Costs next to nothing, and may be a moment late.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    fn piece(&self, number: u64) -> &RwLock<BTreeMap<u64, T>> {
        &self.pieces[number as usize % PIECES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_come_in_order_from_a_number_on() {
        let numbered = Numbered::default();
        for number in (1..=100).rev() {
            numbered.insert(number, number);
        }
        (40..60).for_each(|number| numbered.remove(number));
        numbered.change(39, |value| *value = 1039);
        numbered.change(40, |_| panic!("it is gone"));
        for (first, limit, expected) in [
            (0, 3, vec![1, 2, 3]),
            (1, 3, vec![1, 2, 3]),
            (38, 3, vec![38, 1039, 60]),
            (50, 2, vec![60, 61]),
            (99, 9, vec![99, 100]),
            (101, 9, vec![]),
            (1, 0, vec![]),
        ] {
            assert_eq!(numbered.from(first, limit), expected, "{limit} from {first} on");
        }
        assert_eq!((numbered.len(), numbered.all().len()), (80, 80));
        numbered.remove(40);
        numbered.insert(39, 39);
        assert_eq!(numbered.len(), 80);
    }
}
