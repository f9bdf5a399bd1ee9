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
    pub connections: u64,
    /// Sessions, connected or not.
    pub sessions: u64,
    /// Subscriptions to topics.
    pub subscriptions: u64,
    /// Retained messages.
    pub retained: u64,
    /// Work queues.
    pub queues: u64,
    /// Whether nobody is let in any more.
    pub draining: bool,
}

impl Broker {
    /// How many of each there are at present, as the metrics have it. Takes no walk.
    pub fn counts(&self) -> Counts {
        let (now, started, figures) = (self.now(), self.started_at, self.figures());
        Counts {
            started_at: Timestamp(started.unix_ms),
            uptime_secs: now.instant.saturating_duration_since(started.instant).as_secs(),
            connections: figures.links,
            sessions: figures.sessions,
            subscriptions: figures.subscriptions,
            retained: figures.retained,
            queues: figures.queues,
            draining: self.is_draining(),
        }
    }
}
