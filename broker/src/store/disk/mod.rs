//! The store on disk: a journal for what flows, an archive (sled) for what rests.
//!
//! ```text
//!   connections ──apply──▶ pending ──committer──▶ journal, one sync for a whole group ──▶ image ──▶ acknowledgements
//!                                                    │ oldest segment                       ▲
//!                                                    ▼                                      │ looks up
//!                                   keeper: checkpoint ──▶ archive             keeper: fetch ── reads bodies back
//! ```
//!
//! * The **journal** takes every change, a group at a time: `journal`, `frame`, `group`, `commit`.
//! * The **image** is what is durable, in memory, without bodies: `image`, `backlog`.
//! * A **checkpoint** moves what is still alive in the oldest segment into the archive: `checkpoint`, `archive`, `rows`.
//! * A **restart** reads the archive, then the journal: `recover`.
//!
//! Two threads: the *committer*, which alone writes the journal, and the *keeper*, which alone touches the archive.

mod archive;
mod backlog;
mod bodies;
mod body;
mod checkpoint;
mod codec;
mod commit;
mod damage;
mod export;
mod fact;
mod frame;
mod group;
mod image;
mod import;
mod inspect;
mod journal;
mod keeper;
mod place;
mod recover;
mod recovered;
mod renew;
mod rows;
mod text;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::task::{Wake, Waker};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use self::archive::Archive;
use self::bodies::Bodies;
use self::commit::{Commits, Committer};
use self::damage::Damage;
pub use self::export::Exported;
use self::image::Image;
pub use self::import::ImportError;
pub use self::inspect::Stats;
use self::journal::{Journal, Segments};
use self::keeper::{Desk, Job, Keeper, Kept};
pub use self::recover::OpenError;
use super::{Batch, CommitId, Fetch, Recovered, Store, StoreError, StoreReport};

/// When what was written is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Before it is acknowledged.
    Always,
    /// So often. What was acknowledged since survives the end of the process, and not a loss of power.
    Interval(Duration),
    /// When the system likes. What was acknowledged survives the end of the process, and not a loss of power.
    Never,
}

/// How a store is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// When what was written is made durable.
    pub policy: Policy,
    /// Bytes of one segment of the journal.
    pub segment_bytes: u64,
    /// Segments that the journal may have, the one that is written included, before the oldest moves into the archive.
    pub segments_max: usize,
    /// Bytes that may wait to be written before connections are not read from.
    pub pending_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { policy: Policy::Always, segment_bytes: 32 << 20, segments_max: 5, pending_bytes_max: 64 << 20 }
    }
}

/// See the module.
pub struct DiskStore {
    dir: PathBuf,
    policy: Policy,
    commits: Arc<Commits>,
    image: Arc<Mutex<Image>>,
    segments: Arc<Segments>,
    kept: Arc<Kept>,
    jobs: Sender<Job>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    damaged: Vec<String>,
    /// Held, so that no other process uses the same files.
    _lock: File,
}

const JOURNAL: &str = "journal";
const DAMAGED: &str = "damaged";
const LOCK: &str = "lock";

impl DiskStore {
    /// Opens the store in `dir`, which is made if it is not there, and says what was in it.
    ///
    /// # Errors
    ///
    /// [`OpenError`]. Damaged records are no error: see [`DiskStore::damaged`].
    pub fn open(dir: &Path, options: Options) -> Result<(Arc<Self>, Recovered), OpenError> {
        Self::open_telling(dir, options, &|_| ())
    }

    /// The same, where somebody waits for it: `progress` is told how far it is, in words, about once a second while there is
    /// anything to tell.
    ///
    /// # Errors
    ///
    /// As [`DiskStore::open`].
    pub fn open_telling(
        dir: &Path,
        options: Options,
        progress: &dyn Fn(&str),
    ) -> Result<(Arc<Self>, Recovered), OpenError> {
        fs::create_dir_all(dir).map_err(OpenError::io(dir))?;
        let lock = lock(dir)?;
        let journal_dir = dir.join(JOURNAL);
        let segments = Arc::new(Segments::open(&journal_dir).map_err(OpenError::io(&journal_dir))?);
        let archive = Archive::open(dir)?;
        journal::sync_dir(dir).map_err(OpenError::io(dir))?;
        let mut damage = Damage::new(&dir.join(DAMAGED), true);
        let restarted = recover::restart(&archive, &segments, &mut damage, progress)?;
        let recovered = restarted.image.recovered();
        let image = Arc::new(Mutex::new(restarted.image));
        let commits = Arc::new(Commits::new(options.pending_bytes_max));
        let (jobs, received) = channel();
        let kept = Arc::new(Kept::default());
        kept.archive_bytes.store(archive.disk_bytes(), Ordering::Relaxed);
        let keeper = Keeper {
            desk: Desk {
                image: Arc::clone(&image),
                commits: Arc::clone(&commits),
                segments: Arc::clone(&segments),
                bodies: Bodies::default(),
                kept: Arc::clone(&kept),
                jobs: received,
                held: VecDeque::new(),
                later: VecDeque::new(),
                troubled: Vec::new(),
                troubled_until: Instant::now(),
            },
            archive,
            segments_max: options.segments_max.max(2),
            segment_bytes: options.segment_bytes,
            next_chunk: restarted.next_chunk,
            renewed_bytes: 0,
        };
        let committer = Committer {
            commits: Arc::clone(&commits),
            image: Arc::clone(&image),
            journal: Journal::new(
                Arc::clone(&segments),
                options.segment_bytes,
                restarted.next_segment,
                restarted.next_group,
            ),
            policy: options.policy,
            after_commit: {
                let (jobs, segments) = (jobs.clone(), Arc::clone(&segments));
                let segments_max = options.segments_max.max(2);
                Box::new(move || {
                    // Without a keeper there is no more to be done.
                    if segments.len() > segments_max {
                        let _ = jobs.send(Job::Checkpoint);
                    } else if segments.wants_spare() {
                        let _ = jobs.send(Job::Prepare);
                    }
                })
            },
            when_failing: {
                let segments = Arc::clone(&segments);
                Box::new(move || segments.drop_spares())
            },
        };
        let threads = vec![
            spawn("keeper", dir, move || keeper.run())?,
            spawn("committer", dir, move || committer.run())?,
        ];
        let store = Self {
            dir: dir.to_owned(),
            policy: options.policy,
            commits,
            image,
            segments,
            kept,
            jobs,
            threads: Mutex::new(threads),
            damaged: damage.into_found(),
            _lock: lock,
        };
        Ok((Arc::new(store), recovered))
    }

    /// What could not be read when it was opened, each with its name.
    pub fn damaged(&self) -> &[String] {
        &self.damaged
    }

    /// Waits until `commit` is durable, but no longer than `timeout`; whether it is. For whoever has a thread to wait on.
    pub fn wait_until_durable(&self, commit: CommitId, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        self.commits.wake_when_durable(commit, &Waker::from(Arc::new(Unpark(std::thread::current()))));
        while self.durable() < commit {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            std::thread::park_timeout(left);
        }
        true
    }

    fn end(&self) {
        self.commits.stop();
        let mut threads = self.threads.lock();
        // The committer first: what it commits last the keeper may still be asked for.
        if let Some(committer) = threads.pop() {
            let _ = committer.join();
        }
        let _ = self.jobs.send(Job::Stop);
        threads.drain(..).for_each(|thread| {
            let _ = thread.join();
        });
    }
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(OpenError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.display().to_string())),
        Err(TryLockError::Error(error)) => Err(OpenError::io(&path)(error)),
    }
}

fn spawn(name: &str, dir: &Path, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    let run = move || {
        // Without it nothing would be acknowledged any more, or read back; what is on disk is whole.
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            tracing::error!(
                "a panic in a thread of the store: the process ends, so that it can be started again"
            );
            std::process::abort();
        }
    };
    thread.spawn(run).map_err(OpenError::io(dir))
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        self.end();
    }
}

impl Store for DiskStore {
    fn apply(&self, batch: &mut Batch) -> Result<CommitId, StoreError> {
        self.commits.apply(batch)
    }

    fn durable(&self) -> CommitId {
        self.commits.durable()
    }

    fn wake_when_durable(&self, commit: CommitId, waker: &Waker) {
        self.commits.wake_when_durable(commit, waker);
    }

    fn is_failing(&self) -> bool {
        self.commits.is_failing()
    }

    fn attempts(&self) -> u64 {
        self.commits.groups.load(Ordering::Relaxed) + self.commits.failures.load(Ordering::Relaxed)
    }

    fn is_congested(&self) -> bool {
        self.commits.is_congested()
    }

    fn applied(&self) -> CommitId {
        self.commits.applied()
    }

    fn fetch(&self, fetch: Fetch) {
        // Where the keeper is gone the store was closed, and nobody is to be told that his messages are.
        let _ = self.jobs.send(Job::Fetch(fetch, self.commits.applied()));
    }

    fn backup(&self, path: &Path) -> std::io::Result<Exported> {
        DiskStore::backup(self, path)
    }

    fn close(&self) {
        self.end();
    }

    fn report(&self) -> Option<StoreReport> {
        Some(self.report())
    }

    fn promise(&self) -> String {
        let dir = self.dir.display();
        match self.policy {
            Policy::Always => format!("an acknowledgement means: on disk, in {dir}"),
            Policy::Interval(interval) => format!(
                "an acknowledgement means: written in {dir}, and on disk within {} ms; a loss of power can lose that much",
                interval.as_millis()
            ),
            Policy::Never => format!(
                "an acknowledgement means: written in {dir}, and on disk when the system likes; a loss of power can lose it"
            ),
        }
    }
}

impl std::fmt::Debug for DiskStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("DiskStore")
            .field("dir", &self.dir)
            .field("policy", &self.policy)
            .field("durable", &self.durable())
            .field("segments", &self.segments.numbers())
            .field("checkpoints", &self.kept.checkpoints.load(Ordering::Relaxed))
            .field("messages", &self.image.lock().messages.len())
            .finish_non_exhaustive()
    }
}
