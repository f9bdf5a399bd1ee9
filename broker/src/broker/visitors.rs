//! How many connections there are from each address.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::address::Address;

/// See the module.
#[derive(Debug, Default)]
pub struct Visitors {
    counts: DashMap<Address, usize>,
}

/// One connection from an address, counted until this is dropped.
#[derive(Debug)]
pub struct Visit {
    visitors: Arc<Visitors>,
    address: Address,
}

impl Visitors {
    /// Counts one more connection from `address`; `None` where there are `max` already.
    pub fn enter(self: &Arc<Self>, address: Address, max: usize) -> Option<Visit> {
        let mut count = self.counts.entry(address).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        drop(count);
        Some(Visit { visitors: Arc::clone(self), address })
    }

    /// Addresses there are connections from.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.visitors.counts.entry(self.address) {
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

    #[test]
    fn an_address_has_so_many_connections_and_is_forgotten_with_the_last() {
        let visitors = Arc::new(Visitors::default());
        let [one, other] = [1, 2].map(|number| Address::from_number(number).unwrap());
        let first = visitors.enter(one, 2);
        let second = visitors.enter(one, 2);
        assert!(first.is_some() && second.is_some());
        assert!(visitors.enter(one, 2).is_none());
        assert!(visitors.enter(other, 2).is_some(), "another address");
        drop(first);
        let third = visitors.enter(one, 2);
        assert!(third.is_some());
        drop((second, third));
        assert!(visitors.is_empty());
    }
}
