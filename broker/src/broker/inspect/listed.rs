//! One page of a long list.

/// What there is of a list behind some place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// What is there, in order; no more than was asked for.
    pub items: Vec<T>,
    /// Whether there is more behind them.
    pub has_more: bool,
    /// How many there are in all, before and behind included.
    pub total: usize,
}

impl<T> Listed<T> {
    pub(in crate::broker) fn new() -> Self {
        Self { items: Vec::new(), has_more: false, total: 0 }
    }

    /// A page of what begins with these, which are one more than it has where there is more; `total` are there in all.
    pub(in crate::broker) fn page<F>(
        found: Vec<F>,
        limit: usize,
        total: usize,
        make: impl Fn(F) -> T,
    ) -> Self {
        let has_more = found.len() > limit;
        Self { items: found.into_iter().take(limit).map(make).collect(), has_more, total }
    }

    /// Counts one, and has it made if it is for this page: `is_behind` the place where the page begins, and there is room.
    pub(in crate::broker) fn count(&mut self, is_behind: bool, limit: usize, make: impl FnOnce() -> T) {
        self.total += 1;
        match is_behind {
            true if self.items.len() < limit => self.items.push(make()),
            true => self.has_more = true,
            false => {}
        }
    }
}
