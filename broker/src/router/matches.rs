//! The answer to "who receives this topic", merged so that nobody gets a message twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use smallvec::SmallVec;
use tidewire_protocols::topic::TopicName;

use super::{Subscription, SubscriptionOptions};
use crate::message::{Qos, SessionId};
use crate::session::{Identifiers, Session};

/// Everyone who receives what is published to one topic.
#[derive(Default)]
pub struct MatchSet {
    /// Each gets its own delivery.
    pub targets: Vec<Target>,
    /// Of each of these, one member gets it.
    pub groups: Vec<ShareGroup>,
    /// What was asked, and in which generation of the router.
    pub(super) topic: Box<str>,
    pub(super) generation: u64,
}

/// The answer that was given last. Whoever holds it keeps its sessions alive: for the length of a turn, no longer.
#[derive(Default)]
pub struct LastMatch(Option<Arc<MatchSet>>);

impl LastMatch {
    /// The last answer if it is for that topic and generation, else what `ask` says.
    pub(super) fn find_or(
        &mut self,
        topic: TopicName<'_>,
        generation: u64,
        ask: impl FnOnce() -> Arc<MatchSet>,
    ) -> &MatchSet {
        let is_same =
            |matches: &MatchSet| matches.generation == generation && *matches.topic == *topic.as_str();
        if !self.0.as_deref().is_some_and(is_same) {
            self.0 = None;
        }
        self.0.get_or_insert_with(ask)
    }
}

/// One receiver, with all of its subscriptions that match. MQTT's overlapping subscriptions are one target, with the
/// highest QoS of them and every identifier [MQTT-3.3.4-2, MQTT-3.3.4-3]; STOMP's are one each.
pub struct Target {
    /// Who.
    pub session: Arc<Session>,
    /// STOMP's number of the subscription.
    pub local: u32,
    parts: SmallVec<[SubscriptionOptions; 1]>,
    merged: Terms,
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

/// A shared subscription's members, of which each message goes to one.
pub struct ShareGroup {
    /// Its filter, `$share` and name included.
    pub filter: Arc<str>,
    /// The members, in an order that stays as it is while nobody comes or goes.
    pub members: Vec<Target>,
    cursor: Arc<AtomicUsize>,
}

impl Target {
    pub(super) fn new(subscription: &Subscription) -> Self {
        let mut target = Self {
            session: Arc::clone(&subscription.session),
            local: subscription.local,
            parts: SmallVec::new(),
            merged: Terms {
                qos: Qos::AtMostOnce,
                retain_as_published: false,
                identifiers: Identifiers::new(),
            },
        };
        target.add(subscription.options);
        target
    }

    /// Whether the other is the same receiver.
    pub fn is_same(&self, other: &Self) -> bool {
        self.session.id() == other.session.id() && self.local == other.local
    }

    pub(super) fn add(&mut self, options: SubscriptionOptions) {
        self.merged.add(&options);
        self.parts.push(options);
    }

    /// What it weighs in memory, in bytes.
    fn weight(&self) -> usize {
        let parts = if self.parts.spilled() { size_of_val(&*self.parts) } else { 0 };
        size_of::<Self>() + parts + size_of_val(&*self.merged.identifiers)
    }

    /// Calls `with` on the terms for a message from `publisher`; `None` if No Local keeps it from its own publisher.
    /// [MQTT-3.8.3-3]
    pub fn with_terms_for<R>(&self, publisher: SessionId, with: impl FnOnce(&Terms) -> R) -> Option<R> {
        match self.session.id() == publisher && self.parts.iter().any(|part| part.no_local) {
            false => Some(with(&self.merged)),
            true => self.terms_for_itself().as_ref().map(with),
        }
    }

    #[cold]
    fn terms_for_itself(&self) -> Option<Terms> {
        let mut foreign = self.parts.iter().filter(|part| !part.no_local).peekable();
        foreign.peek()?;
        let none =
            Terms { qos: Qos::AtMostOnce, retain_as_published: false, identifiers: Identifiers::new() };
        let merged = foreign.fold(none, |mut terms, part| {
            terms.add(part);
            terms
        });
        Some(merged)
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
    pub(super) fn new(filter: Arc<str>, members: Vec<Target>, cursor: Arc<AtomicUsize>) -> Self {
        Self { filter, members, cursor }
    }

    /// The members, beginning with the one whose turn it is.
    pub fn in_turn(&self) -> impl Iterator<Item = &Target> {
        let start = self.cursor.fetch_add(1, Ordering::Relaxed) % self.members.len().max(1);
        self.members[start..].iter().chain(&self.members[..start])
    }
}

impl MatchSet {
    /// Whether nobody receives it.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.groups.is_empty()
    }

    /// What it weighs in memory, in bytes.
    pub(super) fn weight(&self) -> usize {
        let members = self.groups.iter().flat_map(|group| &group.members);
        let targets: usize = self.targets.iter().chain(members).map(Target::weight).sum();
        self.topic.len() + targets + size_of::<ShareGroup>() * self.groups.len()
    }
}
