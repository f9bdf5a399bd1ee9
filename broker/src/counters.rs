//! What is counted about the running broker. Plain atomics: nothing here locks, allocates or is read on the hot path.

mod refused;

use std::sync::atomic::{AtomicU64, Ordering};

pub use self::refused::{RefusalReason, RefusedCounters};

/// One count that only grows, or a gauge that also falls.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// More by `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// So much and no other, for gauges.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Less by `amount`, for gauges.
    pub fn subtract(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    /// The count.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Counters {
    /// Network connections that are open.
    pub connections: Counter,
    /// Network connections there have been.
    pub connections_total: Counter,
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
    /// Messages published by clients.
    pub published: Counter,
    /// Deliveries given to sessions.
    pub delivered: Counter,
    /// Deliveries dropped because an outbox was full, and messages that a queue gave up with nowhere to put them.
    pub dropped: Counter,
    /// Messages that a queue gave up and that went to its dead letters.
    pub dead_letters: Counter,
}

/// What one turn adds to the counters, at its end: an atomic addition for each message would cost as much as decoding it.
#[derive(Debug, Default)]
pub struct Tally {
    /// Messages published by clients.
    pub published: u64,
    /// Deliveries given to sessions.
    pub delivered: u64,
    /// Deliveries dropped.
    pub dropped: u64,
}

impl Counters {
    /// Adds what a turn has counted.
    pub fn add_tally(&self, tally: &Tally) {
        let counts = [
            (&self.published, tally.published),
            (&self.delivered, tally.delivered),
            (&self.dropped, tally.dropped),
        ];
        for (counter, amount) in counts.into_iter().filter(|(_, amount)| *amount > 0) {
            counter.add(amount);
        }
    }
}
