//! Which of the application's streams a message is for.
//!
//! A group is one subscription at the broker. Over MQTT a client has one for each filter, so streams of the same filter
//! are members of one group; over STOMP each stream has its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tidewire_protocols::topic::{TopicFilter, TopicName};

use crate::command::{Done, SubscriptionId, Token, settle};
use crate::error::Error;
use crate::inbox::{Delivery, Inbox, Pushed, Sink};
use crate::message::Message;
use crate::session::InboxBounds;
use crate::subscription::{Acknowledge, Subscription};

/// The subscriptions of one client, by the id of each group: that of its first member.
pub(crate) struct Subscriptions {
    groups: BTreeMap<SubscriptionId, Group>,
    /// MQTT's: one group for each filter.
    by_filter: HashMap<String, SubscriptionId>,
    /// Groups of members that are not the first.
    joined: HashMap<SubscriptionId, SubscriptionId>,
    bounds: InboxBounds,
    /// Got something in this turn.
    touched: Vec<Arc<Inbox>>,
    /// Had too much in them when last looked at.
    full: Vec<Arc<Inbox>>,
}

/// See the module.
pub(crate) struct Group {
    pub(crate) subscription: Arc<Subscription>,
    /// What the broker has confirmed last: that stands when it refuses a later one.
    confirmed: Option<Arc<Subscription>>,
    members: Vec<Member>,
    /// Whether the broker has confirmed it, in its session or on this connection.
    pub(crate) is_confirmed: bool,
    /// Who waits for that.
    pub(crate) waiting: Vec<Done>,
}

struct Member {
    id: SubscriptionId,
    sink: Sink,
    is_manual: bool,
    /// Whether the broker has confirmed the group since this one came.
    is_confirmed: bool,
}

/// Who leaves a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// There was no such member.
    Unknown,
    /// Others stay.
    Member,
    /// It was the last one: the broker is to be told.
    Last(SubscriptionId),
}

/// A message as it came.
pub(crate) struct Arrival {
    pub(crate) message: Message,
    /// If the broker wants to hear of it.
    pub(crate) serial: Option<u64>,
    pub(crate) is_redelivered: bool,
}

impl Subscriptions {
    pub(crate) fn new(bounds: InboxBounds) -> Self {
        Self {
            groups: BTreeMap::new(),
            by_filter: HashMap::new(),
            joined: HashMap::new(),
            bounds,
            touched: Vec::new(),
            full: Vec::new(),
        }
    }

    /// Takes a stream in, and returns its group, whose subscription is from now on for all its streams. With
    /// `is_shared` it is that of the same filter, if there is one.
    pub(crate) fn add(
        &mut self,
        id: SubscriptionId,
        subscription: Arc<Subscription>,
        sink: Sink,
        done: Done,
        is_shared: bool,
    ) -> SubscriptionId {
        let known = self.by_filter.get(&subscription.filter).copied().filter(|_| is_shared);
        let group_id = known.unwrap_or(id);
        if group_id == id {
            self.by_filter.insert(subscription.filter.clone(), id);
        } else {
            self.joined.insert(id, group_id);
        }
        let is_manual = subscription.acknowledge == Acknowledge::Manual;
        let group = self.groups.entry(group_id).or_insert_with(|| Group {
            subscription: Arc::clone(&subscription),
            confirmed: None,
            members: Vec::new(),
            is_confirmed: false,
            waiting: Vec::new(),
        });
        group.subscription = match group.members.is_empty() {
            true => subscription,
            false => joined(&group.subscription, &subscription),
        };
        group.is_confirmed = false;
        group.members.push(Member { id, sink, is_manual, is_confirmed: false });
        group.waiting.push(done);
        group_id
    }

    pub(crate) fn leave(&mut self, id: SubscriptionId) -> Left {
        let group_id = self.joined.remove(&id).unwrap_or(id);
        let Some(group) = self.groups.get_mut(&group_id) else { return Left::Unknown };
        let before = group.members.len();
        group.members.retain(|member| member.id != id);
        match group.members.len() {
            0 => Left::Last(group_id),
            after if after < before => Left::Member,
            _ => Left::Unknown,
        }
    }

    /// Takes a whole group out: its streams end.
    pub(crate) fn remove(&mut self, group_id: SubscriptionId, failure: Option<&Error>) -> Option<Group> {
        let mut group = self.groups.remove(&group_id)?;
        if self.by_filter.get(&group.subscription.filter) == Some(&group_id) {
            self.by_filter.remove(&group.subscription.filter);
        }
        for member in group.members.drain(..) {
            self.joined.remove(&member.id);
            member.sink.close(failure.cloned());
        }
        let outcome = Err(failure.cloned().unwrap_or(Error::Disconnected));
        settle(group.waiting.drain(..), outcome);
        Some(group)
    }

    pub(crate) fn get(&self, group_id: SubscriptionId) -> Option<&Group> {
        self.groups.get(&group_id)
    }

    /// The group that a stream is in.
    pub(crate) fn group_of(&self, id: SubscriptionId) -> Option<&Group> {
        self.groups.get(self.joined.get(&id).unwrap_or(&id))
    }

    /// The broker has confirmed a group.
    pub(crate) fn confirm(&mut self, group_id: SubscriptionId) {
        if let Some(group) = self.groups.get_mut(&group_id) {
            group.is_confirmed = true;
            group.confirmed = Some(Arc::clone(&group.subscription));
            group.members.iter_mut().for_each(|member| member.is_confirmed = true);
            settle(group.waiting.drain(..), Ok(()));
        }
    }

    /// The broker has refused a group: those end for whom it was asked. Others keep what it had confirmed to
    /// them.
    pub(crate) fn refuse(&mut self, group_id: SubscriptionId, error: &Error) {
        let Some(group) = self.groups.get_mut(&group_id) else { return };
        let Some(confirmed) = group.confirmed.clone().filter(|_| group.has_confirmed_members()) else {
            self.remove(group_id, Some(error));
            return;
        };
        group.subscription = confirmed;
        group.is_confirmed = true;
        for member in group.members.extract_if(.., |member| !member.is_confirmed) {
            self.joined.remove(&member.id);
            member.sink.close(Some(error.clone()));
        }
        settle(group.waiting.drain(..), Err(error.clone()));
    }

    /// The broker has forgotten all of them.
    pub(crate) fn unconfirm(&mut self) {
        for group in self.groups.values_mut() {
            group.is_confirmed = false;
            group.confirmed = None;
            group.members.iter_mut().for_each(|member| member.is_confirmed = false);
        }
    }

    /// Those that the broker does not have, in the order in which they were made.
    pub(crate) fn unconfirmed(&self) -> Vec<SubscriptionId> {
        self.groups.iter().filter(|(_, group)| !group.is_confirmed).map(|(id, _)| *id).collect()
    }

    /// Groups of exactly this filter.
    pub(crate) fn with_filter(&self, filter: &str) -> Vec<SubscriptionId> {
        let has_filter = |group: &Group| group.subscription.filter == filter;
        self.groups.iter().filter(|(_, group)| has_filter(group)).map(|(id, _)| *id).collect()
    }

    /// The group of the durable subscription of that name.
    pub(crate) fn durable(&self, name: &str) -> Option<SubscriptionId> {
        let is_it = |group: &Group| group.subscription.durable.as_deref() == Some(name);
        self.groups.iter().find(|(_, group)| is_it(group)).map(|(id, _)| *id)
    }

    /// Groups whose filter matches the topic name.
    pub(crate) fn matching(&self, topic: TopicName<'_>, matches: &mut Vec<SubscriptionId>) {
        let is_match = |filter: &str| TopicFilter::parse(filter).is_ok_and(|filter| filter.matches(topic));
        matches.extend(
            self.groups.iter().filter(|(_, group)| is_match(&group.subscription.filter)).map(|(id, _)| *id),
        );
    }

    /// Hands a message to every member of these groups, to each stream once. Returns how many will say when they have
    /// done with it; the session acknowledges what has nobody.
    pub(crate) fn deliver(&mut self, group_ids: &[SubscriptionId], arrival: Arrival) -> usize {
        let Self { groups, bounds, touched, full, .. } = self;
        let mut reached: Vec<&Member> = Vec::new();
        let mut first = None;
        for member in group_ids.iter().filter_map(|id| groups.get(id)).flat_map(|group| &group.members) {
            match first {
                None => first = Some(member),
                Some(first) => {
                    let is_new = |other: &&Member| !other.sink.is_same(&member.sink);
                    if is_new(&first) && reached.iter().all(is_new) {
                        reached.push(member);
                    }
                }
            }
        }
        let Some(first) = first else { return 0 };
        let Arrival { message, serial, is_redelivered } = arrival;
        let mut hand = |member: &Member, message: Message| {
            let token = serial.map(|serial| Token { subscription: member.id, serial });
            let delivery = Delivery { message, token, is_manual: member.is_manual, is_redelivered };
            usize::from(push(member, delivery, *bounds, touched, full))
        };
        let others: usize = reached.into_iter().map(|member| hand(member, message.clone())).sum();
        others + hand(first, message)
    }

    /// Wakes whoever got something. Returns whether somebody is so far behind that no more is to be read.
    pub(crate) fn handle_turn_end(&mut self) -> bool {
        for inbox in self.touched.drain(..) {
            inbox.wake();
        }
        self.full.retain(|inbox| inbox.is_full(self.bounds.pause));
        !self.full.is_empty()
    }

    /// No more will come.
    pub(crate) fn end(&mut self, error: Option<&Error>) {
        while let Some((&id, _)) = self.groups.first_key_value() {
            self.remove(id, error);
        }
    }
}

impl Group {
    fn has_confirmed_members(&self) -> bool {
        self.members.iter().any(|member| member.is_confirmed)
    }
}

/// What serves two streams of the same filter: the higher QoS, and one's own messages unless neither wants
/// them.
fn joined(known: &Subscription, new: &Arc<Subscription>) -> Arc<Subscription> {
    let qos = known.options.qos.max(new.options.qos);
    let no_local = known.options.no_local && new.options.no_local;
    if (qos, no_local) == (new.options.qos, new.options.no_local) {
        return Arc::clone(new);
    }
    let mut joined = Subscription::clone(new);
    joined.options.qos = qos;
    joined.options.no_local = no_local;
    Arc::new(joined)
}

/// Whether the member will say when it has done with the message.
fn push(
    member: &Member,
    delivery: Delivery,
    bounds: InboxBounds,
    touched: &mut Vec<Arc<Inbox>>,
    full: &mut Vec<Arc<Inbox>>,
) -> bool {
    let inbox = match &member.sink {
        Sink::Inbox(inbox) => inbox,
        Sink::Replies(replies) => {
            replies.handle(delivery.message);
            return false;
        }
    };
    let is_acknowledged = delivery.token.is_some();
    let Pushed::Kept { waiting } = inbox.push(delivery, bounds.drop) else { return false };
    if !touched.last().is_some_and(|last| Arc::ptr_eq(last, inbox)) {
        touched.push(Arc::clone(inbox));
    }
    if waiting == bounds.pause {
        full.push(Arc::clone(inbox));
    }
    is_acknowledged
}

#[cfg(test)]
mod tests {
    use tidewire_protocols::mqtt::Qos;

    use super::*;

    #[test]
    fn a_joined_subscription_serves_both() {
        let subscription = |qos, no_local| {
            let mut subscription = Subscription::new("a", qos);
            subscription.options.no_local = no_local;
            Arc::new(subscription)
        };
        let (low, high) = (subscription(Qos::AtMostOnce, true), subscription(Qos::ExactlyOnce, false));
        assert_eq!(joined(&low, &high), high);
        assert_eq!(joined(&high, &low), high);
        assert!(joined(&low, &subscription(Qos::AtLeastOnce, true)).options.no_local);
    }
}
