//! What one connected client may do.

use std::sync::Arc;

use tidewire_protocols::topic::{TopicFilter, TopicName};

use super::acl::Bound;
use super::permits::{PermitCounts, Permits};
use super::{Action, QUEUES};

/// See the module. It is the client's own, and made anew when rules change or the client renews itself. Without rules,
/// everything is allowed.
///
/// Nobody publishes to the topics that are the broker's own: `$SYS` and all others that begin with `$`, work queues
/// excepted. Queues that are private to a connection are for whoever knows their names, which nobody can guess.
#[derive(Debug, Default)]
pub struct Rights(Option<Box<Ruled>>);

#[derive(Debug)]
struct Ruled {
    rules: Arc<Bound>,
    permits: Permits,
}

/// Whether a client may subscribe to a filter, or consume from a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It may.
    Allowed,
    /// It may, and some of what matches is not for it: each delivery has to be looked at.
    AllowedInPart,
    /// It may not.
    Denied,
}

/// Looks at deliveries.
#[derive(Debug)]
pub struct Watch(Arc<Bound>);

/// What the names of queues begin with that are private to a connection.
const PRIVATE_QUEUES: &str = "$queue/temp.";

impl Rights {
    /// Those that rules give, and no more.
    pub fn ruled_by(rules: Bound) -> Self {
        Self(Some(Box::new(Ruled { rules: Arc::new(rules), permits: Permits::default() })))
    }

    /// Whether the client may be connected at all, with the client identifier that it has.
    pub fn may_connect(&self) -> bool {
        self.0.as_ref().is_none_or(|ruled| ruled.rules.may_connect())
    }

    /// Whether the client may publish to `topic`, and have the message retained if `retain`.
    #[inline]
    pub fn may_publish(&mut self, topic: TopicName<'_>, retain: bool) -> bool {
        match &mut self.0 {
            None => !is_the_brokers(topic),
            Some(ruled) => ruled.may_publish(topic, retain),
        }
    }

    /// Whether it may subscribe to a filter, or consume from the queue that it names.
    pub fn judge_filter(&self, filter: TopicFilter<'_>) -> Judgement {
        let Some(ruled) = &self.0 else { return Judgement::Allowed };
        let is_queue = filter.filter().starts_with(QUEUES);
        let action = if is_queue { Action::Consume } else { Action::Subscribe };
        let judged = ruled.rules.judge_filter(action, filter);
        match (judged.verdict, judged.is_partial) {
            (Some(true), false) => Judgement::Allowed,
            (Some(true), true) => Judgement::AllowedInPart,
            (Some(false) | None, _) => Judgement::Denied,
        }
    }

    /// Whoever looks at each delivery, where there are rules.
    pub fn watch(&self) -> Option<Watch> {
        self.0.as_ref().map(|ruled| Watch(Arc::clone(&ruled.rules)))
    }

    /// How often rules were walked since this was called last, and how often that was not needed; `None` without rules.
    pub fn take_counts(&mut self) -> Option<PermitCounts> {
        self.0.as_mut().map(|ruled| ruled.permits.take_counts())
    }
}

impl Watch {
    /// Whether a message of that topic is for the client. What it consumes from a queue, and what is between it and the
    /// broker, is.
    pub fn may_receive(&self, topic: TopicName<'_>) -> bool {
        let name = topic.as_str();
        let is_own = name.starts_with(QUEUES) || name.starts_with("$auth/");
        is_own || self.0.judge(Action::Receive, topic) == Some(true)
    }
}

impl Ruled {
    fn may_publish(&mut self, topic: TopicName<'_>, retain: bool) -> bool {
        let Self { rules, permits } = self;
        permits.allows(topic.as_str(), retain, || may_publish(rules, topic, retain))
    }
}

fn may_publish(rules: &Bound, topic: TopicName<'_>, retain: bool) -> bool {
    if is_the_brokers(topic) {
        return false;
    }
    let may = |action| rules.judge(action, topic) == Some(true);
    topic.as_str().starts_with(PRIVATE_QUEUES) || (may(Action::Publish) && (!retain || may(Action::Retain)))
}

#[inline]
fn is_the_brokers(topic: TopicName<'_>) -> bool {
    topic.starts_with_dollar() && !topic.as_str().starts_with(QUEUES)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::auth::acl::{Acl, Subject};

    fn rights(rules: &str) -> Rights {
        let acl = Acl::parse(Path::new("acl.toml"), rules).unwrap();
        Rights::ruled_by(acl.bind(&Subject::default()))
    }

    fn name(topic: &str) -> TopicName<'_> {
        TopicName::parse(topic).unwrap()
    }

    #[test]
    fn what_is_the_brokers_nobody_publishes_to() {
        let everything = "[[rules]]\nallow = [\"all\"]\n";
        for rights in [&mut Rights::default(), &mut rights(everything)] {
            for (topic, expected) in [
                ("a", true),
                ("$SYS/a", false),
                ("$auth/result", false),
                ("$queue/a", true),
                ("$queue/temp.x", true),
            ] {
                assert_eq!(rights.may_publish(name(topic), false), expected, "{topic}");
            }
        }
    }

    #[test]
    fn rules_decide_and_what_they_do_not_allow_is_denied() {
        let mut rights = rights(
            "[[rules]]\ndeny = [\"subscribe\", \"retain\"]\ntopics = [\"a/secret\"]\n\
             [[rules]]\nallow = [\"all\"]\ntopics = [\"a/#\", \"/queue/work\"]\n",
        );
        assert!(rights.may_publish(name("a/b"), true) && rights.may_publish(name("a/secret"), false));
        assert!(!rights.may_publish(name("a/secret"), true) && !rights.may_publish(name("b"), false));
        assert!(rights.may_publish(name("$queue/temp.1.a"), false), "whoever knows it may reply to it");
        for (filter, expected) in [
            ("a/b", Judgement::Allowed),
            ("a/#", Judgement::AllowedInPart),
            ("$share/g/a/#", Judgement::AllowedInPart),
            ("a/secret", Judgement::Denied),
            ("#", Judgement::Denied),
            ("$queue/work", Judgement::Allowed),
            ("$queue/other", Judgement::Denied),
        ] {
            assert_eq!(rights.judge_filter(TopicFilter::parse(filter).unwrap()), expected, "{filter}");
        }
        let watch = rights.watch().unwrap();
        for (topic, expected) in
            [("a/b", true), ("a/secret", false), ("b", false), ("$queue/other", true), ("$auth/result", true)]
        {
            assert_eq!(watch.may_receive(name(topic)), expected, "{topic}");
        }
    }
}
