//! What those who run the broker may see of a queue, and do to it.

use std::ops::Bound;
use std::sync::Arc;

use super::Queue;
use super::state::State;
use crate::clock::Now;
use crate::message::Message;
use crate::session::{Place, SessionKey};

/// How a queue is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStatus {
    /// Messages that wait.
    pub depth: usize,
    /// Messages that consumers have and have not acknowledged.
    pub inflight: usize,
    /// Bytes of both.
    pub bytes: usize,
    /// Consumers, those that only look included.
    pub consumers: usize,
    /// For how long the message has waited that waits longest, in seconds; none where nothing waits. One that was there when
    /// the process began, or came back, waits since then.
    pub oldest_age_secs: Option<u64>,
    /// Messages that consumers were given since the process began, or since the queue was made.
    pub delivered: u64,
}

/// One consumer of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// Whose it is.
    pub client: SessionKey,
    /// Messages it has and has not acknowledged.
    pub unacknowledged: usize,
    /// How many it may have so.
    pub prefetch: usize,
    /// It is the only one.
    pub is_exclusive: bool,
    /// It looks and takes nothing.
    pub is_browser: bool,
}

/// Messages that wait, in their order.
#[derive(Debug, Default)]
pub struct Peeked {
    /// The messages.
    pub messages: Vec<WaitingMessage>,
    /// Whether there are more behind them.
    pub has_more: bool,
    /// How many wait in all.
    pub total: usize,
}

/// A message that waits.
#[derive(Clone, Debug)]
pub struct WaitingMessage {
    /// Its place.
    pub place: Place,
    /// How often it was delivered.
    pub deliveries: u32,
    /// Its bytes: payload, topic and attributes.
    pub weight: usize,
    /// When it came or came back, in whole seconds since the epoch.
    pub since_secs: u32,
    /// The message; absent where only the store holds it.
    pub message: Option<Arc<Message>>,
}

/// A message that is the queue's no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// The place it had.
    pub place: Place,
    /// How often it was delivered.
    pub deliveries: u32,
    /// Whether the store has it, and must be told.
    pub is_stored: bool,
}

impl Queue {
    /// How it is doing.
    pub fn status(&self, now: Now) -> QueueStatus {
        let state = self.state.lock();
        let age = |since: u32| now.unix_secs().saturating_sub(since.into());
        QueueStatus {
            depth: state.ready.len(),
            inflight: state.unsettled,
            bytes: state.bytes(),
            consumers: state.consumers.len(),
            oldest_age_secs: state.oldest_secs().map(age),
            delivered: state.delivered,
        }
    }

    /// Some of its consumers, in no order.
    pub fn consumers(&self, limit: usize) -> Vec<ConsumerStatus> {
        let state = self.state.lock();
        let status = state.consumers.values().map(|slot| {
            let terms = &slot.consumer.terms;
            ConsumerStatus {
                client: slot.consumer.client.clone(),
                unacknowledged: slot.unsettled,
                prefetch: terms.prefetch,
                is_exclusive: terms.is_exclusive,
                is_browser: terms.is_browser,
            }
        });
        status.take(limit).collect()
    }

    /// The number of the last message that came.
    pub fn last_sequence(&self) -> u64 {
        self.state.lock().last_sequence()
    }

    /// The first messages that wait behind a place: at most `limit`, and of their bytes about `bytes_max`. None is taken.
    pub fn peek(&self, after: Option<Place>, limit: usize, bytes_max: usize) -> Peeked {
        let state = self.state.lock();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (mut peeked, mut bytes) = (Peeked { total: state.ready.len(), ..Peeked::default() }, 0);
        for (place, entry) in state.ready.range((from, Bound::Unbounded)) {
            if peeked.messages.len() >= limit || bytes > bytes_max {
                peeked.has_more = true;
                break;
            }
            bytes += entry.weight();
            peeked.messages.push(WaitingMessage {
                place: *place,
                deliveries: entry.deliveries,
                weight: entry.weight(),
                since_secs: entry.since_secs,
                message: entry.message.clone(),
            });
        }
        peeked
    }

    /// Takes a message out that waits; `None` if it waits no longer. The caller does with it what is to be done, and tells
    /// the store; if that fails, it belongs back: [`Queue::replace`].
    pub fn withdraw(&self, place: Place) -> Option<Withdrawn> {
        let mut state = self.state.lock();
        let withdrawn = state.withdraw(place);
        self.attend(&mut state);
        withdrawn
    }

    /// The same for the first `limit` that wait, but for those that came after number `newest`.
    pub fn withdraw_first(&self, limit: usize, newest: u64) -> Vec<Withdrawn> {
        let mut state = self.state.lock();
        let old = state.ready.keys().filter(|place| place.sequence() <= newest);
        let places: Vec<_> = old.take(limit).copied().collect();
        let withdrawn = places.into_iter().filter_map(|place| state.withdraw(place)).collect();
        self.attend(&mut state);
        withdrawn
    }
}

impl State {
    fn withdraw(&mut self, place: Place) -> Option<Withdrawn> {
        let entry = self.remove(place)?;
        self.forget_bytes(entry.weight());
        Some(Withdrawn { place, deliveries: entry.deliveries, is_stored: entry.is_stored })
    }
}
