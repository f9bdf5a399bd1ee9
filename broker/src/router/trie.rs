//! The subscriptions, by topic level.
//!
//! ```text
//!   (root) ──sport──▶ ○ ──tennis──▶ ●  sport/tennis
//!     ●  #            ●──+──▶ ○ ──score──▶ ●  sport/+/score
//!                     sport/#
//! ```
//!
//! Nodes live in one arena; an edge is an entry of one hash table keyed by parent and level, so that a level costs one
//! look-up however many children a node has, and a node without subscribers costs little memory. `+` is not in the table:
//! a node knows that child. `#` is no node: it stands for what lies below the node before it, and has its subscribers
//! there. However many subscribers a node has, the write lock is held no longer for the last than for the first.

mod browse;

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;
use smallvec::SmallVec;
use tidewire_protocols::topic::{TopicFilter, TopicName};

use super::Subscription;
use super::arena::{Arena, NodeId};
use super::level::Level;
use super::matches::{Collector, MatchSet};
use super::subscribers::{Depth, Subscribers};
use crate::message::SessionId;

/// The root is never a child, so its number can mean "none" where a child is named.
const ROOT: NodeId = 0;
const NONE: NodeId = 0;

/// Levels of a topic that lie on the stack while it is matched. Few topics have more.
const LEVELS_ON_STACK: usize = 12;

/// Spreads the 32 bits of an edge's hash over the 64 that the table wants.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

#[derive(Default)]
struct Node {
    parent: NodeId,
    /// The hash of the edge to here: the table grows without a look at the levels' texts.
    edge: u32,
    children: u32,
    plus: NodeId,
    level: Level,
    subscribers: Subscribers,
}

/// One level of the topic that is matched.
#[derive(Clone, Copy)]
struct Asked<'t> {
    text: &'t str,
    hash: u64,
}

/// See the module.
pub(super) struct Trie {
    nodes: Arena<Node>,
    edges: HashTable<NodeId>,
    hasher: foldhash::fast::RandomState,
    len: usize,
}

impl Default for Trie {
    fn default() -> Self {
        let mut nodes = Arena::default();
        nodes.insert(Node::default());
        Self { nodes, edges: HashTable::new(), hasher: foldhash::fast::RandomState::default(), len: 0 }
    }
}

impl Trie {
    /// Subscriptions there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds or replaces a subscription; whether it was there.
    pub(super) fn insert(&mut self, filter: TopicFilter<'_>, subscription: Subscription) -> bool {
        let (levels, depth) = path(filter);
        let node = levels.fold(ROOT, |node, level| self.child_or_insert(node, level));
        let subscribers = &mut self.nodes[node].subscribers;
        let subscriber = subscription.into();
        let existed = match filter.share_name() {
            None => subscribers.insert(depth, subscriber),
            Some(name) => subscribers.insert_member(depth, name, filter.as_str(), subscriber),
        };
        self.len += usize::from(!existed);
        existed
    }

    /// Removes a subscription and the nodes that lead to nothing any more; whether it was there.
    pub(super) fn remove(&mut self, filter: TopicFilter<'_>, session: SessionId, local: u32) -> bool {
        let Some((id, depth)) = self.find(filter) else { return false };
        let subscribers = &mut self.nodes[id].subscribers;
        let key = (session, local);
        let removed = match filter.share_name() {
            None => subscribers.remove(depth, &key),
            Some(name) => subscribers.remove_member(depth, name, &key),
        };
        if removed {
            self.len -= 1;
            self.prune(id);
        }
        removed
    }

    /// Whether this shared subscription has members.
    pub(super) fn has_members(&self, filter: TopicFilter<'_>) -> bool {
        let Some((id, depth)) = self.find(filter) else { return false };
        let groups = self.nodes[id].subscribers.groups(depth);
        groups.iter().any(|group| *group.filter == *filter.as_str())
    }

    /// Where a filter's subscribers lie.
    fn find(&self, filter: TopicFilter<'_>) -> Option<(NodeId, Depth)> {
        let (levels, depth) = path(filter);
        self.descend(levels).map(|id| (id, depth))
    }

    /// The node at the end of these levels.
    fn descend<'f>(&self, mut levels: impl Iterator<Item = &'f str>) -> Option<NodeId> {
        levels.try_fold(ROOT, |node, level| match level {
            "+" => Some(self.nodes[node].plus).filter(|plus| *plus != NONE),
            _ => self.child(node, self.asked(level)),
        })
    }

    /// Puts everyone who receives what is published to `topic` into `matches`, which holds nobody yet.
    pub(super) fn match_into(&self, topic: TopicName<'_>, matches: &mut MatchSet) {
        let levels = self.levels(topic.as_str());
        // [MQTT-4.7.2-1]: a wildcard at the start does not match a topic that begins with `$`.
        self.walk(ROOT, &levels, !topic.starts_with_dollar(), &mut Collector::new(matches));
    }

    fn walk(&self, id: NodeId, levels: &[Asked<'_>], wildcards: bool, collector: &mut Collector<'_>) {
        let node = &self.nodes[id];
        let has_subscribers = !node.subscribers.is_empty();
        if wildcards && has_subscribers {
            // `sport/#` matches `sport` as well, so this comes before the levels are seen to be at an end.
            collector.add(&node.subscribers, Depth::Below);
        }
        let Some((level, rest)) = levels.split_first() else {
            if has_subscribers {
                collector.add(&node.subscribers, Depth::Here);
            }
            return;
        };
        if node.children == 0 {
            return;
        }
        if let Some(child) = self.child(id, *level) {
            self.walk(child, rest, true, collector);
        }
        if wildcards && node.plus != NONE {
            self.walk(node.plus, rest, true, collector);
        }
    }

    /// The levels of a topic. Every message that is not answered from the cache passes here: a general search for the
    /// slashes would take longer than all that is done with what lies between them.
    fn levels<'t>(&self, topic: &'t str) -> SmallVec<[Asked<'t>; LEVELS_ON_STACK]> {
        let (mut levels, mut start) = (SmallVec::new(), 0);
        for (at, byte) in topic.bytes().enumerate() {
            if byte == b'/' {
                levels.push(self.asked(&topic[start..at]));
                start = at + 1;
            }
        }
        levels.push(self.asked(&topic[start..]));
        levels
    }

    #[inline]
    fn asked<'t>(&self, text: &'t str) -> Asked<'t> {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(text.as_bytes());
        Asked { text, hash: hasher.finish() }
    }

    #[inline]
    fn child(&self, parent: NodeId, level: Asked<'_>) -> Option<NodeId> {
        let edge = edge(parent, level.hash);
        let is_child = |&id: &NodeId| {
            let node = &self.nodes[id];
            node.edge == edge && node.parent == parent && node.level.is(level.text)
        };
        self.edges.find(spread(edge), is_child).copied()
    }

    fn child_or_insert(&mut self, parent: NodeId, text: &str) -> NodeId {
        let level = self.asked(text);
        let known = match text {
            "+" => Some(self.nodes[parent].plus).filter(|plus| *plus != NONE),
            _ => self.child(parent, level),
        };
        if let Some(known) = known {
            return known;
        }
        let edge = edge(parent, level.hash);
        let id = self.nodes.insert(Node { parent, edge, level: text.into(), ..Node::default() });
        self.nodes[parent].children += 1;
        if text == "+" {
            self.nodes[parent].plus = id;
        } else {
            let nodes = &self.nodes;
            self.edges.insert_unique(spread(edge), id, |&id| spread(nodes[id].edge));
        }
        id
    }

    fn prune(&mut self, mut id: NodeId) {
        while id != ROOT {
            let node = &self.nodes[id];
            if node.children > 0 || !node.subscribers.is_empty() {
                return;
            }
            let Node { parent, edge, .. } = self.nodes.remove(id);
            let parent_node = &mut self.nodes[parent];
            parent_node.children -= 1;
            if parent_node.plus == id {
                parent_node.plus = NONE;
            } else if let Ok(entry) = self.edges.find_entry(spread(edge), |&other| other == id) {
                entry.remove();
            }
            id = parent;
        }
    }
}

/// The levels that lead to a filter's node, and at which depth of it its subscribers are.
fn path(filter: TopicFilter<'_>) -> (impl Iterator<Item = &str>, Depth) {
    // A `#` is the last level of its filter, and nothing else is.
    let depth = if filter.filter().ends_with('#') { Depth::Below } else { Depth::Here };
    (filter.levels().filter(|level| *level != "#"), depth)
}

fn edge(parent: NodeId, level: u64) -> u32 {
    let mixed = (level ^ u64::from(parent)).wrapping_mul(SPREAD);
    (mixed >> 32) as u32
}

fn spread(edge: u32) -> u64 {
    u64::from(edge).wrapping_mul(SPREAD)
}

#[cfg(test)]
impl Trie {
    /// Everyone who receives what is published to `topic`.
    pub(super) fn matches(&self, topic: TopicName<'_>) -> MatchSet {
        let mut matches = MatchSet::default();
        self.match_into(topic, &mut matches);
        matches
    }

    /// Whether there is nothing but the root.
    pub(super) fn is_bare(&self) -> bool {
        self.len == 0 && self.edges.is_empty() && self.nodes.len() == 1
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
        // There are as many as there are subscriptions, and more.
        assert!(size_of::<Node>() <= 56, "{}", size_of::<Node>());
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
