//! How long things took.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::report::Report;

/// Durations, to about 1 %: of all, or of one in so many, which costs a fast loop less.
#[derive(Debug)]
pub(super) struct Latency {
    nanoseconds: Histogram<u64>,
    every: u32,
    until_next: u32,
}

impl Latency {
    /// Keeps one of `every`.
    pub(super) fn new(every: u32) -> Self {
        let nanoseconds = Histogram::new(SIGNIFICANT_DIGITS).unwrap_or_else(|_| {
            unreachable!("a histogram has 0 to 5 significant digits, and this one {SIGNIFICANT_DIGITS}")
        });
        Self { nanoseconds, every, until_next: 0 }
    }

    /// Whether this one is to be kept: asked once for each.
    pub(super) fn is_next(&mut self) -> bool {
        let is_next = self.until_next == 0;
        self.until_next = if is_next { self.every - 1 } else { self.until_next - 1 };
        is_next
    }

    /// Keeps a duration.
    pub(super) fn record(&mut self, nanoseconds: u64) {
        // It grows as needed; what took five centuries may fail.
        let _ = self.nanoseconds.record(nanoseconds);
    }

    /// Adds what another has kept.
    pub(super) fn merge(&mut self, other: &Self) {
        // It grows as needed.
        let _ = self.nanoseconds.add(&other.nanoseconds);
    }

    /// Forgets what was kept.
    pub(super) fn clear(&mut self) {
        self.nanoseconds.clear();
    }

    /// Adds the percentiles that services promise, in milliseconds, under `names`.
    pub(super) fn add_to(&self, report: &mut Report, names: &[&'static str; 4]) {
        if self.nanoseconds.is_empty() {
            return;
        }
        let milliseconds = |nanoseconds: u64| Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3;
        for (name, quantile) in names.iter().zip([0.5, 0.99, 0.999]) {
            report.add_measured(name, milliseconds(self.nanoseconds.value_at_quantile(quantile)));
        }
        report.add_measured(names[3], milliseconds(self.nanoseconds.max()));
    }
}

/// From the message to its acknowledgement.
pub(super) const ACKNOWLEDGED: [&str; 4] =
    ["acknowledged_p50_ms", "acknowledged_p99_ms", "acknowledged_p999_ms", "acknowledged_max_ms"];
/// From when the message was due, or without a pace sent, to its subscriber.
pub(super) const DELIVERED: [&str; 4] =
    ["delivered_p50_ms", "delivered_p99_ms", "delivered_p999_ms", "delivered_max_ms"];
/// From when the message was due to when it was sent.
pub(super) const SENT_LATE: [&str; 4] =
    ["sent_late_p50_ms", "sent_late_p99_ms", "sent_late_p999_ms", "sent_late_max_ms"];

const SIGNIFICANT_DIGITS: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_reported_in_milliseconds() {
        let mut latency = Latency::new(1);
        (1..=1000).for_each(|number| latency.record(number * 1_000_000));
        let mut report = Report::default();
        latency.add_to(&mut report, &ACKNOWLEDGED);
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        for (name, expected) in
            [("acknowledged_p50_ms", 500.0), ("acknowledged_p99_ms", 990.0), ("acknowledged_max_ms", 1000.0)]
        {
            let measured = json[name].as_f64().unwrap();
            assert!((measured - expected).abs() <= expected / 100.0, "{name}: {measured}");
        }
        latency.clear();
        let mut report = Report::default();
        latency.add_to(&mut report, &ACKNOWLEDGED);
        assert_eq!(report.to_json(), "{}");
    }

    #[test]
    fn one_of_several_is_kept() {
        let mut latency = Latency::new(3);
        let kept: Vec<_> = (0..7).filter(|_| latency.is_next()).collect();
        assert_eq!(kept, [0, 3, 6]);
        let mut other = Latency::new(1);
        other.record(5);
        latency.merge(&other);
        assert_eq!(latency.nanoseconds.len(), 1);
    }
}
