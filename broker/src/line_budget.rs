//! Which events of a kind are written into the log: so many a second and no more. Whoever connects or is refused may come
//! again at once, and must not fill the disk; and one kind must not take the lines of another.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::clock::Now;

/// Lines that events of one kind get in one second, all of them together.
pub const LINES_PER_SECOND_MAX: u32 = 100;

/// See the module. Each second has its lines; what they are not enough for is counted, and said with the next
/// line that there is. It locks nothing.
#[derive(Debug, Default)]
pub struct LineBudget {
    /// When the first event was; seconds count from there.
    began: OnceLock<Instant>,
    /// The second of the last event in the upper half, the events in it in the lower.
    latest: AtomicU64,
}

/// What becomes of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is written.
    Write {
        /// So many before it were not.
        unlogged: u32,
    },
    /// It is the first of its second that is not written: that this is so is.
    Announce,
    /// Nothing is written.
    Withhold,
}

impl LineBudget {
    /// One more event, at `now`.
    pub fn judge(&self, now: Now) -> Verdict {
        let second = self.second(now);
        let mut latest = self.latest.load(Ordering::Relaxed);
        loop {
            let (latest_second, count) = unpack(latest);
            // Another thread may have read the clock later and come here first: it is all one second then.
            let is_new = second > latest_second;
            let next = match is_new {
                true => pack(second, 1),
                false => pack(latest_second, count.saturating_add(1)),
            };
            match self.latest.compare_exchange_weak(latest, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) if is_new => {
                    return Verdict::Write { unlogged: count.saturating_sub(LINES_PER_SECOND_MAX) };
                }
                Ok(_) if count < LINES_PER_SECOND_MAX => return Verdict::Write { unlogged: 0 },
                Ok(_) if count == LINES_PER_SECOND_MAX => return Verdict::Announce,
                Ok(_) => return Verdict::Withhold,
                Err(actual) => latest = actual,
            }
        }
    }
}

impl LineBudget {
    /// How many events were not written in a second that is over, and that nobody has said so of yet; who asks says so.
    pub fn take_unlogged(&self, now: Now) -> u32 {
        let second = self.second(now);
        let mut latest = self.latest.load(Ordering::Relaxed);
        loop {
            let (latest_second, count) = unpack(latest);
            if second <= latest_second || count <= LINES_PER_SECOND_MAX {
                return 0;
            }
            let taken = self.latest.compare_exchange_weak(
                latest,
                pack(second, 0),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match taken {
                Ok(_) => return count - LINES_PER_SECOND_MAX,
                Err(actual) => latest = actual,
            }
        }
    }

    /// Seconds since the first event.
    fn second(&self, now: Now) -> u32 {
        let began = *self.began.get_or_init(|| now.instant);
        let elapsed = now.instant.saturating_duration_since(began).as_secs();
        u32::try_from(elapsed).unwrap_or(u32::MAX)
    }
}

fn pack(second: u32, count: u32) -> u64 {
    (u64::from(second) << 32) | u64::from(count)
}

fn unpack(packed: u64) -> (u32, u32) {
    // Each half has 32 bits.
    ((packed >> 32) as u32, packed as u32)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Judges so many events at that time; returns how many are written, and how many before them were said
    /// not to be.
    fn judge(log: &LineBudget, now: Now, events: u32) -> (u32, u32) {
        let (mut written, mut unlogged_before) = (0, 0);
        for _ in 0..events {
            if let Verdict::Write { unlogged } = log.judge(now) {
                written += 1;
                unlogged_before += unlogged;
            }
        }
        (written, unlogged_before)
    }

    fn clock() -> impl Fn(u64) -> Now {
        let start = Instant::now();
        move |ms| Now { instant: start + Duration::from_millis(ms), unix_ms: ms }
    }

    #[test]
    fn each_second_has_so_many_lines_and_the_next_says_what_was_left_out() {
        let (log, at) = (LineBudget::default(), clock());
        for (ms, events, expected) in [
            (0, 1, (1, 0)),
            (999, 150, (99, 0)),
            (1_000, 10, (10, 51)),
            (1_500, 90, (90, 0)),
            (2_100, 1, (1, 0)),
            // As if another thread had read the clock before.
            (1_900, 100, (99, 0)),
            (3_600_000, 1, (1, 1)),
            (3_600_001, 1, (1, 0)),
        ] {
            assert_eq!(judge(&log, at(ms), events), expected, "at {ms} ms");
        }
    }

    #[test]
    fn that_lines_are_left_out_is_announced_once_a_second() {
        let (log, at) = (LineBudget::default(), clock());
        for ms in [0, 1_000] {
            let verdicts: Vec<_> = (0..103).map(|_| log.judge(at(ms))).collect();
            assert_eq!(verdicts[100..], [Verdict::Announce, Verdict::Withhold, Verdict::Withhold]);
        }
    }

    #[test]
    fn what_was_left_out_is_said_once_and_only_when_its_second_is_over() {
        let (log, at) = (LineBudget::default(), clock());
        assert_eq!(judge(&log, at(0), 130), (100, 0));
        for (ms, unlogged) in [(999, 0), (1_000, 30), (1_001, 0), (5_000, 0)] {
            assert_eq!(log.take_unlogged(at(ms)), unlogged, "at {ms} ms");
        }
        assert_eq!(judge(&log, at(5_000), 101), (100, 0));
        assert_eq!(judge(&log, at(6_000), 1), (1, 1));
        assert_eq!(log.take_unlogged(at(7_000)), 0);
    }

    #[test]
    fn threads_share_the_lines() {
        let (log, at) = (LineBudget::default(), clock());
        let written: u32 = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| judge(&log, at(0), 1_000).0));
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(written, LINES_PER_SECOND_MAX);
        assert_eq!(log.judge(at(1_000)), Verdict::Write { unlogged: 3_900 });
    }
}
