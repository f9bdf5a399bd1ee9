//! Remembers who receives a topic, for topics that are published to again and again.
//!
//! One budget bounds it, in bytes, since one topic may have one receiver or a hundred thousand. At the bound all of it
//! is forgotten and it fills again: a workload with more hot topics than fit spends its time elsewhere. An answer holds
//! the sessions that it names, so [`MatchCache::clear`] is called whenever a subscription goes: nobody's session
//! outlives its end here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;

use super::matches::MatchSet;

/// What all remembered answers weigh together: a hundred thousand topics with one receiver each, or four hundred with
/// a thousand.
const CACHED_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What one answer weighs at most. A larger one is made anew for each message, which costs less than the deliveries
/// that follow from it.
const CACHED_ANSWER_BYTES_MAX: usize = CACHED_BYTES_MAX / 4;

/// What an entry costs besides its topic and its receivers: its place in the map and three allocations.
const CACHED_ENTRY_BYTES: usize = 192;

/// See the module.
#[derive(Default)]
pub(super) struct MatchCache {
    entries: DashMap<Box<str>, Cached, foldhash::fast::RandomState>,
    /// What the entries weigh, and those that are about to be added. Kept apart because the map would visit all of
    /// its parts to count them.
    bytes: AtomicUsize,
}

struct Cached {
    bytes: usize,
    matches: Arc<MatchSet>,
}

impl MatchCache {
    /// The answer for `topic`, if it was made in that generation.
    pub(super) fn find(&self, topic: &str, generation: u64) -> Option<Arc<MatchSet>> {
        let cached = self.entries.get(topic)?;
        (cached.matches.generation == generation).then(|| Arc::clone(&cached.matches))
    }

    /// Remembers an answer, unless it is too large or `current` has moved on from the generation it was made in.
    pub(super) fn insert(&self, matches: &Arc<MatchSet>, current: &AtomicU64) {
        let (topic, generation) = (&*matches.topic, matches.generation);
        let bytes = CACHED_ENTRY_BYTES + topic.len() + matches.weight();
        if bytes > CACHED_ANSWER_BYTES_MAX {
            return;
        }
        // Counted before it is there and discounted after it has gone, so that the count never falls below zero.
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > CACHED_BYTES_MAX {
            self.clear();
        }
        let cached = Cached { bytes, matches: Arc::clone(matches) };
        if let Some(replaced) = self.entries.insert(topic.into(), cached) {
            self.bytes.fetch_sub(replaced.bytes, Ordering::Relaxed);
        }
        // Whoever removed a subscription meanwhile may have cleared before this entry was there.
        if current.load(Ordering::Acquire) != generation
            && let Some((_, stale)) =
                self.entries.remove_if(topic, |_, found| found.matches.generation == generation)
        {
            self.bytes.fetch_sub(stale.bytes, Ordering::Relaxed);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        if self.bytes.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut bytes = 0;
        self.entries.retain(|_, cached| {
            bytes += cached.bytes;
            false
        });
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{options, session};
    use super::super::{Subscription, Target};
    use super::*;

    fn answer(topic: &str, receivers: u64, generation: u64) -> Arc<MatchSet> {
        let session = session(1);
        let subscription = Subscription { session, options: options(), local: 0 };
        let targets = (0..receivers).map(|_| Target::new(&subscription)).collect();
        Arc::new(MatchSet { targets, groups: Vec::new(), topic: topic.into(), generation })
    }

    fn counted(cache: &MatchCache) -> usize {
        let sum = cache.entries.iter().map(|entry| entry.bytes).sum();
        assert_eq!(cache.bytes.load(Ordering::Relaxed), sum);
        sum
    }

    #[test]
    fn what_is_remembered_is_bounded_by_receivers_and_not_by_topics() {
        let (cache, current) = (MatchCache::default(), AtomicU64::new(1));
        let mut most = 0;
        for number in 0..1_000 {
            cache.insert(&answer(&format!("t/{number}"), 1_000, 1), &current);
            let bytes = counted(&cache);
            assert!(bytes <= CACHED_BYTES_MAX, "{bytes}");
            most = most.max(bytes);
        }
        assert!(most > CACHED_BYTES_MAX / 2, "the budget is made use of: {most}");
        assert!(cache.find("t/999", 1).is_some());
        assert!(cache.find("t/0", 1).is_none());
    }

    #[test]
    fn an_answer_that_would_take_most_of_the_room_is_not_remembered() {
        let (cache, current) = (MatchCache::default(), AtomicU64::new(1));
        cache.insert(&answer("small", 1, 1), &current);
        let receivers = CACHED_ANSWER_BYTES_MAX / size_of::<Target>() + 1;
        cache.insert(&answer("large", receivers as u64, 1), &current);
        assert!(cache.find("large", 1).is_none());
        assert!(cache.find("small", 1).is_some(), "and it costs the others nothing");
    }

    #[test]
    fn an_answer_that_takes_another_s_place_takes_over_its_cost() {
        let (cache, current) = (MatchCache::default(), AtomicU64::new(1));
        cache.insert(&answer("t", 100, 1), &current);
        current.store(2, Ordering::Release);
        assert!(cache.find("t", 2).is_none());
        cache.insert(&answer("t", 3, 2), &current);
        let bytes = counted(&cache);
        cache.clear();
        assert_eq!(counted(&cache), 0);
        cache.insert(&answer("t", 3, 2), &current);
        assert_eq!(counted(&cache), bytes);
    }

    #[test]
    fn an_answer_of_the_past_is_not_remembered() {
        let (cache, current) = (MatchCache::default(), AtomicU64::new(2));
        cache.insert(&answer("t", 1, 1), &current);
        assert_eq!(counted(&cache), 0);
    }
}
