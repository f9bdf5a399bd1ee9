//! Which topics a change of the subscriptions can concern, so that a client that comes or goes does not make the answers
//! for everybody else's topics forgotten.
//!
//! ```text
//! filter   a/b      counts at  "a/b" as a whole
//!          a/b/+/c             below "a/b"
//!          a/#                 below "a"
//!          +/b, #              below ""
//! topic    a/b      rests on   below "", below "a", below "a/b", "a/b" as a whole
//! ```
//!
//! The counts lie in a table by the hash of their text, and several texts may share one: then an answer that still
//! holds is made anew, which costs a little and is no error.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tidewire_protocols::topic::{TopicFilter, TopicName};

/// Counts, as a power of two: 64 KiB. So many that a thousand changes leave most topics' alone.
const COUNTS_BITS: u32 = 14;

/// See the module.
pub(super) struct Changes {
    /// All changes.
    generation: AtomicU64,
    counts: Box<[AtomicU32]>,
}

impl Default for Changes {
    fn default() -> Self {
        let counts = (0..1 << COUNTS_BITS).map(|_| AtomicU32::new(0)).collect();
        Self { generation: AtomicU64::new(1), counts }
    }
}

impl Changes {
    /// How many changes there have been. An answer made in a later generation may be another one. The first is 1, so
    /// that an answer which nobody has made is of none.
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Counts a change of a subscription to `filter`. Under the trie's write lock: whoever holds the read lock sees
    /// the counts that belong to what it sees of the trie.
    pub(super) fn count(&self, filter: TopicFilter<'_>) {
        self.count_at(filter).fetch_add(1, Ordering::Relaxed);
        // Last, and released: whoever knows this generation knows the count.
        self.generation.fetch_add(1, Ordering::Release);
    }

    fn count_at(&self, filter: TopicFilter<'_>) -> &AtomicU32 {
        let text = filter.filter();
        let Some(wildcard) = text.bytes().position(|byte| matches!(byte, b'+' | b'#')) else {
            return self.at(Prefix::of(text).whole());
        };
        // A wildcard fills its level: what precedes it is empty or ends with a slash.
        self.at(Prefix::of(text[..wildcard].strip_suffix('/').unwrap_or_default()).below())
    }

    /// What the answer for `topic` rests on. While it stays the same, so does the answer.
    pub(super) fn stamp(&self, topic: TopicName<'_>) -> u64 {
        let load = |index: usize| u64::from(self.counts[index].load(Ordering::Relaxed));
        // Each count only grows, so the sum is the same only if each of them is.
        let (mut prefix, mut stamp) = (Prefix::default(), load(Prefix::default().below()));
        for byte in topic.as_str().bytes() {
            if byte == b'/' {
                stamp += load(prefix.below());
            }
            prefix.push(byte);
        }
        stamp + load(prefix.below()) + load(prefix.whole())
    }

    fn at(&self, index: usize) -> &AtomicU32 {
        &self.counts[index]
    }
}

/// The hash of a text, as far as it has been read (FNV-1a).
#[derive(Clone, Copy)]
struct Prefix(u64);

impl Default for Prefix {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Prefix {
    fn of(text: &str) -> Self {
        let mut prefix = Self::default();
        text.bytes().for_each(|byte| prefix.push(byte));
        prefix
    }

    fn push(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }

    /// The place of the count of filters with a wildcard behind this text.
    fn below(self) -> usize {
        (self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - COUNTS_BITS)) as usize
    }

    /// The place of the count of filters that are this text.
    fn whole(self) -> usize {
        Self(!self.0).below()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{filter, name};
    use super::*;

    #[test]
    fn a_filter_s_change_is_seen_at_every_topic_that_it_matches() {
        let filters =
            ["a", "a/b", "/", "/a", "a/", "a/b/c", "+", "#", "+/b", "/#", "a/+", "a/#", "a/b/#", "a/+/c"];
        let topics = ["a", "a/b", "/", "/a", "a/", "a/b/c", "b", "b/b", "a/c/c", "a/b/c/d"];
        let shared = filters.iter().map(|text| format!("$share/g/{text}"));
        for text in filters.iter().map(|text| (*text).to_owned()).chain(shared) {
            let changes = Changes::default();
            let before = topics.map(|topic| changes.stamp(name(topic)));
            changes.count(filter(&text));
            assert_eq!(changes.generation(), 2);
            for (topic, before) in topics.iter().zip(before) {
                let is_seen = changes.stamp(name(topic)) != before;
                assert!(is_seen || !filter(&text).matches(name(topic)), "{text} {topic}");
            }
        }
    }

    #[test]
    fn a_filter_s_change_leaves_other_topics_alone() {
        let others =
            [("a/b", "a/c"), ("a/b", "a/b/c"), ("a/b/#", "a/c/d"), ("a/b/+", "a"), ("a/+/c", "b/x/c")];
        for (text, topic) in others {
            let changes = Changes::default();
            let before = changes.stamp(name(topic));
            changes.count(filter(text));
            assert_eq!(changes.stamp(name(topic)), before, "{text} {topic}");
        }
    }
}
