//! The CPU time and the memory of another process, as Linux counts them.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::tw::Failure;

/// CPU time of all threads of a process at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuTime {
    /// Since the process began, in steps of 10 ms.
    coarse: Duration,
    /// Of the threads that live, to the nanosecond; where the kernel counts it.
    fine: Option<Duration>,
}

impl CpuTime {
    /// Of the process `pid`.
    pub(super) fn of(pid: u32) -> Result<Self, Failure> {
        let path = format!("/proc/{pid}/stat");
        let text = fs::read_to_string(&path).map_err(|error| {
            Failure::Other(format!("cannot read {path}: {error}; --pid is the broker's process"))
        })?;
        let coarse = parse_stat(&text)
            .ok_or_else(|| Failure::Other(format!("{path} does not have the form that Linux gives it")))?;
        Ok(Self { coarse, fine: threads_time(pid) })
    }

    /// What was used since `before`.
    pub(super) fn since(self, before: Self) -> Duration {
        let coarse = self.coarse.saturating_sub(before.coarse);
        match before.fine.zip(self.fine) {
            // A thread that has ended takes its nanoseconds with it.
            Some((before, now)) => now.saturating_sub(before).max(coarse.saturating_sub(2 * TICK)),
            None => coarse,
        }
    }
}

/// CPU time that this process has used.
pub(super) fn own_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Resident memory, in KiB: at present, and at most so far.
pub(super) fn resident_kib(pid: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

/// Of all threads; `None` where the kernel does not count it.
fn threads_time(pid: u32) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        // It may have ended meanwhile.
        let Ok(text) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else { continue };
        sum += parse_schedstat(&text)?;
    }
    (!sum.is_zero()).then_some(sum)
}

fn parse_schedstat(text: &str) -> Option<Duration> {
    text.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn parse_stat(stat: &str) -> Option<Duration> {
    // The second field is the program's name in parentheses, which may contain spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(USER_TIME_FIELD - 3);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    let (user, system) = (ticks()?, ticks()?);
    TICK.checked_mul(user.checked_add(system)?)
}

/// Counted from 1, as proc(5) does; the system time follows it.
const USER_TIME_FIELD: usize = 14;
/// What Linux shows to programs is a hundredth of a second on every machine that this runs on.
const TICK: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 9 9 20 0 3 0 100 1000 10";
        assert_eq!(parse_stat(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse_stat("7 (short) S 1"), None);
        assert_eq!(parse_stat(""), None);
        assert_eq!(parse_schedstat("1500 20 3\n"), Some(Duration::from_nanos(1500)));
        assert_eq!(parse_schedstat(""), None);
    }

    #[test]
    fn nanoseconds_count_unless_a_thread_has_ended() {
        let at = |coarse, fine: Option<u64>| CpuTime {
            coarse: Duration::from_millis(coarse),
            fine: fine.map(Duration::from_micros),
        };
        assert_eq!(at(1010, Some(900_500)).since(at(1000, Some(900_000))), Duration::from_micros(500));
        assert_eq!(at(2000, Some(100)).since(at(1000, Some(900))), Duration::from_millis(980));
        assert_eq!(at(2000, None).since(at(1000, Some(900))), Duration::from_secs(1));
    }

    #[test]
    fn this_process_has_one() {
        assert!(CpuTime::of(std::process::id()).is_ok());
        assert!(!own_cpu_time().is_zero());
        let (now, most) = resident_kib(std::process::id()).unwrap();
        assert!(0 < now && now <= most, "{now} {most}");
    }
}
