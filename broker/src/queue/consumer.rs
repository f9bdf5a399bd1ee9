//! One subscription to a queue, for as long as a connection serves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::dispatch::Slot;
use super::state::State;
use super::{Gone, Queue};
use crate::message::{Qos, SessionId};
use crate::output::Output;
use crate::selection::Selection;
use crate::session::{
    Deliver, Feed, Identifiers, Link, Pulled, SessionKey, Source, SubscriptionOptions, Transmit,
};

/// On what terms a consumer takes messages.
#[derive(Clone, Debug)]
pub struct ConsumerTerms {
    /// The session.
    pub session: SessionId,
    /// The subscription's own number, for STOMP; 0 in MQTT.
    pub local: u32,
    /// The highest QoS it takes.
    pub qos: Qos,
    /// Its subscription identifier, for MQTT 5.
    pub identifiers: Identifiers,
    /// How its messages are acknowledged.
    pub acknowledged: Acknowledged,
    /// Messages it may have unacknowledged; where sending is acknowledging, those it may be granted ahead.
    pub prefetch: usize,
    /// Which messages it takes; all, where there is none.
    pub selection: Option<Arc<Selection>>,
    /// It is the only one.
    pub is_exclusive: bool,
    /// The queue goes with its last consumer.
    pub is_auto_delete: bool,
    /// It looks and takes nothing.
    pub is_browser: bool,
}

impl ConsumerTerms {
    /// What an MQTT subscription to a queue means: one more consumer, whose prefetch is the client's window.
    pub fn of_mqtt(session: SessionId, options: &SubscriptionOptions, window: usize) -> Self {
        Self {
            session,
            local: 0,
            qos: options.qos,
            identifiers: options.identifier.into_iter().collect(),
            acknowledged: Acknowledged::ByQos,
            prefetch: window.max(1),
            selection: None,
            is_exclusive: false,
            is_auto_delete: false,
            is_browser: false,
        }
    }
}

/// How a consumer's messages are acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// By being sent.
    BySending,
    /// By the client.
    ByClient,
    /// By the client, but those of QoS 0 by being sent: MQTT.
    ByQos,
}

/// Why a session may not consume from a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinRefused {
    /// Another consumer has it to itself, or is there and this one wants that.
    Exclusive,
    /// It is private to another connection.
    Private,
}

/// See the module.
pub struct Consumer {
    pub(super) id: u64,
    queue: Arc<Queue>,
    /// The last sequence there was when it came.
    pub(super) newest: u64,
    /// Whose it is.
    pub(super) client: SessionKey,
    pub(super) terms: ConsumerTerms,
}

/// Numbers consumers, so that a claim of one that is gone is not taken for another's.
static LAST_ID: AtomicU64 = AtomicU64::new(0);

impl Queue {
    /// Adds a consumer for `client`, whose connection fetches through `feed`. Connections to wake go into `wake`.
    ///
    /// # Errors
    ///
    /// [`Gone`] where the queue is no longer in the registry; [`JoinRefused`] where it has no place for this consumer.
    pub fn join(
        self: &Arc<Self>,
        client: SessionKey,
        terms: ConsumerTerms,
        feed: &Arc<Feed>,
        wake: &mut Vec<Arc<Link>>,
    ) -> Result<Result<Arc<Consumer>, JoinRefused>, Gone> {
        let mut state = self.state.lock();
        if state.is_gone {
            return Err(Gone);
        }
        if self.owner.is_some_and(|owner| owner != terms.session) {
            return Ok(Err(JoinRefused::Private));
        }
        let mut others = state.consumers.values().filter(|slot| !slot.consumer.terms.is_browser);
        let is_taken = match terms.is_exclusive {
            true => others.next().is_some(),
            false => others.any(|slot| slot.consumer.terms.is_exclusive),
        };
        if is_taken && !terms.is_browser {
            return Ok(Err(JoinRefused::Exclusive));
        }
        let id = LAST_ID.fetch_add(1, Ordering::Relaxed) + 1;
        let newest = state.last_sequence();
        let consumer = Arc::new(Consumer { id, queue: Arc::clone(self), newest, client, terms });
        let mut slot = Slot::new(Arc::clone(&consumer), Arc::clone(feed));
        state.is_auto_delete |= consumer.terms.is_auto_delete;
        state.selective += usize::from(consumer.terms.selection.is_some());
        if consumer.terms.is_browser {
            slot.is_awake = true;
            feed.push(Arc::clone(&consumer) as _);
            wake.push(Arc::clone(feed.link()));
        }
        state.consumers.insert(id, slot);
        state.line_up(id);
        state.dispatch(wake);
        Ok(Ok(consumer))
    }
}

impl Source for Consumer {
    fn pull(
        &self,
        transmit: &mut Transmit<'_>,
        deliver: &mut dyn Deliver,
        ready: &mut Output,
        bytes_max: usize,
    ) -> Pulled {
        self.queue.pull(self, transmit, deliver, ready, bytes_max)
    }

    fn stall(&self) {
        self.change(|state, _| state.stall(self.id));
    }

    fn resume(&self) {
        self.change(|state, wake| state.resume(self.id, wake));
    }

    fn leave(&self) -> Vec<Arc<Link>> {
        let mut wake = Vec::new();
        let mut state = self.queue.state.lock();
        state.remove_consumer(self.id);
        state.dispatch(&mut wake);
        wake
    }

    fn queue_name(&self) -> &str {
        &self.queue.name
    }
}

impl Consumer {
    /// Changes what this consumer may have, and wakes those who may have it instead.
    fn change(&self, change: impl FnOnce(&mut State, &mut Vec<Arc<Link>>)) {
        let mut wake = Vec::new();
        {
            let mut state = self.queue.state.lock();
            change(&mut state, &mut wake);
            state.dispatch(&mut wake);
        }
        for link in wake {
            link.wake();
        }
    }
}

impl State {
    fn remove_consumer(&mut self, id: u64) {
        let Some(slot) = self.consumers.remove(&id) else { return };
        self.granted -= slot.granted;
        self.selective -= usize::from(slot.consumer.terms.selection.is_some());
        self.line.retain(|in_line| *in_line != id);
    }
}
