//! Who gets the next message: the line of consumers with credit, and what each was granted.

use std::sync::Arc;

use super::consumer::Consumer;
use super::state::State;
use crate::message::Message;
use crate::session::{Feed, Link, Place};

/// A consumer as its queue knows it.
pub(super) struct Slot {
    pub(super) consumer: Arc<Consumer>,
    pub(super) feed: Arc<Feed>,
    /// Deliveries it may fetch now.
    pub(super) granted: usize,
    /// Deliveries it has and has not acknowledged.
    pub(super) unsettled: usize,
    /// Where it goes on looking: nothing before it is for this consumer, which chooses.
    pub(super) looked_to: Place,
    /// Nothing that waits is for this consumer, which chooses.
    pub(super) is_exhausted: bool,
    /// Its connection has no room, or its client's window is closed: what it was granted is for others, until it comes
    /// again.
    pub(super) is_stalled: bool,
    /// It stands in the line.
    pub(super) is_in_line: bool,
    /// Its connection has been woken and has not come yet.
    pub(super) is_awake: bool,
    /// It has come, to a message that has to be fetched from the store first.
    pub(super) waits_for_store: bool,
}

impl Slot {
    pub(super) fn new(consumer: Arc<Consumer>, feed: Arc<Feed>) -> Self {
        Self {
            consumer,
            feed,
            granted: 0,
            unsettled: 0,
            looked_to: Place::FIRST,
            is_exhausted: false,
            is_stalled: false,
            is_in_line: false,
            is_awake: false,
            waits_for_store: false,
        }
    }

    fn wants_more(&self) -> bool {
        !self.is_exhausted
            && !self.is_stalled
            && !self.consumer.terms.is_browser
            && self.granted + self.unsettled < self.consumer.terms.prefetch
    }
}

impl State {
    /// Puts a consumer into the line if it has credit and does not stand there.
    pub(super) fn line_up(&mut self, id: u64) {
        let Some(slot) = self.consumers.get_mut(&id) else { return };
        if slot.wants_more() && !std::mem::replace(&mut slot.is_in_line, true) {
            self.line.push_back(id);
        }
    }

    /// Grants deliveries, one each in turn, as long as there are messages that nobody was granted.
    pub(super) fn dispatch(&mut self, wake: &mut Vec<Arc<Link>>) {
        while self.granted < self.ready.len() {
            let Some(id) = self.line.pop_front() else { return };
            let Some(slot) = self.consumers.get_mut(&id) else { continue };
            slot.is_in_line = false;
            if !slot.wants_more() {
                continue;
            }
            slot.granted += 1;
            self.granted += 1;
            if !std::mem::replace(&mut slot.is_awake, true) {
                slot.feed.push(Arc::clone(&slot.consumer) as _);
                wake.push(Arc::clone(slot.feed.link()));
            }
            self.line_up(id);
        }
    }

    /// Takes back what a consumer was granted and finds nothing for.
    pub(super) fn revoke(&mut self, id: u64) {
        let Some(slot) = self.consumers.get_mut(&id) else { return };
        self.granted -= std::mem::take(&mut slot.granted);
        slot.is_awake = false;
        slot.is_exhausted = slot.consumer.terms.selection.is_some();
        self.line_up(id);
    }

    /// Takes back what a consumer was granted and has no room for.
    pub(super) fn stall(&mut self, id: u64) {
        let Some(slot) = self.consumers.get_mut(&id) else { return };
        self.granted -= std::mem::take(&mut slot.granted);
        slot.is_stalled = true;
    }

    /// A consumer that had no room comes again.
    pub(super) fn resume(&mut self, id: u64, wake: &mut Vec<Arc<Link>>) {
        let Some(slot) = self.consumers.get_mut(&id) else { return };
        if std::mem::take(&mut slot.is_stalled) {
            self.line_up(id);
            self.dispatch(wake);
        }
    }

    /// A consumer has acknowledged one, or has been rid of it.
    pub(super) fn give_credit_back(&mut self, id: u64) {
        if let Some(slot) = self.consumers.get_mut(&id) {
            slot.unsettled = slot.unsettled.saturating_sub(1);
        }
        self.line_up(id);
    }

    /// A message takes its place: consumers that choose may have to look again.
    pub(super) fn note_arrival(&mut self, place: Place, message: &Arc<Message>) {
        if self.selective == 0 {
            return;
        }
        let mut found = Vec::new();
        for (id, slot) in &mut self.consumers {
            slot.looked_to = slot.looked_to.min(place);
            let is_for = |slot: &Slot| {
                slot.consumer
                    .terms
                    .selection
                    .as_ref()
                    .is_some_and(|selection| selection.selects(&message.publication()))
            };
            if slot.is_exhausted && is_for(slot) {
                slot.is_exhausted = false;
                found.push(*id);
            }
        }
        for id in found {
            self.line_up(id);
        }
    }
}
