//! Which topics a client may publish to, as far as it has been found out. Most clients publish to a few topics over and
//! over: then their rules are walked once for each, and not for each message.

use foldhash::fast::RandomState;
use std::hash::BuildHasher as _;

/// Topics that are remembered for one client. What is found in another's place replaces it.
const PLACES_MAX: usize = 64;

/// See the module. It is forgotten as a whole when rules change, with the rights that it belongs to.
#[derive(Debug, Default)]
pub(super) struct Permits {
    /// One, or a power of four; none before the first.
    places: Vec<Permit>,
    hasher: RandomState,
    counts: PermitCounts,
}

/// How often it was known whether a client may publish, and how often rules had to be walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PermitCounts {
    /// It was known.
    pub remembered: u32,
    /// It was not.
    pub judged: u32,
}

/// A topic that may be published to.
#[derive(Clone, Debug, Default)]
struct Permit {
    /// Empty where there is none.
    topic: String,
    /// Messages may be retained there as well.
    retain: bool,
}

impl Permits {
    /// Whether it is known that the client may publish there; if not, `judge` is asked.
    #[inline]
    pub(super) fn allows(&mut self, topic: &str, retain: bool, judge: impl FnOnce() -> bool) -> bool {
        let place = self.place(topic);
        let known = self.places.get(place);
        if known.is_some_and(|permit| permit.topic == topic && (permit.retain || !retain)) {
            self.counts.remembered += 1;
            return true;
        }
        self.counts.judged += 1;
        let is_allowed = judge();
        if is_allowed {
            self.remember(topic, retain);
        }
        is_allowed
    }

    /// Takes the counts.
    pub(super) fn take_counts(&mut self) -> PermitCounts {
        std::mem::take(&mut self.counts)
    }

    fn place(&self, topic: &str) -> usize {
        match self.places.len() {
            0 | 1 => 0,
            places => self.hasher.hash_one(topic) as usize & (places - 1),
        }
    }

    #[cold]
    fn remember(&mut self, topic: &str, retain: bool) {
        let is_taken = |places: &[Permit], place: usize| {
            places.get(place).is_none_or(|permit| !permit.topic.is_empty() && permit.topic != topic)
        };
        while self.places.len() < PLACES_MAX && is_taken(&self.places, self.place(topic)) {
            self.grow();
        }
        let place = self.place(topic);
        if let Some(permit) = self.places.get_mut(place) {
            permit.retain = retain || (permit.retain && permit.topic == topic);
            permit.topic.clear();
            permit.topic.push_str(topic);
        }
    }

    fn grow(&mut self) {
        let size = (self.places.len() * 4).max(1);
        let old = std::mem::replace(&mut self.places, vec![Permit::default(); size]);
        for permit in old.into_iter().filter(|permit| !permit.topic.is_empty()) {
            let place = self.place(&permit.topic);
            self.places[place] = permit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_judged_once() {
        let mut permits = Permits::default();
        for _ in 0..10 {
            assert!(permits.allows("a", false, || true));
        }
        assert_eq!(permits.take_counts(), PermitCounts { remembered: 9, judged: 1 });
        assert_eq!(permits.take_counts(), PermitCounts::default());
    }

    #[test]
    fn what_is_denied_is_judged_each_time() {
        let mut permits = Permits::default();
        assert!(!permits.allows("a", false, || false));
        assert!(permits.allows("a", false, || true));
        assert!(!permits.allows("b", false, || false));
        assert!(permits.allows("a", false, || false), "it is known");
    }

    #[test]
    fn to_retain_is_another_question() {
        let mut permits = Permits::default();
        assert!(permits.allows("a", false, || true));
        assert!(!permits.allows("a", true, || false));
        assert!(permits.allows("a", true, || true));
        assert!(permits.allows("a", true, || false) && permits.allows("a", false, || false));
    }

    #[test]
    fn a_client_of_many_topics_takes_bounded_memory() {
        let mut permits = Permits::default();
        for number in 0..1_000 {
            let topic = format!("t/{number}");
            assert!(permits.allows(&topic, false, || true));
            assert!(permits.allows(&topic, false, || false), "{topic}");
        }
        assert_eq!(permits.places.len(), PLACES_MAX);
        assert!(!permits.allows("other", false, || false));
    }
}
