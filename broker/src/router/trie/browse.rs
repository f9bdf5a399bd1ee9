//! One level of the subscriptions' tree, for whoever looks at it.
//!
//! A node does not know its children, so all nodes are looked at, some at a time: the lock is let go of in between. What was
//! there all the time is found; what has come or gone meanwhile may be.

use parking_lot::RwLock;

use super::{Node, NodeId, ROOT, Trie};
use crate::router::first::First;
use crate::router::topics::TopicLevel;

/// Nodes that are looked at under one lock.
const VISITED_PER_LOCK_MAX: NodeId = if cfg!(test) { 3 } else { 4_096 };

impl Trie {
    /// Notes the levels that follow `prefix` in any filter; how many there are that are not `known` otherwise. A `#` is no
    /// level: what it asks for is below the one before.
    pub(in crate::router) fn note_levels(
        trie: &RwLock<Self>,
        prefix: &[&str],
        found: &mut First<'_, TopicLevel>,
        is_known: impl Fn(&[&str]) -> bool,
    ) -> usize {
        let mut unknown = 0;
        Self::for_each_node(trie, prefix, |_, parent, node| {
            if node.parent == parent {
                let level = node.level.as_str();
                unknown += usize::from(!is_known(&[level]));
                found.place(level);
            }
        });
        unknown
    }

    /// Counts the subscriptions at and below each level that was found, and the levels directly below it that are not
    /// `known` otherwise.
    pub(in crate::router) fn count_below(
        trie: &RwLock<Self>,
        prefix: &[&str],
        found: &mut First<'_, TopicLevel>,
        is_known: impl Fn(&[&str]) -> bool,
    ) {
        Self::for_each_node(trie, prefix, |trie, ancestor, node| {
            let (mut below, mut steps) = (node, 0);
            while below.parent != ancestor {
                if below.parent == ROOT {
                    return;
                }
                below = &trie.nodes[below.parent];
                steps += 1;
            }
            let level = below.level.as_str();
            if let Some(seen) = found.get_mut(level) {
                seen.subscriptions += node.subscribers.len();
                seen.children += usize::from(steps == 1 && !is_known(&[level, node.level.as_str()]));
            }
        });
    }

    /// Calls `visit` with every node but the root, and with the number of the one at the end of `prefix`.
    fn for_each_node(trie: &RwLock<Self>, prefix: &[&str], mut visit: impl FnMut(&Self, NodeId, &Node)) {
        let mut next = ROOT + 1;
        loop {
            let trie = trie.read();
            let end = trie.nodes.end();
            // Looked for each time: it may have gone, and its number been given to another.
            let Some(at) = trie.descend(prefix.iter().copied()) else { return };
            let until = end.min(next.saturating_add(VISITED_PER_LOCK_MAX));
            for id in next..until {
                let node = &trie.nodes[id];
                // A place that is free looks like a node below the root that leads to nothing.
                if node.children > 0 || !node.subscribers.is_empty() {
                    visit(&trie, at, node);
                }
            }
            if until == end {
                return;
            }
            next = until;
        }
    }
}
