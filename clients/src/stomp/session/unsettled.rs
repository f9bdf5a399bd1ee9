//! Messages that the broker wants to be told about, by subscription and in their order.

use std::collections::{HashMap, VecDeque};

use crate::command::{SubscriptionId, Token};

/// See the module. All of it is one connection's: what comes again on the next has new ids.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    of: HashMap<SubscriptionId, VecDeque<(u64, Box<str>)>>,
    last_serial: u64,
}

impl Unsettled {
    /// The serial number of a message whose `ack` header is `id`.
    pub(super) fn add(&mut self, subscription: SubscriptionId, id: &str) -> u64 {
        self.last_serial += 1;
        self.of.entry(subscription).or_default().push_back((self.last_serial, id.into()));
        self.last_serial
    }

    /// Takes out one, and returns its id.
    pub(super) fn take(&mut self, token: Token) -> Option<Box<str>> {
        let queue = self.of.get_mut(&token.subscription)?;
        let at = queue.binary_search_by_key(&token.serial, |(serial, _)| *serial).ok()?;
        queue.remove(at).map(|(_, id)| id)
    }

    /// Takes out this one and all before it, and returns the id that settles them all (STOMP12-ACK-1).
    pub(super) fn take_up_to(&mut self, token: Token) -> Option<Box<str>> {
        let queue = self.of.get_mut(&token.subscription)?;
        let count = queue.partition_point(|(serial, _)| *serial <= token.serial);
        queue.drain(..count).next_back().map(|(_, id)| id)
    }

    /// The broker gives them to others.
    pub(super) fn forget(&mut self, subscription: SubscriptionId) {
        self.of.remove(&subscription);
    }

    pub(super) fn clear(&mut self) {
        self.of.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_settles_all_before_it_in_its_subscription() {
        let mut unsettled = Unsettled::default();
        let token = |subscription, serial| Token { subscription, serial };
        let (a, b, other, c) =
            (unsettled.add(1, "a"), unsettled.add(1, "b"), unsettled.add(2, "x"), unsettled.add(1, "c"));
        assert_eq!(unsettled.take_up_to(token(1, b)).as_deref(), Some("b"));
        for settled in [a, b] {
            assert_eq!(unsettled.take(token(1, settled)), None);
        }
        assert_eq!(unsettled.take_up_to(token(1, b)), None);
        assert_eq!(unsettled.take(token(2, other)).as_deref(), Some("x"));
        unsettled.clear();
        let again = unsettled.add(1, "c2");
        assert_eq!(unsettled.take(token(1, c)), None, "of the connection before");
        assert_eq!(unsettled.take(token(1, again)).as_deref(), Some("c2"));
    }
}
