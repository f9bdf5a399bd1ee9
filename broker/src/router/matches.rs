//! The answer to "who receives this topic", merged so that nobody gets a message twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tidewire_protocols::topic::TopicName;

use super::SubscriptionOptions;
use super::subscribers::{Depth, Group, Subscriber, Subscribers};
use crate::message::{Qos, SessionId};
use crate::session::{Identifiers, Session};

/// Everyone who receives what is published to one topic.
#[derive(Default)]
pub struct MatchSet {
    /// Each gets its own delivery.
    pub targets: Vec<Target>,
    /// Of each of these, one member gets it.
    pub groups: Vec<ShareGroup>,
    /// What was asked.
    pub(super) topic: String,
    /// The last generation of the router in which this was known to be the answer.
    pub(super) generation: AtomicU64,
    /// What it rests on: see [`Changes::stamp`](super::changes::Changes::stamp). Known of those that are remembered.
    pub(super) stamp: u64,
}

/// The answer that was given last. Whoever holds it keeps its sessions alive: for the length of a turn, no longer.
#[derive(Default)]
pub struct LastMatch(Option<Arc<MatchSet>>);

impl LastMatch {
    /// The last answer if it is for that topic and generation, else what `ask` says, which is handed the last one for
    /// its memory.
    #[inline]
    pub(super) fn find_or(
        &mut self,
        topic: TopicName<'_>,
        generation: u64,
        ask: impl FnOnce(Option<Arc<MatchSet>>) -> Arc<MatchSet>,
    ) -> &MatchSet {
        let is_same = |matches: &MatchSet| matches.is_of(generation) && *matches.topic == *topic.as_str();
        match self.0.take() {
            Some(last) if is_same(&last) => self.0.insert(last),
            last => self.0.insert(ask(last)),
        }
    }
}

/// One receiver, with all of its subscriptions that match. MQTT's overlapping subscriptions are one target, with the
/// highest QoS of them and every identifier [MQTT-3.3.4-2, MQTT-3.3.4-3]; STOMP's are one each.
pub struct Target {
    /// Who.
    pub session: Arc<Session>,
    /// STOMP's number of the subscription.
    pub local: u32,
    merged: Terms,
    own: Own,
}

/// On what terms a target receives.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The highest QoS of its subscriptions.
    pub qos: Qos,
    /// Whether RETAIN is passed on as published.
    pub retain_as_published: bool,
    /// Every subscription identifier.
    pub identifiers: Identifiers,
}

/// On what terms a target receives what it has published itself: those of its subscriptions without No Local.
/// [MQTT-3.8.3-3]
enum Own {
    /// The same as others' publications: none of its subscriptions has it.
    Same,
    /// On none: all of them have it.
    Nothing,
    /// Some have it.
    Terms(Box<Terms>),
}

/// A shared subscription's members, of which each message goes to one.
pub struct ShareGroup {
    /// Its filter, `$share` and name included.
    pub filter: Arc<str>,
    /// The members, in an order that stays as it is while nobody comes or goes.
    pub members: Vec<Target>,
    cursor: Arc<AtomicUsize>,
}

impl Target {
    pub(super) fn new(subscriber: &Subscriber) -> Self {
        let options = SubscriptionOptions::from(subscriber.options);
        Self {
            session: Arc::clone(&subscriber.session),
            local: subscriber.local,
            own: if options.no_local { Own::Nothing } else { Own::Same },
            merged: options.into(),
        }
    }

    /// Whether the other is the same receiver.
    pub fn is_same(&self, other: &Self) -> bool {
        self.session.id() == other.session.id() && self.local == other.local
    }

    /// One more of its subscriptions matches.
    fn add(&mut self, options: SubscriptionOptions) {
        match (&mut self.own, options.no_local) {
            (Own::Same, true) => self.own = Own::Terms(Box::new(self.merged.clone())),
            (Own::Nothing, false) => self.own = Own::Terms(Box::new(options.into())),
            (Own::Terms(own), false) => own.add(&options),
            (Own::Same, false) | (Own::Nothing | Own::Terms(_), true) => {}
        }
        self.merged.add(&options);
    }

    /// What it weighs in memory, in bytes.
    fn weight(&self) -> usize {
        let own = if matches!(self.own, Own::Terms(_)) { size_of::<Terms>() } else { 0 };
        size_of::<Self>() + own + size_of_val(&*self.merged.identifiers)
    }

    /// Calls `with` on the terms for a message from `publisher`; `None` if No Local keeps it from its own publisher.
    /// [MQTT-3.8.3-3]
    #[inline]
    pub fn with_terms_for<R>(&self, publisher: SessionId, with: impl FnOnce(&Terms) -> R) -> Option<R> {
        match &self.own {
            Own::Nothing if self.session.id() == publisher => None,
            Own::Terms(own) if self.session.id() == publisher => Some(with(own)),
            _ => Some(with(&self.merged)),
        }
    }
}

impl From<SubscriptionOptions> for Terms {
    fn from(options: SubscriptionOptions) -> Self {
        let SubscriptionOptions { qos, retain_as_published, identifier, .. } = options;
        Self { qos, retain_as_published, identifiers: identifier.into_iter().collect() }
    }
}

impl Terms {
    fn add(&mut self, options: &SubscriptionOptions) {
        self.qos = self.qos.max(options.qos);
        self.retain_as_published |= options.retain_as_published;
        if let Some(identifier) = options.identifier {
            self.identifiers.push(identifier);
        }
    }
}

impl ShareGroup {
    fn new(group: &Group) -> Self {
        Self {
            filter: Arc::clone(&group.filter),
            members: group.members.as_slice().iter().map(Target::new).collect(),
            cursor: Arc::clone(&group.cursor),
        }
    }

    /// The members, beginning with the one whose turn it is.
    pub fn in_turn(&self) -> impl Iterator<Item = &Target> {
        let start = self.cursor.fetch_add(1, Ordering::Relaxed) % self.members.len().max(1);
        self.members[start..].iter().chain(&self.members[..start])
    }
}

impl MatchSet {
    /// Whether nobody receives it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.groups.is_empty()
    }

    /// An empty one, in the memory of one that is not needed any more.
    pub(super) fn reuse(mut self) -> Self {
        self.targets.clear();
        self.groups.clear();
        self.topic.clear();
        self
    }

    /// Whether it is known to be the answer in that generation.
    #[inline]
    pub(super) fn is_of(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Relaxed) == generation
    }

    /// Gives back what memory it does not need: it is going to be kept.
    pub(super) fn shrink(&mut self) {
        self.targets.shrink_to_fit();
        self.groups.shrink_to_fit();
        self.topic.shrink_to_fit();
    }

    /// What it weighs in memory, in bytes.
    pub(super) fn weight(&self) -> usize {
        let members = self.groups.iter().flat_map(|group| &group.members);
        let targets: usize = self.targets.iter().chain(members).map(Target::weight).sum();
        size_of::<Self>() + self.topic.len() + targets + size_of::<ShareGroup>() * self.groups.len()
    }
}

/// Merges the subscriptions of one session into one target, as they are found.
pub(super) struct Collector<'m> {
    matches: &'m mut MatchSet,
    /// Where each target is in the list, once there are too many to look through.
    positions: Option<Box<Positions>>,
}

/// By the session's address and the number within it.
type Positions = hashbrown::HashMap<(usize, u32), usize, foldhash::fast::RandomState>;

/// Targets beyond which a map is kept.
const SCANNED_MAX: usize = 16;

impl<'m> Collector<'m> {
    /// One that puts what it finds into `matches`.
    pub(super) fn new(matches: &'m mut MatchSet) -> Self {
        Self { matches, positions: None }
    }

    /// Adds those of one filter.
    pub(super) fn add(&mut self, subscribers: &Subscribers, depth: Depth) {
        let direct = subscribers.direct(depth);
        // One filter has no receiver twice: those of the first need not be looked for.
        let known = self.matches.targets.len();
        if known == 0 {
            // The answer with one receiver is the usual one; a vector left to itself makes room for four.
            self.matches.targets.reserve_exact(direct.len());
        }
        for subscriber in direct {
            match if known == 0 { None } else { self.position(subscriber, known) } {
                Some(position) => self.matches.targets[position].add(subscriber.options.into()),
                None => self.matches.targets.push(Target::new(subscriber)),
            }
        }
        self.matches.groups.extend(subscribers.groups(depth).iter().map(ShareGroup::new));
    }

    /// Where the subscriber is among the first `known`. Those have been looked through by their addresses: another place
    /// in memory would have to be read for their numbers.
    fn position(&mut self, subscriber: &Subscriber, known: usize) -> Option<usize> {
        let targets = &self.matches.targets[..known];
        if known <= SCANNED_MAX {
            return targets.iter().position(|target| {
                Arc::ptr_eq(&target.session, &subscriber.session) && target.local == subscriber.local
            });
        }
        let positions = self.positions.get_or_insert_default();
        for (target, position) in targets.iter().zip(0..).skip(positions.len()) {
            positions.insert((address(&target.session), target.local), position);
        }
        positions.get(&(address(&subscriber.session), subscriber.local)).copied()
    }
}

fn address(session: &Arc<Session>) -> usize {
    Arc::as_ptr(session).addr()
}
