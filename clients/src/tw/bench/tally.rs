//! Which of a row of numbered messages have arrived.

/// Counts messages numbered from 0.
#[derive(Debug)]
pub(super) struct Tally {
    /// One bit for each.
    seen: Vec<u64>,
    count: u64,
    received: u64,
    /// One more than the highest number that has arrived.
    next: u64,
    duplicates: u64,
    out_of_order: u64,
    foreign: u64,
}

impl Tally {
    pub(super) fn new(count: u64) -> Self {
        // An address space ends before this does not fit.
        let words = usize::try_from(count.div_ceil(64)).unwrap_or(usize::MAX);
        Self { seen: vec![0; words], count, received: 0, next: 0, duplicates: 0, out_of_order: 0, foreign: 0 }
    }

    /// For a row whose length shows only at its end.
    pub(super) fn unbounded() -> Self {
        Self { count: u64::MAX, ..Self::new(0) }
    }

    /// Returns whether the message had not arrived before.
    pub(super) fn record(&mut self, number: u64) -> bool {
        if number >= self.count {
            self.foreign += 1;
            return false;
        }
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

    /// A message whose payload has no number of ours.
    pub(super) fn record_foreign(&mut self) {
        self.foreign += 1;
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

    pub(super) fn foreign(&self) -> u64 {
        self.foreign
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_happen_to_a_message_is_counted() {
        let mut tally = Tally::new(70);
        for number in [0, 1, 3, 2, 3, 69, 70, u64::MAX] {
            tally.record(number);
        }
        assert_eq!((tally.received(), tally.next()), (5, 70));
        assert_eq!((tally.duplicates(), tally.out_of_order(), tally.foreign()), (1, 1, 2));
        (0..70).for_each(|number| {
            tally.record(number);
        });
        assert_eq!(tally.received(), 70);
    }

    #[test]
    fn an_unbounded_row_grows() {
        let mut tally = Tally::unbounded();
        assert!(tally.record(100_000));
        assert!(!tally.record(100_000));
        assert_eq!((tally.received(), tally.next(), tally.foreign()), (1, 100_001, 0));
    }
}
