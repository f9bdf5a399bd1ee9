//! Work queues: each message goes to one consumer, in order, and stays the queue's until that consumer has acknowledged
//! it.
//!
//! ```text
//!            push                    pull: granted, in turn                 settle
//!   sender ───────▶ ready, in order ───────────────────────▶ unsettled ───────────────▶ gone
//!                     ▲    │ expired, over the length           │
//!            put back │    ▼                                    │ NACK, consumer lost
//!                     └── dead letters ◀── too many deliveries ─┘
//! ```
//!
//! **Fair dispatch by credit.** Consumers with credit left stand in a line. Each message that arrives *grants* one
//! delivery to the one at the front, who goes to the end of the line, and wakes its connection; that fetches as many
//! messages from the front of the queue as it was granted, when it has room to write them. So a message is nobody's until
//! it is written, a slow client holds up no more than its credit, and order is kept.
//!
//! **In place.** A message that comes back takes the place it had: places are numbered by priority and arrival.
//!
//! A queue knows sessions only by their [`Feed`](crate::session::Feed). Its lock comes after a session's in the order;
//! no method calls out to a session while it holds it, and connections to wake are returned to the caller.

mod absent;
mod attention;
mod consumer;
mod dispatch;
mod inspect;
mod pull;
mod registry;
mod state;
mod totals;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use self::attention::{Attention, NEVER};
pub use self::consumer::{Acknowledged, Consumer, ConsumerTerms, JoinRefused};
pub use self::inspect::{ConsumerStatus, Peeked, QueueStatus, WaitingMessage, Withdrawn};
pub use self::pull::dequeued;
pub use self::registry::Queues;
use self::state::State;
pub use self::state::{DeadLetter, DeadReason, HIGHEST_PRIORITY, QueueLimits, QueueOverflow};
pub use self::totals::Totals;
use crate::clock::Now;
use crate::message::{Message, SessionId};
use crate::session::{Claim, Link, Place};
use crate::store::Fetch;

/// One queue; see the module.
pub struct Queue {
    name: Arc<str>,
    /// Whose it is, where it is private to a connection.
    owner: Option<SessionId>,
    /// When somebody should look after it, by the wall clock: the next expiry; 0 for now.
    attention_at: AtomicU64,
    attention: Arc<Attention>,
    totals: Arc<Totals>,
    state: Mutex<State>,
}

/// A queue that is full and refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A queue that was removed from the registry meanwhile: look it up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// What follows from a change: connections to wake, and messages that the queue has given up.
#[derive(Default)]
pub struct Outcome {
    /// Connections that have something to fetch.
    pub wake: Vec<Arc<Link>>,
    /// Messages that are the queue's no longer.
    pub dead: Vec<DeadLetter>,
    /// Messages that are wanted from the store.
    pub fetch: Option<Fetch>,
    /// There is nothing to remember of it: it may be removed.
    pub is_idle: bool,
}

impl Queue {
    fn new(
        name: Arc<str>,
        owner: Option<SessionId>,
        limits: QueueLimits,
        attention: Arc<Attention>,
        totals: Arc<Totals>,
    ) -> Self {
        let attention_at = AtomicU64::new(NEVER);
        let state = Mutex::new(State::new(limits));
        Self { name, owner, attention_at, attention, totals, state }
    }

    /// Changes the bounds. What it holds beyond them stays; they count for what comes.
    pub fn set_limits(&self, limits: QueueLimits) {
        self.state.lock().set_limits(limits);
    }

    /// Its name, without `/queue/` or `$queue/`.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whose it is, where it is private to a connection.
    pub fn owner(&self) -> Option<SessionId> {
        self.owner
    }

    /// Messages it holds, those with a consumer included.
    pub fn len(&self) -> usize {
        self.state.lock().len()
    }

    /// Bytes of those messages.
    pub fn bytes(&self) -> usize {
        self.state.lock().bytes()
    }

    /// When the message that waits longest came, or came back, in whole seconds since the epoch; `None` where none waits.
    pub fn oldest_secs(&self) -> Option<u32> {
        self.state.lock().oldest_secs()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A place for a message of that weight in bytes, at the end of its priority's messages (9 comes first). It counts
    /// as taken until [`Queue::push`] or [`Queue::give_up_place`].
    ///
    /// # Errors
    ///
    /// [`Full`] where the queue is and refuses; `Gone` where it is no longer in the registry.
    pub fn take_place(&self, priority: u8, weight: usize) -> Result<Result<Place, Full>, Gone> {
        let mut state = self.state.lock();
        if state.is_gone {
            return Err(Gone);
        }
        Ok(state.take_place(priority, weight))
    }

    /// Gives up a place that was taken.
    pub fn give_up_place(&self, weight: usize) {
        self.state.lock().give_up_place(weight);
    }

    /// Puts a message into the place that was taken for it.
    pub fn push(self: &Arc<Self>, place: Place, message: Arc<Message>) -> Outcome {
        let mut state = self.state.lock();
        state.give_up_place(message.weight());
        let is_stored = state.keeps(&message);
        state.insert(place, message, 0, is_stored, self.totals.now_secs());
        state.shorten();
        self.outcome(&mut state)
    }

    /// A consumer has acknowledged messages.
    pub fn settle(self: &Arc<Self>, settled: &[(Arc<Message>, Arc<Claim>)]) -> Outcome {
        let mut state = self.state.lock();
        for (message, claim) in settled {
            state.settle(claim, message.weight());
        }
        self.outcome(&mut state)
    }

    /// Messages come back that their consumer will not or cannot process: to their places, or, after too many
    /// deliveries or where `reason` says so, to the dead letters.
    pub fn put_back(
        self: &Arc<Self>,
        returned: Vec<(Arc<Message>, Arc<Claim>)>,
        reason: Option<DeadReason>,
    ) -> Outcome {
        let mut state = self.state.lock();
        for (message, claim) in returned {
            state.settle(&claim, message.weight());
            let is_worn_out = state
                .limits()
                .deliveries_max
                .is_some_and(|deliveries_max| claim.deliveries >= deliveries_max);
            match reason.or(is_worn_out.then_some(DeadReason::Deliveries)) {
                Some(reason) => {
                    let (place, deliveries) = (claim.place, claim.deliveries);
                    state.dead.push(DeadLetter { place, message: Some(message), deliveries, reason });
                }
                None => {
                    let is_stored = state.keeps(&message);
                    let now_secs = self.totals.now_secs();
                    state.insert(claim.place, message, claim.deliveries, is_stored, now_secs);
                }
            }
        }
        self.outcome(&mut state)
    }

    /// A message that was taken from the queue for good comes back to its place, whatever the bounds.
    ///
    /// # Errors
    ///
    /// [`Gone`] where the queue is no longer in the registry.
    pub fn replace(
        self: &Arc<Self>,
        place: Place,
        message: Arc<Message>,
        deliveries: u32,
    ) -> Result<Outcome, Gone> {
        let mut state = self.state.lock();
        if state.is_gone {
            return Err(Gone);
        }
        let is_stored = state.keeps(&message);
        state.insert(place, message, deliveries, is_stored, self.totals.now_secs());
        Ok(self.outcome(&mut state))
    }

    /// Whether something is to be done for it: see [`Queue::sweep`].
    pub fn wants_attention(&self, now: Now) -> bool {
        self.attention_at.load(Ordering::Relaxed) <= now.unix_ms
    }

    /// Takes out what has expired, and what was given up where nobody could see to it.
    pub fn sweep(self: &Arc<Self>, now: Now) -> Outcome {
        let mut state = self.state.lock();
        state.expire(now);
        self.outcome(&mut state)
    }

    /// Takes all messages out, unsettled ones excepted.
    pub fn purge(&self) -> Vec<DeadLetter> {
        let mut state = self.state.lock();
        let purged = state.purge();
        self.attend(&mut state);
        purged
    }

    /// Hands out work, and gathers what follows.
    fn outcome(self: &Arc<Self>, state: &mut State) -> Outcome {
        let mut outcome = Outcome::default();
        state.dispatch(&mut outcome.wake);
        outcome.dead = std::mem::take(&mut state.dead);
        outcome.fetch = state.next_fetch(false).map(|sequences| self.fetch(sequences));
        outcome.is_idle = state.is_idle() || state.is_abandoned(self.owner.is_some());
        self.attend(state);
        outcome
    }

    /// Says what has changed to those who look at all queues.
    fn attend(&self, state: &mut State) {
        self.totals.report(state);
        let at = state.attention_at();
        self.attention_at.store(at, Ordering::Relaxed);
        self.attention.call(at);
    }
}

#[cfg(test)]
mod tests;
