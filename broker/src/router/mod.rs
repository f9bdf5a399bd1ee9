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
pub use self::matches::{LastMatch, MatchSet, ShareGroup, Target, Terms};
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
        let matches = Arc::new(MatchSet { generation, ..trie.matches(topic) });
        drop(trie);
        self.cache.insert(&matches, &self.generation);
        matches
    }

    /// The same for one who has just asked, and often asks for the same topic again: that costs neither a look into the
    /// cache nor a count of references.
    pub fn matches_after<'l>(&self, last: &'l mut LastMatch, topic: TopicName<'_>) -> &'l MatchSet {
        let generation = self.generation.load(Ordering::Acquire);
        last.find_or(topic, generation, || self.matches(topic))
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

#[cfg(test)]
pub(crate) mod testing {
    //! Sessions for the unit tests, those of other parts included.

    use super::*;
    use crate::clock::Now;
    use crate::message::{Publication, Qos};
    use crate::output::Output;
    use crate::session::{
        Deliver, Delivered, DeliveryOptions, OutboxLimits, Overflow, ProtocolKind, SessionKey,
    };

    pub(crate) struct Nowhere;

    impl Deliver for Nowhere {
        fn deliver(&mut self, _: Now, _: &Publication<'_>, _: &DeliveryOptions, _: &mut Output) -> Delivered {
            Delivered::Discarded
        }

        fn resend(&mut self, _: Now, _: &mut Output, _: &mut Vec<u64>) -> bool {
            true
        }
    }

    pub(crate) fn session(id: u64) -> Arc<Session> {
        let key = SessionKey { protocol: ProtocolKind::Mqtt, client_id: id.to_string().into() };
        let limits = OutboxLimits { messages_max: 1, bytes_max: 1, overflow: Overflow::DropNewest };
        Arc::new(Session::new(SessionId(id), key, 0, limits, Box::new(Nowhere)))
    }

    pub(super) fn options() -> SubscriptionOptions {
        SubscriptionOptions {
            qos: Qos::AtMostOnce,
            no_local: false,
            retain_as_published: false,
            identifier: None,
        }
    }

    pub(super) fn filter(text: &str) -> TopicFilter<'_> {
        TopicFilter::parse(text).unwrap()
    }

    pub(super) fn name(text: &str) -> TopicName<'_> {
        TopicName::parse(text).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::testing::{filter, name, options, session};
    use super::*;
    use crate::message::Qos;

    const STEPS: usize = 3_000;

    /// Xorshift, so that a seed gives the same steps on every machine.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as usize % bound
        }

        fn pick<'l>(&mut self, list: &[&'l str]) -> &'l str {
            list[self.below(list.len())]
        }

        /// One to three levels: few enough that filters and names meet often.
        fn levels(&mut self, first: &[&'static str], others: &[&'static str]) -> String {
            let mut text = self.pick(first).to_owned();
            for _ in 0..self.below(3) {
                text = text + "/" + self.pick(others);
            }
            text
        }

        fn name(&mut self) -> String {
            let text = self.levels(&["a", "b", "$s", "$share", ""], &["a", "b", ""]);
            if text.is_empty() { "a".to_owned() } else { text }
        }

        fn filter(&mut self) -> String {
            let share = self.pick(&["", "", "", "$share/g/", "$share/h/"]);
            let levels = self.levels(&["a", "b", "$s", "+", "+"], &["a", "b", "", "+", "+"]);
            match self.below(4) {
                0 => format!("{share}{levels}/#"),
                1 => format!("{share}#"),
                _ => format!("{share}{levels}"),
            }
        }

        fn options(&mut self) -> SubscriptionOptions {
            let qos = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][self.below(3)];
            let identifier = NonZeroU32::new(self.below(4) as u32);
            SubscriptionOptions { qos, no_local: false, retain_as_published: self.below(2) == 0, identifier }
        }
    }

    /// A receiver in a form that can be compared: session, local, QoS, retain as published, identifiers.
    type Seen = (u64, u32, Qos, bool, Vec<u32>);

    fn seen(targets: &[Target]) -> Vec<Seen> {
        let seen_one = |target: &Target| {
            let terms = target.with_terms_for(SessionId::BROKER, Terms::clone).unwrap();
            let mut identifiers: Vec<_> =
                terms.identifiers.iter().map(|identifier| identifier.get()).collect();
            identifiers.sort_unstable();
            (target.session.id().0, target.local, terms.qos, terms.retain_as_published, identifiers)
        };
        let mut seen: Vec<_> = targets.iter().map(seen_one).collect();
        seen.sort();
        seen
    }

    /// What stands in the router, as a plain list.
    #[derive(Default)]
    struct Oracle {
        list: Vec<(String, u64, u32, SubscriptionOptions)>,
    }

    impl Oracle {
        fn remove(&mut self, filter: &str, session: u64, local: u32) -> bool {
            let before = self.list.len();
            self.list.retain(|(text, id, number, _)| (&**text, *id, *number) != (filter, session, local));
            self.list.len() < before
        }

        fn matches(&self, topic: &str) -> (Vec<Seen>, Vec<Vec<Seen>>) {
            let (mut plain, mut groups) = (Vec::<Seen>::new(), std::collections::BTreeMap::new());
            for (text, session, local, options) in &self.list {
                if !filter(text).matches(name(topic)) {
                    continue;
                }
                let list = match filter(text).share_name() {
                    None => &mut plain,
                    Some(_) => groups.entry(text).or_insert_with(Vec::new),
                };
                let known = list.iter().position(|seen| (seen.0, seen.1) == (*session, *local));
                let at = known.unwrap_or_else(|| {
                    list.push((*session, *local, Qos::AtMostOnce, false, Vec::new()));
                    list.len() - 1
                });
                let seen = &mut list[at];
                seen.2 = seen.2.max(options.qos);
                seen.3 |= options.retain_as_published;
                seen.4.extend(options.identifier.map(NonZeroU32::get));
                seen.4.sort_unstable();
            }
            plain.sort();
            let mut groups: Vec<Vec<Seen>> = groups.into_values().collect();
            groups.iter_mut().for_each(|group| group.sort());
            groups.sort();
            (plain, groups)
        }
    }

    fn step(router: &Router, oracle: &mut Oracle, sessions: &[Arc<Session>], random: &mut Random) {
        // A few filters are asked for again and again, so that some nodes have many subscribers.
        let text = if random.below(2) == 0 {
            random.pick(&["a/+", "$share/g/a/#", "$share/g/a/a"]).to_owned()
        } else {
            random.filter()
        };
        let session = &sessions[random.below(sessions.len())];
        let local = random.below(2) as u32;
        // Growing for a while, then shrinking.
        let grows = oracle.list.len() % 400 < 390;
        if random.below(10) < if grows { 6 } else { 3 } {
            let options = random.options();
            let subscription = Subscription { session: Arc::clone(session), options, local };
            let existed = oracle.remove(&text, session.id().0, local);
            oracle.list.push((text.clone(), session.id().0, local, options));
            assert_eq!(router.subscribe(filter(&text), subscription, || true), Some(existed), "{text}");
        } else {
            // Mostly one that is there.
            let known = random.below(oracle.list.len().max(1));
            let (text, id, local) = match oracle.list.get(known) {
                Some((text, id, local, _)) if random.below(4) > 0 => (text.clone(), *id, *local),
                _ => (text, session.id().0, local),
            };
            let existed = oracle.remove(&text, id, local);
            assert_eq!(router.unsubscribe(filter(&text), SessionId(id), local, || ()), existed, "{text}");
        }
        assert_eq!(router.len(), oracle.list.len());
    }

    #[test]
    fn matches_are_those_of_a_list_that_is_looked_through() {
        let sessions: Vec<_> = (1..=120).map(session).collect();
        let mut longest = 0;
        for seed in [1, 0x5EED, 0xDEAD_BEEF_CAFE] {
            println!("seed {seed:#x}");
            let (router, mut oracle, mut random) = (Router::default(), Oracle::default(), Random(seed));
            for number in 0..STEPS {
                step(&router, &mut oracle, &sessions, &mut random);
                let topic = random.name();
                let expected = oracle.matches(&topic);
                // The second answer is a remembered one.
                for _ in 0..2 {
                    let found = router.matches(name(&topic));
                    let mut groups: Vec<_> = found.groups.iter().map(|group| seen(&group.members)).collect();
                    groups.sort();
                    let found = (seen(&found.targets), groups);
                    assert_eq!(found, expected, "seed {seed:#x}, step {number}, topic {topic}");
                }
                longest = longest.max(expected.0.len());
            }
            for (text, id, local, _) in std::mem::take(&mut oracle.list) {
                assert!(router.unsubscribe(filter(&text), SessionId(id), local, || ()));
            }
            assert!(router.is_empty());
            assert!(router.trie.read().is_bare(), "no node is left behind");
        }
        assert!(longest > 64, "some node had enough subscribers for a table: {longest}");
    }

    #[test]
    fn a_remembered_answer_does_not_keep_a_session_that_has_ended() {
        let router = Router::default();
        let (leaves, stays) = (session(1), session(2));
        for session in [&leaves, &stays] {
            let session = Arc::clone(session);
            let subscription = Subscription { session, options: options(), local: 0 };
            router.subscribe(filter("a/+"), subscription, || true);
        }
        assert_eq!(router.matches(name("a/b")).targets.len(), 2);
        assert!(router.unsubscribe(filter("a/+"), leaves.id(), 0, || ()));
        assert_eq!(Arc::strong_count(&leaves), 1, "nobody else holds it, though nobody published again");
        assert_eq!(router.matches(name("a/b")).targets.len(), 1);
    }
}
