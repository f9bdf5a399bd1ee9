//! Messages that were taken from a work queue for good, for a session that must have them exactly once, and that it will
//! not have after all: they go back to the places they had.

use std::sync::Arc;

use super::Broker;
use crate::message::Message;
use crate::queue::{DeadLetter, DeadReason, Queue};
use crate::session::Place;
use crate::store::{Origin, Record};
use crate::turn::Turn;

impl Broker {
    /// Puts a message back, or makes it a dead letter for `reason` or after too many deliveries. The caller has recorded
    /// that it is the session's no longer; the two stand in one batch.
    pub fn return_taken(
        &self,
        turn: &mut Turn<'_>,
        message: &Arc<Message>,
        origin: &Origin,
        reason: Option<DeadReason>,
    ) {
        let deliveries_max = self.queue_limits(&origin.queue).deliveries_max;
        let is_worn_out = deliveries_max.is_some_and(|deliveries_max| origin.deliveries >= deliveries_max);
        if let Some(reason) = reason.or(is_worn_out.then_some(DeadReason::Deliveries)) {
            let place = Place::new(origin.priority, origin.sequence);
            let (message, deliveries) = (Some(Arc::clone(message)), origin.deliveries);
            self.bury(turn, &origin.queue, &DeadLetter { place, message, deliveries, reason });
            return;
        }
        turn.record(|| Record::Enqueued {
            queue: Arc::clone(&origin.queue),
            priority: origin.priority,
            sequence: origin.sequence,
            message: Arc::clone(message),
            deliveries: origin.deliveries,
        });
        if let Err(error) = turn.apply() {
            tracing::error!(queue = &*origin.queue, %error, "a message that comes back to its queue could not be stored");
        }
        self.replace(turn, message, origin, origin.deliveries);
    }

    /// Puts a message into the place that it had, as the store has it.
    pub(super) fn replace(
        &self,
        turn: &mut Turn<'_>,
        message: &Arc<Message>,
        origin: &Origin,
        deliveries: u32,
    ) {
        let place = Place::new(origin.priority, origin.sequence);
        let replace = |queue: &Arc<Queue>| {
            Ok((Arc::clone(queue), queue.replace(place, Arc::clone(message), deliveries)?))
        };
        let limits = || self.queue_limits(&origin.queue);
        let (queue, outcome) = self.queues.with(&origin.queue, None, limits, replace);
        self.follow(turn, &queue, outcome);
    }
}
