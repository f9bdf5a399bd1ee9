//! The seam between a session, which knows what waits for a client, and a protocol, which knows how it is said.

use std::any::Any;
use std::num::NonZeroU32;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::clock::Now;
use crate::message::{Message, Publication, Qos};
use crate::output::Output;
use crate::store::CommitId;

/// MQTT 5's subscription identifiers of all the subscriptions that a delivery answers.
pub type Identifiers = SmallVec<[NonZeroU32; 2]>;

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
    /// The shared subscription that it answers, as its filter: another member may have to take it.
    pub share: Option<Arc<str>>,
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
}

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
    fn abandon(&mut self) -> Vec<(Arc<Message>, DeliveryOptions)> {
        Vec::new()
    }
}
