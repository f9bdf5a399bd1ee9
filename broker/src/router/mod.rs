//! Who receives a message. A trie of topic levels answers, and a cache in front of it remembers the answers for
//! topics that are published to again and again, until a subscription changes.
//!
//! The router knows filters, sessions and options; it knows no packets and no frames, and it keeps nothing on disk:
//! it is derived from the sessions.

mod cache;
mod keyed_list;
mod matches;
mod retained;
mod trie;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use tidewire_protocols::topic::{TopicFilter, TopicName};

use self::cache::MatchCache;
use self::keyed_list::Keyed;
pub use self::matches::{MatchSet, ShareGroup, Target};
pub use self::retained::Retained;
use self::trie::Trie;
use crate::message::SessionId;
use crate::session::Session;
pub use crate::session::SubscriptionOptions;

/// One session's subscription, as it stands in the trie.
#[derive(Clone)]
pub struct Subscription {
    /// Who.
    pub session: Arc<Session>,
    /// On what terms.
    pub options: SubscriptionOptions,
    /// Which of the session's; 0 in MQTT, where overlapping subscriptions give one delivery.
    pub local: u32,
}

impl Keyed for Subscription {
    type Key = (SessionId, u32);

    fn with_key<R>(&self, ask: impl FnOnce(&Self::Key) -> R) -> R {
        ask(&(self.session.id(), self.local))
    }
}

/// See the module.
#[derive(Default)]
pub struct Router {
    trie: RwLock<Trie>,
    /// Counts changes of the trie; a cached answer counts only for the generation it was made in.
    generation: AtomicU64,
    cache: MatchCache,
}

impl Router {
    /// Adds or replaces a subscription. `admit` is asked under the router's lock, so that a session that ends at the
    /// same moment leaves nothing behind: it says whether the session still stands, and makes its own entry.
    /// Returns whether there was such a subscription before, or `None` if it was not admitted.
    pub fn subscribe(
        &self,
        filter: TopicFilter<'_>,
        subscription: Subscription,
        admit: impl FnOnce() -> bool,
    ) -> Option<bool> {
        let mut trie = self.trie.write();
        if !admit() {
            return None;
        }
        let existed = trie.insert(filter, subscription);
        self.generation.fetch_add(1, Ordering::Release);
        Some(existed)
    }

    /// Removes a subscription; `forget` removes the session's own entry, under the same lock. Returns whether it was
    /// there.
    pub fn unsubscribe(
        &self,
        filter: TopicFilter<'_>,
        session: SessionId,
        local: u32,
        forget: impl FnOnce(),
    ) -> bool {
        let mut trie = self.trie.write();
        forget();
        let removed = trie.remove(filter, session, local);
        if removed {
            self.generation.fetch_add(1, Ordering::Release);
        }
        drop(trie);
        if removed {
            // None of it counts any more, and the session of the one that went may be at its end.
            self.cache.clear();
        }
        removed
    }

    /// Everyone who receives what is published to `topic`.
    pub fn matches(&self, topic: TopicName<'_>) -> Arc<MatchSet> {
        let generation = self.generation.load(Ordering::Acquire);
        if let Some(matches) = self.cache.find(topic.as_str(), generation) {
            return matches;
        }
        let trie = self.trie.read();
        // Read again under the lock: the answer must not be remembered for a generation it was not made in.
        let generation = self.generation.load(Ordering::Acquire);
        let matches = Arc::new(trie.matches(topic));
        drop(trie);
        self.cache.insert(topic.as_str(), &matches, generation, &self.generation);
        matches
    }

    /// Subscriptions there are.
    pub fn len(&self) -> usize {
        self.trie.read().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
