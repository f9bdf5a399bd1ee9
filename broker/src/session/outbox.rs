//! One session's deliveries that are not yet sent, in two stages: bytes for a client that keeps up, and behind them
//! a bounded backlog of messages for clients that are away, slow, or at the end of their window.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::backlog::Backlog;
use super::{AbsentDelivery, Deliver, Delivered, Delivery, DeliveryOptions, Offered, Run, Transmit};
use crate::message::{Message, Qos};
use crate::output::Output;
use crate::store::{Answers, CommitId};

/// Bytes that may stand ready before further messages go to the backlog. Larger batches save no system calls that
/// matter, and cost memory for every slow socket. Whoever fills an outbox goes up to here if there is more: a connection takes
/// less than that for all there is.
pub const READY_BYTES_MAX: usize = 64 * 1024;

/// Where messages begin with this many bytes of payload or more, or with heads that are longer than small payloads, there is
/// room at once for as much as last time: moving them while the room grows took a tenth of all. With smaller ones it takes
/// little, and buffers that have just been given back are in the cache, which a fan-out of these to many feels more.
const LARGE_BYTES_MIN: usize = 512;

/// The bounds of one outbox.
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    /// Messages in the backlog.
    pub messages_max: usize,
    /// Bytes of those messages.
    pub bytes_max: usize,
    /// What happens beyond them.
    pub overflow: Overflow,
}

/// What happens to a message that finds an outbox full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The oldest that waits makes room.
    DropOldest,
    /// It is dropped itself.
    DropNewest,
    /// The slow client is disconnected, and the message dropped.
    Disconnect,
}

/// See the module.
#[derive(Debug)]
pub struct Outbox {
    ready: Output,
    /// Room for what was ready last time.
    usual: usize,
    backlog: Backlog,
    /// So many at the front wait for subscriptions whose windows were closed, when there had been so many openings.
    closed: (usize, u64),
    limits: OutboxLimits,
    /// Places of stored deliveries that ended without an acknowledgement; whoever has changed the outbox tells the store.
    settled: Vec<u64>,
    /// Messages that the store could not give back, and that are not counted yet.
    lost: u64,
    /// Messages of shared subscriptions that are not for this client, until others have been asked.
    denied: Vec<(Arc<Message>, DeliveryOptions)>,
}

impl Outbox {
    /// An empty one.
    pub fn new(limits: OutboxLimits) -> Self {
        Self {
            ready: Output::default(),
            usual: 0,
            backlog: Backlog::default(),
            closed: (0, 0),
            limits,
            settled: Vec::new(),
            lost: 0,
            denied: Vec::new(),
        }
    }

    /// Whether a message may pass straight into the ready bytes: nothing waits before it, and there is room.
    #[inline]
    pub fn is_passable(&self) -> bool {
        self.backlog.is_empty() && self.ready.len() < READY_BYTES_MAX
    }

    /// Messages in the backlog.
    #[inline]
    pub fn waiting_messages(&self) -> usize {
        self.backlog.len()
    }

    /// Bytes of the messages in the backlog, those included that only the store holds.
    #[inline]
    pub fn waiting_bytes(&self) -> usize {
        self.backlog.bytes()
    }

    /// Bytes for the connection's next write.
    pub fn ready(&mut self) -> &mut Output {
        &mut self.ready
    }

    /// The same, where a message with such a payload is about to be appended; `has_long_heads` says whether more than the
    /// payload stands before it.
    #[inline]
    pub fn ready_for(&mut self, payload_bytes: usize, has_long_heads: impl FnOnce() -> bool) -> &mut Output {
        if self.ready.is_empty() && (payload_bytes >= LARGE_BYTES_MIN || has_long_heads()) {
            self.ready.bytes.reserve(self.usual);
        }
        &mut self.ready
    }

    /// Moves all that is ready to the end of `output`.
    pub fn move_ready(&mut self, output: &mut Output) {
        if !self.ready.is_empty() {
            // Of such sizes there are few, and what one connection gives back serves another.
            self.usual = self.ready.len().next_power_of_two();
            output.append(&mut self.ready);
        }
    }

    /// Changes the bounds. What waits beyond them stays; they count for what comes.
    pub fn set_limits(&mut self, limits: OutboxLimits) {
        self.limits = limits;
    }

    /// Puts a delivery at the end of the backlog, within the limits. Whether its message stays in memory where it is stored
    /// depends on whether somebody `is_attached` who will take it.
    pub fn push(&mut self, delivery: Delivery, is_attached: bool) -> Offered {
        let weight = delivery.message.weight();
        // What would not fit into an empty outbox must not empty it first.
        let may_displace = self.limits.overflow == Overflow::DropOldest && weight <= self.limits.bytes_max;
        let mut displaced = 0;
        while !self.has_room(weight) {
            if !may_displace || !self.drop_oldest() {
                self.note_settled(delivery.options.sequence);
                return match self.limits.overflow {
                    Overflow::Disconnect => Offered::Overflowed,
                    Overflow::DropOldest | Overflow::DropNewest => Offered::Dropped,
                };
            }
            displaced += 1;
        }
        self.push_unbounded(delivery, is_attached);
        Offered::Taken { displaced }
    }

    /// Whether no further message has room.
    pub fn is_full(&self) -> bool {
        !self.has_room(1)
    }

    /// Puts retained messages at the end of the backlog, whatever the limits: the broker holds the only copy of each anyway,
    /// and no publisher can make them come faster.
    pub fn push_run(&mut self, run: Run) {
        self.backlog.push_run(run);
    }

    /// Puts a delivery at the end of the backlog whatever the limits: a retained message that is stored for the session.
    pub fn push_unbounded(&mut self, delivery: Delivery, is_attached: bool) {
        self.backlog.push(delivery, is_attached);
    }

    /// Puts a delivery at the end whose message the store holds, whatever the limits: it waited before this process began.
    pub fn push_absent(&mut self, delivery: AbsentDelivery) {
        self.backlog.push_absent(delivery);
    }

    /// Whether a message waits that was taken from a work queue: others from there must not overtake it.
    pub fn has_taken(&self) -> bool {
        self.backlog.has_taken()
    }

    /// The places of the messages that should be fetched from the store now, if any should; [`Outbox::fill`] takes them.
    pub fn next_fetch(&mut self) -> Option<Vec<u64>> {
        self.backlog.next_fetch()
    }

    /// Messages have come from the store; what is of QoS 2 goes no further before `commit` is durable. Returns how many
    /// the store does not have: those are given up. `is_attached` says whether somebody is there to take the others.
    pub fn fill(&mut self, answers: Answers, commit: CommitId, is_attached: bool) -> usize {
        if !is_attached {
            self.backlog.forget_fetch();
            return 0;
        }
        let lost = self.backlog.fill(answers, commit);
        self.lost += lost.len() as u64;
        let count = lost.len();
        self.settled.extend(lost);
        count
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Takes what is not for this client, and may be for other members of its shared subscription.
    pub fn take_denied(&mut self) -> Vec<(Arc<Message>, DeliveryOptions)> {
        std::mem::take(&mut self.denied)
    }

    /// Takes the number of messages that the store could not give back.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Moves deliveries from the backlog into the ready bytes until those are full or the window closes. Expired
    /// messages are dropped; those of a subscription whose own window is closed keep their place. Returns the
    /// commit that the next one waits for, if that is what stops it.
    pub fn refill(&mut self, transmit: &mut Transmit<'_>, deliver: &mut dyn Deliver) -> Option<CommitId> {
        let (now, durable) = (transmit.now, transmit.durable);
        if !deliver.resend(now, &mut self.ready, &mut self.settled) {
            return None;
        }
        let openings = deliver.openings();
        let mut position = if self.closed.1 == openings { self.closed.0 } else { 0 };
        self.closed = (position, openings);
        while self.ready.len() < READY_BYTES_MAX {
            let next = self.backlog.get(position)?;
            if next.commit > durable {
                return Some(next.commit);
            }
            // The client may hold the identifier of a QoS 2 message that was sent to it: that has to be brought to an end.
            let is_begun = next.options.is_repeat && next.options.qos == Qos::ExactlyOnce;
            if is_begun || !next.message.is_expired(now) {
                let publication = next.message.publication();
                match deliver.deliver(now, &publication, &next.options, &mut self.ready) {
                    Delivered::WindowClosed => return None,
                    Delivered::SubscriptionClosed => {
                        position += 1;
                        self.closed.0 = position;
                        continue;
                    }
                    Delivered::Sent => {
                        transmit.note_sent(&publication, next.options.qos);
                        self.remove(position);
                        continue;
                    }
                    Delivered::Denied if next.options.share().is_some() => {
                        if let Some(Delivery { message, options, .. }) = self.remove(position) {
                            self.denied.push((message, options));
                        }
                        continue;
                    }
                    Delivered::Discarded | Delivered::Denied => {}
                }
            } else {
                transmit.expired += 1;
            }
            self.settle(position);
        }
        None
    }

    /// A stored delivery ended without an acknowledgement: dropped, expired, or too large. 0 is none that is stored.
    #[inline]
    pub fn note_settled(&mut self, sequence: u64) {
        if sequence > 0 {
            self.settled.push(sequence);
        }
    }

    /// Whether deliveries have ended so.
    #[inline]
    pub fn has_settled(&self) -> bool {
        !self.settled.is_empty()
    }

    /// Takes the places of deliveries that have ended so, for the store.
    pub fn take_settled(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.settled)
    }

    /// Forgets what was ready for a connection that is gone. What needs an acknowledgement is in the protocol's
    /// inflight window and will be sent again; the rest was QoS 0.
    pub fn discard_ready(&mut self) {
        self.ready.clear(0);
    }

    /// Takes everything that waits: the session is over.
    pub fn take_all(&mut self) -> (Vec<Delivery>, Vec<AbsentDelivery>) {
        self.discard_ready();
        self.closed.0 = 0;
        self.backlog.take_all()
    }

    /// Removes deliveries that `keep` refuses: QoS 0 when a client goes away. Stored ones may not be asked about.
    pub fn retain(&mut self, keep: impl FnMut(&Delivery) -> bool) {
        self.backlog.retain(keep);
        self.closed.0 = 0;
    }

    /// Lets go of messages that the store holds as well: nobody is there to take them.
    pub fn let_go(&mut self) {
        self.backlog.let_go();
        self.closed.0 = 0;
    }

    fn has_room(&self, weight: usize) -> bool {
        self.backlog.len() < self.limits.messages_max
            && self.backlog.bytes() + weight <= self.limits.bytes_max
    }

    /// Removes the oldest; whether there was one.
    fn drop_oldest(&mut self) -> bool {
        let dropped = self.backlog.drop_oldest();
        self.closed.0 = self.closed.0.saturating_sub(1);
        self.note_settled(dropped.unwrap_or(0));
        dropped.is_some()
    }

    /// Removes a delivery that will not be made.
    fn settle(&mut self, position: usize) {
        if let Some(delivery) = self.remove(position) {
            self.note_settled(delivery.options.sequence);
        }
    }

    fn remove(&mut self, position: usize) -> Option<Delivery> {
        let delivery = self.backlog.remove(position)?;
        self.closed.0 -= usize::from(position < self.closed.0);
        Some(delivery)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tidewire_protocols::topic::TopicName;

    use super::*;
    use crate::clock::Now;
    use crate::message::{Publication, SessionId};
    use crate::session::DeliveryOptions;

    /// Subscription 1 is closed until it is opened; all others are open.
    #[derive(Default)]
    struct Window {
        looks: usize,
        sent: usize,
        openings: u64,
    }

    impl Deliver for Window {
        fn deliver(
            &mut self,
            _: Now,
            _: &Publication<'_>,
            options: &DeliveryOptions,
            _: &mut Output,
        ) -> Delivered {
            self.looks += 1;
            if options.local == 1 && self.openings == 0 {
                return Delivered::SubscriptionClosed;
            }
            self.sent += 1;
            Delivered::Sent
        }

        fn resend(&mut self, _: Now, _: &mut Output, _: &mut Vec<u64>) -> bool {
            true
        }

        fn openings(&self) -> u64 {
            self.openings
        }
    }

    fn delivery(local: u32) -> Delivery {
        let publication = Publication::new(TopicName::parse("t").unwrap(), b"x", SessionId::BROKER);
        let options = DeliveryOptions { local, ..DeliveryOptions::new(Qos::AtLeastOnce) };
        Delivery { message: std::sync::Arc::clone(publication.keep()), options, commit: CommitId::NONE }
    }

    #[test]
    fn what_waits_for_a_closed_subscription_is_looked_at_once_until_it_opens() {
        let limits = OutboxLimits { messages_max: 2_000, bytes_max: 1 << 20, overflow: Overflow::DropOldest };
        let (mut outbox, mut window) = (Outbox::new(limits), Window::default());
        let now = Now { instant: Instant::now(), unix_ms: 1 };
        for _ in 0..2_000 {
            outbox.push(delivery(1), true);
        }
        for round in 1..=100 {
            // The oldest makes room.
            outbox.push(delivery(2), true);
            outbox.refill(&mut Transmit::new(now, CommitId::NONE, None), &mut window);
            assert_eq!(window.sent, round);
        }
        assert_eq!(window.looks, 1_999 + 100);
        outbox.push(delivery(1), true);
        window.openings = 1;
        outbox.refill(&mut Transmit::new(now, CommitId::NONE, None), &mut window);
        assert_eq!((window.sent, outbox.backlog.len()), (100 + 2_000, 0));
    }
}
