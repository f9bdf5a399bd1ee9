//! What falls due while nobody is connected: delayed wills and the end of sessions.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Session;

/// One thing that falls due. It is for nothing when `attachments` differs from the session's: a client has come back
/// in the meantime.
#[derive(Clone)]
pub struct Due {
    /// Whose.
    pub session: Weak<Session>,
    /// The session's count of attachments when this was set.
    pub attachments: u64,
}

/// A queue of what falls due, by time. Entries are never removed early; those that no longer apply are passed over.
#[derive(Default)]
pub struct Schedule {
    heap: Mutex<BinaryHeap<Reverse<Entry>>>,
    earlier: Notify,
}

impl Schedule {
    /// Adds an entry for `at`.
    pub fn add(&self, at: Instant, session: &Arc<Session>, attachments: u64) {
        let due = Due { session: Arc::downgrade(session), attachments };
        let mut heap = self.heap.lock();
        let is_first = heap.peek().is_none_or(|Reverse(first)| at < first.at);
        heap.push(Reverse(Entry { at, due }));
        drop(heap);
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// When the next entry falls due.
    pub fn next(&self) -> Option<Instant> {
        self.heap.lock().peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes one entry that is due.
    pub fn pop_due(&self, now: Instant) -> Option<Due> {
        let mut heap = self.heap.lock();
        if heap.peek().is_some_and(|Reverse(entry)| entry.at <= now) {
            return heap.pop().map(|Reverse(entry)| entry.due);
        }
        None
    }

    /// Waits until an entry is due that was not there, or until `next` has come.
    pub async fn wait(&self) {
        match self.next() {
            Some(at) => {
                tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {}
                    () = self.earlier.notified() => {}
                }
            }
            None => self.earlier.notified().await,
        }
    }
}

struct Entry {
    at: Instant,
    due: Due,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}
