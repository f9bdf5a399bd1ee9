//! ACK and NACK.

use std::borrow::Cow;

use tidewire_protocols::stomp::{Frame, Version};

use super::deliver::{MessageId, StompDeliver};
use super::refuse::Refusal;
use super::{Context, Handled};

/// An ACK, or a NACK.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acknowledgement {
    id: MessageId,
    is_consumed: bool,
}

impl Context<'_, '_, '_> {
    /// ACK (`is_consumed`) and NACK. On a topic, where each subscriber has a copy of its own, a message that was
    /// not consumed is dropped and counted: there is nobody else to give it to.
    pub(super) fn handle_ack(self, frame: &Frame<'_>, is_consumed: bool) -> Result<Handled, Refusal> {
        let text = self.acknowledged_id(frame)?;
        let id = MessageId::parse(&text).ok_or_else(|| unknown(&text))?;
        self.check_subscription(frame, id, &text)?;
        let acknowledgement = Acknowledgement { id, is_consumed };
        match frame.headers.get("transaction") {
            Some(transaction) => {
                self.client.transactions.add_ack(&transaction, acknowledgement, &self.broker.config.stomp)?;
            }
            None => {
                let dropped = acknowledge(self.client, &[acknowledgement]).ok_or_else(|| unknown(&text))?;
                self.broker.counters.dropped.add(dropped);
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

/// Acknowledges all, in their order, or, if one of them means nothing, none. Returns how many messages that dropped.
pub(super) fn acknowledge(client: &super::Client, all: &[Acknowledgement]) -> Option<u64> {
    let mut state = client.session.lock();
    let deliver = state.deliver_as::<StompDeliver>()?;
    if !all.iter().all(|one| deliver.is_acknowledgeable(one.id)) {
        return None;
    }
    let mut dropped = 0;
    for Acknowledgement { id, is_consumed } in all {
        let settled = deliver.acknowledge(*id);
        dropped += if *is_consumed { 0 } else { settled as u64 };
    }
    Some(dropped)
}

fn unknown(id: &str) -> Refusal {
    let body = format!("{id} names no message of this connection that waits to be acknowledged.");
    Refusal::new("unknown message", body)
}
