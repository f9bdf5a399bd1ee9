//! Work queues.

use std::collections::HashMap;
use std::sync::{Arc, mpsc};

use super::Listed;
use crate::broker::Broker;
use crate::counters::DropReason;
use crate::message::QUEUE_PREFIX;
use crate::queue::{ConsumerStatus, Peeked, Queue, QueueStatus, WaitingMessage, dequeued};
use crate::session::Place;
use crate::store::{CommitId, Fetch, Owner, StoreError};

/// Messages that are purged in one turn.
const PURGED_PER_TURN_MAX: usize = 1_000;
/// Bytes of the messages of one peek, beyond which there comes only one more.
const PEEKED_BYTES_MAX: usize = 1 << 20;

/// A queue as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Its name.
    pub name: Arc<str>,
    /// Where its dead letters go, as a STOMP destination; none where they are dropped.
    pub dead_letter: Option<String>,
    /// How it is doing.
    pub status: QueueStatus,
}

/// What a purge came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// How many there were.
    pub messages: usize,
    /// What that depends on.
    pub commit: CommitId,
}

impl Broker {
    /// The first `limit` queues whose names are behind `after`, in order.
    pub fn list_queues(&self, after: Option<&str>, limit: usize) -> Listed<QueueView> {
        let mut queues = self.queues.all();
        let total = queues.len();
        queues.retain(|queue| after.is_none_or(|after| &**queue.name() > after));
        queues.sort_unstable_by(|one, other| one.name().cmp(other.name()));
        let has_more = queues.len() > limit;
        let views = queues.iter().take(limit).map(|queue| self.view(queue));
        Listed { items: views.collect(), has_more, total }
    }

    /// The queue of that name.
    pub fn queue_view(&self, name: &str) -> Option<QueueView> {
        self.queues.find(name).map(|queue| self.view(&queue))
    }

    /// Some of its consumers, in no order.
    pub fn queue_consumers(&self, name: &str, limit: usize) -> Vec<ConsumerStatus> {
        self.queues.find(name).map(|queue| queue.consumers(limit)).unwrap_or_default()
    }

    /// The first messages that wait in a queue behind a place, at most `limit`, and not many more bytes than a mebibyte. None is
    /// taken. A message that is absent was taken meanwhile by others, or cannot be read. Waits for the disk: not for
    /// the threads that serve.
    pub fn peek_queue(&self, name: &str, after: Option<Place>, limit: usize) -> Option<Peeked> {
        let queue = self.queues.find(name)?;
        let mut peeked = queue.peek(after, limit, PEEKED_BYTES_MAX);
        self.read_absent(queue.name(), &mut peeked.messages);
        Some(peeked)
    }

    /// Drops the messages that wait in a queue, but for those that come meanwhile. Those that consumers have stay theirs.
    /// `None` where there is no such queue. Not for the threads that serve.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where that cannot be stored: after a restart some may be there again.
    pub fn purge_queue(&self, name: &str) -> Option<Result<Purged, StoreError>> {
        let queue = self.queues.find(name)?;
        let newest = queue.last_sequence();
        let mut purged = Purged::default();
        loop {
            let before = purged.messages;
            if let Err(error) = self.purge_some(&queue, newest, &mut purged) {
                return Some(Err(error));
            }
            if purged.messages - before < PURGED_PER_TURN_MAX {
                return Some(Ok(purged));
            }
        }
    }

    /// In one turn.
    fn purge_some(&self, queue: &Arc<Queue>, newest: u64, purged: &mut Purged) -> Result<(), StoreError> {
        let mut turn = self.turn();
        let withdrawn = queue.withdraw_first(PURGED_PER_TURN_MAX, newest);
        for message in withdrawn.iter().filter(|message| message.is_stored) {
            turn.record(|| dequeued(queue.name(), message.place));
        }
        self.counters.dropped.add(DropReason::Purged, withdrawn.len() as u64);
        let outcome = queue.sweep(turn.now);
        self.follow(&mut turn, queue, outcome);
        purged.messages += withdrawn.len();
        // A turn that finds nothing has no commit of its own.
        purged.commit = purged.commit.max(turn.finish()?);
        Ok(())
    }

    /// Reads what only the store holds.
    pub(super) fn read_absent(&self, queue: &Arc<str>, messages: &mut [WaitingMessage]) {
        let absent = messages.iter().filter(|message| message.message.is_none());
        let sequences: Vec<_> = absent.map(|message| message.place.sequence()).collect();
        if sequences.is_empty() {
            return;
        }
        let (send, answers) = mpsc::sync_channel(1);
        // Nobody listens only where this thread has been given up.
        let deliver = move |answers| drop(send.send(answers));
        self.store.fetch(Fetch::new(Owner::Queue(Arc::clone(queue)), sequences, deliver));
        // The store that has ended answers nothing.
        let Ok(answers) = answers.recv() else { return };
        let mut found: HashMap<_, _> = answers.into_iter().collect();
        for message in messages.iter_mut().filter(|message| message.message.is_none()) {
            let fetched = found.remove(&message.place.sequence()).flatten();
            message.message = fetched.map(|fetched| fetched.message);
        }
    }

    fn view(&self, queue: &Queue) -> QueueView {
        let topic = self.config().queues.dead_letter_topic(queue.name());
        let destination = |topic: String| match topic.strip_prefix(QUEUE_PREFIX) {
            Some(name) => format!("/queue/{name}"),
            None => format!("/topic/{topic}"),
        };
        QueueView {
            name: Arc::clone(queue.name()),
            dead_letter: topic.map(destination),
            status: queue.status(self.now()),
        }
    }
}
