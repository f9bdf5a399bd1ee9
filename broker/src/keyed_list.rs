//! A list whose entries are found by key: by looking through it while it is short, by a hash table once it is long.
//! Most lists have one entry and must stay small; some have a hundred thousand, and all of those come back at once
//! when the broker's network does.

use std::hash::BuildHasher;

use hashbrown::HashTable;

/// Entries beyond which a table is kept. Below it, looking through them all is as fast.
const SCANNED_MAX: usize = 32;

/// An entry that knows its key, which need not lie in it as it is asked for.
pub(crate) trait Keyed {
    /// What it is found by.
    type Key: ?Sized;

    /// Whether that is its key.
    fn has_key(&self, key: &Self::Key) -> bool;

    /// Whether the other has the same key.
    fn is_same(&self, other: &Self) -> bool;

    /// The hash of its key: that of [`hash_key`](Self::hash_key).
    fn hash(&self, hasher: &impl BuildHasher) -> u64;

    /// The hash of a key.
    fn hash_key(key: &Self::Key, hasher: &impl BuildHasher) -> u64;
}

/// See the module. At most one entry has any one key; the order is nobody's business. Whoever looks at the entries in pieces
/// goes from the last to the first: one that is removed meanwhile has its place taken by the last, which was seen.
pub(crate) struct KeyedList<T> {
    entries: Vec<T>,
    /// There while the list is long.
    index: Option<Box<Index>>,
}

/// Where each key's entry is in the list.
#[derive(Default)]
struct Index {
    positions: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
}

impl<T> Default for KeyedList<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), index: None }
    }
}

impl<T: Keyed> KeyedList<T> {
    /// The entries.
    pub(crate) fn as_slice(&self) -> &[T] {
        &self.entries
    }

    /// Takes them out.
    pub(crate) fn into_entries(self) -> Vec<T> {
        self.entries
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry of that key.
    pub(crate) fn find(&self, key: &T::Key) -> Option<&T> {
        self.entries.get(self.position_of(key)?)
    }

    /// The same, to be changed otherwise than in its key.
    #[inline]
    pub(crate) fn find_mut(&mut self, key: &T::Key) -> Option<&mut T> {
        let position = match self.entries.as_slice() {
            [only] if only.has_key(key) => 0,
            _ => self.position_of(key)?,
        };
        self.entries.get_mut(position)
    }

    /// Whether there is an entry of that key.
    pub(crate) fn contains(&self, key: &T::Key) -> bool {
        self.position_of(key).is_some()
    }

    /// Adds an entry, or replaces the one of the same key, which is returned.
    pub(crate) fn insert(&mut self, entry: T) -> Option<T> {
        let hash = |index: &Index| entry.hash(&index.hasher);
        if let Some(position) = self.position(hash, |other| other.is_same(&entry)) {
            return Some(std::mem::replace(&mut self.entries[position], entry));
        }
        if self.entries.is_empty() {
            // The list of one is the usual one; a vector left to itself makes room for four.
            self.entries.reserve_exact(1);
        }
        self.entries.push(entry);
        match &mut self.index {
            Some(index) => index.insert(&self.entries, self.entries.len() - 1),
            None if self.entries.len() > SCANNED_MAX => {
                let mut index = Box::<Index>::default();
                (0..self.entries.len()).for_each(|position| index.insert(&self.entries, position));
                self.index = Some(index);
            }
            None => {}
        }
        None
    }

    /// Removes the entry of that key. The last entry takes its place.
    pub(crate) fn remove(&mut self, key: &T::Key) -> Option<T> {
        let position = self.position_of(key)?;
        let last = self.entries.len() - 1;
        if let Some(index) = &mut self.index {
            index.remove(&self.entries, position);
            if position != last {
                index.remove(&self.entries, last);
            }
        }
        let removed = self.entries.swap_remove(position);
        if let Some(index) = &mut self.index
            && position != last
        {
            index.insert(&self.entries, position);
        }
        self.give_back();
        Some(removed)
    }

    /// Takes out the only entry; `None` if there is none or more than one.
    pub(crate) fn pop_only(&mut self) -> Option<T> {
        if self.entries.len() != 1 {
            return None;
        }
        // A list of one has no table.
        self.entries.pop()
    }

    /// Gives memory back, in steps that lie far enough apart to cost nothing that counts.
    fn give_back(&mut self) {
        let len = self.entries.len();
        if len <= SCANNED_MAX / 2 {
            self.index = None;
        }
        if len <= self.entries.capacity() / 4 {
            self.entries.shrink_to(len * 2);
            if let Some(index) = &mut self.index {
                index.shrink_to(&self.entries, len * 2);
            }
        }
    }

    fn position_of(&self, key: &T::Key) -> Option<usize> {
        self.position(|index| T::hash_key(key, &index.hasher), |entry| entry.has_key(key))
    }

    fn position(&self, hash: impl Fn(&Index) -> u64, is_it: impl Fn(&T) -> bool) -> Option<usize> {
        match &self.index {
            Some(index) => {
                let found = index.positions.find(hash(index), |&at| is_it(&self.entries[at as usize]));
                found.map(|&at| at as usize)
            }
            None => self.entries.iter().position(is_it),
        }
    }
}

impl Index {
    fn insert<T: Keyed>(&mut self, entries: &[T], position: usize) {
        let Self { positions, hasher } = self;
        let hash_at = |&at: &u32| entries[at as usize].hash(hasher);
        let at = u32::try_from(position).expect("fewer than 2^32 entries fit into memory");
        positions.insert_unique(hash_at(&at), at, hash_at);
    }

    fn remove<T: Keyed>(&mut self, entries: &[T], position: usize) {
        let hash = entries[position].hash(&self.hasher);
        if let Ok(found) = self.positions.find_entry(hash, |&at| at as usize == position) {
            found.remove();
        }
    }

    fn shrink_to<T: Keyed>(&mut self, entries: &[T], capacity: usize) {
        let Self { positions, hasher } = self;
        positions.shrink_to(capacity, |&at| entries[at as usize].hash(hasher));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Keyed for u32 {
        type Key = u32;

        fn has_key(&self, key: &u32) -> bool {
            self == key
        }

        fn is_same(&self, other: &Self) -> bool {
            self == other
        }

        fn hash(&self, hasher: &impl BuildHasher) -> u64 {
            hasher.hash_one(self)
        }

        fn hash_key(key: &u32, hasher: &impl BuildHasher) -> u64 {
            hasher.hash_one(key)
        }
    }

    #[test]
    fn entries_are_found_while_the_list_grows_and_shrinks_past_its_table() {
        let mut list = KeyedList::default();
        for round in 0..3 {
            for key in 0..1_000_u32 {
                assert_eq!(list.insert(key), None, "round {round}");
                assert_eq!(list.index.is_some(), key as usize >= SCANNED_MAX);
            }
            assert_eq!(list.insert(7), Some(7));
            assert_eq!(list.as_slice().len(), 1_000);
            // In an order that is neither that of the list nor its reverse.
            for key in (0..1_000_u32).map(|step| step * 7 % 1_000) {
                assert_eq!(list.find_mut(&key), Some(&mut { key }));
                assert_eq!(list.remove(&key), Some(key));
                assert_eq!(list.remove(&key), None);
            }
            assert!(list.is_empty() && list.index.is_none());
            assert_eq!(list.entries.capacity(), 0, "an empty list holds no memory");
        }
    }

    #[test]
    fn a_list_of_one_has_room_for_one() {
        let mut list = KeyedList::default();
        list.insert(1_u32);
        assert_eq!(list.entries.capacity(), 1);
    }
}
