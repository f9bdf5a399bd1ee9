//! The CPU time and the memory of another process, as Linux counts them.

use std::fs;
use std::time::Duration;

use crate::tw::Failure;

/// User and system time of all threads since the process began. Counted in steps of 10 ms: measure for a second or
/// more.
pub(super) fn cpu_time(pid: u32) -> Result<Duration, Failure> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::Other(format!("cannot read {path}: {error}; --pid is the broker's process"))
    })?;
    parse(&text).ok_or_else(|| Failure::Other(format!("{path} does not have the form that Linux gives it")))
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

fn parse(stat: &str) -> Option<Duration> {
    // The second field is the program's name in parentheses, which may contain spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(USER_TIME_FIELD - 3);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let (user, system) = (ticks()?, ticks()?);
    Some(Duration::from_millis(user.checked_add(system)?.checked_mul(TICK_MS)?))
}

/// Counted from 1, as proc(5) does; the system time follows it.
const USER_TIME_FIELD: usize = 14;
/// What Linux shows to programs is a hundredth of a second on every machine that this runs on.
const TICK_MS: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 9 9 20 0 3 0 100 1000 10";
        assert_eq!(parse(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse("7 (short) S 1"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn this_process_has_one() {
        assert!(cpu_time(std::process::id()).is_ok());
        let (now, most) = resident_kib(std::process::id()).unwrap();
        assert!(0 < now && now <= most, "{now} {most}");
    }
}
