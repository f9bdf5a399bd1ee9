//! All queues, by name. A queue is made on first use and goes when there is nothing to remember of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use dashmap::DashMap;

use super::attention::Attention;
use super::{DeadLetter, Gone, Queue, QueueLimits, Totals};
use crate::clock::Now;
use crate::message::SessionId;

/// See the module. Hands out clones of `Arc`, never guards of the map.
#[derive(Default)]
pub struct Queues {
    queues: DashMap<Arc<str>, Arc<Queue>, foldhash::fast::RandomState>,
    attention: Arc<Attention>,
    totals: Arc<Totals>,
}

impl Queues {
    /// Does something with the queue of that name, which is made if it is not there, with these limits and this owner.
    pub fn with<R>(
        &self,
        name: &str,
        owner: Option<SessionId>,
        limits: impl Fn() -> QueueLimits,
        mut act: impl FnMut(&Arc<Queue>) -> Result<R, Gone>,
    ) -> R {
        loop {
            let queue = self.find(name).unwrap_or_else(|| {
                let name: Arc<str> = name.into();
                let make = || {
                    let (attention, totals) = (Arc::clone(&self.attention), Arc::clone(&self.totals));
                    Arc::new(Queue::new(Arc::clone(&name), owner, limits(), attention, totals))
                };
                Arc::clone(&self.queues.entry(Arc::clone(&name)).or_insert_with(make))
            });
            if let Ok(result) = act(&queue) {
                return result;
            }
        }
    }

    /// The queue of that name.
    pub fn find(&self, name: &str) -> Option<Arc<Queue>> {
        self.queues.get(name).map(|queue| Arc::clone(&queue))
    }

    /// All of them at present.
    pub fn all(&self) -> Vec<Arc<Queue>> {
        self.queues.iter().map(|entry| Arc::clone(&entry)).collect()
    }

    /// Removes a queue that has no consumer and no message, or that was to go with its last consumer, and returns what
    /// was still in it.
    pub fn remove_if_idle(&self, name: &str) -> Vec<DeadLetter> {
        let mut purged = Vec::new();
        self.queues.remove_if(name, |_, queue| {
            let mut state = queue.state.lock();
            if state.is_abandoned(queue.owner.is_some()) {
                purged = state.purge();
            }
            queue.totals.report(&mut state);
            state.is_gone = state.is_idle();
            state.is_gone
        });
        purged
    }

    /// Waits until something is to be done for a queue.
    pub async fn wait(&self, now: impl Fn() -> Now) {
        self.attention.wait(now).await;
    }

    /// The queues that something is to be done for. The others call again when their time comes.
    pub fn that_want_attention(&self, now: Now) -> Vec<Arc<Queue>> {
        self.attention.clear();
        for queue in &self.queues {
            self.attention.call(queue.attention_at.load(Ordering::Relaxed).max(now.unix_ms + 1));
        }
        let waiting = self.queues.iter().filter(|queue| queue.wants_attention(now));
        waiting.map(|queue| Arc::clone(&queue)).collect()
    }

    /// All their names.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.queues.iter().map(|queue| Arc::clone(queue.name())).collect()
    }

    /// What they hold together.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.queues.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }
}
