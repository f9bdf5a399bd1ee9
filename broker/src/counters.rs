//! What is counted about the running broker. Plain atomics: nothing here locks, allocates or is read on the hot path.

mod clients;
mod counter;
mod dropped;
mod histogram;
mod latency;
mod refused;
mod traffic;

pub use self::clients::{Carrier, ClientCounters, Protocol, Spoken};
pub use self::counter::{Counter, Sharded};
pub use self::dropped::{DropReason, DroppedCounters};
pub use self::histogram::{Histogram, Spread};
pub use self::latency::{Latencies, is_sampled};
pub use self::refused::{RefusalReason, RefusedCounters};
pub use self::traffic::{Amount, ByQos, Moved, Tally, Traffic};
use crate::message::Qos;

/// See the module.
#[derive(Debug, Default)]
pub struct Counters {
    /// Network connections that are open and speak a protocol, or may begin to.
    pub connections: Counter,
    /// Network connections there have been.
    pub connections_total: Counter,
    /// Clients that have logged in.
    pub clients: ClientCounters,
    /// What was refused: upgrades, connections that the broker ended, and single packets and frames.
    pub refused: RefusedCounters,
    /// Addresses that were banned, since too many logins from them failed.
    pub banned: Counter,
    /// WebSocket connections that keep a context for compression from message to message.
    pub deflate_contexts: Counter,
    /// Bytes of memory that the process has resident, as they were last looked at; 0 where that is not watched.
    pub resident_bytes: Counter,
    /// How often there was so little memory left that clients which publish had to wait.
    pub memory_shortages: Counter,
    /// Panics that were caught: each ended one connection, or one entry of the schedule.
    pub panics: Counter,
    /// Publishes for which a client's rules were walked.
    pub permits_judged: Counter,
    /// Publishes for which that was not needed, since it was remembered that the client may publish there.
    pub permits_remembered: Counter,
    /// Messages, and bytes of connections.
    pub traffic: Sharded<Traffic>,
    /// Messages that were dropped.
    pub dropped: DroppedCounters,
    /// Messages that a queue gave up and that went to its dead letters.
    pub dead_letters: Counter,
    /// Sessions that ended, since their clients did not come back in time.
    pub sessions_expired: Counter,
    /// The most messages that any outbox has held.
    pub outbox_messages_highest: Counter,
    /// The most bytes of messages that any outbox has held.
    pub outbox_bytes_highest: Counter,
    /// How long things take.
    pub latencies: Latencies,
}

impl Counters {
    /// Messages that clients have published, by any protocol.
    pub fn published(&self) -> u64 {
        let by_qos = Protocol::ALL.iter().flat_map(|protocol| {
            [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce].map(|qos| (*protocol, qos))
        });
        by_qos.map(|(protocol, qos)| self.traffic.sum(|traffic| traffic.received(protocol, qos).0)).sum()
    }

    /// Adds what a turn has counted.
    #[inline]
    pub fn add_tally(&self, tally: &Tally) {
        self.traffic.own().add(tally);
        if tally.has_waited() {
            self.add_waited(tally);
        }
    }

    /// What a turn seldom has to count.
    #[inline(never)]
    fn add_waited(&self, tally: &Tally) {
        self.dropped.add(DropReason::OutboxFull, tally.dropped);
        self.dropped.add(DropReason::Expired, tally.expired);
        self.outbox_messages_highest.raise_to(tally.outbox_messages);
        self.outbox_bytes_highest.raise_to(tally.outbox_bytes);
    }
}
