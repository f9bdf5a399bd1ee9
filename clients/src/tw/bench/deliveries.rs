//! How far the subscribers have come, and which publishers have something to do about it.
//!
//! With ten thousand connections, those that nothing has happened to must cost nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::latency::Latency;

/// What subscribers tell.
#[derive(Debug)]
pub(super) struct Deliveries {
    /// New messages that have been received, by publisher.
    counts: Vec<u64>,
    /// Who is to be looked at.
    pub(super) visits: Visits,
    /// From being due to being received.
    pub(super) latency: Latency,
    /// Nanoseconds since the begin of the run, when what is taken now came.
    pub(super) now: u64,
}

impl Deliveries {
    /// From so many publishers; one of `every` latencies is kept.
    pub(super) fn new(publishers: usize, every: u32) -> Self {
        let visits = Visits::new(publishers);
        Self { counts: vec![0; publishers], visits, latency: Latency::new(every), now: 0 }
    }

    /// A new message of a publisher, if it is one of this run.
    pub(super) fn note(&mut self, publisher: u32) {
        if let Some(count) = self.counts.get_mut(publisher as usize) {
            *count += 1;
            self.visits.mark(publisher as usize);
        }
    }

    /// How many of a publisher's messages have been received.
    pub(super) fn count(&self, publisher: usize) -> u64 {
        self.counts[publisher]
    }
}

/// Publishers that something has happened to, and those that wait for their time.
#[derive(Debug)]
pub(super) struct Visits {
    marked: Vec<usize>,
    is_marked: Vec<bool>,
    waiting: BinaryHeap<Reverse<(u64, usize)>>,
    is_waiting: Vec<bool>,
}

impl Visits {
    /// Everybody is marked.
    fn new(count: usize) -> Self {
        Self {
            marked: (0..count).collect(),
            is_marked: vec![true; count],
            waiting: BinaryHeap::new(),
            is_waiting: vec![false; count],
        }
    }

    /// Somebody is to be visited.
    pub(super) fn mark(&mut self, index: usize) {
        if !self.is_marked[index] {
            self.is_marked[index] = true;
            self.marked.push(index);
        }
    }

    /// Everybody is to be visited.
    pub(super) fn mark_all(&mut self) {
        (0..self.is_marked.len()).for_each(|index| self.mark(index));
    }

    /// Somebody is to be visited at a time, in nanoseconds.
    pub(super) fn wait(&mut self, index: usize, until: u64) {
        // Who waits already waits for the same: nothing is due earlier than what was due next.
        if !self.is_waiting[index] {
            self.is_waiting[index] = true;
            self.waiting.push(Reverse((until, index)));
        }
    }

    /// Puts all who are to be visited now into `visited`.
    pub(super) fn take(&mut self, now: u64, visited: &mut Vec<usize>) {
        while let Some(Reverse((until, index))) = self.waiting.peek().copied()
            && until <= now
        {
            self.waiting.pop();
            self.is_waiting[index] = false;
            self.mark(index);
        }
        visited.clear();
        std::mem::swap(visited, &mut self.marked);
        visited.iter().for_each(|index| self.is_marked[*index] = false);
    }

    /// When the next of those who wait is to be visited.
    pub(super) fn next(&self) -> Option<u64> {
        self.waiting.peek().map(|Reverse((until, _))| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_has_something_is_visited() {
        let mut deliveries = Deliveries::new(3, 1);
        let mut visited = Vec::new();
        deliveries.visits.take(0, &mut visited);
        assert_eq!(visited, [0, 1, 2]);
        [2, 2, 9].into_iter().for_each(|publisher| deliveries.note(publisher));
        deliveries.visits.take(0, &mut visited);
        assert_eq!((&visited[..], deliveries.count(2)), (&[2][..], 2));
        deliveries.visits.take(0, &mut visited);
        assert!(visited.is_empty(), "{visited:?}");
    }

    #[test]
    fn who_waits_is_visited_at_its_time() {
        let mut visits = Visits::new(2);
        let mut visited = Vec::new();
        visits.take(0, &mut visited);
        visits.wait(1, 20);
        visits.wait(1, 30);
        visits.wait(0, 10);
        assert_eq!(visits.next(), Some(10));
        visits.take(15, &mut visited);
        assert_eq!(visited, [0]);
        visits.take(25, &mut visited);
        assert_eq!((&visited[..], visits.next()), (&[1][..], None));
    }
}
