//! When a queue's messages came, as far as whoever watches it needs to know.
//!
//! Numbers are given in the order of arrival, so a few of them with their times say it of all: there is a mark for about
//! every second, and where the queue is old and long a mark for every few. So it costs nothing with each message, and a
//! message that comes back is as old as before.

use std::collections::VecDeque;

/// Marks that are kept: of a queue whose oldest message came an hour ago, one for every minute.
const MARKS_MAX: usize = 128;
/// The shortest time between two marks.
const SPACING_MS_MIN: u64 = 1_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// Numbers, and when they came in milliseconds since the epoch; both rise.
    marks: VecDeque<(u64, u64)>,
    /// The time between two marks, at least.
    spacing_ms: u64,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { marks: VecDeque::new(), spacing_ms: SPACING_MS_MIN }
    }
}

impl Arrivals {
    /// Whether a message that comes now deserves a mark.
    pub(super) fn is_due(&self, sequence: u64, unix_ms: u64) -> bool {
        self.marks.back().is_none_or(|(last, at)| sequence > *last && unix_ms >= at + self.spacing_ms)
    }

    /// Makes a mark. What came before the number `oldest` need not be known any more.
    pub(super) fn note(&mut self, sequence: u64, unix_ms: u64, oldest: u64) {
        while self.marks.get(1).is_some_and(|(next, _)| *next <= oldest) {
            self.marks.pop_front();
        }
        if self.marks.len() < 2 {
            self.spacing_ms = SPACING_MS_MIN;
        }
        if self.marks.len() >= MARKS_MAX {
            // Every other one, the first among them.
            let mut count = 0_usize;
            self.marks.retain(|_| {
                count += 1;
                count % 2 == 1
            });
            self.spacing_ms *= 2;
        }
        self.marks.push_back((sequence, unix_ms));
    }

    /// When the message of that number came, or a little earlier.
    pub(super) fn time_of(&self, sequence: u64) -> Option<u64> {
        let later = self.marks.partition_point(|(marked, _)| *marked <= sequence);
        let (_, at) = self.marks.get(later.checked_sub(1)?)?;
        Some(*at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn come(arrivals: &mut Arrivals, sequence: u64, unix_ms: u64, oldest: u64) {
        if arrivals.is_due(sequence, unix_ms) {
            arrivals.note(sequence, unix_ms, oldest);
        }
    }

    #[test]
    fn a_time_is_right_to_within_the_spacing() {
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.time_of(1), None);
        // One message in 100 ms, for an hour, and none is taken.
        for sequence in 1..=36_000 {
            come(&mut arrivals, sequence, sequence * 100, 1);
        }
        assert!(arrivals.marks.len() <= MARKS_MAX);
        assert!(arrivals.marks.len() > MARKS_MAX / 4);
        for sequence in [1, 2, 77, 18_000, 35_999, 36_000] {
            let at = arrivals.time_of(sequence).unwrap();
            let came = sequence * 100;
            assert!(at <= came && came - at <= 2 * arrivals.spacing_ms, "{sequence}: {at}");
        }
        assert!(arrivals.spacing_ms <= 64_000, "{}", arrivals.spacing_ms);
    }

    #[test]
    fn a_queue_that_is_worked_off_forgets_what_has_gone() {
        let mut arrivals = Arrivals::default();
        for sequence in 1..=10_000 {
            come(&mut arrivals, sequence, sequence * 1_000, sequence.saturating_sub(3).max(1));
        }
        assert!(arrivals.marks.len() < 8, "{}", arrivals.marks.len());
        assert_eq!(arrivals.time_of(9_998), Some(9_998_000));
        assert_eq!(arrivals.spacing_ms, SPACING_MS_MIN);
    }

    #[test]
    fn a_number_that_comes_late_makes_no_mark() {
        let mut arrivals = Arrivals::default();
        come(&mut arrivals, 5, 1_000, 1);
        come(&mut arrivals, 4, 9_000, 1);
        assert_eq!(arrivals.marks, [(5, 1_000)]);
        assert_eq!(arrivals.time_of(4), None);
    }
}
