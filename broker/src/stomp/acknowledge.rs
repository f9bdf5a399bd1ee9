//! ACK and NACK.

use std::borrow::Cow;

use tidewire_protocols::stomp::{Frame, Version};

use super::deliver::{MessageId, StompDeliver};
use super::refuse::Refusal;
use super::{Context, Handled};

impl Context<'_, '_, '_> {
    /// ACK (`is_consumed`) and NACK. On a topic, where each subscriber has a copy of its own, a message that was
    /// not consumed is dropped and counted: there is nobody else to give it to.
    pub(super) fn handle_ack(self, frame: &Frame<'_>, is_consumed: bool) -> Result<Handled, Refusal> {
        let text = self.acknowledged_id(frame)?;
        let id = MessageId::parse(&text).ok_or_else(|| unknown(&text))?;
        self.check_subscription(frame, id, &text)?;
        match frame.headers.get("transaction") {
            Some(transaction) => {
                self.client.transactions.add_ack(&transaction, id, is_consumed, &self.broker.config.stomp)?;
            }
            None => {
                let settled = acknowledge(self.client, &[id]).ok_or_else(|| unknown(&text))?;
                if !is_consumed {
                    self.broker.counters.dropped.add(settled as u64);
                }
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

/// Acknowledges all of `ids`, or, if one of them means nothing, none. Returns how many messages that settled.
pub(super) fn acknowledge(client: &super::Client, ids: &[MessageId]) -> Option<usize> {
    let mut state = client.session.lock();
    let deliver = state.deliver_as::<StompDeliver>()?;
    let all_known = ids.iter().all(|id| deliver.is_acknowledgeable(*id));
    all_known.then(|| ids.iter().map(|id| deliver.acknowledge(*id)).sum())
}

fn unknown(id: &str) -> Refusal {
    let body = format!("{id} names no message of this connection that waits to be acknowledged.");
    Refusal::new("unknown message", body)
}
