//! How values are spread: a count for each range of them.

use std::time::Duration;

use super::Counter;

/// A histogram with fixed bounds. What is observed is a whole number: nanoseconds, or pieces.
#[derive(Debug)]
pub struct Histogram {
    /// The upper bound of each range but the last, which has none; ascending.
    bounds: &'static [u64],
    counts: Box<[Counter]>,
    sum: Counter,
}

/// What a histogram holds at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// The upper bound of each range, itself included, and the values in it; the last bound is infinite.
    pub ranges: Vec<(f64, u64)>,
    /// All values together.
    pub sum: f64,
    /// How many there are.
    pub count: u64,
}

impl Histogram {
    /// With these upper bounds, which ascend.
    pub fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| Counter::default()).collect(),
            sum: Counter::default(),
        }
    }

    /// One more.
    pub fn observe(&self, value: u64) {
        let range = self.bounds.partition_point(|bound| *bound < value);
        self.counts[range].add(1);
        self.sum.add(value);
    }

    /// The same for a time, where the bounds are nanoseconds.
    pub fn observe_time(&self, time: Duration) {
        self.observe(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// What it holds, each number divided by `unit`: 1e9 makes seconds of nanoseconds.
    pub fn spread(&self, unit: f64) -> Spread {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / unit).chain([f64::INFINITY]);
        let ranges: Vec<_> = bounds.zip(self.counts.iter().map(Counter::value)).collect();
        // Of what is told here, so that the ranges and the whole agree whatever is observed meanwhile.
        let count = ranges.iter().map(|(_, count)| count).sum();
        Spread { ranges, sum: self.sum.value() as f64 / unit, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_in_its_range() {
        let histogram = Histogram::new(&[10, 100]);
        for value in [0, 10, 11, 100, 101, 5_000] {
            histogram.observe(value);
        }
        histogram.observe_time(Duration::from_nanos(99));
        let spread = histogram.spread(10.0);
        assert_eq!(spread.ranges, [(1.0, 2), (10.0, 3), (f64::INFINITY, 2)]);
        assert_eq!((spread.sum, spread.count), (532.1, 7));
    }
}
