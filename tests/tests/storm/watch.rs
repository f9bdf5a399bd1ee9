//! What the broker's process holds, and whether that grows.

use std::fs;
use std::time::{Duration, Instant};

/// One look at the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) second: u64,
    pub(crate) resident_kib: u64,
    pub(crate) descriptors: usize,
}

/// The samples of one process.
pub(crate) struct Watch {
    process_id: u32,
    started: Instant,
    pub(crate) samples: Vec<Sample>,
}

impl Watch {
    pub(crate) fn new(process_id: u32) -> Self {
        Self { process_id, started: Instant::now(), samples: Vec::new() }
    }

    /// Looks, and keeps what it has seen.
    pub(crate) fn look(&mut self) -> Sample {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.process_id)).expect("the broker runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident_kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        let sample = Sample {
            second: self.started.elapsed().as_secs(),
            resident_kib: resident_kib.expect("a running process has resident memory"),
            descriptors: descriptors(self.process_id),
        };
        self.samples.push(sample);
        sample
    }

    /// Waits until the process has at most so many descriptors open.
    pub(crate) async fn await_descriptors(&self, most: usize, deadline: Duration) {
        let deadline = Instant::now() + deadline;
        while descriptors(self.process_id) > most {
            let open = descriptors(self.process_id);
            assert!(
                Instant::now() < deadline,
                "{open} descriptors are open, and {most} were before the storm"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Descriptors but for those of files: the store opens a segment when the first record comes, and keeps it.
fn descriptors(process_id: u32) -> usize {
    let open = fs::read_dir(format!("/proc/{process_id}/fd")).expect("the broker runs");
    let target = |entry: std::io::Result<fs::DirEntry>| fs::read_link(entry.ok()?.path()).ok();
    open.filter_map(target).filter(|target| !target.starts_with("/")).count()
}

/// How much the plateau of the second half may lie above the first's: a part of it, and what an allocator keeps.
const GROWTH_PERCENT: u64 = 10;
const GROWTH_KIB: u64 = 8 * 1024;

/// Compares the medians of both halves, without the first fifth, in which caches and the allocator's pools fill.
pub(crate) fn plateaus(samples: &[Sample]) -> (u64, u64) {
    let warm = &samples[samples.len() / 5..];
    let (first, second) = warm.split_at(warm.len() / 2);
    (median(first), median(second))
}

pub(crate) fn is_flat((first, second): (u64, u64)) -> bool {
    second <= first + first * GROWTH_PERCENT / 100 + GROWTH_KIB
}

fn median(samples: &[Sample]) -> u64 {
    let mut sizes: Vec<_> = samples.iter().map(|sample| sample.resident_kib).collect();
    sizes.sort_unstable();
    sizes.get(sizes.len() / 2).copied().unwrap_or_default()
}

#[test]
fn growth_is_told_from_a_plateau() {
    let samples = |size: fn(u64) -> u64| -> Vec<_> {
        let sample = |second| Sample { second, resident_kib: size(second), descriptors: 0 };
        (0..600).map(sample).collect()
    };
    assert!(is_flat(plateaus(&samples(|second| 60_000 + second % 7 * 1_000))));
    assert!(is_flat(plateaus(&samples(|second| 60_000 - 40_000 / (second + 1)))), "it warms up");
    assert!(!is_flat(plateaus(&samples(|second| 60_000 + second * 100))), "100 KiB leak each second");
}
