//! Work queues: how long they may get, and where their dead letters go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Size;
use crate::message::QUEUE_PREFIX;
use crate::queue::{QueueLimits, QueueOverflow};

/// Work queues.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QueuesConfig {
    /// Messages in one queue, those with a consumer included.
    pub length_max: usize,
    /// Bytes of those messages.
    pub bytes_max: Size,
    /// What happens beyond.
    pub overflow: QueueOverflow,
    /// Deliveries of a message, after which it becomes a dead letter.
    pub deliveries_max: u32,
    /// Where dead letters go, a queue or a topic as STOMP names it; `{queue}` is the queue's name. Empty: they are
    /// dropped and counted.
    pub dead_letter: String,
}

/// What stands for the queue's name in `dead_letter`.
const NAME: &str = "{queue}";

impl Default for QueuesConfig {
    fn default() -> Self {
        Self {
            length_max: 1_000_000,
            bytes_max: Size(1 << 30),
            overflow: QueueOverflow::Reject,
            deliveries_max: 10,
            dead_letter: "/queue/dead.{queue}".to_owned(),
        }
    }
}

impl QueuesConfig {
    /// The limits of a queue, for one that no store is told of.
    pub fn limits(&self) -> QueueLimits {
        QueueLimits {
            length_max: self.length_max,
            bytes_max: self.bytes_max.0,
            overflow: self.overflow,
            deliveries_max: Some(self.deliveries_max),
            is_stored: false,
            buries: false,
        }
    }

    /// The topic name that dead letters of a queue are published to; `None` where they are dropped: dead letters have
    /// no dead letters, nor have queues that no client can name.
    pub fn dead_letter_topic(&self, queue: &str) -> Option<String> {
        if self.is_dead_letter(queue) || queue.starts_with('$') {
            return None;
        }
        self.topic_pattern().map(|pattern| pattern.replace(NAME, queue))
    }

    /// Whether a queue is one for dead letters.
    pub fn is_dead_letter(&self, queue: &str) -> bool {
        let pattern = self.topic_pattern();
        let Some(pattern) = pattern.as_deref().and_then(|pattern| pattern.strip_prefix(QUEUE_PREFIX)) else {
            return false;
        };
        match pattern.split_once(NAME) {
            Some((before, after)) => {
                queue.len() > before.len() + after.len()
                    && queue.starts_with(before)
                    && queue.ends_with(after)
            }
            None => queue == pattern,
        }
    }

    /// `dead_letter` as a topic name, `{queue}` included; `None` where it is none.
    pub(super) fn topic_pattern(&self) -> Option<String> {
        match self.dead_letter.strip_prefix("/queue/") {
            Some(queue) => Some(format!("{QUEUE_PREFIX}{queue}")),
            None => self.dead_letter.strip_prefix("/topic/").map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dead_letter: &str) -> QueuesConfig {
        QueuesConfig { dead_letter: dead_letter.to_owned(), ..QueuesConfig::default() }
    }

    #[test]
    fn dead_letters_go_where_the_pattern_says_and_never_round_in_circles() {
        let default = QueuesConfig::default();
        assert_eq!(default.dead_letter_topic("orders").as_deref(), Some("$queue/dead.orders"));
        assert_eq!(default.dead_letter_topic("dead.orders"), None);
        assert_eq!(default.dead_letter_topic("$durable/a/b"), None);
        assert!(!default.is_dead_letter("dead."));
        let shared = config("/queue/lost");
        assert_eq!(shared.dead_letter_topic("orders").as_deref(), Some("$queue/lost"));
        assert_eq!(shared.dead_letter_topic("lost"), None);
        assert_eq!(config("/topic/lost/{queue}").dead_letter_topic("a").as_deref(), Some("lost/a"));
        assert_eq!(config("").dead_letter_topic("orders"), None);
    }
}
