//! The retained messages.

use std::sync::Arc;

use tidewire_protocols::topic::{TopicFilter, TopicName};

use super::Listed;
use crate::broker::{Broker, PublishRefused};
use crate::message::{Message, Publication, SessionId};
use crate::router::RetainedPage;
use crate::store::CommitId;

/// Messages that are cleared in one turn.
const CLEARED_PER_TURN_MAX: usize = 256;
/// Messages that are looked up at once: looking them up again for each turn would take the longer the more there are.
const FOUND_MAX: usize = if cfg!(test) { 300 } else { 10_000 };

impl Broker {
    /// The message that is retained at a topic.
    pub fn retained_message(&self, topic: TopicName<'_>) -> Option<Arc<Message>> {
        self.retained.find(topic, self.now())
    }

    /// Of the retained messages that `filter` matches, the first `limit` behind the topic `after`. Looks at all that match: not
    /// for the threads that serve.
    pub fn list_retained(
        &self,
        filter: TopicFilter<'_>,
        after: Option<&str>,
        limit: usize,
    ) -> Listed<Arc<Message>> {
        let RetainedPage { messages, has_more, total } = self.retained.page(filter, after, limit, self.now());
        Listed { items: messages, has_more, total }
    }

    /// Clears the retained message of a topic as its publisher would, by a message without payload, which subscribers
    /// receive like any other, and with the QoS of the one that goes. Returns what that depends on; `None` where there is
    /// none. [MQTT-3.3.1-6]
    ///
    /// # Errors
    ///
    /// [`PublishRefused`]: it is there as before.
    pub fn clear_retained(&self, topic: TopicName<'_>) -> Result<Option<CommitId>, PublishRefused> {
        let Some(message) = self.retained_message(topic) else { return Ok(None) };
        self.clear_all(&[message]).map(Some)
    }

    /// The same for all that `filter` matches, and how many there were. Not for the threads that serve.
    ///
    /// # Errors
    ///
    /// [`PublishRefused`]: some are there as before.
    pub fn clear_retained_matching(
        &self,
        filter: TopicFilter<'_>,
    ) -> Result<(usize, CommitId), PublishRefused> {
        let (mut cleared, mut commit) = (0, CommitId::NONE);
        // What is published meanwhile to a topic that was cleared stays.
        let mut after: Option<Arc<Message>> = None;
        loop {
            let last = after.as_ref().map(|message| message.topic().as_str());
            let page = self.list_retained(filter, last, FOUND_MAX);
            for some in page.items.chunks(CLEARED_PER_TURN_MAX) {
                commit = self.clear_all(some)?;
                cleared += some.len();
            }
            after = page.items.last().cloned();
            if !page.has_more {
                return Ok((cleared, commit));
            }
        }
    }

    /// In one turn.
    fn clear_all(&self, messages: &[Arc<Message>]) -> Result<CommitId, PublishRefused> {
        let mut turn = self.turn();
        let cleared = messages.iter().try_for_each(|message| {
            let mut publication = Publication::new(message.topic(), b"", SessionId::BROKER);
            (publication.retain, publication.qos) = (true, message.qos());
            self.publish(&mut turn, &publication).map(|_| ())
        });
        let commit = turn.finish();
        cleared?;
        Ok(commit?)
    }
}
