//! What has arrived at a subscriber.

use super::mark::Number;
use super::tally::Tally;

/// What has arrived, for each publisher.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// Sorted by publisher.
    tallies: Vec<(u32, Tally)>,
    foreign: u64,
}

impl Arrivals {
    /// Returns the publisher of a message that had not arrived before.
    pub(super) fn record(&mut self, number: Option<Number>) -> Option<u32> {
        let Some(Number { publisher, sequence }) = number else {
            self.foreign += 1;
            return None;
        };
        let index = self.index_of(publisher);
        self.tallies[index].1.record(sequence).then_some(publisher)
    }

    fn index_of(&mut self, publisher: u32) -> usize {
        // Mostly there is one for each subscriber.
        if let [(known, _)] = self.tallies[..]
            && known == publisher
        {
            return 0;
        }
        match self.tallies.binary_search_by_key(&publisher, |(known, _)| *known) {
            Ok(index) => index,
            Err(index) => {
                self.tallies.insert(index, (publisher, Tally::default()));
                index
            }
        }
    }

    /// Adds what another has received of the same messages; what both have is a duplicate.
    pub(super) fn merge(&mut self, other: &Self) {
        self.foreign += other.foreign;
        for (publisher, tally) in &other.tallies {
            let index = self.index_of(*publisher);
            self.tallies[index].1.merge(tally);
        }
    }

    pub(super) fn received(&self) -> u64 {
        self.sum(Tally::received)
    }

    pub(super) fn duplicates(&self) -> u64 {
        self.sum(Tally::duplicates)
    }

    pub(super) fn out_of_order(&self) -> u64 {
        self.sum(Tally::out_of_order)
    }

    /// Messages that others have overtaken and that have not arrived.
    pub(super) fn missing(&self) -> u64 {
        self.sum(|tally| tally.next() - tally.received())
    }

    pub(super) fn foreign(&self) -> u64 {
        self.foreign
    }

    fn sum(&self, figure: impl Fn(&Tally) -> u64) -> u64 {
        self.tallies.iter().map(|(_, tally)| figure(tally)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(numbers: &[(u32, u64)]) -> Arrivals {
        let mut arrivals = Arrivals::default();
        for (publisher, sequence) in numbers {
            arrivals.record(Some(Number { publisher: *publisher, sequence: *sequence }));
        }
        arrivals
    }

    #[test]
    fn arrivals_are_counted_for_each_publisher() {
        let mut arrivals = arrived(&[(7, 0), (0, 0), (7, 2), (7, 1), (7, 1), (0, 2)]);
        arrivals.record(None);
        assert_eq!((arrivals.received(), arrivals.duplicates(), arrivals.out_of_order()), (5, 1, 1));
        assert_eq!((arrivals.missing(), arrivals.foreign()), (1, 1));
    }

    #[test]
    fn what_two_have_received_is_a_duplicate() {
        let mut both = arrived(&[(1, 0), (1, 2), (1, 64)]);
        both.merge(&arrived(&[(0, 0), (1, 1), (1, 2), (1, 200)]));
        assert_eq!((both.received(), both.duplicates(), both.out_of_order()), (6, 1, 0));
    }
}
