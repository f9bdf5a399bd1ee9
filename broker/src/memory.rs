//! How much memory the process takes, how much it may, and what follows from how near the one is to the other.
//!
//! ```text
//!                90 %                 100 % of the ceiling
//!   Ample ────────────▶ Short ────────────▶ Full
//!         ◀──────────── 85 %  ◀──────────── 95 %
//! ```
//!
//! Ways back begin lower than ways there, so that a broker at a mark does not change its mind with every message.
//!
//! What is resident may be free all the same: where some of a page's messages are gone and others wait still, the allocator
//! cannot give the page back, but it has room for new ones. So there is another way back from Short, below 95 %: that
//! much less waits for clients than did. It is taken on trial, with the mark just above of what is resident then.

mod allocator;
mod process;

use std::time::Duration;

pub use self::process::{Process, available};

/// How much room there is; later ones are less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Room {
    /// Enough.
    Ample,
    /// So little that clients which publish have to wait.
    Short,
    /// None: nobody more is let in.
    Full,
}

/// Where memory is looked at: the process's own, or what a test says.
pub trait Usage: Send {
    /// Bytes that are resident; `None` where nobody can say.
    fn resident(&self) -> Option<u64>;

    /// Asks for what is free and resident all the same to be given back to the system. It may take a while until it is.
    fn give_back(&self) {}
}

/// Bytes of resident memory that the process is to stay below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling(u64);

/// How fast clients may fill the memory for it to be noticed in time, in bytes a second: more than a machine's loopback
/// brings.
const FLOOD: u64 = 4 << 30;
/// The least time between two looks, each of which takes some microseconds.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// The longest time between two looks.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Between two looks while publishers wait, and memory can grow only slowly.
const PAUSE_SHORT: Duration = Duration::from_millis(100);

impl Ceiling {
    /// What is configured, 0 being none at all; where nothing is, three quarters of what is `available`: the rest is for
    /// what the system holds for the process, such as the sockets' buffers.
    pub fn choose(configured: Option<u64>, available: Option<u64>) -> Option<Self> {
        let bytes = configured.or_else(|| available.map(|bytes| bytes / 4 * 3))?;
        (bytes > 0).then_some(Self(bytes))
    }

    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    fn part(self, percent: u64) -> u64 {
        // More bytes than 64 bits can count a hundredfold are more than any machine has.
        self.0.saturating_mul(percent) / 100
    }
}

/// What is known of the memory from one look to the next.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    ceiling: Ceiling,
    room: Room,
    resident: u64,
    /// Bytes from which on memory is short.
    short_from: u64,
    /// The most bytes that waited for clients since it has been.
    waited: u64,
}

impl Watch {
    /// Nothing is known yet.
    pub fn new(ceiling: Ceiling) -> Self {
        Self { ceiling, room: Room::Ample, resident: 0, short_from: ceiling.part(90), waited: 0 }
    }

    /// Returns the room there is with so many bytes resident; `waiting` counts those that wait for clients.
    pub fn note(&mut self, resident: u64, waiting: impl FnOnce() -> u64) -> Room {
        let part = |percent| self.ceiling.part(percent);
        let is_full = resident >= part(if self.room == Room::Full { 95 } else { 100 });
        self.resident = resident;
        if resident < part(85) {
            (self.room, self.short_from) = (Room::Ample, part(90));
        } else if self.room > Room::Ample {
            let waiting = waiting();
            self.waited = self.waited.max(waiting);
            let has_gaps = resident < part(95) && self.waited - waiting >= part(5);
            self.room = match (is_full, has_gaps) {
                (true, _) => Room::Full,
                (false, false) => Room::Short,
                (false, true) => {
                    self.short_from = resident + part(1);
                    Room::Ample
                }
            };
        } else if resident >= self.short_from {
            self.waited = waiting();
            self.room = if is_full { Room::Full } else { Room::Short };
        }
        self.room
    }

    /// How long it takes until it is worth to look again: no flood can get to the next mark before.
    pub fn pause(&self) -> Duration {
        if self.room > Room::Ample {
            return PAUSE_SHORT;
        }
        let left = self.short_from.saturating_sub(self.resident);
        Duration::from_millis(left.saturating_mul(1000) / FLOOD).clamp(PAUSE_MIN, PAUSE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_is_what_is_said_or_three_quarters_of_what_there_is() {
        for (configured, available, expected) in [
            (None, Some(4000), Some(3000)),
            (Some(200), Some(4000), Some(200)),
            (Some(9000), Some(4000), Some(9000)),
            (Some(0), Some(4000), None),
            (None, None, None),
            (Some(200), None, Some(200)),
        ] {
            let ceiling = Ceiling::choose(configured, available).map(Ceiling::bytes);
            assert_eq!(ceiling, expected, "{configured:?} of {available:?}");
        }
    }

    #[test]
    fn the_way_back_begins_lower_than_the_way_there() {
        use Room::{Ample, Full, Short};
        let mut watch = Watch::new(Ceiling(1000));
        for (resident, expected) in [
            (899, Ample),
            (900, Short),
            (899, Short),
            (850, Short),
            (849, Ample),
            (899, Ample),
            (950, Short),
            (999, Short),
            (1000, Full),
            (950, Full),
            (949, Short),
            (999, Short),
            (5000, Full),
            (0, Ample),
            (1000, Full),
            (849, Ample),
        ] {
            assert_eq!(watch.note(resident, || 400), expected, "at {resident}");
        }
        assert_eq!(Watch::new(Ceiling(u64::MAX)).note(1 << 40, || 0), Ample);
    }

    #[test]
    fn what_no_longer_waits_makes_room_though_it_is_resident() {
        use Room::{Ample, Full, Short};
        let mut watch = Watch::new(Ceiling(1000));
        for (resident, waiting, expected) in [
            (900, 400, Short),
            (901, 420, Short),
            (901, 371, Short),
            (901, 370, Ample),
            // It goes on until more is resident than was, and then less has to wait than does now.
            (910, 0, Ample),
            (911, 390, Short),
            (911, 341, Short),
            (911, 340, Ample),
            (949, 340, Short),
            (949, 290, Ample),
            // Not up there.
            (959, 500, Short),
            (959, 0, Short),
            (950, 0, Short),
            (1000, 0, Full),
            (950, 0, Full),
            (949, 0, Ample),
            (849, 0, Ample),
            // The mark is where it was.
            (900, 100, Short),
        ] {
            assert_eq!(watch.note(resident, || waiting), expected, "{waiting} of {resident} wait");
        }
    }

    #[test]
    fn a_flood_is_noticed_before_it_is_at_the_mark() {
        const MIB: u64 = 1 << 20;
        for (ceiling, resident, ms) in [
            (200, 0, 43),
            (200, 100, 19),
            (200, 179, 5),
            (20_000, 100, 1000),
            (20_000, 17_500, 122),
            (20_000, 18_500, 100),
            (20_000, 21_000, 100),
        ] {
            let mut watch = Watch::new(Ceiling(ceiling * MIB));
            watch.note(resident * MIB, || 0);
            assert_eq!(watch.pause().as_millis(), ms, "{resident} of {ceiling} MiB");
        }
    }
}
