//! Who receives a message. A trie of topic levels answers, and a cache in front of it remembers the answers for
//! topics that are published to again and again, until a subscription changes.
//!
//! The router knows filters, sessions and options; it knows no packets and no frames, and it keeps nothing on disk:
//! it is derived from the sessions.

mod arena;
mod cache;
mod changes;
mod first;
mod level;
mod matches;
mod retained;
mod subscribers;
mod topics;
mod trie;

use std::sync::Arc;

use parking_lot::RwLock;
use tidewire_protocols::topic::{TopicFilter, TopicName};

use self::cache::{Hash, MatchCache};
use self::changes::Changes;
pub use self::matches::{LastMatch, MatchSet, ShareGroup, Target, Terms};
pub use self::retained::{Retained, RetainedPage};
pub use self::topics::{TopicLevel, TopicLevels};
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

/// See the module.
#[derive(Default)]
pub struct Router {
    trie: RwLock<Trie>,
    /// What has changed in the trie, and which of the remembered answers rest on that.
    changes: Changes,
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
        self.changes.count(filter);
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
            self.changes.count(filter);
        }
        drop(trie);
        if removed {
            // The session of the one that went may be at its end, and answers hold it.
            match filter.has_wildcard() {
                true => self.cache.sweep(&self.changes),
                false => self.cache.remove(TopicName::assume_valid(filter.filter())),
            }
        }
        removed
    }

    /// Whether this shared subscription has members.
    pub fn has_members(&self, filter: TopicFilter<'_>) -> bool {
        self.trie.read().has_members(filter)
    }

    /// Everyone who receives what is published to `topic`.
    pub fn matches(&self, topic: TopicName<'_>) -> Arc<MatchSet> {
        self.matches_in(topic, self.changes.generation(), None)
    }

    /// The same for one who has just asked, and often asks for the same topic again: that costs neither a look into the
    /// cache nor a count of references.
    #[inline]
    pub fn matches_after<'l>(&self, last: &'l mut LastMatch, topic: TopicName<'_>) -> &'l MatchSet {
        let generation = self.changes.generation();
        last.find_or(topic, generation, |last| self.matches_in(topic, generation, last))
    }

    /// The answer that holds in that generation or in a later one; `last` is one that is not needed any more.
    #[inline]
    fn matches_in(
        &self,
        topic: TopicName<'_>,
        generation: u64,
        last: Option<Arc<MatchSet>>,
    ) -> Arc<MatchSet> {
        let hash = self.cache.hash(topic);
        match self.cache.find(hash, topic, generation, &self.changes) {
            Some(matches) => matches,
            None => self.match_anew(hash, topic, last),
        }
    }

    /// An answer that is not remembered, in the memory of `last` unless that is somebody else's as well.
    #[inline(never)]
    fn match_anew(&self, hash: Hash, topic: TopicName<'_>, last: Option<Arc<MatchSet>>) -> Arc<MatchSet> {
        let mut matches = last.and_then(Arc::into_inner).map(MatchSet::reuse).unwrap_or_default();
        matches.topic.push_str(topic.as_str());
        let is_remembered = self.cache.is_known(hash);
        let trie = self.trie.read();
        trie.match_into(topic, &mut matches);
        // Read again under the lock: the answer must not count for a generation that it was not made in.
        *matches.generation.get_mut() = self.changes.generation();
        if is_remembered {
            matches.stamp = self.changes.stamp(topic);
        }
        drop(trie);
        if !is_remembered {
            return Arc::new(matches);
        }
        matches.shrink();
        let matches = Arc::new(matches);
        self.cache.insert(hash, &matches, &self.changes);
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
        let key = SessionKey::new(ProtocolKind::Mqtt, id.to_string().into());
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
    use std::collections::HashMap;
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
            SubscriptionOptions {
                qos,
                no_local: self.below(3) == 0,
                retain_as_published: self.below(2) == 0,
                identifier,
            }
        }
    }

    /// QoS, retain as published, identifiers.
    type SeenTerms = (Qos, bool, Vec<u32>);

    /// A receiver in a form that can be compared: session, local, terms, and those for what it publishes itself.
    type Seen = (u64, u32, SeenTerms, Option<SeenTerms>);

    fn seen(targets: &[Target]) -> Vec<Seen> {
        let seen_terms = |terms: &Terms| {
            let mut identifiers: Vec<_> =
                terms.identifiers.iter().map(|identifier| identifier.get()).collect();
            identifiers.sort_unstable();
            (terms.qos, terms.retain_as_published, identifiers)
        };
        let seen_one = |target: &Target| {
            let terms = target.with_terms_for(SessionId::BROKER, seen_terms).unwrap();
            let own = target.with_terms_for(target.session.id(), seen_terms);
            (target.session.id().0, target.local, terms, own)
        };
        let mut seen: Vec<_> = targets.iter().map(seen_one).collect();
        seen.sort();
        seen
    }

    fn seen_all(matches: &MatchSet) -> (Vec<Seen>, Vec<Vec<Seen>>) {
        let mut groups: Vec<_> = matches.groups.iter().map(|group| seen(&group.members)).collect();
        groups.sort();
        (seen(&matches.targets), groups)
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

        fn has_members(&self, text: &str) -> bool {
            filter(text).share_name().is_some() && self.list.iter().any(|(known, ..)| known == text)
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
                    list.push((*session, *local, (Qos::AtMostOnce, false, Vec::new()), None));
                    list.len() - 1
                });
                let (.., all, own) = &mut list[at];
                let none = || (Qos::AtMostOnce, false, Vec::new());
                let own = (!options.no_local).then(|| own.get_or_insert_with(none));
                for terms in [all].into_iter().chain(own) {
                    terms.0 = terms.0.max(options.qos);
                    terms.1 |= options.retain_as_published;
                    terms.2.extend(options.identifier.map(NonZeroU32::get));
                    terms.2.sort_unstable();
                }
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
            assert_eq!(router.has_members(filter(&text)), oracle.has_members(&text), "{text}");
        } else {
            // Mostly one that is there.
            let known = random.below(oracle.list.len().max(1));
            let (text, id, local) = match oracle.list.get(known) {
                Some((text, id, local, _)) if random.below(4) > 0 => (text.clone(), *id, *local),
                _ => (text, session.id().0, local),
            };
            let existed = oracle.remove(&text, id, local);
            assert_eq!(router.unsubscribe(filter(&text), SessionId(id), local, || ()), existed, "{text}");
            assert_eq!(router.has_members(filter(&text)), oracle.has_members(&text), "{text}");
        }
        assert_eq!(router.len(), oracle.list.len());
    }

    #[test]
    fn matches_are_those_of_a_list_that_is_looked_through() {
        let sessions: Vec<_> = (1..=120).map(session).collect();
        let (mut longest, mut survived) = (0, 0);
        for seed in [1, 0x5EED, 0xDEAD_BEEF_CAFE] {
            println!("seed {seed:#x}");
            let (router, mut oracle, mut random) = (Router::default(), Oracle::default(), Random(seed));
            let (mut last, mut earlier) = (LastMatch::default(), HashMap::new());
            for number in 0..STEPS {
                step(&router, &mut oracle, &sessions, &mut random);
                let topic = random.name();
                let expected = oracle.matches(&topic);
                // The first answer may be one from before the step, the last is a remembered one.
                for round in 0..3 {
                    let found = router.matches(name(&topic));
                    let before = earlier.insert(topic.clone(), Arc::clone(&found));
                    let is_kept = before.is_some_and(|before| Arc::ptr_eq(&before, &found));
                    survived += usize::from(is_kept && round == 0);
                    assert_eq!(seen_all(&found), expected, "seed {seed:#x}, step {number}, topic {topic}");
                    let found = router.matches_after(&mut last, name(&topic));
                    assert_eq!(seen_all(found), expected, "seed {seed:#x}, step {number}, topic {topic}");
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
        assert!(survived > 100, "some answers outlived changes that do not concern them: {survived}");
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
        for text in ["a/+", "a/b"] {
            let subscription = Subscription { session: Arc::clone(&leaves), options: options(), local: 1 };
            router.subscribe(filter(text), subscription, || true);
            // Twice, so that it is remembered.
            for _ in 0..2 {
                assert_eq!(router.matches(name("a/b")).targets.len(), 3);
            }
            assert_eq!(Arc::strong_count(&leaves), 5, "the test's, two in the trie and two remembered");
            assert!(router.unsubscribe(filter(text), leaves.id(), 1, || ()));
            assert_eq!(
                Arc::strong_count(&leaves),
                2,
                "nothing remembered holds it, though nobody published again"
            );
        }
        assert!(router.unsubscribe(filter("a/+"), leaves.id(), 0, || ()));
        assert_eq!(Arc::strong_count(&leaves), 1);
        assert_eq!(router.matches(name("a/b")).targets.len(), 1);
    }
}
