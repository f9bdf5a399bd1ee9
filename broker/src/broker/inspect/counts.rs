//! The broker at a glance.

use serde::Serialize;

use crate::broker::Broker;
use crate::clock::Timestamp;

/// How many of each there are.
#[derive(Clone, Debug, Serialize)]
pub struct Counts {
    /// When the broker began to run.
    pub started_at: Timestamp,
    /// For how long it has run, in seconds.
    pub uptime_secs: u64,
    /// Connections, those included whose clients have not said yet who they are.
    pub connections: usize,
    /// Sessions, connected or not.
    pub sessions: usize,
    /// Subscriptions to topics.
    pub subscriptions: usize,
    /// Retained messages.
    pub retained: u64,
    /// Work queues.
    pub queues: usize,
    /// Whether nobody is let in any more.
    pub draining: bool,
}

impl Broker {
    /// How many of each there are at present. Takes no walk.
    pub fn counts(&self) -> Counts {
        let (now, started) = (self.now(), self.started_at);
        Counts {
            started_at: Timestamp(started.unix_ms),
            uptime_secs: now.instant.saturating_duration_since(started.instant).as_secs(),
            connections: self.link_count(),
            sessions: self.session_count(),
            subscriptions: self.subscription_count(),
            retained: self.retained.totals().0,
            queues: self.queue_count(),
            draining: self.is_draining(),
        }
    }
}
