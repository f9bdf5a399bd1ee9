//! The committer: one thread that gathers the batches of all connections, writes them to the journal as one group, makes
//! that durable with one sync, and lets every waiting acknowledgement go.
//!
//! While a sync is under way the next group gathers by itself. On a fast disk groups would be small and syncs many, so
//! under load the committer waits for more for as long as more keeps coming, and no longer than [`WAIT_MAX`]; a lone batch
//! goes at once. Whoever waits for acknowledgements sends nothing more meanwhile, so that the wait ends by itself.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Policy;
use super::group::Group;
use super::image::Image;
use super::journal::Journal;
use crate::counters::{Histogram, Latencies};
use crate::store::record::Record;
use crate::store::{Batch, CommitId, StoreError};

/// A group waits no longer than this for more batches.
const WAIT_MAX: Duration = Duration::from_micros(1_000);
/// So often is looked whether more have come.
const LOOK_AGAIN: Duration = Duration::from_micros(50);
/// Batches in a group from which on the next one is worth waiting for.
const LOAD: u64 = 3;
/// Upper bounds of the groups' sizes, in batches.
const SIZES: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
/// How long a failing disk is left alone before it is tried again: at first, and at most.
const RETRY_AFTER: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// What the connections and the committer share.
pub(super) struct Commits {
    pending: Mutex<Pending>,
    /// There is something to commit, or it is time to stop.
    arrived: Condvar,
    /// How far everything is durable.
    durable: AtomicU64,
    is_failing: AtomicBool,
    pending_bytes: AtomicU64,
    pending_bytes_max: u64,
    waiting: Mutex<BTreeMap<CommitId, Vec<Waker>>>,
    /// What was committed, for statistics.
    pub(super) groups: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) failures: AtomicU64,
    /// How long each group took, in nanoseconds.
    pub(super) times: Histogram,
    /// Batches in each group.
    pub(super) sizes: Histogram,
}

#[derive(Default)]
struct Pending {
    records: Vec<Record>,
    /// The last batch that was taken.
    last: u64,
    is_stopping: bool,
}

impl Commits {
    pub(super) fn new(pending_bytes_max: u64) -> Self {
        Self {
            pending: Mutex::default(),
            arrived: Condvar::new(),
            durable: AtomicU64::new(0),
            is_failing: AtomicBool::new(false),
            pending_bytes: AtomicU64::new(0),
            pending_bytes_max,
            waiting: Mutex::default(),
            groups: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            times: Histogram::new(Latencies::bounds()),
            sizes: Histogram::new(&SIZES),
        }
    }

    /// Takes a batch. While the disk fails only what makes less of what is stored is taken: it must not be forgotten,
    /// and waits in memory until the disk recovers.
    pub(super) fn apply(&self, batch: &mut Batch) -> Result<CommitId, StoreError> {
        let grows = batch.records.iter().any(Record::grows);
        if grows && self.is_failing() {
            batch.clear();
            return Err(StoreError::Unavailable);
        }
        let bytes: usize = batch.records.iter().map(Record::weight).sum();
        let mut pending = self.pending.lock();
        let is_first = pending.records.is_empty();
        pending.records.append(&mut batch.records);
        pending.last += 1;
        let commit = CommitId(pending.last);
        self.pending_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        drop(pending);
        if is_first {
            self.arrived.notify_one();
        }
        Ok(commit)
    }

    /// Bytes that wait to be written.
    pub(super) fn pending_bytes(&self) -> u64 {
        self.pending_bytes.load(Ordering::Relaxed)
    }

    /// How far everything is durable.
    pub(super) fn durable(&self) -> CommitId {
        CommitId(self.durable.load(Ordering::Acquire))
    }

    /// The last batch that was taken.
    pub(super) fn applied(&self) -> CommitId {
        CommitId(self.pending.lock().last)
    }

    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    pub(super) fn is_congested(&self) -> bool {
        self.pending_bytes.load(Ordering::Relaxed) > self.pending_bytes_max
    }

    /// Wakes `waker` once `commit` is durable.
    pub(super) fn wake_when_durable(&self, commit: CommitId, waker: &Waker) {
        let mut waiting = self.waiting.lock();
        // Looked at under the lock: the committer says it is durable before it takes the lock to wake.
        if self.durable() >= commit {
            drop(waiting);
            waker.wake_by_ref();
        } else {
            waiting.entry(commit).or_default().push(waker.clone());
        }
    }

    /// Lets the committer finish what there is, and end.
    pub(super) fn stop(&self) {
        self.pending.lock().is_stopping = true;
        self.arrived.notify_one();
    }

    fn set_durable(&self, commit: CommitId) {
        self.durable.store(commit.0, Ordering::Release);
        let ready = {
            let mut waiting = self.waiting.lock();
            let later = waiting.split_off(&CommitId(commit.0 + 1));
            std::mem::replace(&mut *waiting, later)
        };
        ready.into_values().flatten().for_each(Waker::wake);
    }
}

/// The committer's thread.
pub(super) struct Committer {
    pub(super) commits: Arc<Commits>,
    pub(super) image: Arc<Mutex<Image>>,
    pub(super) journal: Journal,
    pub(super) policy: Policy,
    /// Called after each group: the journal may have grown long.
    pub(super) after_commit: Box<dyn Fn() + Send>,
    /// Called when the disk refuses: something may be given back.
    pub(super) when_failing: Box<dyn Fn() + Send>,
}

impl Committer {
    /// Commits until it is told to stop.
    pub(super) fn run(mut self) {
        let mut group = Group::default();
        let mut last_batches = 0;
        let mut unsynced_since: Option<Instant> = None;
        while let Some(taken) = self.gather(&mut group, last_batches, &mut unsynced_since) {
            last_batches = taken.last - self.commits.durable.load(Ordering::Relaxed);
            let began = Instant::now();
            if !self.commit(&mut group, &mut unsynced_since) {
                return;
            }
            self.commits.times.observe_time(began.elapsed());
            self.commits.sizes.observe(last_batches);
            group.clear();
            self.commits.pending_bytes.fetch_sub(taken.bytes, Ordering::Relaxed);
            self.commits.groups.fetch_add(1, Ordering::Relaxed);
            self.commits.batches.fetch_add(last_batches, Ordering::Relaxed);
            self.commits.set_durable(CommitId(taken.last));
            (self.after_commit)();
        }
        if let Err(error) = self.journal.sync() {
            tracing::error!(%error, "the journal could not be synced at the end");
        }
    }

    /// Waits for batches, and for more of them under load; `None` when all is done and it is time to stop.
    fn gather(
        &mut self,
        group: &mut Group,
        last_batches: u64,
        unsynced_since: &mut Option<Instant>,
    ) -> Option<Taken> {
        let commits = Arc::clone(&self.commits);
        let mut pending = commits.pending.lock();
        while pending.records.is_empty() && pending.last == commits.durable.load(Ordering::Relaxed) {
            if pending.is_stopping {
                return None;
            }
            match (self.policy, *unsynced_since) {
                (Policy::Interval(interval), Some(since)) => {
                    let left = interval.saturating_sub(since.elapsed());
                    if commits.arrived.wait_for(&mut pending, left).timed_out() {
                        drop(pending);
                        self.sync_in_time(unsynced_since);
                        pending = commits.pending.lock();
                    }
                }
                _ => commits.arrived.wait(&mut pending),
            }
        }
        if last_batches >= LOAD {
            let started = Instant::now();
            loop {
                let seen = pending.last;
                drop(pending);
                std::thread::sleep(LOOK_AGAIN);
                pending = commits.pending.lock();
                if pending.last == seen || pending.is_stopping || started.elapsed() >= WAIT_MAX {
                    break;
                }
            }
        }
        std::mem::swap(&mut group.records, &mut pending.records);
        Some(Taken { last: pending.last, bytes: commits.pending_bytes.load(Ordering::Relaxed) })
    }

    /// Writes a group and makes it as durable as the policy says, however often the disk must be tried; `false` if it
    /// failed to the end.
    fn commit(&mut self, group: &mut Group, unsynced_since: &mut Option<Instant>) -> bool {
        group.encode(&mut self.image.lock());
        if group.is_void() {
            return true;
        }
        let mut retry_after = RETRY_AFTER[0];
        loop {
            match self.write(group, unsynced_since) {
                Ok(written) => {
                    group.apply(&mut self.image.lock(), written);
                    if self.commits.is_failing.swap(false, Ordering::Relaxed) {
                        tracing::info!("the disk takes data again: durable publishes are served");
                    }
                    return true;
                }
                Err(error) => {
                    self.commits.failures.fetch_add(1, Ordering::Relaxed);
                    if !self.commits.is_failing.swap(true, Ordering::Relaxed) {
                        tracing::error!(%error, "the disk takes nothing: durable publishes are refused until it does");
                    }
                    (self.when_failing)();
                    if self.commits.pending.lock().is_stopping {
                        tracing::error!("stopped while the disk fails: what was not acknowledged is lost");
                        return false;
                    }
                    std::thread::sleep(retry_after);
                    retry_after = (retry_after * 2).min(RETRY_AFTER[1]);
                }
            }
        }
    }

    fn write(
        &mut self,
        group: &mut Group,
        unsynced_since: &mut Option<Instant>,
    ) -> io::Result<super::journal::Written> {
        let written = self.journal.append(group.frame())?;
        match self.policy {
            Policy::Always => self.journal.sync()?,
            Policy::Interval(interval) => {
                let since = *unsynced_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= interval {
                    self.journal.sync()?;
                    *unsynced_since = None;
                }
            }
            Policy::Never => {}
        }
        Ok(written)
    }

    fn sync_in_time(&mut self, unsynced_since: &mut Option<Instant>) {
        *unsynced_since = None;
        if let Err(error) = self.journal.sync() {
            tracing::error!(%error, "what was written in the last interval may not survive a loss of power");
        }
    }
}

/// What was taken for a group.
struct Taken {
    last: u64,
    bytes: u64,
}
