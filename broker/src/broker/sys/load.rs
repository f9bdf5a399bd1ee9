//! What flows in a minute, on average over the last one, five and fifteen minutes: as a system's load is told.

use std::time::Duration;

/// Minutes that an average is over, with the last level of its topic.
pub(super) const SPANS: [(f64, &str); 3] = [(1.0, "1min"), (5.0, "5min"), (15.0, "15min")];

/// Sums that an average is told of.
pub(super) const FLOWING: usize = 9;

/// The averages, each of something a minute. What lies further back weighs less, exponentially.
#[derive(Debug, Default)]
pub(super) struct Loads(pub(super) [[f64; SPANS.len()]; FLOWING]);

impl Loads {
    /// In this time the sums went from `before` to `now`.
    pub(super) fn pass(&mut self, before: &[u64; FLOWING], now: &[u64; FLOWING], time: Duration) {
        let minutes = time.as_secs_f64() / 60.0;
        if minutes <= 0.0 {
            return;
        }
        for (averages, (before, now)) in self.0.iter_mut().zip(before.iter().zip(now)) {
            let rate = now.saturating_sub(*before) as f64 / minutes;
            for (average, (span, _)) in averages.iter_mut().zip(SPANS) {
                *average = rate + (*average - rate) * (-minutes / span).exp();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_comes_near_to_what_flows_and_falls_again() {
        let mut loads = Loads::default();
        let mut sums = [0; FLOWING];
        let mut pass = |loads: &mut Loads, count: u64| {
            let before = sums;
            sums[0] += count;
            loads.pass(&before, &sums, Duration::from_secs(10));
        };
        // 120 a minute, for a minute.
        (0..6).for_each(|_| pass(&mut loads, 20));
        let [one, five, fifteen] = loads.0[0];
        // 1 - 1/e, 1 - e^(-1/5), 1 - e^(-1/15)
        for (average, expected) in [(one, 75.85), (five, 21.75), (fifteen, 7.74)] {
            assert!((average - expected).abs() < 0.01, "{average} is not {expected}");
        }
        (0..60).for_each(|_| pass(&mut loads, 0));
        assert!(loads.0[0][0] < 0.01, "{loads:?}");
        assert_eq!(loads.0[1], [0.0; 3], "nothing flowed there");
        loads.pass(&[0; FLOWING], &[1; FLOWING], Duration::ZERO);
        assert_eq!(loads.0[1], [0.0; 3], "in no time");
    }
}
