//! Who receives a message. A trie of topic levels answers, and a cache in front of it remembers the answers for
//! topics that are published to again and again, until a subscription changes.
//!
//! The router knows filters, sessions and options; it knows no packets and no frames, and it keeps nothing on disk:
//! it is derived from the sessions.

mod matches;
mod retained;
mod trie;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use parking_lot::RwLock;
use tidewire_protocols::topic::{TopicFilter, TopicName};

pub use self::matches::{MatchSet, ShareGroup, Target};
pub use self::retained::Retained;
use self::trie::Trie;
use crate::message::SessionId;
use crate::session::Session;
pub use crate::session::SubscriptionOptions;

/// Topics whose matches are remembered. Beyond that the memory is emptied and filled again: a workload with more hot
/// topics than this spends its time elsewhere.
const CACHED_TOPICS_MAX: usize = 16 * 1024;

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

impl Subscription {
    fn is(&self, session: SessionId, local: u32) -> bool {
        self.session.id() == session && self.local == local
    }
}

/// See the module.
#[derive(Default)]
pub struct Router {
    trie: RwLock<Trie>,
    /// Counts changes of the trie; a cached answer counts only for the generation it was made in.
    generation: AtomicU64,
    cache: DashMap<Box<str>, Cached, foldhash::fast::RandomState>,
}

struct Cached {
    generation: u64,
    matches: Arc<MatchSet>,
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
        removed
    }

    /// Everyone who receives what is published to `topic`.
    pub fn matches(&self, topic: TopicName<'_>) -> Arc<MatchSet> {
        let generation = self.generation.load(Ordering::Acquire);
        if let Some(cached) = self.cache.get(topic.as_str())
            && cached.generation == generation
        {
            return Arc::clone(&cached.matches);
        }
        let trie = self.trie.read();
        // Read again under the lock: the answer must not be remembered for a generation it was not made in.
        let generation = self.generation.load(Ordering::Acquire);
        let matches = Arc::new(trie.matches(topic));
        drop(trie);
        if self.cache.len() >= CACHED_TOPICS_MAX {
            self.cache.clear();
        }
        self.cache.insert(topic.as_str().into(), Cached { generation, matches: Arc::clone(&matches) });
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
