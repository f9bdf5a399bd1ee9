//! Stores that tests hold in their hands.

mod fold;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use tidewire::store::{Batch, CommitId, Fetch, Owner, Record, Recovered, Store, StoreError};
use tokio::time::Instant;

pub use self::fold::Fold;

/// A store that keeps every batch in memory, simply, so that a test can see what was stored and when, and what a
/// process that starts after a crash would find. Its disk takes its time: a batch is durable only `delay` after it was
/// applied, in virtual time, and a message that is asked for comes as late.
pub struct KeepingStore {
    delay: Duration,
    state: Mutex<State>,
    is_failing: AtomicBool,
    congests: AtomicBool,
}

#[derive(Default)]
struct State {
    /// What was there when this store was opened: commits count from here.
    before: Fold,
    batches: Vec<(Instant, Vec<Record>)>,
    /// All batches folded, durable or not.
    now: Fold,
    unreadable: Vec<(Owner, u64)>,
    fetches: usize,
}

impl KeepingStore {
    /// A store that needs `delay` for every batch, and for every message that is asked for.
    pub fn new(delay: Duration) -> Self {
        Self {
            delay,
            state: Mutex::default(),
            is_failing: AtomicBool::default(),
            congests: AtomicBool::default(),
        }
    }

    /// The store as it is found after a crash that kept the batches up to `up_to`, as quick as this one.
    pub fn reopened(&self, up_to: CommitId) -> Self {
        // As from a disk: no message is the very one that the process before held.
        let before = self.fold(up_to).copied();
        let state = State { now: before.clone(), before, ..State::default() };
        Self {
            delay: self.delay,
            state: Mutex::new(state),
            is_failing: AtomicBool::default(),
            congests: AtomicBool::default(),
        }
    }

    /// Lets every batch from now on fail, or succeed again.
    pub fn fail(&self, is_failing: bool) {
        self.is_failing.store(is_failing, Ordering::SeqCst);
    }

    /// Lets it count as congested whenever anything is not durable yet, or never.
    pub fn congest(&self, congests: bool) {
        self.congests.store(congests, Ordering::SeqCst);
    }

    /// Lets a message be found damaged when it is asked for.
    pub fn damage(&self, owner: Owner, sequence: u64) {
        self.lock().unreadable.push((owner, sequence));
    }

    /// How often messages were asked for.
    pub fn fetches(&self) -> usize {
        self.lock().fetches
    }

    /// Every record since the store was opened, in order.
    pub fn records(&self) -> Vec<Record> {
        self.lock().batches.iter().flat_map(|(_, records)| records.iter().cloned()).collect()
    }

    /// What is found after a crash that kept the batches up to `up_to`.
    pub fn recover(&self, up_to: CommitId) -> Recovered {
        self.fold(up_to).recovered()
    }

    /// Messages that wait for `owner` and that somebody besides this store holds in memory.
    pub fn resident(&self, owner: &Owner) -> usize {
        let state = self.lock();
        // One in the records, or in what was found; one in what they amount to.
        let own = 2;
        state.now.messages(owner).into_iter().filter(|message| Arc::strong_count(message) > own).count()
    }

    fn fold(&self, up_to: CommitId) -> Fold {
        let state = self.lock();
        let mut fold = state.before.clone();
        let count = usize::try_from(up_to.0).expect("a test's commits are few");
        for (_, records) in state.batches.iter().take(count) {
            fold.apply_all(records);
        }
        fold
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the store")
    }
}

impl Store for KeepingStore {
    fn apply(&self, batch: &mut Batch) -> Result<CommitId, StoreError> {
        let mut state = self.lock();
        let records: Vec<_> = batch.drain().collect();
        if self.is_failing() && records.iter().any(Record::grows) {
            return Err(StoreError::Unavailable);
        }
        state.now.apply_all(&records);
        state.batches.push((Instant::now(), records));
        Ok(CommitId(state.batches.len() as u64))
    }

    fn durable(&self) -> CommitId {
        let now = Instant::now();
        let state = self.lock();
        CommitId(state.batches.partition_point(|(at, _)| *at + self.delay <= now) as u64)
    }

    fn wake_when_durable(&self, commit: CommitId, waker: &Waker) {
        let index = usize::try_from(commit.0 - 1).expect("a test's commits are few");
        let at = self.lock().batches[index].0 + self.delay;
        let waker = waker.clone();
        tokio::spawn(async move {
            tokio::time::sleep_until(at).await;
            waker.wake();
        });
    }

    fn is_congested(&self) -> bool {
        self.congests.load(Ordering::SeqCst) && self.durable() < self.applied()
    }

    fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::SeqCst)
    }

    fn applied(&self) -> CommitId {
        CommitId(self.lock().batches.len() as u64)
    }

    fn fetch(&self, fetch: Fetch) {
        let found: std::collections::HashMap<_, _> = {
            let mut state = self.lock();
            state.fetches += 1;
            let owner = &fetch.owner;
            let is_readable = |sequence: &u64| {
                !state.unreadable.iter().any(|(of, number)| of == owner && number == sequence)
            };
            let wanted = fetch.sequences.iter().filter(|sequence| is_readable(sequence));
            wanted.filter_map(|sequence| Some((*sequence, state.now.find(owner, *sequence)?))).collect()
        };
        let delay = self.delay;
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            fetch.find(|sequence| found.get(&sequence).cloned());
        });
    }

    fn promise(&self) -> String {
        "durable after a while".to_owned()
    }
}
