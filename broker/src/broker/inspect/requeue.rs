//! Messages go from one queue to another: dead letters back to where they came from, once what killed them is mended.
//!
//! A message leaves one queue and enters the other in one batch, so that a crash leaves it in one of them, and in one only.

use std::sync::Arc;

use tidewire_protocols::topic::TopicName;

use crate::broker::bury::{dead_letter_origin, without_own_properties};
use crate::broker::{Broker, PublishRefused};
use crate::message::{Attributes, Message, Publication, QUEUE_PREFIX, is_client_queue};
use crate::queue::{Queue, WaitingMessage, dequeued};
use crate::store::{CommitId, Origin};
use crate::turn::Turn;

/// Messages that are looked at in one turn.
const REQUEUED_PER_TURN_MAX: usize = 256;
/// Bytes of those messages.
const REQUEUED_BYTES_MAX: usize = 1 << 20;

/// What a requeue came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requeued {
    /// Messages that were moved.
    pub moved: usize,
    /// Messages that were looked at and stay: they do not say where they came from, or cannot be read, or somebody has
    /// taken them meanwhile.
    pub left: usize,
    /// Why it ended before all were looked at, and fewer were moved than were asked for.
    pub stopped: Option<PublishRefused>,
    /// What the moves depend on.
    pub commit: CommitId,
}

impl Broker {
    /// Moves up to `limit` messages that wait in the queue `from` to the queue `to`; where none is given, dead letters to
    /// the queues that they came from. They are delivered there as if for the first time. What comes to `from` meanwhile
    /// is left alone. `None` where there is no such queue, or none can be called `to`. Waits for the disk: not for
    /// the threads that serve.
    pub fn requeue(&self, from: &str, to: Option<&str>, limit: usize) -> Option<Requeued> {
        if to.is_some_and(|to| !is_other_queue(from, to)) {
            return None;
        }
        let queue = self.queues.find(from)?;
        let newest = queue.last_sequence();
        let (mut requeued, mut after) = (Requeued::default(), None);
        while requeued.moved < limit && requeued.stopped.is_none() {
            let wanted = (limit - requeued.moved).min(REQUEUED_PER_TURN_MAX);
            let mut peeked = queue.peek(after, wanted, REQUEUED_BYTES_MAX);
            after = peeked.messages.last().map(|message| message.place);
            peeked.messages.retain(|message| message.place.sequence() <= newest);
            self.read_absent(queue.name(), &mut peeked.messages);
            self.requeue_some(&queue, to, &peeked.messages, &mut requeued);
            if !peeked.has_more {
                break;
            }
        }
        Some(requeued)
    }

    /// In one turn.
    fn requeue_some(
        &self,
        from: &Arc<Queue>,
        to: Option<&str>,
        messages: &[WaitingMessage],
        requeued: &mut Requeued,
    ) {
        let mut turn = self.turn();
        for waiting in messages {
            let message = waiting.message.as_ref();
            let target = message.and_then(|message| to.or_else(|| self.origin(from, message)));
            let Some((message, to)) = message.zip(target) else {
                requeued.left += 1;
                continue;
            };
            match self.requeue_one(&mut turn, from, to, waiting, message) {
                Ok(true) => requeued.moved += 1,
                Ok(false) => requeued.left += 1,
                Err(refused) => {
                    requeued.stopped = Some(refused);
                    break;
                }
            }
        }
        let outcome = from.sweep(turn.now);
        self.follow(&mut turn, from, outcome);
        match turn.finish() {
            // A turn that moves nothing has no commit of its own.
            Ok(commit) => requeued.commit = requeued.commit.max(commit),
            Err(error) => requeued.stopped = Some(error.into()),
        }
    }

    /// Whether it was moved; it waits where it was if not.
    fn requeue_one(
        &self,
        turn: &mut Turn<'_>,
        from: &Arc<Queue>,
        to: &str,
        waiting: &WaitingMessage,
        message: &Arc<Message>,
    ) -> Result<bool, PublishRefused> {
        let topic = format!("{QUEUE_PREFIX}{to}");
        let Ok(topic) = TopicName::parse(&topic) else { return Ok(false) };
        let original = message.publication();
        let attributes = without_own_properties(original.attributes);
        let mut publication = Publication::new(topic, original.payload, original.publisher);
        publication.qos = original.qos;
        publication.expires_at = original.expires_at;
        publication.attributes = Attributes::of(&attributes);
        let Some(placed) = self.place(to, &publication)? else { return Ok(false) };
        let Some(withdrawn) = from.withdraw(waiting.place) else {
            placed.give_up(&publication);
            return Ok(false);
        };
        placed.record(turn, &publication);
        if withdrawn.is_stored {
            turn.record(|| dequeued(from.name(), withdrawn.place));
        }
        if let Err(error) = turn.apply() {
            placed.give_up(&publication);
            let origin = Origin {
                queue: Arc::clone(from.name()),
                priority: withdrawn.place.priority(),
                sequence: withdrawn.place.sequence(),
                deliveries: withdrawn.deliveries,
            };
            self.replace(turn, message, &origin, withdrawn.deliveries);
            return Err(error.into());
        }
        self.fill(turn, placed, &publication);
        Ok(true)
    }

    /// The queue that a dead letter came from, as far as that can be believed: whoever may put a message into the queue of
    /// dead letters can say so of it, and must not get it into any queue but those whose dead letters go there.
    fn origin<'m>(&self, from: &Queue, message: &'m Message) -> Option<&'m str> {
        let origin = dead_letter_origin(message)?;
        let buried_in = self.config().queues.dead_letter_topic(origin)?;
        let is_right = buried_in.strip_prefix(QUEUE_PREFIX) == Some(from.name());
        (is_right && is_other_queue(from.name(), origin)).then_some(origin)
    }
}

/// Whether `to` can be a queue's name, and is not the same as `from`.
fn is_other_queue(from: &str, to: &str) -> bool {
    from != to && is_client_queue(to) && TopicName::parse(to).is_ok()
}
