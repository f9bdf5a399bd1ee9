//! Which of a row of numbered messages have arrived.

/// Counts messages numbered from 0.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// One bit for each.
    seen: Vec<u64>,
    received: u64,
    /// One more than the highest number that has arrived.
    next: u64,
    duplicates: u64,
    out_of_order: u64,
}

impl Tally {
    /// Returns whether the message had not arrived before.
    pub(super) fn record(&mut self, number: u64) -> bool {
        // An address space ends before this does not fit.
        let index = usize::try_from(number / 64).unwrap_or(usize::MAX);
        if index >= self.seen.len() {
            self.seen.resize((index + 1).max(self.seen.len() * 2), 0);
        }
        let word = &mut self.seen[index];
        let bit = 1 << (number % 64);
        if *word & bit != 0 {
            self.duplicates += 1;
            return false;
        }
        *word |= bit;
        self.received += 1;
        if number < self.next {
            self.out_of_order += 1;
        } else {
            self.next = number + 1;
        }
        true
    }

    /// Adds what has arrived elsewhere; what has arrived at both is a duplicate.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.seen.len() < other.seen.len() {
            self.seen.resize(other.seen.len(), 0);
        }
        let mut twice = 0;
        for (word, others) in self.seen.iter_mut().zip(&other.seen) {
            twice += u64::from((*word & others).count_ones());
            *word |= others;
        }
        self.received += other.received - twice;
        self.next = self.next.max(other.next);
        self.duplicates += other.duplicates + twice;
        self.out_of_order += other.out_of_order;
    }

    /// How far the row has come: everything before it has arrived or been overtaken.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// How many different messages have arrived.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    pub(super) fn duplicates(&self) -> u64 {
        self.duplicates
    }

    pub(super) fn out_of_order(&self) -> u64 {
        self.out_of_order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_happen_to_a_message_is_counted() {
        let mut tally = Tally::default();
        for number in [0, 1, 3, 2, 3, 69] {
            tally.record(number);
        }
        assert_eq!((tally.received(), tally.next()), (5, 70));
        assert_eq!((tally.duplicates(), tally.out_of_order()), (1, 1));
        (0..70).for_each(|number| {
            tally.record(number);
        });
        assert_eq!(tally.received(), 70);
    }

    #[test]
    fn a_row_grows() {
        let mut tally = Tally::default();
        assert!(tally.record(100_000));
        assert!(!tally.record(100_000));
        assert_eq!((tally.received(), tally.next()), (1, 100_001));
    }
}
