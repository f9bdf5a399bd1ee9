//! Stores that tests hold in their hands.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::Duration;

use tidewire::store::{Batch, CommitId, Fetch, Record, Store, StoreError};
use tokio::time::Instant;

/// A store whose disk takes its time: a batch is durable only `delay` after it was applied, in virtual time. Keeps
/// every record, so that a test can see what was stored and when.
pub struct SlowStore {
    delay: Duration,
    state: Mutex<State>,
    is_failing: AtomicBool,
}

#[derive(Default)]
struct State {
    applied: Vec<Instant>,
    records: Vec<Record>,
}

impl SlowStore {
    /// A store that needs `delay` for every batch.
    pub fn new(delay: Duration) -> Self {
        Self { delay, state: Mutex::default(), is_failing: AtomicBool::new(false) }
    }

    /// Lets every batch from now on fail, or succeed again.
    pub fn fail(&self, is_failing: bool) {
        self.is_failing.store(is_failing, Ordering::SeqCst);
    }

    /// Every record so far, in order.
    pub fn records(&self) -> Vec<Record> {
        self.lock().records.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the store")
    }
}

impl Store for SlowStore {
    fn apply(&self, batch: &mut Batch) -> Result<CommitId, StoreError> {
        if self.is_failing.load(Ordering::SeqCst) {
            batch.clear();
            return Err(StoreError::Unavailable);
        }
        let mut state = self.lock();
        state.applied.push(Instant::now());
        state.records.extend(batch.drain());
        Ok(CommitId(state.applied.len() as u64))
    }

    fn durable(&self) -> CommitId {
        let now = Instant::now();
        let state = self.lock();
        CommitId(state.applied.iter().take_while(|at| **at + self.delay <= now).count() as u64)
    }

    fn wake_when_durable(&self, commit: CommitId, waker: &Waker) {
        let at = self.lock().applied[usize::try_from(commit.0 - 1).expect("a test's commits are few")]
            + self.delay;
        let waker = waker.clone();
        tokio::spawn(async move {
            tokio::time::sleep_until(at).await;
            waker.wake();
        });
    }

    fn applied(&self) -> CommitId {
        CommitId(self.lock().applied.len() as u64)
    }

    fn fetch(&self, fetch: Fetch) {
        fetch.find(|_| None);
    }

    fn promise(&self) -> String {
        "durable after a while".to_owned()
    }
}
