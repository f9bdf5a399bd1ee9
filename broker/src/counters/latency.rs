//! How long turns and routing take. A clock is read for one turn in [`ONE_OF`] only.

use std::cell::Cell;

use super::Histogram;

/// One turn of so many is measured.
const ONE_OF: u32 = 64;

/// Upper bounds in nanoseconds: 1, 2.5 and 5 of each power of ten, from 10 µs to 1 s.
const BOUNDS: [u64; 16] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
];

/// Times in nanoseconds.
#[derive(Debug)]
pub struct Latencies {
    /// A turn of a connection: reading, handling, handing over to the store. It does not wait for the disk.
    pub turn: Histogram,
    /// One publish, from the moment it was read until everybody who receives it has it in the outbox: the first of a turn
    /// that is measured.
    pub route: Histogram,
    /// How much later than it was to be a task runs that sleeps: what a client waits for a thread besides.
    pub late: Histogram,
}

impl Default for Latencies {
    fn default() -> Self {
        let new = || Histogram::new(&BOUNDS);
        Self { turn: new(), route: new(), late: new() }
    }
}

impl Latencies {
    /// The upper bounds of stores' commits as well, so that both can be looked at side by side.
    pub fn bounds() -> &'static [u64] {
        &BOUNDS
    }
}

/// Whether the turn that begins is one to be measured. The first one of each thread is.
pub fn is_sampled() -> bool {
    thread_local! {
        static TURNS: Cell<u32> = const { Cell::new(0) };
    }
    TURNS.with(|turns| turns.replace(turns.get().wrapping_add(1)) % ONE_OF == 0)
}
