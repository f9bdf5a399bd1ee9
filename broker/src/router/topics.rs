//! The tree of topics, one level at a time: the broker knows those that have a retained message, and those that filters
//! speak of.

use super::first::First;
use super::trie::Trie;
use super::{Retained, Router};

/// One level of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicLevel {
    /// The level's text; `+` where filters leave it open.
    pub name: Box<str>,
    /// The topic that ends here has a retained message.
    pub has_retained: bool,
    /// Levels that follow it.
    pub children: usize,
    /// Subscriptions whose filters begin with the levels up to this one.
    pub subscriptions: usize,
}

/// Levels that follow the same others, in the order of their names, as bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TopicLevels {
    /// The levels.
    pub levels: Vec<TopicLevel>,
    /// Whether there are more behind them.
    pub has_more: bool,
    /// How many there are in all, those of other pages included.
    pub total: usize,
}

impl Router {
    /// The first `limit` levels behind the name `after` that follow the levels `prefix`. Looks at every filter and at every
    /// retained topic with that prefix: not for the threads that serve.
    pub fn topic_levels(
        &self,
        retained: &Retained,
        prefix: &[&str],
        after: Option<&str>,
        limit: usize,
    ) -> TopicLevels {
        let mut found = First::new(after, limit);
        let is_retained = |below: &[&str]| retained.has_level(prefix.iter().chain(below).copied());
        let total = retained.note_levels(prefix, &mut found)
            + Trie::note_levels(&self.trie, prefix, &mut found, is_retained);
        Trie::count_below(&self.trie, prefix, &mut found, is_retained);
        let has_more = found.has_more();
        let named = |(name, level)| TopicLevel { name, ..level };
        TopicLevels { levels: found.into_map().into_iter().map(named).collect(), has_more, total }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tidewire_protocols::topic::TopicName;

    use super::super::Subscription;
    use super::super::testing::{filter, options, session};
    use super::*;
    use crate::message::{Publication, SessionId};

    const FILTERS: [&str; 9] = [
        "#",
        "a",
        "a/#",
        "a/b/c",
        "$share/g/a/+/c",
        "$share/g/d",
        "/x",
        "a-level-that-is-long/y",
        "$SYS/broker/#",
    ];

    /// Some places of the trie are free.
    fn world() -> (Router, Retained) {
        let (router, retained) = (Router::default(), Retained::default());
        for text in FILTERS.into_iter().chain(["gone/gone/gone", "a/gone"]) {
            let subscription = Subscription { session: session(1), options: options(), local: 0 };
            router.subscribe(filter(text), subscription, || true);
        }
        for text in ["gone/gone/gone", "a/gone"] {
            assert!(router.unsubscribe(filter(text), SessionId(1), 0, || ()));
        }
        for text in ["a/b", "a/b/c/d", "e", "f/g", "a/z"] {
            let topic = TopicName::parse(text).unwrap();
            retained.set(Arc::clone(Publication::new(topic, b"x", SessionId::BROKER).keep()));
        }
        (router, retained)
    }

    /// A level in short: its name, `R` for a retained message, its children, and its subscriptions.
    fn short(level: &TopicLevel) -> String {
        let TopicLevel { name, has_retained, children, subscriptions } = level;
        format!("{name} {}{children}/{subscriptions}", if *has_retained { "R" } else { "" })
    }

    #[test]
    fn a_level_shows_what_is_retained_and_what_is_subscribed_to() {
        let (router, retained) = world();
        let uppermost = [" 1/1", "$SYS 1/1", "a 3/4", "a-level-that-is-long 1/1", "d 0/1", "e R0/0", "f 1/0"];
        for (prefix, expected) in [
            (&[][..], &uppermost[..]),
            (&["a"], &["+ 1/1", "b R1/1", "z R0/0"]),
            (&["a", "b"], &["c 1/1"]),
            (&["a", "b", "c"], &["d R0/0"]),
            (&["a", "+"], &["c 0/1"]),
            (&[""], &["x 0/1"]),
            (&["d"], &[]),
            (&["gone"], &[]),
        ] {
            let found = router.topic_levels(&retained, prefix, None, 100);
            assert_eq!(found.levels.iter().map(short).collect::<Vec<_>>(), expected, "{prefix:?}");
            assert_eq!((found.has_more, found.total), (false, expected.len()), "{prefix:?}");
        }
    }

    #[test]
    fn a_level_is_shown_page_by_page() {
        let (router, retained) = world();
        let all = router.topic_levels(&retained, &[], None, 100).levels;
        for limit in 1..=all.len() {
            let (mut paged, mut after) = (Vec::new(), None);
            loop {
                let page = router.topic_levels(&retained, &[], after.as_deref(), limit);
                assert!(page.levels.len() <= limit && page.total == all.len());
                paged.extend(page.levels);
                after = paged.last().map(|level| level.name.clone());
                if !page.has_more {
                    break;
                }
            }
            assert_eq!(paged, all, "{limit}");
        }
    }
}
