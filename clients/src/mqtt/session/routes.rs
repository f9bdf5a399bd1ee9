//! Which subscriptions a message is for.
//!
//! MQTT 5's subscription identifiers tell; they are the groups' ids. Where there are none, the filters do. In a session
//! that an earlier process began, identifiers are that process's, so the filters tell as well; what matches none of
//! them waits until the application has subscribed, if it is to be acknowledged.

use std::collections::VecDeque;

use tidewire_protocols::topic::{TopicFilter, TopicName};

use super::incoming::Incoming;
use crate::command::SubscriptionId;
use crate::session::InboxBounds;
use crate::subscriptions::{Arrival, Left, Subscriptions};

/// See the module.
pub(super) struct Routes {
    pub(super) subscriptions: Subscriptions,
    /// Whether no more is read, since the application is behind.
    pub(super) is_paused: bool,
    is_by_identifier: bool,
    is_inherited: bool,
    /// Nobody has subscribed to them yet.
    unclaimed: VecDeque<Arrival>,
    matches: Vec<SubscriptionId>,
}

impl Routes {
    pub(super) fn new(bounds: InboxBounds) -> Self {
        Self {
            subscriptions: Subscriptions::new(bounds),
            is_paused: false,
            is_by_identifier: false,
            is_inherited: false,
            unclaimed: VecDeque::new(),
            matches: Vec::new(),
        }
    }

    /// There is a new connection, the first one or not, whose broker knows identifiers or not.
    pub(super) fn handle_connected(
        &mut self,
        session_present: bool,
        is_first: bool,
        by_identifier: bool,
        incoming: &mut Incoming,
    ) {
        if !session_present {
            self.subscriptions.unconfirm();
        }
        self.is_inherited = session_present && (is_first || self.is_inherited);
        self.is_by_identifier = by_identifier && !self.is_inherited;
        self.unclaimed.retain(|arrival| arrival.serial.is_some_and(|serial| incoming.knows(serial)));
        self.is_paused = false;
    }

    /// What to ask the broker to put on the messages of a group.
    pub(super) fn identifier(&self, group: SubscriptionId) -> Option<SubscriptionId> {
        self.is_by_identifier.then_some(group)
    }

    /// Hands a message out; how many will settle it, or `None` if it waits for somebody.
    pub(super) fn deliver(&mut self, topic: TopicName<'_>, arrival: Arrival) -> Option<usize> {
        let mut matches = std::mem::take(&mut self.matches);
        matches.clear();
        let identifiers = &arrival.message.properties.subscription_identifiers;
        match self.is_by_identifier && !identifiers.is_empty() {
            true => matches.extend(identifiers),
            false => self.subscriptions.matching(topic, &mut matches),
        }
        let holders = if matches.is_empty() && self.is_inherited && arrival.serial.is_some() {
            self.unclaimed.push_back(arrival);
            None
        } else {
            Some(self.subscriptions.deliver(&matches, arrival))
        };
        self.matches = matches;
        holders
    }

    /// Gives a new group what waited for it. Returns what nobody has after all.
    pub(super) fn claim(&mut self, group: SubscriptionId, incoming: &mut Incoming) -> Vec<u64> {
        let mut unheld = Vec::new();
        if self.unclaimed.is_empty() {
            return unheld;
        }
        for arrival in std::mem::take(&mut self.unclaimed) {
            let (is_for_it, serial) = (self.is_match(group, &arrival), arrival.serial);
            if !is_for_it {
                self.unclaimed.push_back(arrival);
                continue;
            }
            let holders = self.subscriptions.deliver(&[group], arrival);
            match serial {
                Some(serial) if holders == 0 => unheld.push(serial),
                Some(serial) => incoming.share(serial, holders),
                None => {}
            }
        }
        unheld
    }

    /// A stream goes. Returns the filter that the broker need not send any more, if it was the last of it.
    pub(super) fn leave(&mut self, id: SubscriptionId) -> Option<String> {
        match self.subscriptions.leave(id) {
            Left::Last(group) => {
                let group = self.subscriptions.remove(group, None)?;
                Some(group.subscription.filter.clone())
            }
            Left::Member | Left::Unknown => None,
        }
    }

    /// Whether others wait for the same messages, each of which goes to one: a shared subscription, or a queue.
    pub(super) fn is_competing(&self, id: SubscriptionId) -> bool {
        self.subscriptions.group_of(id).is_some_and(|group| {
            let filter = &group.subscription.filter;
            filter.starts_with("$share/") || filter.starts_with("$queue/")
        })
    }

    fn is_match(&self, group: SubscriptionId, arrival: &Arrival) -> bool {
        let Some(group) = self.subscriptions.get(group) else { return false };
        let filter = TopicFilter::parse(&group.subscription.filter);
        let topic = TopicName::parse(&arrival.message.topic);
        matches!((filter, topic), (Ok(filter), Ok(topic)) if filter.matches(topic))
    }
}
