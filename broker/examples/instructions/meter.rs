//! What is measured, and what only prepares or checks it.

use std::hint::black_box;

/// One thing that the broker does over and over.
pub(crate) trait Scenario {
    /// Does it once: what counts goes through the meter, and what came of it is checked. Returns how many units of work
    /// were done, which is the same each time.
    fn round(&mut self, meter: Meter) -> usize;

    /// Units after which it is enough: then one round's accident weighs little.
    fn enough(&self) -> usize {
        50_000
    }
}

/// Whether a round counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meter {
    /// It warms up.
    Off,
    /// It counts.
    On,
}

impl Meter {
    /// Runs what counts, if anything does.
    pub(crate) fn run(self, mut part: impl FnMut() -> usize) -> usize {
        match self {
            Self::Off => part(),
            Self::On => measured_part(&mut part),
        }
    }
}

/// callgrind collects while this runs, and knows it by its name. Its result passes through memory so that the call in it
/// is not its last act: a jump instead of a call would end the collection as soon as it has begun.
#[inline(never)]
fn measured_part(part: &mut dyn FnMut() -> usize) -> usize {
    black_box(part())
}
