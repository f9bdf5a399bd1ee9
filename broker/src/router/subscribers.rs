//! Who has subscribed to one place of the trie.

use std::hash::BuildHasher;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::Subscription;
use crate::keyed_list::{Keyed, KeyedList};
use crate::message::SessionId;
use crate::session::{PackedOptions, Session};

/// One session's subscription as it lies here: the filter is where it lies.
pub(super) struct Subscriber {
    pub(super) session: Arc<Session>,
    pub(super) local: u32,
    pub(super) options: PackedOptions,
}

/// A shared subscription and its members.
pub(super) struct Group {
    /// The whole filter, which names the group among all.
    pub(super) filter: Arc<str>,
    pub(super) members: KeyedList<Subscriber>,
    /// Shared with the match sets made from this group, so that whose turn it is outlives them.
    pub(super) cursor: Arc<AtomicUsize>,
}

/// A node stands for two filters: `sport` and `sport/#`, which matches `sport` as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// This topic.
    Here,
    /// This topic and everything below it.
    Below,
}

/// See the module. Most nodes have no subscriber, or one.
#[derive(Default)]
pub(super) enum Subscribers {
    #[default]
    None,
    One(Depth, Subscriber),
    Many(Box<Many>),
}

#[derive(Default)]
pub(super) struct Many {
    here: Lists,
    below: Lists,
}

#[derive(Default)]
struct Lists {
    direct: KeyedList<Subscriber>,
    groups: KeyedList<Group>,
}

impl Subscribers {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    /// How many there are, members of groups included.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(..) => 1,
            Self::Many(many) => many.here.len() + many.below.len(),
        }
    }

    /// Those that get a delivery each.
    pub(super) fn direct(&self, depth: Depth) -> &[Subscriber] {
        match self {
            Self::One(at, subscriber) if *at == depth => slice::from_ref(subscriber),
            Self::None | Self::One(..) => &[],
            Self::Many(many) => many.lists(depth).direct.as_slice(),
        }
    }

    /// The shared subscriptions.
    pub(super) fn groups(&self, depth: Depth) -> &[Group] {
        match self {
            Self::None | Self::One(..) => &[],
            Self::Many(many) => many.lists(depth).groups.as_slice(),
        }
    }

    /// Adds a subscriber, or replaces it; whether it was there.
    pub(super) fn insert(&mut self, depth: Depth, subscriber: Subscriber) -> bool {
        match self {
            Self::None => {
                *self = Self::One(depth, subscriber);
                false
            }
            Self::One(at, one) if *at == depth && one.is_same(&subscriber) => {
                *one = subscriber;
                true
            }
            _ => self.make_many().lists_mut(depth).direct.insert(subscriber).is_some(),
        }
    }

    /// Adds a member to the group of that name, which `filter` names among all, or replaces it; whether it was there.
    pub(super) fn insert_member(
        &mut self,
        depth: Depth,
        name: &str,
        filter: &str,
        member: Subscriber,
    ) -> bool {
        let groups = &mut self.make_many().lists_mut(depth).groups;
        match groups.find_mut(name) {
            Some(group) => group.members.insert(member).is_some(),
            None => {
                let mut members = KeyedList::default();
                members.insert(member);
                groups.insert(Group { filter: filter.into(), members, cursor: Arc::default() });
                false
            }
        }
    }

    /// Removes a subscriber; whether it was there.
    pub(super) fn remove(&mut self, depth: Depth, key: &(SessionId, u32)) -> bool {
        match self {
            Self::None => false,
            Self::One(at, one) => {
                let is_it = *at == depth && one.has_key(key);
                if is_it {
                    *self = Self::None;
                }
                is_it
            }
            Self::Many(many) => {
                let removed = many.lists_mut(depth).direct.remove(key).is_some();
                self.settle();
                removed
            }
        }
    }

    /// Removes a member of the group of that name; whether it was there.
    pub(super) fn remove_member(&mut self, depth: Depth, name: &str, key: &(SessionId, u32)) -> bool {
        let Self::Many(many) = self else { return false };
        let groups = &mut many.lists_mut(depth).groups;
        let Some(group) = groups.find_mut(name) else { return false };
        // The last member takes the place of the one that goes: turns stay fair, and that is all they are.
        let removed = group.members.remove(key).is_some();
        if group.members.is_empty() {
            groups.remove(name);
        }
        self.settle();
        removed
    }

    fn make_many(&mut self) -> &mut Many {
        if !matches!(self, Self::Many(_)) {
            let mut many = Box::<Many>::default();
            if let Self::One(depth, one) = std::mem::take(self) {
                many.lists_mut(depth).direct.insert(one);
            }
            *self = Self::Many(many);
        }
        match self {
            Self::Many(many) => many,
            Self::None | Self::One(..) => unreachable!("it was made many"),
        }
    }

    /// Takes the form of few again once they are few.
    fn settle(&mut self) {
        let Self::Many(many) = self else { return };
        if !many.here.groups.is_empty() || !many.below.groups.is_empty() {
            return;
        }
        let one = match (many.here.direct.as_slice().len(), many.below.direct.as_slice().len()) {
            (1, 0) => many.here.direct.pop_only().map(|one| (Depth::Here, one)),
            (0, 1) => many.below.direct.pop_only().map(|one| (Depth::Below, one)),
            (0, 0) => None,
            _ => return,
        };
        *self = one.map_or(Self::None, |(depth, one)| Self::One(depth, one));
    }
}

impl Lists {
    fn len(&self) -> usize {
        let members = self.groups.as_slice().iter().map(|group| group.members.as_slice().len());
        self.direct.as_slice().len() + members.sum::<usize>()
    }
}

impl Many {
    fn lists(&self, depth: Depth) -> &Lists {
        match depth {
            Depth::Here => &self.here,
            Depth::Below => &self.below,
        }
    }

    fn lists_mut(&mut self, depth: Depth) -> &mut Lists {
        match depth {
            Depth::Here => &mut self.here,
            Depth::Below => &mut self.below,
        }
    }
}

impl From<Subscription> for Subscriber {
    fn from(subscription: Subscription) -> Self {
        let Subscription { session, options, local } = subscription;
        Self { session, local, options: options.into() }
    }
}

impl Keyed for Subscriber {
    type Key = (SessionId, u32);

    fn has_key(&self, key: &Self::Key) -> bool {
        (self.session.id(), self.local) == *key
    }

    fn is_same(&self, other: &Self) -> bool {
        self.has_key(&(other.session.id(), other.local))
    }

    fn hash(&self, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one((self.session.id(), self.local))
    }

    fn hash_key(key: &Self::Key, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one(key)
    }
}

impl Group {
    /// The second of the three parts of `$share/name/filter`.
    fn name(&self) -> &str {
        self.filter.split('/').nth(1).unwrap_or_default()
    }
}

impl Keyed for Group {
    type Key = str;

    fn has_key(&self, key: &str) -> bool {
        self.name() == key
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name() == other.name()
    }

    fn hash(&self, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one(self.name())
    }

    fn hash_key(key: &str, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one(key)
    }
}
