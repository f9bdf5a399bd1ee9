//! The subscriptions, by topic level.
//!
//! ```text
//!   (root) ──sport──▶ ○ ──tennis──▶ ●  sport/tennis
//!     │               ├──+──▶ ○ ──score──▶ ●  sport/+/score
//!     └──#──▶ ●  #    └──#──▶ ●  sport/#
//! ```
//!
//! Nodes live in one arena; an edge is an entry of one hash table keyed by parent and level, so that a level costs
//! one look-up however many children a node has, and a node without subscribers costs little memory. A node's subscribers
//! and groups are [`KeyedList`]s: the write lock is held no longer for the last of 100,000 than for the first.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hashbrown::HashTable;
use tidewire_protocols::topic::{TopicFilter, TopicName};

use super::keyed_list::{Keyed, KeyedList};
use super::matches::{MatchSet, ShareGroup, Target};
use super::{Subscription, SubscriptionOptions};
use crate::message::SessionId;

type NodeId = u32;

/// The root is never a child, so its number can mean "none" where a child is named.
const ROOT: NodeId = 0;
const NONE: NodeId = 0;

#[derive(Default)]
struct Node {
    parent: NodeId,
    level: Box<str>,
    children: u32,
    plus: NodeId,
    hash: NodeId,
    subscriptions: KeyedList<Subscription>,
    groups: KeyedList<Group>,
}

struct Group {
    name: Box<str>,
    /// The whole filter, which names the group among all.
    filter: Arc<str>,
    members: KeyedList<Subscription>,
    /// Shared with the match sets made from this group, so that whose turn it is outlives them.
    cursor: Arc<AtomicUsize>,
}

impl Keyed for Group {
    type Key = str;

    fn with_key<R>(&self, ask: impl FnOnce(&str) -> R) -> R {
        ask(&self.name)
    }
}

/// See the module.
pub(super) struct Trie {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    edges: HashTable<NodeId>,
    hasher: foldhash::fast::RandomState,
    len: usize,
}

impl Default for Trie {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            free: Vec::new(),
            edges: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            len: 0,
        }
    }
}

impl Trie {
    /// Subscriptions there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds or replaces a subscription; whether it was there.
    pub(super) fn insert(&mut self, filter: TopicFilter<'_>, subscription: Subscription) -> bool {
        let node = filter.levels().fold(ROOT, |node, level| self.child_or_insert(node, level));
        let node = &mut self.nodes[node as usize];
        let replaced = match filter.share_name() {
            None => node.subscriptions.insert(subscription),
            Some(name) => match node.groups.find_mut(name) {
                Some(group) => group.members.insert(subscription),
                None => {
                    node.groups.insert(Group::new(name, filter.as_str(), subscription));
                    None
                }
            },
        };
        self.len += usize::from(replaced.is_none());
        replaced.is_some()
    }

    /// Removes a subscription and the nodes that lead to nothing any more; whether it was there.
    pub(super) fn remove(&mut self, filter: TopicFilter<'_>, session: SessionId, local: u32) -> bool {
        let Some(id) = filter.levels().try_fold(ROOT, |node, level| self.child(node, level)) else {
            return false;
        };
        let node = &mut self.nodes[id as usize];
        let key = (session, local);
        let removed = match filter.share_name() {
            None => node.subscriptions.remove(&key),
            Some(name) => {
                let Some(group) = node.groups.find_mut(name) else {
                    return false;
                };
                // The last member takes the place of the one that goes: turns stay fair, and that is all they are.
                let removed = group.members.remove(&key);
                if group.members.is_empty() {
                    node.groups.remove(name);
                }
                removed
            }
        };
        if removed.is_none() {
            return false;
        }
        self.len -= 1;
        self.prune(id);
        true
    }

    /// Everyone who receives what is published to `topic`.
    pub(super) fn matches(&self, topic: TopicName<'_>) -> MatchSet {
        let mut collector = Collector::default();
        // [MQTT-4.7.2-1]: a wildcard at the start does not match a topic that begins with `$`.
        self.walk(ROOT, topic.levels(), !topic.starts_with_dollar(), &mut collector);
        MatchSet { topic: topic.as_str().into(), ..collector.matches }
    }

    fn walk<'t>(
        &self,
        id: NodeId,
        mut levels: impl Iterator<Item = &'t str> + Clone,
        wildcards: bool,
        collector: &mut Collector,
    ) {
        let node = &self.nodes[id as usize];
        if wildcards && node.hash != NONE {
            // `sport/#` matches `sport` as well, so this comes before the levels are seen to be at an end.
            collector.add(&self.nodes[node.hash as usize]);
        }
        let Some(level) = levels.next() else {
            collector.add(node);
            return;
        };
        if let Some(child) = self.child(id, level) {
            self.walk(child, levels.clone(), true, collector);
        }
        if wildcards && node.plus != NONE {
            self.walk(node.plus, levels, true, collector);
        }
    }

    fn hash_edge(&self, parent: NodeId, level: &str) -> u64 {
        self.hasher.hash_one((parent, level))
    }

    fn child(&self, parent: NodeId, level: &str) -> Option<NodeId> {
        if self.nodes[parent as usize].children == 0 {
            return None;
        }
        let is_child = |&id: &NodeId| {
            let node = &self.nodes[id as usize];
            node.parent == parent && &*node.level == level
        };
        self.edges.find(self.hash_edge(parent, level), is_child).copied()
    }

    fn child_or_insert(&mut self, parent: NodeId, level: &str) -> NodeId {
        if let Some(child) = self.child(parent, level) {
            return child;
        }
        let node = Node { parent, level: level.into(), ..Node::default() };
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = node;
                id
            }
            None => {
                self.nodes.push(node);
                NodeId::try_from(self.nodes.len() - 1).expect("fewer than 2^32 topic levels fit into memory")
            }
        };
        let parent_node = &mut self.nodes[parent as usize];
        parent_node.children += 1;
        match level {
            "+" => parent_node.plus = id,
            "#" => parent_node.hash = id,
            _ => {}
        }
        let hash = self.hash_edge(parent, level);
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.edges.insert_unique(hash, id, |&id| {
            let node = &nodes[id as usize];
            hasher.hash_one((node.parent, &*node.level))
        });
        id
    }

    fn prune(&mut self, mut id: NodeId) {
        while id != ROOT {
            let node = &self.nodes[id as usize];
            if node.children > 0 || !node.subscriptions.is_empty() || !node.groups.is_empty() {
                return;
            }
            let hash = self.hash_edge(node.parent, &node.level);
            if let Ok(entry) = self.edges.find_entry(hash, |&edge| edge == id) {
                entry.remove();
            }
            let Node { parent, .. } = std::mem::take(&mut self.nodes[id as usize]);
            let parent_node = &mut self.nodes[parent as usize];
            parent_node.children -= 1;
            if parent_node.plus == id {
                parent_node.plus = NONE;
            }
            if parent_node.hash == id {
                parent_node.hash = NONE;
            }
            self.free.push(id);
            id = parent;
        }
    }
}

impl Group {
    fn new(name: &str, filter: &str, first: Subscription) -> Self {
        let mut members = KeyedList::default();
        members.insert(first);
        Self { name: name.into(), filter: filter.into(), members, cursor: Arc::default() }
    }
}

/// Merges the subscriptions of one session into one target, as they are found.
#[derive(Default)]
struct Collector {
    matches: MatchSet,
    /// Where each session's target is in the list.
    positions: hashbrown::HashMap<(SessionId, u32), usize, foldhash::fast::RandomState>,
}

impl Collector {
    fn add(&mut self, node: &Node) {
        for subscription in node.subscriptions.as_slice() {
            self.add_target(subscription, subscription.options);
        }
        for group in node.groups.as_slice() {
            let members = group.members.as_slice().iter().map(Target::new).collect();
            self.matches.groups.push(ShareGroup::new(
                Arc::clone(&group.filter),
                members,
                Arc::clone(&group.cursor),
            ));
        }
    }

    fn add_target(&mut self, subscription: &Subscription, options: SubscriptionOptions) {
        let key = (subscription.session.id(), subscription.local);
        match self.positions.entry(key) {
            hashbrown::hash_map::Entry::Occupied(entry) => self.matches.targets[*entry.get()].add(options),
            hashbrown::hash_map::Entry::Vacant(entry) => {
                entry.insert(self.matches.targets.len());
                self.matches.targets.push(Target::new(subscription));
            }
        }
    }
}

#[cfg(test)]
impl Trie {
    /// Whether there is nothing but the root.
    pub(super) fn is_bare(&self) -> bool {
        self.len == 0 && self.edges.is_empty() && self.nodes.len() == self.free.len() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{filter, name, options, session};
    use super::*;

    /// As many as a broker's clients may be. A list that is looked through would make 5 * 10^9 comparisons of it.
    const MANY: u32 = 100_000;

    fn subscription(session: &Arc<crate::session::Session>, local: u32) -> Subscription {
        Subscription { session: Arc::clone(session), options: options(), local }
    }

    #[test]
    fn a_hundred_thousand_subscribers_of_one_filter_come_and_go() {
        let (mut trie, session) = (Trie::default(), session(1));
        for text in ["news", "$share/readers/news"] {
            for local in 0..MANY {
                assert!(!trie.insert(filter(text), subscription(&session, local)));
            }
            // They come back, as after a loss of the network.
            for local in 0..MANY {
                assert!(trie.insert(filter(text), subscription(&session, local)));
            }
            assert_eq!(trie.len(), MANY as usize);
            let matches = trie.matches(name("news"));
            let members = matches.groups.iter().map(|group| group.members.len()).sum::<usize>();
            assert_eq!(matches.targets.len() + members, MANY as usize);
            // Every other one from the front, the rest from the back.
            let (even, odd) = ((0..MANY).step_by(2), (0..MANY / 2).map(|half| MANY - 1 - half * 2));
            for local in even.chain(odd) {
                assert!(trie.remove(filter(text), session.id(), local));
                assert!(!trie.remove(filter(text), session.id(), local));
            }
            assert!(trie.is_bare());
        }
    }

    #[test]
    fn a_hundred_thousand_groups_of_one_filter_come_and_go() {
        let (mut trie, session) = (Trie::default(), session(1));
        let filters: Vec<_> = (0..MANY).map(|number| format!("$share/{number}/news")).collect();
        for text in &filters {
            assert!(!trie.insert(filter(text), subscription(&session, 0)));
        }
        assert_eq!(trie.matches(name("news")).groups.len(), MANY as usize);
        for text in &filters {
            assert!(trie.remove(filter(text), session.id(), 0));
        }
        assert!(trie.is_bare());
    }

    #[test]
    fn a_node_stays_small() {
        // With one subscription, its edge and the place in its session it is to be below 400 bytes.
        assert!(size_of::<Node>() <= 96, "{}", size_of::<Node>());
        assert!(size_of::<Subscription>() <= 24, "{}", size_of::<Subscription>());
    }

    #[test]
    fn members_of_a_group_take_turns_also_after_one_has_gone() {
        let mut trie = Trie::default();
        let sessions: Vec<_> = (0..5).map(session).collect();
        for session in &sessions {
            trie.insert(filter("$share/g/t"), subscription(session, 0));
        }
        trie.remove(filter("$share/g/t"), sessions[1].id(), 0);
        let mut turns = [0; 5];
        for _ in 0..40 {
            let matches = trie.matches(name("t"));
            let first = matches.groups[0].in_turn().next().map(|target| target.session.id().0);
            turns[first.unwrap() as usize] += 1;
        }
        assert_eq!(turns, [10, 0, 10, 10, 10]);
    }
}
