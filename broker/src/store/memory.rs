//! The store that keeps nothing: what `sync = "memory"` means. Everything is durable at once, until the process ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use super::{Batch, CommitId, Fetch, Store, StoreError};

/// Counts batches and forgets them.
#[derive(Debug, Default)]
pub struct MemoryStore {
    applied: AtomicU64,
}

impl Store for MemoryStore {
    fn apply(&self, batch: &mut Batch) -> Result<CommitId, StoreError> {
        batch.clear();
        Ok(CommitId(self.applied.fetch_add(1, Ordering::Relaxed) + 1))
    }

    fn durable(&self) -> CommitId {
        CommitId(u64::MAX)
    }

    fn wake_when_durable(&self, _commit: CommitId, waker: &Waker) {
        waker.wake_by_ref();
    }

    fn applied(&self) -> CommitId {
        CommitId(self.applied.load(Ordering::Relaxed))
    }

    /// Nothing that is stored here is ever let go of, and so nothing asked for.
    fn fetch(&self, fetch: Fetch) {
        fetch.find(|_| None);
    }

    fn keeps_records(&self) -> bool {
        false
    }

    fn promise(&self) -> String {
        "kept in memory only: sessions, queued and retained messages are gone when this process ends"
            .to_owned()
    }
}
