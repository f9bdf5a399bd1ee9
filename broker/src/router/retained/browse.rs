//! Browsing the retained messages, page by page, in the order of their topics.
//!
//! They do not lie in that order: a page is chosen from all that match. The lock is let go of again and again meanwhile,
//! since publishers wait for it. What was there all the time is found; what has come or gone meanwhile may be.

use std::sync::Arc;

use tidewire_protocols::topic::{TopicFilter, TopicName};

use super::{Branch, Child, Retained};
use crate::clock::Now;
use crate::message::Message;
use crate::router::first::First;
use crate::router::topics::TopicLevel;

/// Branches that are looked at under one lock.
const VISITED_PER_LOCK_MAX: usize = if cfg!(test) { 3 } else { 4_096 };

/// Retained messages in the order of their topics, as bytes.
#[derive(Debug, Default)]
pub struct RetainedPage {
    /// The messages.
    pub messages: Vec<Arc<Message>>,
    /// Whether there are more behind them.
    pub has_more: bool,
    /// How many match in all, those of other pages included.
    pub total: usize,
}

impl Retained {
    /// The retained message of that topic, unless it has expired.
    pub fn find(&self, topic: TopicName<'_>, now: Now) -> Option<Arc<Message>> {
        let root = self.root.read();
        let message = root.descend(topic.levels())?.message.as_ref()?;
        (!message.is_expired(now)).then(|| Arc::clone(message))
    }

    /// Of the messages that `filter` matches and that have not expired, the first `limit` behind the topic `after`.
    /// Looks at all that match: not for the threads that serve.
    pub fn page(&self, filter: TopicFilter<'_>, after: Option<&str>, limit: usize, now: Now) -> RetainedPage {
        let (mut found, mut total, mut path) = (First::new(after, limit), 0, Vec::new());
        loop {
            let mut visit = |message: &Arc<Message>| {
                if !message.is_expired(now) {
                    total += 1;
                    if let Some(place) = found.place(message.topic().as_str()) {
                        *place = Some(Arc::clone(message));
                    }
                }
            };
            let mut slice = Slice { left: VISITED_PER_LOCK_MAX, path: Vec::new(), visit: &mut visit };
            if self.root.read().scan(filter.levels(), true, &path, &mut slice) {
                break;
            }
            slice.path.reverse();
            path = slice.path;
        }
        let has_more = found.has_more();
        RetainedPage { messages: found.into_map().into_values().flatten().collect(), has_more, total }
    }

    /// Whether any topic that has a message begins with these levels.
    pub(in crate::router) fn has_level<'t>(&self, levels: impl Iterator<Item = &'t str>) -> bool {
        self.root.read().descend(levels).is_some()
    }

    /// Notes the levels that follow `prefix` in any topic that has a message; how many there are.
    pub(in crate::router) fn note_levels(&self, prefix: &[&str], found: &mut First<'_, TopicLevel>) -> usize {
        let (mut left, mut total) = (usize::MAX, 0);
        while left > 0 {
            let root = self.root.read();
            let Some(branch) = root.descend(prefix.iter().copied()) else { break };
            let children = branch.children.as_slice();
            left = left.min(children.len());
            let from = left.saturating_sub(VISITED_PER_LOCK_MAX);
            for Child { level, branch } in &children[from..left] {
                if let Some(seen) = found.place(level) {
                    seen.has_retained = branch.message.is_some();
                    seen.children = branch.children.as_slice().len();
                }
            }
            total += left - from;
            left = from;
        }
        total
    }
}

/// How far a walk has come at one depth.
struct Step {
    /// The child that it is in; none at its end.
    level: Option<Box<str>>,
    /// The children before this position are still to be looked at. Those behind it were, and a child that goes has its
    /// place taken by the last.
    left: usize,
}

/// What is looked at under one lock.
struct Slice<'v> {
    left: usize,
    /// Where to go on, from the last step to the first.
    path: Vec<Step>,
    visit: &'v mut dyn FnMut(&Arc<Message>),
}

impl Slice<'_> {
    /// It ends here; always `false`.
    fn stop(&mut self, level: Option<&str>, left: usize) -> bool {
        self.path.push(Step { level: level.map(Into::into), left });
        false
    }
}

impl Branch {
    fn descend<'t>(&self, mut levels: impl Iterator<Item = &'t str>) -> Option<&Self> {
        levels.try_fold(self, |branch, level| Some(&branch.children.find(level)?.branch))
    }

    /// Goes on behind `path`, which is empty where nothing here was looked at. Whether that came to an end.
    fn scan<'f>(
        &self,
        levels: impl Iterator<Item = &'f str> + Clone,
        at_root: bool,
        path: &[Step],
        slice: &mut Slice<'_>,
    ) -> bool {
        let mut rest = levels.clone();
        let pattern = rest.next();
        if path.is_empty() && matches!(pattern, None | Some("#")) {
            self.message.iter().for_each(&mut *slice.visit);
        }
        match pattern {
            None => true,
            Some("#") => self.scan_children(levels, at_root, path, slice),
            Some("+") => self.scan_children(rest, at_root, path, slice),
            Some(level) => {
                let Some(child) = self.children.find(level) else { return true };
                let deeper = path.get(1..).unwrap_or_default();
                child.branch.scan(rest, false, deeper, slice) || slice.stop(Some(level), 0)
            }
        }
    }

    /// The same for all children, each by the same `levels`: at the root not those that begin with `$`. [MQTT-4.7.2-1]
    fn scan_children<'f>(
        &self,
        levels: impl Iterator<Item = &'f str> + Clone,
        at_root: bool,
        path: &[Step],
        slice: &mut Slice<'_>,
    ) -> bool {
        let children = self.children.as_slice();
        let mut left = children.len();
        if let Some((step, deeper)) = path.split_first() {
            left = left.min(step.left);
            let begun = step.level.as_deref().and_then(|level| self.children.find(level));
            if begun.is_some_and(|child| !child.branch.scan(levels.clone(), false, deeper, slice)) {
                return slice.stop(step.level.as_deref(), left);
            }
        }
        while left > 0 {
            if slice.left == 0 {
                return slice.stop(None, left);
            }
            slice.left -= 1;
            left -= 1;
            let Child { level, branch } = &children[left];
            let is_hidden = at_root && level.starts_with('$');
            if !is_hidden && !branch.scan(levels.clone(), false, &[], slice) {
                return slice.stop(Some(level), left);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Instant;

    use super::*;
    use crate::message::{Publication, SessionId};

    const NOW_MS: u64 = 10;

    fn set(retained: &Retained, topic: &str, expires_at: Option<u64>) {
        let mut publication = Publication::new(TopicName::parse(topic).unwrap(), b"x", SessionId::BROKER);
        publication.expires_at = expires_at;
        retained.set(Arc::clone(publication.keep()));
    }

    fn now() -> Now {
        Now { instant: Instant::now(), unix_ms: NOW_MS }
    }

    fn world() -> Retained {
        let retained = Retained::default();
        for first in ["a", "b", "", "$SYS", "a-b"] {
            set(&retained, &format!("{first}/x"), None);
            for number in 0..9 {
                set(&retained, &format!("{first}/{number}/x"), None);
                set(&retained, &format!("{first}/{number}/y/z"), Some(NOW_MS + number % 2));
            }
        }
        retained
    }

    fn topics(messages: &[Arc<Message>]) -> Vec<String> {
        messages.iter().map(|message| message.topic().to_string()).collect()
    }

    #[test]
    fn pages_together_are_what_the_filter_matches_in_order() {
        let retained = world();
        for text in ["#", "a/#", "+/+/x", "a/3/x", "a/+/y/#", "$SYS/#", "+/5/#", "none/#", "none"] {
            let filter = TopicFilter::parse(text).unwrap();
            let mut expected = topics(&retained.matching(filter, Now { unix_ms: NOW_MS, ..now() }));
            expected.sort();
            for limit in [1, 2, 7, 1_000] {
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let page = retained.page(filter, after.as_deref(), limit, now());
                    assert!(page.messages.len() <= limit);
                    assert_eq!(page.total, expected.len(), "{text}");
                    found.extend(topics(&page.messages));
                    after = found.last().cloned();
                    if !page.has_more {
                        break;
                    }
                }
                assert_eq!(found, expected, "{text} by {limit}");
            }
        }
    }

    #[test]
    fn one_is_found_by_its_topic_until_it_expires() {
        let retained = world();
        let find = |topic| retained.find(TopicName::parse(topic).unwrap(), now()).is_some();
        for (topic, is_found) in [
            ("a/x", true),
            ("a/1/y/z", true),
            ("a/2/y/z", false),
            ("a/1", false),
            ("none", false),
            ("a/x/y", false),
        ] {
            assert_eq!(find(topic), is_found, "{topic}");
        }
    }

    /// Between any two slices of a walk something goes and something comes.
    #[test]
    fn what_is_there_all_the_time_is_visited_whatever_comes_and_goes() {
        let filter = TopicFilter::parse("#").unwrap();
        for stride in 1..20 {
            let retained = world();
            let mut staying: BTreeSet<_> = topics(&retained.matching(filter, now())).into_iter().collect();
            let mut leaving: Vec<_> = staying.iter().cloned().step_by(stride + 1).collect();
            staying.retain(|topic| !leaving.contains(topic));
            let (mut seen, mut path, mut slices) = (BTreeSet::new(), Vec::new(), 0);
            loop {
                let mut visit = |message: &Arc<Message>| seen.extend([message.topic().to_string()]);
                let mut slice = Slice { left: 2, path: Vec::new(), visit: &mut visit };
                let is_over = retained.root.read().scan(filter.levels(), true, &path, &mut slice);
                slice.path.reverse();
                path = slice.path;
                if is_over {
                    break;
                }
                slices += 1;
                set(&retained, &format!("a/new/{slices}"), None);
                // From both ends of the order in turn.
                let at = if slices % 2 == 0 { 0 } else { leaving.len().saturating_sub(1) };
                if !leaving.is_empty() {
                    assert!(retained.clear(TopicName::parse(&leaving.remove(at)).unwrap()));
                }
            }
            assert!(slices > 10, "{slices}");
            let missed: Vec<_> = staying.difference(&seen).collect();
            assert!(missed.is_empty(), "{missed:?} with stride {stride}");
        }
    }
}
