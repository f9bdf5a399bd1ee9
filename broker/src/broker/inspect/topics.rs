//! The tree of topics.

use crate::broker::Broker;
use crate::router::TopicLevels;

impl Broker {
    /// The first `limit` levels behind the name `after` that follow the levels `prefix` in any retained topic or filter.
    /// Looks at all of them: not for the threads that serve.
    pub fn topic_levels(&self, prefix: &[&str], after: Option<&str>, limit: usize) -> TopicLevels {
        self.router.topic_levels(&self.retained, prefix, after, limit)
    }
}
