//! ACK and NACK.

use std::borrow::Cow;

use tidewire_protocols::stomp::{Frame, Version};

use super::deliver::{MessageId, StompDeliver};
use super::headers::read_bool;
use super::refuse::Refusal;
use super::{Context, Handled};
use crate::broker::Broker;
use crate::counters::DropReason;
use crate::queue::DeadReason;
use crate::turn::Turn;

/// An ACK, or a NACK.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acknowledgement {
    id: MessageId,
    verdict: Verdict,
}

/// What a client says of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// ACK.
    Consumed,
    /// NACK: a queue gives it to the next consumer.
    NotConsumed,
    /// NACK with `requeue:false`: a queue gives it up.
    Rejected,
}

impl Context<'_, '_, '_> {
    /// ACK (`is_consumed`) and NACK. A message of a queue that was not consumed goes back to its place. On a topic,
    /// where each subscriber has a copy of its own, it is dropped and counted: there is nobody else to give it to.
    pub(super) fn handle_ack(self, frame: &Frame<'_>, is_consumed: bool) -> Result<Handled, Refusal> {
        let text = self.acknowledged_id(frame)?;
        let id = MessageId::parse(&text).ok_or_else(|| unknown(&text))?;
        self.check_subscription(frame, id, &text)?;
        let may_requeue = match frame.headers.get("requeue") {
            Some(value) if !is_consumed => read_bool("requeue", &value)?,
            _ => true,
        };
        let verdict = match (is_consumed, may_requeue) {
            (true, _) => Verdict::Consumed,
            (false, true) => Verdict::NotConsumed,
            (false, false) => Verdict::Rejected,
        };
        let acknowledgement = Acknowledgement { id, verdict };
        match frame.headers.get("transaction") {
            Some(transaction) => {
                self.client.transactions.add_ack(&transaction, acknowledgement, &self.config.stomp)?;
            }
            None => {
                let all = [acknowledgement];
                record(self.broker, self.turn, self.client, &all).ok_or_else(|| unknown(&text))?;
                acknowledge(self.broker, self.turn, self.client, &all);
            }
        }
        Ok(Handled::Done)
    }

    /// 1.2 names the message by `id`, which is MESSAGE's `ack`; 1.1 and 1.0 by `message-id`.
    /// [STOMP12-ACK-2, STOMP11-ACK-1, STOMP10-ACK-1]
    fn acknowledged_id<'f>(&self, frame: &Frame<'f>) -> Result<Cow<'f, str>, Refusal> {
        let name = if self.client.version == Version::V12 { "id" } else { "message-id" };
        frame.headers.get(name).ok_or_else(|| Refusal::missing(frame.command, name))
    }

    /// 1.1 names the subscription as well; it must be the one that the message went to.
    fn check_subscription(&self, frame: &Frame<'_>, id: MessageId, text: &str) -> Result<(), Refusal> {
        if self.client.version != Version::V11 {
            return Ok(());
        }
        let named = frame.headers.get("subscription");
        let named = named.ok_or_else(|| Refusal::missing(frame.command, "subscription"))?;
        let mut state = self.client.session.lock();
        let actual = state.deliver_as::<StompDeliver>().and_then(|deliver| deliver.subscription_id(id.local));
        if actual == Some(named.as_ref()) { Ok(()) } else { Err(unknown(text)) }
    }
}

/// Tells the store what will be consumed; `None` and nothing recorded if one of them means nothing. It comes before
/// [`acknowledge`], so that the acknowledgements and the messages of a transaction may stand in one batch.
pub(super) fn record(
    broker: &Broker,
    turn: &mut Turn<'_>,
    client: &super::Client,
    all: &[Acknowledgement],
) -> Option<()> {
    let mut state = client.session.lock();
    let deliver = state.deliver_as::<StompDeliver>()?;
    if !all.iter().all(|one| deliver.is_acknowledgeable(one.id)) {
        return None;
    }
    let consumed = all.iter().filter(|one| one.verdict == Verdict::Consumed);
    let claims = consumed.flat_map(|one| deliver.claims(one.id));
    broker.record_dequeued(turn, claims);
    Some(())
}

/// Acknowledges all, in their order.
pub(super) fn acknowledge(
    broker: &Broker,
    turn: &mut Turn<'_>,
    client: &super::Client,
    all: &[Acknowledgement],
) {
    for Acknowledgement { id, verdict } in all {
        let settled = {
            let mut state = client.session.lock();
            state.deliver_as::<StompDeliver>().map(|deliver| deliver.acknowledge(*id)).unwrap_or_default()
        };
        match verdict {
            Verdict::Consumed => broker.settle(turn, settled.owed),
            _ => {
                let of_queues = settled.owed.iter().filter(|(_, options)| options.claim().is_some()).count();
                broker.counters.dropped.add(DropReason::Rejected, (settled.count - of_queues) as u64);
                let reason = (*verdict == Verdict::Rejected).then_some(DeadReason::Rejected);
                broker.put_back(turn, settled.owed, reason);
            }
        }
    }
}

fn unknown(id: &str) -> Refusal {
    let body = format!("{id} names no message of this connection that waits to be acknowledged.");
    Refusal::new("unknown message", body)
}
