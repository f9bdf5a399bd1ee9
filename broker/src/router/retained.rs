//! The retained messages, one per topic at most, found by filter.

mod browse;

use std::hash::BuildHasher;
use std::sync::Arc;

use parking_lot::RwLock;
use tidewire_protocols::topic::{TopicFilter, TopicName};

pub use self::browse::RetainedPage;
use crate::clock::Now;
use crate::counters::Counter;
use crate::keyed_list::{Keyed, KeyedList};
use crate::message::Message;

/// Expired messages that are removed under one write lock: a filter may meet a million of them, and publishers wait.
const REMOVED_PER_LOCK_MAX: usize = 1_024;

/// See the module. A tree of topic levels, so that a filter visits only the branches it can match.
#[derive(Default)]
pub struct Retained {
    root: RwLock<Branch>,
    /// How many there are.
    count: Counter,
    /// Bytes of them all.
    bytes: Counter,
}

#[derive(Default)]
struct Branch {
    message: Option<Arc<Message>>,
    children: KeyedList<Child>,
}

/// A branch and the level that leads to it.
struct Child {
    level: Box<str>,
    branch: Branch,
}

impl Keyed for Child {
    type Key = str;

    fn has_key(&self, key: &str) -> bool {
        *self.level == *key
    }

    fn is_same(&self, other: &Self) -> bool {
        self.level == other.level
    }

    fn hash(&self, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one(&*self.level)
    }

    fn hash_key(key: &str, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one(key)
    }
}

impl Retained {
    /// Makes `message` its topic's retained message. [MQTT-3.3.1-5]
    pub fn set(&self, message: Arc<Message>) {
        let mut root = self.root.write();
        let mut branch = &mut *root;
        for level in message.topic().levels() {
            if !branch.children.contains(level) {
                branch.children.insert(Child { level: level.into(), branch: Branch::default() });
            }
            // The entry was made in the line above if it was missing.
            let Some(child) = branch.children.find_mut(level) else { return };
            branch = &mut child.branch;
        }
        let weight = message.weight() as u64;
        let before = branch.message.replace(message).map(|before| before.weight() as u64);
        self.count.add(u64::from(before.is_none()));
        self.bytes.change(before.unwrap_or(0), weight);
    }

    /// Removes the topic's retained message; whether there was one. [MQTT-3.3.1-6]
    pub fn clear(&self, topic: TopicName<'_>) -> bool {
        let removed = self.root.write().remove(topic.levels(), &|_| true);
        self.note_removed(removed.as_deref());
        removed.is_some()
    }

    /// All retained messages that `filter` matches and that have not expired. Expired ones that are met are removed.
    pub fn matching(&self, filter: TopicFilter<'_>, now: Now) -> Vec<Arc<Message>> {
        let (mut found, mut expired) = (Vec::new(), Vec::new());
        self.root.read().collect(filter.levels(), true, &mut |message| {
            let list = if message.is_expired(now) { &mut expired } else { &mut found };
            list.push(Arc::clone(message));
        });
        self.remove_expired(&expired, now);
        found
    }

    /// How many there are, those that have expired and were not asked for since included; and their bytes.
    pub fn totals(&self) -> (u64, u64) {
        (self.count.value(), self.bytes.value())
    }

    fn note_removed(&self, removed: Option<&Message>) {
        if let Some(message) = removed {
            self.count.subtract(1);
            self.bytes.subtract(message.weight() as u64);
        }
    }

    /// Removes them, unless their topics have got other messages since.
    fn remove_expired(&self, expired: &[Arc<Message>], now: Now) {
        for some in expired.chunks(REMOVED_PER_LOCK_MAX) {
            let mut root = self.root.write();
            for message in some {
                let removed = root.remove(message.topic().levels(), &|found| found.is_expired(now));
                self.note_removed(removed.as_deref());
            }
        }
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
                for child in self.wildcard_children(at_root) {
                    child.branch.visit_all(visit);
                }
            }
            Some("+") => {
                for child in self.wildcard_children(at_root) {
                    child.branch.collect(levels.clone(), false, visit);
                }
            }
            Some(level) => {
                if let Some(child) = self.children.find(level) {
                    child.branch.collect(levels, false, visit);
                }
            }
        }
    }

    fn visit_all(&self, visit: &mut dyn FnMut(&Arc<Message>)) {
        self.message.iter().for_each(&mut *visit);
        for child in self.children.as_slice() {
            child.branch.visit_all(visit);
        }
    }

    /// The children that a wildcard at this place may match: at the root not those that begin with `$`.
    /// [MQTT-4.7.2-1]
    fn wildcard_children(&self, at_root: bool) -> impl Iterator<Item = &Child> {
        self.children.as_slice().iter().filter(move |child| !at_root || !child.level.starts_with('$'))
    }

    /// Removes the message at the end of `levels`, if there is one and `condition` holds for it, and the branches that
    /// lead to nothing then.
    fn remove<'t>(
        &mut self,
        mut levels: impl Iterator<Item = &'t str>,
        condition: &dyn Fn(&Message) -> bool,
    ) -> Option<Arc<Message>> {
        let Some(level) = levels.next() else {
            return self.message.take_if(|message| condition(message));
        };
        let Child { branch, .. } = self.children.find_mut(level)?;
        let removed = branch.remove(levels, condition);
        if branch.message.is_none() && branch.children.is_empty() {
            self.children.remove(level);
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::message::{Publication, SessionId};

    fn at(unix_ms: u64) -> Now {
        Now { instant: Instant::now(), unix_ms }
    }

    fn message(topic: &str, expires_at: Option<u64>) -> Arc<Message> {
        let mut publication = Publication::new(TopicName::parse(topic).unwrap(), b"x", SessionId::BROKER);
        publication.expires_at = expires_at;
        Arc::clone(publication.keep())
    }

    fn topics(retained: &Retained, filter: &str, now: Now) -> Vec<String> {
        let found = retained.matching(TopicFilter::parse(filter).unwrap(), now);
        let mut topics: Vec<_> = found.iter().map(|message| message.topic().to_string()).collect();
        topics.sort();
        topics
    }

    #[test]
    fn an_expired_message_is_gone_once_somebody_has_asked_for_it() {
        let retained = Retained::default();
        let (short, long) = (message("a/b", Some(10)), message("a/c", Some(20)));
        retained.set(Arc::clone(&short));
        retained.set(Arc::clone(&long));
        assert_eq!(topics(&retained, "a/+", at(9)), ["a/b", "a/c"]);
        assert_eq!(topics(&retained, "a/+", at(10)), ["a/c"]);
        assert_eq!(Arc::strong_count(&short), 1, "nothing holds it");
        assert_eq!(Arc::strong_count(&long), 2);
        assert!(topics(&retained, "#", at(20)).is_empty());
        assert!(retained.root.read().children.is_empty(), "nor its branches");
    }

    #[test]
    fn what_has_taken_an_expired_message_s_place_stays() {
        let retained = Retained::default();
        let expired = message("a", Some(10));
        retained.set(Arc::clone(&expired));
        // Between the read lock and the write lock of `matching`.
        retained.set(message("a", None));
        retained.remove_expired(&[expired], at(10));
        assert_eq!(topics(&retained, "a", at(10)), ["a"]);
    }

    #[test]
    fn more_expired_messages_than_one_lock_removes_are_all_removed() {
        let retained = Retained::default();
        for number in 0..REMOVED_PER_LOCK_MAX * 2 + 1 {
            retained.set(message(&format!("t/{number}"), Some(10)));
        }
        assert!(topics(&retained, "#", at(10)).is_empty());
        assert!(retained.root.read().children.is_empty());
    }

    #[test]
    fn a_branch_with_other_messages_stays() {
        let retained = Retained::default();
        retained.set(message("a", None));
        retained.set(message("a/b/c", Some(10)));
        assert_eq!(topics(&retained, "a/#", at(10)), ["a"]);
        assert!(retained.clear(TopicName::parse("a").unwrap()));
        assert!(!retained.clear(TopicName::parse("a").unwrap()));
        assert!(retained.root.read().children.is_empty());
    }
}
