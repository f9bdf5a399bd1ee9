//! The tree of topics.

use super::Listed;
use crate::broker::Broker;
use crate::router::{TopicLevel, TopicLevels};

impl Broker {
    /// The first `limit` levels behind the name `after` that follow the levels `prefix` in any retained topic or filter.
    /// Looks at all of them: not for the threads that serve.
    pub fn list_topics(&self, prefix: &[&str], after: Option<&str>, limit: usize) -> Listed<TopicLevel> {
        let found = self.router.topic_levels(&self.retained, prefix, after, limit);
        let TopicLevels { levels, has_more, total } = found;
        Listed { items: levels, has_more, total }
    }
}
