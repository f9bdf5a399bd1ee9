//! The seam between a session, which knows what waits for a client, and a protocol, which knows how it is said.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tidewire_protocols::topic::TopicName;

use crate::clock::Now;
pub use crate::message::Identifiers;
use crate::message::{Message, Publication, Qos};
use crate::output::Output;
use crate::store::{CommitId, Origin};

/// How one message goes to one session.
#[derive(Clone, Debug)]
pub struct DeliveryOptions {
    /// The lower of the publisher's QoS and the subscription's.
    pub qos: Qos,
    /// The RETAIN flag of the delivery.
    pub retain: bool,
    /// Subscription identifiers, for MQTT 5.
    pub identifiers: Identifiers,
    /// The subscription's own number, for STOMP; 0 in MQTT.
    pub local: u32,
    /// Its place among the session's stored deliveries; 0 when it is not stored.
    pub sequence: u64,
    /// It may have been sent already, before this process began.
    pub is_repeat: bool,
    /// Who may have it in the client's place.
    pub tie: Tie,
}

/// Who else may have a delivery's message, where anybody may.
#[derive(Clone, Debug, Default)]
pub enum Tie {
    /// Nobody: it is the client's own.
    #[default]
    None,
    /// The other members of the shared subscription that it answers. This is that subscription's filter.
    Share(Arc<str>),
    /// Other consumers of the work queue that it comes from.
    Claim(Arc<Claim>),
    /// Consumers of the work queue that it was taken from for good, since it must come exactly once: this is where it goes
    /// back to if the client will not have it.
    Origin(Arc<Origin>),
}

impl DeliveryOptions {
    /// A delivery of that QoS, of which nothing more is to be said: the start from which fields are set.
    #[inline]
    pub fn new(qos: Qos) -> Self {
        let identifiers = Identifiers::new();
        Self { qos, retain: false, identifiers, local: 0, sequence: 0, is_repeat: false, tie: Tie::None }
    }

    /// The filter of the shared subscription that it answers: another member may have to take it.
    #[inline]
    pub fn share(&self) -> Option<&Arc<str>> {
        match &self.tie {
            Tie::Share(filter) => Some(filter),
            Tie::None | Tie::Claim(_) | Tie::Origin(_) => None,
        }
    }

    /// What is claimed of the work queue that it comes from.
    #[inline]
    pub fn claim(&self) -> Option<&Arc<Claim>> {
        match &self.tie {
            Tie::Claim(claim) => Some(claim),
            Tie::None | Tie::Share(_) | Tie::Origin(_) => None,
        }
    }

    /// The place in the work queue that it was taken from for good.
    #[inline]
    pub fn origin(&self) -> Option<&Arc<Origin>> {
        match &self.tie {
            Tie::Origin(origin) => Some(origin),
            Tie::None | Tie::Share(_) | Tie::Claim(_) => None,
        }
    }

    /// Whether a work queue has to hear what became of it.
    #[inline]
    pub fn is_of_queue(&self) -> bool {
        matches!(self.tie, Tie::Claim(_) | Tie::Origin(_))
    }
}

/// A message of a work queue that was given to a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The queue's name.
    pub queue: Arc<str>,
    /// The consumer, by the number that the queue gave it.
    pub consumer: u64,
    /// The message's place in the queue, to which it goes back if it is not processed.
    pub place: Place,
    /// How often it has been delivered, this time included.
    pub deliveries: u32,
    /// Whether it must be acknowledged. If not, being sent has settled it.
    pub is_owed: bool,
}

/// A message's place in its queue: those of a higher priority come first, and of one priority in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    rank: u8,
    sequence: u64,
}

impl Place {
    /// Before every other.
    pub const FIRST: Self = Self { rank: 0, sequence: 0 };

    /// The place of a message of that priority (9 is the highest), which came as number `sequence`.
    pub fn new(priority: u8, sequence: u64) -> Self {
        Self { rank: u8::MAX - priority, sequence }
    }

    /// The priority.
    pub fn priority(self) -> u8 {
        u8::MAX - self.rank
    }

    /// Its number among the messages that have come.
    pub fn sequence(self) -> u64 {
        self.sequence
    }
}

/// A message that waits for a session.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The message.
    pub message: Arc<Message>,
    /// How it goes to this session.
    pub options: DeliveryOptions,
    /// The commit that must be durable before it is sent.
    pub commit: CommitId,
}

/// What became of a delivery that a protocol was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Its bytes are in the output, and what must be acknowledged is remembered.
    Sent,
    /// The client's window is closed: nothing more goes until it acknowledges something.
    WindowClosed,
    /// This subscription's own window is closed; messages of others may pass it.
    SubscriptionClosed,
    /// It cannot go to this client at all (larger than the client takes, or its subscription is gone).
    Discarded,
    /// It is not for this client: its rights say so.
    Denied,
}

/// Looks at each delivery's topic: whether it is for the client at all.
pub type Guard = Box<dyn Fn(TopicName<'_>) -> bool + Send>;

/// A protocol's half of delivering, held by the session because it outlives connections: the inflight window, and
/// how a message becomes bytes for the connection that is attached.
pub trait Deliver: Any + Send {
    /// Writes one message into `output`, if the client's window is open.
    fn deliver(
        &mut self,
        now: Now,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        output: &mut Output,
    ) -> Delivered;

    /// Writes what was sent on an earlier connection and must be sent again before anything new, as far as the
    /// window allows. Returns whether all of it is out.
    ///
    /// What can no longer be sent at all is given up; its place among the stored deliveries goes into `settled`.
    fn resend(&mut self, now: Now, output: &mut Output, settled: &mut Vec<u64>) -> bool;

    /// The session is over: gives up what was sent and not acknowledged, and returns what another member of its
    /// shared subscription may be sent, in order. [MQTT50-U-4.8.2-3, MQTT-4.8.2-5]
    /// What a work queue is owed is returned as well, whether it may be sent to another or not: that is the queue's to say.
    fn abandon(&mut self) -> Vec<(Arc<Message>, DeliveryOptions)> {
        Vec::new()
    }

    /// The connection is gone and the session stays: gives up what work queues are owed, as far as others may have it.
    fn release(&mut self) -> Vec<(Arc<Message>, DeliveryOptions)> {
        Vec::new()
    }

    /// The session's count of places in the order of its deliveries, for a protocol that numbers what it sends: what is
    /// not stored, and so has no place, takes the next one when it is sent.
    fn share_sequence(&mut self, _sequence: &Arc<AtomicU64>) {}

    /// The highest place among the stored deliveries that were sent; 0 is none.
    fn sent_to(&self) -> u64 {
        0
    }

    /// Whether the client's window is open, for all that is known before it is written to.
    fn is_open(&self) -> bool {
        true
    }

    /// Deliveries that the client may have unacknowledged.
    fn window(&self) -> usize {
        usize::MAX
    }

    /// Deliveries that were sent and that the client has not acknowledged, those of earlier connections included.
    fn inflight(&self) -> usize {
        0
    }

    /// Changes whenever a subscription's own window may have opened: until then, what waits for it need not be looked
    /// at again.
    fn openings(&self) -> u64 {
        0
    }

    /// Has each delivery looked at from now on, or no longer: what is not for the client is discarded.
    fn set_guard(&mut self, _guard: Option<Guard>) {}

    /// Whether what stands before a payload is longer than most payloads are.
    fn has_long_heads(&self) -> bool {
        false
    }

    /// Says that a browser of a queue has seen all, where the protocol has a word for it.
    fn end_of_browse(&mut self, _local: u32, _output: &mut Output) {}
}
