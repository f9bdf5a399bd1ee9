//! Remembers who receives a topic, for topics that are published to again and again.
//!
//! One budget bounds it, in bytes, since one topic may have one receiver or a hundred thousand. An answer is remembered
//! when its topic is asked for a second time: where topics never come back, or are too many to come back soon, nothing
//! is written here but one byte each.
//!
//! An answer holds the sessions that it names. Those that a removed subscription has made wrong are dropped by the bye,
//! [`MatchCache::sweep`] says when: nobody's session outlives its end here for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use hashbrown::HashTable;
use parking_lot::RwLock;
use tidewire_protocols::topic::TopicName;

use super::changes::Changes;
use super::matches::MatchSet;

/// What all remembered answers weigh together: a hundred thousand topics with one receiver each, or six hundred with
/// a thousand.
const CACHED_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What one answer weighs at most. A larger one is made anew for each message, which costs less than the deliveries
/// that follow from it.
const CACHED_ANSWER_BYTES_MAX: usize = CACHED_BYTES_MAX / 4;

/// What an entry costs besides what it says: its place in the table, the allocator's and the counts of references.
const CACHED_ENTRY_BYTES: usize = 64;

/// Parts, each with a lock of its own, as a power of two.
const SHARDS_BITS: u32 = 6;

/// Topics that are known to have been asked for, as a power of two: more than answers fit.
const ASKED_BITS: u32 = 17;

/// Answers that are looked at for each subscription that goes.
const SWEPT_PER_REMOVAL: usize = 64;

/// A topic's hash. The table of a shard takes the bits at both ends, so the others are used here.
#[derive(Clone, Copy)]
pub(super) struct Hash(u64);

/// See the module.
pub(super) struct MatchCache {
    shards: Box<[Shard]>,
    hasher: foldhash::fast::RandomState,
    /// What all the answers weigh, and those that are about to be added.
    bytes: AtomicUsize,
    /// A few bits of the topic that was last asked for here, 0 for none.
    asked: Box<[AtomicU8]>,
    /// Topics that were asked for where another one had been.
    strangers: AtomicUsize,
    /// The shard that is swept, or emptied, next.
    hand: AtomicUsize,
    /// Answers that may be looked at beyond those of the last sweep.
    credit: AtomicUsize,
}

/// On a cache line of its own: threads that ask for different topics do not meet.
#[derive(Default)]
#[repr(align(64))]
struct Shard(RwLock<HashTable<Cached>>);

struct Cached {
    bytes: usize,
    matches: Arc<MatchSet>,
}

impl Default for MatchCache {
    fn default() -> Self {
        Self {
            shards: (0..1 << SHARDS_BITS).map(|_| Shard::default()).collect(),
            hasher: foldhash::fast::RandomState::default(),
            bytes: AtomicUsize::new(0),
            asked: (0..1 << ASKED_BITS).map(|_| AtomicU8::new(0)).collect(),
            strangers: AtomicUsize::new(0),
            hand: AtomicUsize::new(0),
            credit: AtomicUsize::new(0),
        }
    }
}

impl MatchCache {
    /// The topic's hash.
    #[inline]
    pub(super) fn hash(&self, topic: TopicName<'_>) -> Hash {
        Hash(hash(&self.hasher, topic.as_str()))
    }

    /// The answer for `topic`, if it holds in that generation: it was made in it, or nothing that it rests on has
    /// changed since.
    #[inline]
    pub(super) fn find(
        &self,
        hash: Hash,
        topic: TopicName<'_>,
        generation: u64,
        changes: &Changes,
    ) -> Option<Arc<MatchSet>> {
        let shard = self.shard(hash).0.read();
        let Cached { matches, .. } = shard.find(hash.0, |other| *other.matches.topic == *topic.as_str())?;
        if !matches.is_of(generation) {
            if changes.stamp(topic) != matches.stamp {
                return None;
            }
            matches.generation.store(generation, Ordering::Relaxed);
        }
        Some(Arc::clone(matches))
    }

    /// Whether the topic has been asked for before, as far as is known.
    pub(super) fn is_known(&self, hash: Hash) -> bool {
        let (place, bits) = ((hash.0 >> 40) as usize % self.asked.len(), (hash.0 >> 32) as u8 | 1);
        let asked = &self.asked[place];
        let last = asked.load(Ordering::Relaxed);
        // Two topics that come by turns would drive each other out for ever if it were every time.
        let gives_way = || last == 0 || self.strangers.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        if last != bits && gives_way() {
            asked.store(bits, Ordering::Relaxed);
        }
        last == bits
    }

    /// Remembers an answer, unless it is too large, or something has changed since it was made.
    pub(super) fn insert(&self, hash: Hash, matches: &Arc<MatchSet>, changes: &Changes) {
        let bytes = CACHED_ENTRY_BYTES + matches.weight();
        if bytes > CACHED_ANSWER_BYTES_MAX {
            return;
        }
        // Counted before it is there and discounted after it has gone, so that the count never falls below zero.
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        for _ in 0..self.shards.len() {
            if self.bytes.load(Ordering::Relaxed) <= CACHED_BYTES_MAX {
                break;
            }
            self.drop_from(&mut self.next_shard().0.write(), |_| true);
        }
        let is_it = |other: &Cached| other.matches.topic == matches.topic;
        let mut shard = self.shard(hash).0.write();
        let former = shard.find_entry(hash.0, is_it).ok().map(|entry| entry.remove().0);
        // Whoever has removed a subscription meanwhile may have been here before this entry was.
        let remembered = matches.is_of(changes.generation());
        if remembered {
            let cached = Cached { bytes, matches: Arc::clone(matches) };
            let hash_of = |cached: &Cached| self::hash(&self.hasher, &cached.matches.topic);
            shard.insert_unique(hash.0, cached, hash_of);
        }
        drop(shard);
        let gone = former.map_or(0, |former| former.bytes) + if remembered { 0 } else { bytes };
        self.bytes.fetch_sub(gone, Ordering::Relaxed);
    }

    /// Drops the answer for one topic.
    pub(super) fn remove(&self, topic: TopicName<'_>) {
        let hash = self.hash(topic);
        let mut shard = self.shard(hash).0.write();
        let found = shard.find_entry(hash.0, |other| *other.matches.topic == *topic.as_str());
        let Ok((removed, _)) = found.map(|entry| entry.remove()) else { return };
        drop(shard);
        self.bytes.fetch_sub(removed.bytes, Ordering::Relaxed);
    }

    /// A subscription with a wildcard has gone: looks at some of the answers and drops those that do not hold any more.
    /// While there are few it looks at all of them; of many, at a share, so that they all come to it in time.
    pub(super) fn sweep(&self, changes: &Changes) {
        if self.bytes.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut credit = self.credit.swap(0, Ordering::Relaxed) + SWEPT_PER_REMOVAL;
        for _ in 0..self.shards.len() {
            let mut shard = self.shards[self.hand.load(Ordering::Relaxed) % self.shards.len()].0.write();
            let Some(left) = credit.checked_sub(shard.len()) else {
                // It is this one's turn once there is enough.
                self.credit.store(credit, Ordering::Relaxed);
                return;
            };
            credit = left;
            self.drop_from(&mut shard, |matches| {
                let topic = TopicName::assume_valid(&matches.topic);
                changes.stamp(topic) != matches.stamp
            });
            self.hand.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn drop_from(&self, shard: &mut HashTable<Cached>, is_to_go: impl Fn(&MatchSet) -> bool) {
        let mut bytes = 0;
        shard.retain(|cached| {
            let goes = is_to_go(&cached.matches);
            bytes += if goes { cached.bytes } else { 0 };
            !goes
        });
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[inline]
    fn shard(&self, hash: Hash) -> &Shard {
        &self.shards[(hash.0 >> 26) as usize % self.shards.len()]
    }

    fn next_shard(&self) -> &Shard {
        &self.shards[self.hand.fetch_add(1, Ordering::Relaxed) % self.shards.len()]
    }
}

#[inline]
fn hash(hasher: &foldhash::fast::RandomState, topic: &str) -> u64 {
    use std::hash::{BuildHasher, Hasher};

    let mut hasher = hasher.build_hasher();
    hasher.write(topic.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use tidewire_protocols::topic::TopicFilter;

    use super::super::Subscription;
    use super::super::matches::Target;
    use super::super::subscribers::Subscriber;
    use super::super::testing::{filter, name, options, session};
    use super::*;

    fn answer(topic: &str, receivers: u64, changes: &Changes) -> Arc<MatchSet> {
        let session = session(1);
        let subscriber = Subscriber::from(Subscription { session, options: options(), local: 0 });
        let targets = (0..receivers).map(|_| Target::new(&subscriber)).collect();
        Arc::new(MatchSet {
            targets,
            groups: Vec::new(),
            topic: topic.into(),
            generation: changes.generation().into(),
            stamp: changes.stamp(name(topic)),
        })
    }

    fn insert(cache: &MatchCache, topic: &str, receivers: u64, changes: &Changes) {
        cache.insert(cache.hash(name(topic)), &answer(topic, receivers, changes), changes);
    }

    fn is_found(cache: &MatchCache, topic: &str, changes: &Changes) -> bool {
        let topic = name(topic);
        cache.find(cache.hash(topic), topic, changes.generation(), changes).is_some()
    }

    fn entries(cache: &MatchCache) -> usize {
        cache.shards.iter().map(|shard| shard.0.read().len()).sum()
    }

    fn counted(cache: &MatchCache) -> usize {
        let bytes = |shard: &Shard| shard.0.read().iter().map(|cached| cached.bytes).sum::<usize>();
        let sum = cache.shards.iter().map(bytes).sum();
        assert_eq!(cache.bytes.load(Ordering::Relaxed), sum);
        sum
    }

    fn change(changes: &Changes, text: &str) {
        let filter: TopicFilter<'_> = filter(text);
        changes.count(filter);
    }

    #[test]
    fn what_is_remembered_is_bounded_by_receivers_and_not_by_topics() {
        let (cache, changes) = (MatchCache::default(), Changes::default());
        let mut most = 0;
        for number in 0..1_500 {
            insert(&cache, &format!("t/{number}"), 1_000, &changes);
            let bytes = counted(&cache);
            assert!(bytes <= CACHED_BYTES_MAX, "{bytes}");
            most = most.max(bytes);
            assert!(is_found(&cache, &format!("t/{number}"), &changes));
        }
        assert!(most > CACHED_BYTES_MAX / 4 * 3, "the budget is made use of: {most}");
        assert!(counted(&cache) > CACHED_BYTES_MAX / 4 * 3, "and most of it at any time");
    }

    #[test]
    fn an_answer_that_would_take_most_of_the_room_is_not_remembered() {
        let (cache, changes) = (MatchCache::default(), Changes::default());
        insert(&cache, "small", 1, &changes);
        let receivers = CACHED_ANSWER_BYTES_MAX / size_of::<Target>() + 1;
        insert(&cache, "large", receivers as u64, &changes);
        assert!(!is_found(&cache, "large", &changes));
        assert!(is_found(&cache, "small", &changes), "and it costs the others nothing");
    }

    #[test]
    fn an_answer_that_takes_another_s_place_takes_over_its_cost() {
        let (cache, changes) = (MatchCache::default(), Changes::default());
        insert(&cache, "t", 100, &changes);
        change(&changes, "t");
        assert!(!is_found(&cache, "t", &changes));
        insert(&cache, "t", 3, &changes);
        let bytes = counted(&cache);
        cache.remove(name("t"));
        cache.remove(name("t"));
        assert_eq!(counted(&cache), 0);
        insert(&cache, "t", 3, &changes);
        assert_eq!(counted(&cache), bytes);
    }

    #[test]
    fn an_answer_of_the_past_is_not_remembered() {
        let (cache, changes) = (MatchCache::default(), Changes::default());
        let answer = answer("t", 1, &changes);
        change(&changes, "t");
        cache.insert(cache.hash(name("t")), &answer, &changes);
        assert_eq!(counted(&cache), 0);
    }

    #[test]
    fn an_answer_is_found_until_something_changes_that_it_rests_on() {
        let (cache, changes) = (MatchCache::default(), Changes::default());
        insert(&cache, "a/b", 1, &changes);
        for other in ["a", "a/c", "b/#", "a/b/c"] {
            change(&changes, other);
            assert!(is_found(&cache, "a/b", &changes), "{other}");
        }
        change(&changes, "a/+");
        assert!(!is_found(&cache, "a/b", &changes));
    }

    #[test]
    fn answers_that_do_not_hold_any_more_go_in_time_and_the_others_stay() {
        for count in [10, 20_000] {
            let (cache, changes) = (MatchCache::default(), Changes::default());
            for number in 0..count {
                insert(&cache, &format!("{}/{number}", ["a", "b"][number % 2]), 1, &changes);
            }
            change(&changes, "a/#");
            let mut sweeps = 0;
            while entries(&cache) > count / 2 {
                cache.sweep(&changes);
                sweeps += 1;
            }
            assert!(sweeps <= count / SWEPT_PER_REMOVAL + 1, "{sweeps}");
            counted(&cache);
            assert!(is_found(&cache, "b/1", &changes));
        }
    }

    #[test]
    fn a_topic_is_known_when_it_comes_again() {
        let cache = MatchCache::default();
        let hash = cache.hash(name("a"));
        assert_eq!([cache.is_known(hash), cache.is_known(hash)], [false, true]);
        // Of two at the same place each is known in the end.
        let (one, other) = (Hash(1 << 33), Hash(1 << 34));
        for hash in [one, other] {
            let mut turns = (0..6).map(|_| cache.is_known(one) | cache.is_known(other));
            assert!(turns.any(|is_known| is_known), "{}", hash.0);
        }
    }
}
