//! How much memory the process takes, how much it may, and what follows from how near the one is to the other.
//!
//! ```text
//!                90 %                 100 % of the ceiling
//!   Ample ────────────▶ Short ────────────▶ Full
//!         ◀──────────── 85 %  ◀──────────── 95 %
//! ```
//!
//! Ways back begin lower than ways there, so that a broker at a mark does not change its mind with every message.

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

    /// The room there is with so many bytes resident, where it was `before`.
    pub fn room(self, resident: u64, before: Room) -> Room {
        let mark = |room: Room, there: u64, back: u64| {
            let percent = if before >= room { back } else { there };
            resident >= self.part(percent)
        };
        if mark(Room::Full, 100, 95) {
            Room::Full
        } else if mark(Room::Short, 90, 85) {
            Room::Short
        } else {
            Room::Ample
        }
    }

    /// How long it takes until it is worth to look again: no flood can get to the next mark before.
    pub fn pause(self, resident: u64, room: Room) -> Duration {
        if room > Room::Ample {
            return PAUSE_SHORT;
        }
        let left = self.part(90).saturating_sub(resident);
        Duration::from_millis(left.saturating_mul(1000) / FLOOD).clamp(PAUSE_MIN, PAUSE_MAX)
    }

    fn part(self, percent: u64) -> u64 {
        // More bytes than 64 bits can count a hundredfold are more than any machine has.
        self.0.saturating_mul(percent) / 100
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
        let mut room = Ample;
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
            room = Ceiling(1000).room(resident, room);
            assert_eq!(room, expected, "at {resident}");
        }
        assert_eq!(Ceiling(u64::MAX).room(1 << 40, Ample), Ample);
    }

    #[test]
    fn a_flood_is_noticed_before_it_is_at_the_mark() {
        const MIB: u64 = 1 << 20;
        for (ceiling, resident, room, ms) in [
            (200, 0, Room::Ample, 43),
            (200, 100, Room::Ample, 19),
            (200, 179, Room::Ample, 5),
            (200, 500, Room::Ample, 5),
            (20_000, 100, Room::Ample, 1000),
            (20_000, 17_500, Room::Ample, 122),
            (20_000, 18_500, Room::Short, 100),
            (20_000, 21_000, Room::Full, 100),
        ] {
            let pause = Ceiling(ceiling * MIB).pause(resident * MIB, room);
            assert_eq!(pause.as_millis(), ms, "{resident} of {ceiling} MiB, {room:?}");
        }
    }
}
