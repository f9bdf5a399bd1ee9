//! A consumer's connection fetches what it was granted.

use std::ops::Bound;
use std::sync::Arc;

use super::Queue;
use super::consumer::{Acknowledged, Consumer};
use super::state::{DeadReason, State};
use crate::message::{Message, Qos};
use crate::output::Output;
use crate::session::{Claim, Deliver, Delivered, DeliveryOptions, Link, Place, Pulled, Tie, Transmit};
use crate::store::{Origin, Record};

impl Queue {
    /// See [`Source::pull`](crate::session::Source::pull).
    pub(super) fn pull(
        self: &Arc<Self>,
        consumer: &Consumer,
        transmit: &mut Transmit<'_>,
        deliver: &mut dyn Deliver,
        ready: &mut Output,
        bytes_max: usize,
    ) -> Pulled {
        let mut wake: Vec<Arc<Link>> = Vec::new();
        let pulled = {
            let mut state = self.state.lock();
            let pulled = match consumer.terms.is_browser {
                true => browse(&mut state, consumer, transmit, deliver, ready, bytes_max),
                false => {
                    state.resume(consumer.id, &mut wake);
                    consume(&mut state, self, consumer, transmit, deliver, ready, bytes_max)
                }
            };
            state.dispatch(&mut wake);
            transmit.fetches.extend(state.next_fetch(true).map(|sequences| self.fetch(sequences)));
            self.attend(&mut state);
            pulled
        };
        // There is no turn to gather these: it happens where grants found nothing.
        for link in wake {
            link.wake();
        }
        pulled
    }
}

fn consume(
    state: &mut State,
    queue: &Queue,
    consumer: &Consumer,
    transmit: &mut Transmit<'_>,
    deliver: &mut dyn Deliver,
    ready: &mut Output,
    bytes_max: usize,
) -> Pulled {
    loop {
        let Some(slot) = state.consumers.get_mut(&consumer.id) else { return Pulled::Everything };
        if slot.granted == 0 {
            slot.is_awake = false;
            return Pulled::Everything;
        }
        if ready.len() >= bytes_max {
            state.stall(consumer.id);
            return Pulled::Part;
        }
        let Some(place) = next_place(state, consumer) else {
            state.revoke(consumer.id);
            return Pulled::Everything;
        };
        let Some(entry) = state.ready.get(&place) else { return Pulled::Everything };
        if entry.is_expired(transmit.now) {
            state.kill(place, DeadReason::Expired);
            continue;
        }
        let Some(message) = &entry.message else { return state.wait_for(consumer.id, place) };
        let options = delivery_options(queue, consumer, place, message, entry.deliveries + 1);
        let is_owed = options.claim().is_some_and(|claim| claim.is_owed);
        let is_taken = entry.is_stored && options.qos == Qos::ExactlyOnce && is_owed && transmit.may_take();
        if is_taken || !transmit.taken.is_empty() {
            // What is not taken waits until that has been sent which is.
            if !is_taken || !deliver.is_open() {
                state.stall(consumer.id);
                return Pulled::Part;
            }
            let origin = Origin {
                queue: Arc::clone(&queue.name),
                priority: place.priority(),
                sequence: place.sequence(),
                deliveries: entry.deliveries + 1,
            };
            transmit.take(message, options, origin);
            if let Some(entry) = state.remove(place) {
                state.forget_bytes(entry.weight());
            }
            state.delivered += 1;
            state.note_fetched(consumer.id, false);
            continue;
        }
        let publication = message.publication();
        match deliver.deliver(transmit.now, &publication, &options, ready) {
            Delivered::WindowClosed | Delivered::SubscriptionClosed => {
                state.stall(consumer.id);
                return Pulled::Part;
            }
            Delivered::Sent => {
                transmit.note_sent(&publication, options.qos);
                let Some(entry) = state.remove(place) else { continue };
                state.delivered += 1;
                state.note_fetched(consumer.id, is_owed);
                if is_owed {
                    state.unsettled += 1;
                } else {
                    state.forget_bytes(entry.weight());
                }
                if entry.is_stored {
                    transmit.record(|| match is_owed {
                        true => delivered(&queue.name, place, entry.deliveries + 1),
                        false => dequeued(&queue.name, place),
                    });
                }
            }
            Delivered::Discarded => {
                state.note_fetched(consumer.id, false);
                state.kill(place, DeadReason::TooLarge);
            }
            // A durable subscription is for more than its client may have: nobody else is to have it either.
            Delivered::Denied => {
                state.note_fetched(consumer.id, false);
                let Some(entry) = state.remove(place) else { continue };
                state.forget_bytes(entry.weight());
                if entry.is_stored {
                    transmit.record(|| dequeued(&queue.name, place));
                }
            }
        }
    }
}

/// The first message that is for this consumer.
fn next_place(state: &mut State, consumer: &Consumer) -> Option<Place> {
    let Some(selection) = &consumer.terms.selection else {
        return state.ready.first_key_value().map(|(place, _)| *place);
    };
    let slot = state.consumers.get_mut(&consumer.id)?;
    for (place, entry) in state.ready.range(slot.looked_to..) {
        slot.looked_to = *place;
        // What is not in memory must be looked at first.
        let is_for = |message: &Arc<Message>| selection.selects(&message.publication());
        if entry.message.as_ref().is_none_or(is_for) {
            return Some(*place);
        }
    }
    None
}

/// Shows what waits, in order, without taking it.
fn browse(
    state: &mut State,
    consumer: &Consumer,
    transmit: &mut Transmit<'_>,
    deliver: &mut dyn Deliver,
    ready: &mut Output,
    bytes_max: usize,
) -> Pulled {
    let Some(slot) = state.consumers.get_mut(&consumer.id) else { return Pulled::Everything };
    let from = match slot.looked_to {
        Place::FIRST => Bound::Included(Place::FIRST),
        looked_to => Bound::Excluded(looked_to),
    };
    let selection = consumer.terms.selection.as_ref();
    for (place, entry) in state.ready.range((from, Bound::Unbounded)) {
        if ready.len() >= bytes_max {
            return Pulled::Part;
        }
        // What has come since is for the next who browses: this one must come to an end.
        if place.sequence() > consumer.newest || entry.is_expired(transmit.now) {
            slot.looked_to = *place;
            continue;
        }
        let Some(message) = &entry.message else {
            let place = *place;
            return state.wait_for(consumer.id, place);
        };
        let publication = message.publication();
        if selection.is_none_or(|selection| selection.selects(&publication)) {
            let options = base_options(consumer, message);
            match deliver.deliver(transmit.now, &publication, &options, ready) {
                Delivered::WindowClosed | Delivered::SubscriptionClosed => return Pulled::Part,
                Delivered::Sent => transmit.note_sent(&publication, options.qos),
                Delivered::Discarded | Delivered::Denied => {}
            }
        }
        slot.looked_to = *place;
    }
    slot.is_awake = false;
    deliver.end_of_browse(consumer.terms.local, ready);
    Pulled::Everything
}

impl State {
    /// A consumer has come to a message that only the store holds.
    fn wait_for(&mut self, id: u64, place: Place) -> Pulled {
        if let Some(slot) = self.consumers.get_mut(&id) {
            slot.waits_for_store = true;
        }
        self.absence.wanted = Some(self.absence.wanted.map_or(place, |wanted| wanted.min(place)));
        Pulled::Later
    }

    fn note_fetched(&mut self, id: u64, is_owed: bool) {
        let Some(slot) = self.consumers.get_mut(&id) else { return };
        slot.granted -= 1;
        slot.unsettled += usize::from(is_owed);
        self.granted -= 1;
        self.line_up(id);
    }
}

/// A message was consumed, or given up.
pub fn dequeued(queue: &Arc<str>, place: Place) -> Record {
    Record::Dequeued { queue: Arc::clone(queue), sequence: place.sequence() }
}

fn delivered(queue: &Arc<str>, place: Place, deliveries: u32) -> Record {
    Record::Delivered { queue: Arc::clone(queue), sequence: place.sequence(), deliveries }
}

fn base_options(consumer: &Consumer, message: &Message) -> DeliveryOptions {
    DeliveryOptions {
        identifiers: consumer.terms.identifiers.clone(),
        local: consumer.terms.local,
        ..DeliveryOptions::new(message.qos().min(consumer.terms.qos))
    }
}

fn delivery_options(
    queue: &Queue,
    consumer: &Consumer,
    place: Place,
    message: &Message,
    deliveries: u32,
) -> DeliveryOptions {
    let options = base_options(consumer, message);
    let is_owed = match consumer.terms.acknowledged {
        Acknowledged::BySending => false,
        Acknowledged::ByClient => true,
        Acknowledged::ByQos => options.qos > Qos::AtMostOnce,
    };
    let claim = Claim { queue: Arc::clone(&queue.name), consumer: consumer.id, place, deliveries, is_owed };
    DeliveryOptions { tie: Tie::Claim(Arc::new(claim)), ..options }
}
