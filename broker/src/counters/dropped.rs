//! Messages that somebody was to have and does not get, counted by reason.

use super::Counter;

/// Why a message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The client's outbox was full.
    OutboxFull,
    /// It expired while it waited for its client.
    Expired,
    /// The client said that it will not process it, and nobody else was to have it.
    Rejected,
    /// The store cannot give it back.
    Unreadable,
    /// The queue that it was for, or waited in, is gone with its owner or its subscription.
    QueueGone,
    /// A queue was full, and there is nowhere to put what has no room.
    QueueFull,
    /// It died in a queue, and there is nowhere to put dead letters.
    Dead,
    /// Whoever runs the broker has purged its queue.
    Purged,
}

impl DropReason {
    /// All of them, in the order in which they are declared.
    pub const ALL: [Self; 8] = [
        Self::OutboxFull,
        Self::Expired,
        Self::Rejected,
        Self::Unreadable,
        Self::QueueGone,
        Self::QueueFull,
        Self::Dead,
        Self::Purged,
    ];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::OutboxFull => "outbox_full",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Unreadable => "unreadable",
            Self::QueueGone => "queue_gone",
            Self::QueueFull => "queue_full",
            Self::Dead => "dead",
            Self::Purged => "purged",
        }
    }
}

/// A count for each reason.
#[derive(Debug, Default)]
pub struct DroppedCounters([Counter; DropReason::ALL.len()]);

impl DroppedCounters {
    /// More by `amount`.
    pub fn add(&self, reason: DropReason, amount: u64) {
        self.0[reason as usize].add_if_any(amount);
    }

    /// How many there were for this reason.
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0[reason as usize].value()
    }

    /// How many there were, for whatever reason.
    pub fn value(&self) -> u64 {
        self.0.iter().map(Counter::value).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_place_and_a_name_of_its_own() {
        let counters = DroppedCounters::default();
        let mut names: Vec<_> = DropReason::ALL.map(DropReason::name).into();
        for (place, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{reason:?}");
            counters.add(reason, 2);
            assert_eq!((counters.of(reason), counters.value()), (2, 2 * (place as u64 + 1)), "{reason:?}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DropReason::ALL.len());
    }
}
