//! What there is at a moment, in numbers: for metrics, `$SYS` and the overview. None of it is counted for whoever asks, but for the age
//! of what waits in queues.

use crate::broker::Broker;

/// See the module.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Network connections that are open, whatever has become of them so far.
    pub links: u64,
    /// Those among them whose transport is settled: they speak a protocol, or may begin to.
    pub speaking: u64,
    /// Those among them whose clients have logged in.
    pub clients: u64,
    /// Sessions, connected or not; durable subscriptions are sessions as well.
    pub sessions: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Retained messages.
    pub retained: u64,
    /// Bytes of them.
    pub retained_bytes: u64,
    /// Work queues, those of durable subscriptions included.
    pub queues: u64,
    /// Messages in them.
    pub queued: u64,
    /// Bytes of those.
    pub queued_bytes: u64,
}

impl Figures {
    /// Messages that the broker keeps as its own: retained ones, and those in queues.
    pub fn held(&self) -> u64 {
        self.retained + self.queued
    }

    /// Bytes of those.
    pub fn held_bytes(&self) -> u64 {
        self.retained_bytes + self.queued_bytes
    }

    /// Sessions whose clients are not connected.
    pub fn absent_sessions(&self) -> u64 {
        self.sessions.saturating_sub(self.clients)
    }
}

impl Broker {
    /// What there is now.
    pub fn figures(&self) -> Figures {
        let (retained, retained_bytes) = self.retained.totals();
        let totals = self.queues.totals();
        Figures {
            links: self.link_count() as u64,
            speaking: self.counters.connections.value(),
            clients: self.counters.clients.connected(),
            sessions: self.session_count() as u64,
            subscriptions: self.subscription_count() as u64,
            retained,
            retained_bytes,
            queues: self.queue_count() as u64,
            queued: totals.messages(),
            queued_bytes: totals.bytes(),
        }
    }

    /// How long the message has waited, in seconds, that waits longest in any queue; 0 where none does. Each queue is looked
    /// at: some 50 ns for each.
    pub fn oldest_queued_secs(&self) -> u64 {
        let oldest = self.queues.all().iter().filter_map(|queue| queue.oldest_secs()).min();
        oldest.map_or(0, |since| self.now().unix_secs().saturating_sub(since.into()))
    }
}
