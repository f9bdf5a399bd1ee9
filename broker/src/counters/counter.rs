//! The counters themselves, and how threads that count the same keep out of each other's way.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// One count that only grows, or a gauge that also falls.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// More by `amount`.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The same, without touching anything where there is nothing to add.
    #[inline]
    pub fn add_if_any(&self, amount: u64) {
        if amount > 0 {
            self.add(amount);
        }
    }

    /// So much and no other, for gauges.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// At least so much, for the highest that there was. Looks before it writes: a record is rare.
    pub fn raise_to(&self, value: u64) {
        if value > self.value() {
            self.0.fetch_max(value, Ordering::Relaxed);
        }
    }

    /// Less by `amount`, for gauges.
    pub fn subtract(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    /// Goes from `before` to `after`, for gauges that several contribute to. It may pass zero on the way where it is one of
    /// several that are summed up.
    pub fn change(&self, before: u64, after: u64) {
        if before != after {
            self.0.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    /// The count.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Threads beyond this many share; sums are taken over so many.
const SHARDS: usize = 16;

/// The same counters several times over, for what every turn counts: each thread has its own, two cache lines away from the
/// next one's, and whoever reads sums up.
#[derive(Debug, Default)]
pub struct Sharded<T>([Shard<T>; SHARDS]);

/// Processors fetch cache lines of 64 bytes in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard<T>(T);

impl<T> Sharded<T> {
    /// The calling thread's own.
    #[inline]
    pub fn own(&self) -> &T {
        &self.0[place()].0
    }

    /// The sum of one counter over all of them. Gauges that fall in one shard and rise in another come out right.
    pub fn sum(&self, counter: impl Fn(&T) -> &Counter) -> u64 {
        self.0.iter().fold(0, |sum, shard| sum.wrapping_add(counter(&shard.0).value()))
    }
}

/// Which of the shards is the calling thread's.
#[inline]
fn place() -> usize {
    /// None has asked yet.
    const UNKNOWN: usize = usize::MAX;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PLACE: Cell<usize> = const { Cell::new(UNKNOWN) };
    }
    PLACE.with(|place| {
        if place.get() == UNKNOWN {
            place.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        place.get()
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_many_threads_count_is_summed_up() {
        let counters = Sharded::<Counter>::default();
        thread::scope(|scope| {
            for _ in 0..2 * SHARDS {
                scope.spawn(|| (0..1_000).for_each(|_| counters.own().add(1)));
            }
        });
        assert_eq!(counters.sum(|counter| counter), 2 * SHARDS as u64 * 1_000);
    }

    #[test]
    fn a_gauge_may_rise_in_one_thread_and_fall_in_another() {
        let counters = Sharded::<Counter>::default();
        counters.own().change(0, 7);
        thread::scope(|scope| {
            scope.spawn(|| counters.own().change(7, 2));
        });
        assert_eq!(counters.sum(|counter| counter), 2);
    }

    #[test]
    fn the_highest_stays() {
        let counter = Counter::default();
        for (value, highest) in [(3, 3), (1, 3), (4, 4)] {
            counter.raise_to(value);
            assert_eq!(counter.value(), highest);
        }
    }
}
