//! Messages into work queues, and what becomes of those that come back.

use std::sync::Arc;

use tidewire_protocols::mqtt::Property;

use super::Broker;
use super::durable::DURABLE;
use super::publish::PublishRefused;
use crate::counters::DropReason;
use crate::message::{Attributes, Message, Publication, Qos};
use crate::queue::{
    DeadLetter, DeadReason, Full, Gone, HIGHEST_PRIORITY, Outcome, Queue, QueueLimits, QueueOverflow,
    dequeued,
};
use crate::session::{Claim, DeliveryOptions, Overflow, Place, Session, Tie};
use crate::store::Record;
use crate::turn::Turn;

/// The priority of a message that names none, of 0 to 9.
const DEFAULT_PRIORITY: u8 = 4;

/// What the names of queues begin with that are private to a connection. They are made by their owner alone.
const PRIVATE: &str = "temp.";

/// Whether a queue of that name is private to a connection.
pub(super) fn is_private(name: &str) -> bool {
    name.starts_with(PRIVATE)
}

/// A message whose place in its queue is taken.
pub(super) struct Placed {
    queue: Arc<Queue>,
    place: Place,
}

impl Placed {
    /// Records the message; that must be applied before [`Broker::fill`]. QoS 0 touches no disk.
    pub(super) fn record(&self, turn: &mut Turn<'_>, publication: &Publication<'_>) {
        if publication.qos > Qos::AtMostOnce {
            turn.record(|| Record::Enqueued {
                queue: Arc::clone(self.queue.name()),
                priority: self.place.priority(),
                sequence: self.place.sequence(),
                message: Arc::clone(publication.keep()),
                deliveries: 0,
            });
        }
    }

    /// Gives the place up: the message is not taken after all.
    pub(super) fn give_up(&self, publication: &Publication<'_>) {
        self.queue.give_up_place(publication.keep().weight());
    }
}

impl Broker {
    /// Takes a place in the queue of that name for a message. `None` where it is for a connection that is gone.
    pub(super) fn place(
        &self,
        name: &str,
        publication: &Publication<'_>,
    ) -> Result<Option<Placed>, PublishRefused> {
        let (priority, weight) = (priority(publication.attributes), publication.keep().weight());
        let take = |queue: &Arc<Queue>| {
            let place = queue.take_place(priority, weight)?;
            Ok(place.map(|place| Placed { queue: Arc::clone(queue), place }))
        };
        let placed = match is_private(name) {
            // Only its owner makes it.
            true => match self.queues.find(name).map(|queue| take(&queue)) {
                Some(Ok(placed)) => placed,
                Some(Err(Gone)) | None => return Ok(None),
            },
            false => self.queues.with(name, None, || self.queue_limits(name), take),
        };
        placed.map(Some).map_err(|Full| PublishRefused::QueueFull)
    }

    /// Puts a message into its place, where consumers can see it.
    pub(super) fn fill(&self, turn: &mut Turn<'_>, placed: Placed, publication: &Publication<'_>) {
        let outcome = placed.queue.push(placed.place, Arc::clone(publication.keep()));
        self.follow(turn, &placed.queue, outcome);
    }

    /// Says to the store that messages which a consumer has acknowledged are gone. It comes before [`Broker::settle`],
    /// so that it may stand in one batch with what is published in the same transaction.
    pub fn record_dequeued<'c>(&self, turn: &mut Turn<'_>, claims: impl Iterator<Item = &'c Claim>) {
        for claim in claims {
            turn.record(|| dequeued(&claim.queue, claim.place));
        }
    }

    /// A consumer has acknowledged these.
    pub fn settle(&self, turn: &mut Turn<'_>, settled: Vec<(Arc<Message>, DeliveryOptions)>) {
        self.for_each_queue(turn, settled, |queue, claims| queue.settle(&claims));
    }

    /// A consumer will not or cannot process these: they go back to their queues, in place, or become dead letters for
    /// `reason`. Messages that come from no queue are dropped.
    pub fn put_back(
        &self,
        turn: &mut Turn<'_>,
        returned: Vec<(Arc<Message>, DeliveryOptions)>,
        reason: Option<DeadReason>,
    ) {
        self.for_each_queue(turn, returned, |queue, claims| queue.put_back(claims, reason));
    }

    /// A session will not process these, being over or having left: what comes from a queue goes back there, what
    /// answers a shared subscription to its other members.
    pub fn give_back(
        &self,
        turn: &mut Turn<'_>,
        session: &Session,
        returned: Vec<(Arc<Message>, DeliveryOptions)>,
    ) {
        let (of_queues, shared): (Vec<_>, Vec<_>) =
            returned.into_iter().partition(|(_, options)| options.claim().is_some());
        self.put_back(turn, of_queues, None);
        self.pass_on(turn, session, &shared);
    }

    fn for_each_queue(
        &self,
        turn: &mut Turn<'_>,
        deliveries: Vec<(Arc<Message>, DeliveryOptions)>,
        mut act: impl FnMut(&Arc<Queue>, Vec<(Arc<Message>, Arc<Claim>)>) -> Outcome,
    ) {
        let claimed = deliveries.into_iter().filter_map(|(message, options)| match options.tie {
            Tie::Claim(claim) => Some((message, claim)),
            Tie::None | Tie::Share(_) | Tie::Origin(_) => None,
        });
        let mut claimed = claimed.filter(|(_, claim)| claim.is_owed).peekable();
        // As a rule they are all of one queue.
        while let Some((_, first)) = claimed.peek() {
            let name = Arc::clone(&first.queue);
            let mut batch = Vec::new();
            while let Some(one) = claimed.next_if(|(_, claim)| claim.queue == name) {
                batch.push(one);
            }
            // Absent only if it has been emptied and removed by whoever it belonged to.
            let Some(queue) = self.queues.find(&name) else { continue };
            let outcome = act(&queue, batch);
            self.follow(turn, &queue, outcome);
        }
    }

    /// Looks after the queues that want it: messages that have expired, and what connections left behind.
    pub(super) fn sweep_queues(&self, turn: &mut Turn<'_>) {
        for queue in self.queues.that_want_attention(turn.now) {
            let outcome = queue.sweep(turn.now);
            self.follow(turn, &queue, outcome);
        }
    }

    /// Removes a queue and all that is in it.
    pub(super) fn remove_queue(&self, turn: &mut Turn<'_>, name: &str) {
        if let Some(queue) = self.queues.find(name) {
            self.note_purged(turn, name, &queue.purge());
        }
        self.remove_queue_if_idle(turn, name);
    }

    /// Removes a queue that nothing is to be remembered of.
    pub(super) fn remove_queue_if_idle(&self, turn: &mut Turn<'_>, name: &str) {
        let purged = self.queues.remove_if_idle(name);
        self.note_purged(turn, name, &purged);
    }

    fn note_purged(&self, turn: &mut Turn<'_>, name: &str, purged: &[DeadLetter]) {
        self.counters.dropped.add(DropReason::QueueGone, purged.len() as u64);
        for letter in purged {
            turn.record(|| dequeued(&name.into(), letter.place));
        }
    }

    /// Does what follows from a change of a queue: wakes connections at the end of the turn, and sends dead letters on
    /// their way.
    pub(super) fn follow(&self, turn: &mut Turn<'_>, queue: &Arc<Queue>, outcome: Outcome) {
        outcome.wake.iter().for_each(|link| turn.touch(link));
        for letter in outcome.dead {
            turn.record(|| dequeued(queue.name(), letter.place));
            self.bury(turn, queue.name(), &letter);
        }
        if let Some(fetch) = outcome.fetch {
            self.store.fetch(fetch);
        }
        if outcome.is_idle {
            self.remove_queue_if_idle(turn, queue.name());
        }
    }

    /// The limits of the queue of that name. Dead letters are kept however often they were looked at, and the oldest
    /// make room for new ones.
    pub(super) fn queue_limits(&self, name: &str) -> QueueLimits {
        let limits = QueueLimits {
            is_stored: self.store.keeps_records(),
            buries: self.config().queues.dead_letter_topic(name).is_some(),
            ..self.config().queues.limits()
        };
        if name.starts_with(DURABLE) {
            let outbox = self.durable_limits(name);
            return QueueLimits {
                length_max: outbox.messages_max,
                bytes_max: outbox.bytes_max,
                overflow: match outbox.overflow {
                    Overflow::DropOldest => QueueOverflow::DropHead,
                    Overflow::DropNewest | Overflow::Disconnect => QueueOverflow::Reject,
                },
                ..limits
            };
        }
        match self.config().queues.is_dead_letter(name) {
            true => QueueLimits { deliveries_max: None, overflow: QueueOverflow::DropHead, ..limits },
            false => limits,
        }
    }
}

/// What a message says of its own urgency: the user property `priority`, 0 to 9.
fn priority(attributes: Attributes<'_>) -> u8 {
    let named = attributes.iter().find_map(|property| match property {
        Property::UserProperty("priority", value) => value.parse().ok(),
        _ => None,
    });
    named.unwrap_or(DEFAULT_PRIORITY).min(HIGHEST_PRIORITY)
}
