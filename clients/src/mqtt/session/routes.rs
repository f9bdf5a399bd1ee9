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
    /// Competing groups that were left, until the broker has confirmed that: what it sends to them until then
    /// it takes back.
    left: Vec<(Option<SubscriptionId>, String)>,
    /// Nobody has subscribed to them yet.
    unclaimed: VecDeque<Arrival>,
    matches: Vec<SubscriptionId>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    /// So many will settle it.
    To(usize),
    /// It waits for somebody who subscribes to it.
    Waiting,
    /// It belongs to another consumer: it is not to be acknowledged here.
    Foreign,
}

impl Routes {
    pub(super) fn new(bounds: InboxBounds) -> Self {
        Self {
            subscriptions: Subscriptions::new(bounds),
            is_paused: false,
            is_by_identifier: false,
            is_inherited: false,
            left: Vec::new(),
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
            // Of a session that goes on, the endings are sent again.
            self.left.clear();
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

    /// Hands a message out.
    pub(super) fn deliver(&mut self, topic: TopicName<'_>, arrival: Arrival) -> Delivered {
        let mut matches = std::mem::take(&mut self.matches);
        matches.clear();
        let identifiers = &arrival.message.properties.subscription_identifiers;
        let is_by_identifier = self.is_by_identifier && !identifiers.is_empty();
        match is_by_identifier {
            true => matches.extend(identifiers),
            false => self.subscriptions.matching(topic, &mut matches),
        }
        let is_left = !self.left.is_empty() && self.is_left(topic, is_by_identifier.then_some(&matches));
        let delivered = if matches.is_empty() && self.is_inherited && arrival.serial.is_some() && !is_left {
            self.unclaimed.push_back(arrival);
            Delivered::Waiting
        } else {
            match self.subscriptions.deliver(&matches, arrival) {
                0 if is_left || matches.iter().any(|id| self.is_competing(*id)) => Delivered::Foreign,
                holders => Delivered::To(holders),
            }
        };
        self.matches = matches;
        delivered
    }

    /// Whether a message is of a competing group that was left: by its identifiers, or by its topic.
    fn is_left(&self, topic: TopicName<'_>, identifiers: Option<&Vec<SubscriptionId>>) -> bool {
        self.left.iter().any(|(id, filter)| match (identifiers, id) {
            (Some(identifiers), Some(id)) => identifiers.contains(id),
            _ => TopicFilter::parse(filter).is_ok_and(|filter| filter.matches(topic)),
        })
    }

    /// A filter is to end at the broker; `id` is its group's, if it is this process's.
    fn remember_left(&mut self, id: Option<SubscriptionId>, filter: &str) {
        if is_competing(filter) {
            self.left.push((id, filter.to_owned()));
        }
    }

    /// The broker has answered to the oldest ending of this filter.
    pub(super) fn forget_left(&mut self, filter: &str) {
        if let Some(at) = self.left.iter().position(|(_, left)| left == filter) {
            self.left.remove(at);
        }
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
                let filter = self.subscriptions.remove(group, None)?.subscription.filter.clone();
                self.remember_left(Some(group), &filter);
                Some(filter)
            }
            Left::Member | Left::Unknown => None,
        }
    }

    /// All streams of a filter go.
    pub(super) fn leave_filter(&mut self, filter: &str) {
        let group = self.subscriptions.with_filter(filter).into_iter().next();
        if let Some(group) = group {
            self.subscriptions.remove(group, None);
        }
        self.remember_left(group, filter);
    }

    /// Whether others wait for the same messages, each of which goes to one: a shared subscription, or a queue.
    pub(super) fn is_competing(&self, id: SubscriptionId) -> bool {
        self.subscriptions.group_of(id).is_some_and(|group| is_competing(&group.subscription.filter))
    }

    fn is_match(&self, group: SubscriptionId, arrival: &Arrival) -> bool {
        let Some(group) = self.subscriptions.get(group) else { return false };
        let filter = TopicFilter::parse(&group.subscription.filter);
        let topic = TopicName::parse(&arrival.message.topic);
        matches!((filter, topic), (Ok(filter), Ok(topic)) if filter.matches(topic))
    }
}

fn is_competing(filter: &str) -> bool {
    filter.starts_with("$share/") || filter.starts_with("$queue/")
}
