//! How fast a publisher may go.

use std::time::Duration;

/// What a publisher keeps to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Messages that may wait for their acknowledgement.
    pub(super) window: u64,
    /// Messages that may be sent and not yet received by all.
    pub(super) ahead: u64,
    /// How many there are in all.
    pub(super) messages: u64,
    /// Without one, as fast as the others allow.
    pub(super) pace: Option<Pace>,
}

/// A message is due at its own time, whatever became of the ones before it, and its latency counts from then: a broker
/// that stalls cannot slow down those who measure it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Nanoseconds from the begin of the run to the first message.
    first: u64,
    /// Nanoseconds from one message to the next.
    interval: u64,
}

impl Pace {
    /// Of the publisher `number` among `count` that publish `rate` messages a second together, by turns.
    pub(super) fn new(number: u32, count: u32, rate: u32) -> Self {
        let second = Duration::from_secs(1).as_nanos() as u64;
        Self {
            first: second * u64::from(number) / u64::from(rate),
            interval: (second * u64::from(count) / u64::from(rate)).max(1),
        }
    }

    /// How many messages are due so many nanoseconds after the begin.
    pub(super) fn due(self, elapsed: u64) -> u64 {
        elapsed.checked_sub(self.first).map_or(0, |since| since / self.interval + 1)
    }

    /// When a message is due, in nanoseconds from the begin.
    pub(super) fn time_of(self, number: u64) -> u64 {
        self.first.saturating_add(self.interval.saturating_mul(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_says_how_many_are_due_and_when() {
        const MS: u64 = 1_000_000;
        let pace = Pace::new(1, 2, 200);
        for (elapsed, due) in [(0, 0), (4, 0), (5, 1), (14, 1), (15, 2), (1005, 101)] {
            assert_eq!(pace.due(elapsed * MS), due, "{elapsed} ms");
        }
        assert_eq!(pace.time_of(100), 1005 * MS);
    }
}
