//! What must survive. [`Store`] has two duties: take a batch of records, and tell when it is durable.
//!
//! The rule that orders memory, disk and network: **stored before seen, committed before said.** A change is applied
//! to the store before another task can see it; a byte that promises it leaves only when the store says that the
//! commit is durable. The store knows nothing of sessions, routers or packets: it takes [`Record`]s.

mod disk;
mod fetch;
mod memory;
mod record;
mod recovered;

use std::fmt;
use std::io;
use std::path::Path;
use std::task::Waker;

pub use disk::{DiskStore, Exported, ImportError, OpenError, Options, Policy, Stats};
pub use fetch::{Answers, Fetch, Fetched, Owner};
pub use memory::MemoryStore;
pub use record::{Origin, QueuedTerms, Record, SessionKind, SettledState};
pub use recovered::{
    Recovered, RecoveredDelivery, RecoveredMessage, RecoveredQueue, RecoveredSession, RecoveredSubscription,
    RecoveredWill,
};

use crate::counters::Spread;

/// Names one applied batch; later batches have larger numbers. Durable up to `n` means that all batches up to and
/// including `n` have survived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub u64);

impl CommitId {
    /// Before every batch: what depends on nothing waits for this.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for CommitId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// Changes that belong together: all of them survive, or none.
#[derive(Debug, Default)]
pub struct Batch {
    records: Vec<Record>,
}

impl Batch {
    /// Adds a change.
    pub fn push(&mut self, record: Record) {
        self.records.push(record);
    }

    /// Whether there is nothing to apply.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Forgets the records.
    pub fn clear(&mut self) {
        self.records.clear();
    }

    /// Takes the records out, for a store that keeps them; the batch can be used again.
    pub fn drain(&mut self) -> impl Iterator<Item = Record> + '_ {
        self.records.drain(..)
    }
}

/// The store refuses a batch; nothing of it was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room, or the disk fails: durable publishes are refused until it recovers.
    #[error("the store takes nothing at present: its disk is full or failing")]
    Unavailable,
}

/// How a store's disk fares, and what is on it.
#[derive(Clone, Debug)]
pub struct StoreReport {
    /// Seconds from the moment at which a group of batches is complete until it is as durable as the store makes it: it is
    /// encoded, written and synced, however often the disk must be tried.
    pub commit: Spread,
    /// Batches in each group.
    pub group: Spread,
    /// Attempts to write that the disk has refused.
    pub failures: u64,
    /// Bytes that wait to be written.
    pub pending_bytes: u64,
    /// Messages that wait for somebody, each once; retained ones are not among them.
    pub messages: u64,
    /// Bytes of the archive.
    pub archive_bytes: u64,
    /// Segments of the journal.
    pub segments: u64,
    /// Messages that could not be read back.
    pub unreadable: u64,
}

/// Where state survives. Implementations are shared by all connections and never block the caller for a disk.
pub trait Store: Send + Sync {
    /// Applies `batch` as one unit and empties it. From then on it is ordered before every later batch; it is durable
    /// once [`Store::durable`] has reached the id that is returned.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when what adds something cannot be taken; the batch is emptied all the same. A batch
    /// that only settles or ends something is always taken.
    fn apply(&self, batch: &mut Batch) -> Result<CommitId, StoreError>;

    /// How far the store is durable.
    fn durable(&self) -> CommitId;

    /// Wakes `waker` once, as soon as `commit` is durable; at once if it is already.
    fn wake_when_durable(&self, commit: CommitId, waker: &Waker);

    /// Whether the disk refuses at present: batches that add something are refused.
    fn is_failing(&self) -> bool {
        false
    }

    /// How often it has been tried to make something durable, successes included: where batches wait and this stands still,
    /// nobody is at work.
    fn attempts(&self) -> u64 {
        self.durable().0
    }

    /// Whether so much waits to be written that no more should come: connections read nothing until
    /// [`Store::applied`] is durable.
    fn is_congested(&self) -> bool {
        false
    }

    /// The last batch that was applied.
    fn applied(&self) -> CommitId;

    /// Reads stored messages back, and hands them to whoever asks on a thread of the store's own: it must not be kept
    /// there for long. What was applied before this call is found, durable or not.
    fn fetch(&self, fetch: Fetch);

    /// Copies everything that is durable into a file, which is there as a whole or not at all, while the store is in use.
    /// Blocks for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`] where nothing is kept, and those of the file.
    fn backup(&self, _path: &Path) -> io::Result<Exported> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Whether records are kept at all. Where they are not, callers need not make them.
    fn keeps_records(&self) -> bool {
        true
    }

    /// Makes everything durable that was applied. Nothing may be applied afterwards.
    fn close(&self) {}

    /// How the disk fares; `None` where there is none.
    fn report(&self) -> Option<StoreReport> {
        None
    }

    /// What a person is told at start about what this store promises.
    fn promise(&self) -> String;
}
