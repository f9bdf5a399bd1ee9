//! How long acknowledgements took.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::report::Report;

/// Durations, to about 1 %.
#[derive(Debug)]
pub(super) struct Latency {
    nanoseconds: Histogram<u64>,
}

impl Latency {
    pub(super) fn new() -> Self {
        let nanoseconds = Histogram::new(SIGNIFICANT_DIGITS).unwrap_or_else(|_| {
            unreachable!("a histogram has 0 to 5 significant digits, and this one {SIGNIFICANT_DIGITS}")
        });
        Self { nanoseconds }
    }

    pub(super) fn record(&mut self, took: Duration) {
        // It grows as needed; what took five centuries may fail.
        let _ = self.nanoseconds.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds the percentiles that services promise, in milliseconds.
    pub(super) fn add_to(&self, report: &mut Report) {
        if self.nanoseconds.is_empty() {
            return;
        }
        let milliseconds = |nanoseconds: u64| nanoseconds as f64 / 1e6;
        for (name, quantile) in
            [("acknowledged_p50_ms", 0.5), ("acknowledged_p99_ms", 0.99), ("acknowledged_p999_ms", 0.999)]
        {
            report.add_measured(name, milliseconds(self.nanoseconds.value_at_quantile(quantile)));
        }
        report.add_measured("acknowledged_max_ms", milliseconds(self.nanoseconds.max()));
    }
}

const SIGNIFICANT_DIGITS: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_reported_in_milliseconds() {
        let mut latency = Latency::new();
        (1..=1000).for_each(|number| latency.record(Duration::from_millis(number)));
        let mut report = Report::default();
        latency.add_to(&mut report);
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        for (name, expected) in
            [("acknowledged_p50_ms", 500.0), ("acknowledged_p99_ms", 990.0), ("acknowledged_max_ms", 1000.0)]
        {
            let measured = json[name].as_f64().unwrap();
            assert!((measured - expected).abs() <= expected / 100.0, "{name}: {measured}");
        }
    }
}
