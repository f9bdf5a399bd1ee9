//! What one connected client may do.

use tidewire_protocols::topic::TopicFilter;

/// See the module. It is the client's own, and made anew when rules change or the client renews itself.
#[derive(Debug, Default)]
pub struct Rights {}

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
pub struct Watch {}

impl Rights {
    /// Whether it may publish to `topic`, and have the message retained if `retain`.
    ///
    /// Nobody publishes to the topics that are the broker's own: `$SYS` and all others that begin with `$`, work queues
    /// excepted.
    #[inline]
    pub fn may_publish(&mut self, topic: &str, _retain: bool) -> bool {
        !topic.starts_with('$') || topic.starts_with("$queue/")
    }

    /// Whether it may subscribe to a filter, or consume from a queue.
    pub fn judge_filter(&self, _filter: TopicFilter<'_>) -> Judgement {
        Judgement::Allowed
    }

    /// Whoever looks at each delivery, where that is needed.
    pub fn watch(&self, _is_partial: bool) -> Option<Watch> {
        None
    }
}

impl Watch {
    /// Whether a message of that topic is for the client.
    pub fn may_receive(&self, _topic: &str) -> bool {
        true
    }
}
