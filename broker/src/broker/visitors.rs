//! How many connections there are of each kind: from each address, of each user.

use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::address::Address;

/// See the module. `Key` is what they are told apart by.
#[derive(Debug)]
pub struct Visitors<Key: Eq + Hash + Clone> {
    counts: DashMap<Key, usize>,
}

/// One connection, counted until this is dropped.
#[derive(Debug)]
pub struct Visit<Key: Eq + Hash + Clone = Address> {
    visitors: Arc<Visitors<Key>>,
    key: Key,
}

impl<Key: Eq + Hash + Clone> Visitors<Key> {
    /// Counts one more connection with `key`; `None` where there are `max` already, which is at least 1.
    pub fn enter(self: &Arc<Self>, key: Key, max: usize) -> Option<Visit<Key>> {
        let mut count = self.counts.entry(key.clone()).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        drop(count);
        Some(Visit { visitors: Arc::clone(self), key })
    }

    /// Keys that there are connections with.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

impl<Key: Eq + Hash + Clone> Default for Visitors<Key> {
    fn default() -> Self {
        Self { counts: DashMap::new() }
    }
}

impl<Key: Eq + Hash + Clone> Drop for Visit<Key> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.visitors.counts.entry(self.key.clone()) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules, for any two keys.
    fn hold<Key: Eq + Hash + Clone>(one: &Key, other: &Key) {
        let visitors = Arc::new(Visitors::default());
        let first = visitors.enter(one.clone(), 2);
        let second = visitors.enter(one.clone(), 2);
        assert!(first.is_some() && second.is_some());
        assert!(visitors.enter(one.clone(), 2).is_none());
        assert!(visitors.enter(other.clone(), 2).is_some(), "another one");
        drop(first);
        let third = visitors.enter(one.clone(), 2);
        assert!(third.is_some());
        drop((second, third));
        assert!(visitors.is_empty());
    }

    #[test]
    fn an_address_has_so_many_connections_and_is_forgotten_with_the_last() {
        let [one, other] = [1, 2].map(|number| Address::from_number(number).unwrap());
        hold(&one, &other);
    }

    #[test]
    fn so_does_a_user() {
        hold::<Arc<str>>(&"ann".into(), &"bob".into());
    }
}
