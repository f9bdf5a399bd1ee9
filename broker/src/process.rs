//! What Linux says of the process as a whole. (proc_pid_stat(5), clock_gettime(2))

use std::fs;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The process as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// Seconds of processors that it has used, its own and the system's for it.
    pub cpu_secs: f64,
    /// Bytes of memory that are resident.
    pub resident_bytes: u64,
    /// Bytes of its address space.
    pub virtual_bytes: u64,
    /// Its threads.
    pub threads: u64,
    /// Files and sockets that it has open.
    pub open_files: u64,
    /// As many as it may have open; `None`: as many as it likes.
    pub open_files_max: Option<u64>,
    /// When it began, in seconds since the epoch.
    pub started_at: f64,
}

impl Process {
    /// Asks the system; `None` where that does not say.
    pub fn read() -> Option<Self> {
        static STARTED_AT: OnceLock<Option<f64>> = OnceLock::new();
        let stat = Stat::parse(&fs::read_to_string("/proc/self/stat").ok()?)?;
        Some(Self {
            cpu_secs: stat.cpu_ticks as f64 / clock_ticks_per_second() as f64,
            resident_bytes: stat.resident_pages.checked_mul(page_size() as u64)?,
            virtual_bytes: stat.virtual_bytes,
            threads: stat.threads,
            open_files: open_files()?,
            open_files_max: getrlimit(Resource::Nofile).current,
            // Once: the clocks that it follows from are not read in one moment.
            started_at: (*STARTED_AT.get_or_init(|| started_at(stat.started_ticks)))?,
        })
    }
}

/// Of the numbers in `/proc/self/stat` those that are wanted.
#[derive(Clone, Debug, PartialEq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    /// Since the system began.
    started_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The second field is the program's name in parentheses, which may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // They are numbered from 1, and the first behind the name is the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)?.checked_add(field(15)?)?,
            threads: field(20)?,
            started_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// Linux says how many there are since 6.2; before that they have to be counted.
fn open_files() -> Option<u64> {
    let said = fs::metadata("/proc/self/fd").ok()?.len();
    match said {
        // The one that the folder is read by is not there for long.
        0 => Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64 - 1),
        said => Some(said),
    }
}

fn started_at(started_ticks: u64) -> Option<f64> {
    // `/proc/uptime` says the same, and is not there where systemd shows a service its own processes alone.
    let uptime = clock_gettime(ClockId::Boottime);
    let uptime = uptime.tv_sec as f64 + uptime.tv_nsec as f64 / 1e9;
    let age = uptime - started_ticks as f64 / clock_ticks_per_second() as f64;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(now.as_secs_f64() - age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_begun_and_uses_something() {
        let file = fs::File::open("/proc/self/stat").unwrap();
        let process = Process::read().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((0.0..3600.0).contains(&(now - process.started_at)), "{process:?} at {now}");
        assert!(process.resident_bytes > 1 << 20 && process.virtual_bytes > process.resident_bytes);
        assert!(process.threads > 0 && process.open_files > 3, "{process:?}");
        assert!(process.open_files_max.is_none_or(|maximum| maximum > process.open_files));
        drop(file);
    }

    #[test]
    fn a_programs_name_may_look_like_numbers() {
        let rest = "S 1 1 1 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 3 0 4711 1048576 256 18446744073709551615";
        let expected = Stat {
            cpu_ticks: 12,
            threads: 3,
            started_ticks: 4711,
            virtual_bytes: 1 << 20,
            resident_pages: 256,
        };
        for name in ["tidewire", "a) 1 2 (b", ""] {
            assert_eq!(Stat::parse(&format!("42 ({name}) {rest}")), Some(expected.clone()), "{name}");
        }
        for text in ["", "42 (x)", "42 (x) S 1 2 3", "42 x S"] {
            assert_eq!(Stat::parse(text), None, "{text}");
        }
    }
}
