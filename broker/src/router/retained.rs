//! The retained messages, one per topic at most, found by filter.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tidewire_protocols::topic::{TopicFilter, TopicName};

use crate::clock::Now;
use crate::message::Message;

/// See the module. A tree of topic levels, so that a filter visits only the branches it can match.
#[derive(Default)]
pub struct Retained {
    tree: RwLock<Tree>,
}

#[derive(Default)]
struct Tree {
    root: Branch,
    len: usize,
}

#[derive(Default)]
struct Branch {
    message: Option<Arc<Message>>,
    children: HashMap<Box<str>, Self, foldhash::fast::RandomState>,
}

impl Retained {
    /// Makes `message` its topic's retained message. [MQTT-3.3.1-5]
    pub fn set(&self, message: Arc<Message>) {
        let mut tree = self.tree.write();
        let mut branch = &mut tree.root;
        for level in message.topic().levels() {
            if !branch.children.contains_key(level) {
                branch.children.insert(level.into(), Branch::default());
            }
            // The entry was made in the line above if it was missing.
            let Some(child) = branch.children.get_mut(level) else { return };
            branch = child;
        }
        let replaced = branch.message.replace(Arc::clone(&message)).is_some();
        tree.len += usize::from(!replaced);
    }

    /// Removes the topic's retained message; whether there was one. [MQTT-3.3.1-6]
    pub fn clear(&self, topic: TopicName<'_>) -> bool {
        let mut tree = self.tree.write();
        let removed = tree.root.remove(topic.levels());
        tree.len -= usize::from(removed);
        removed
    }

    /// All retained messages that `filter` matches and that have not expired.
    pub fn matching(&self, filter: TopicFilter<'_>, now: Now) -> Vec<Arc<Message>> {
        let mut found = Vec::new();
        let tree = self.tree.read();
        tree.root.collect(filter.levels(), true, &mut |message| {
            if !message.is_expired(now) {
                found.push(Arc::clone(message));
            }
        });
        found
    }

    /// Topics that have one, expired ones that nobody has asked for since included.
    pub fn len(&self) -> usize {
        self.tree.read().len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Branch {
    fn collect<'f>(
        &self,
        mut levels: impl Iterator<Item = &'f str> + Clone,
        at_root: bool,
        visit: &mut dyn FnMut(&Arc<Message>),
    ) {
        match levels.next() {
            None => self.message.iter().for_each(visit),
            Some("#") => {
                self.message.iter().for_each(&mut *visit);
                for (_, child) in self.wildcard_children(at_root) {
                    child.visit_all(visit);
                }
            }
            Some("+") => {
                for (_, child) in self.wildcard_children(at_root) {
                    child.collect(levels.clone(), false, visit);
                }
            }
            Some(level) => {
                if let Some(child) = self.children.get(level) {
                    child.collect(levels, false, visit);
                }
            }
        }
    }

    fn visit_all(&self, visit: &mut dyn FnMut(&Arc<Message>)) {
        self.message.iter().for_each(&mut *visit);
        for child in self.children.values() {
            child.visit_all(visit);
        }
    }

    /// The children that a wildcard at this place may match: at the root not those that begin with `$`.
    /// [MQTT-4.7.2-1]
    fn wildcard_children(&self, at_root: bool) -> impl Iterator<Item = (&str, &Self)> {
        let children = self.children.iter().map(|(level, child)| (&**level, child));
        children.filter(move |(level, _)| !at_root || !level.starts_with('$'))
    }

    fn remove<'t>(&mut self, mut levels: impl Iterator<Item = &'t str>) -> bool {
        let Some(level) = levels.next() else {
            return self.message.take().is_some();
        };
        let Some(child) = self.children.get_mut(level) else {
            return false;
        };
        let removed = child.remove(levels);
        if child.message.is_none() && child.children.is_empty() {
            self.children.remove(level);
        }
        removed
    }
}
