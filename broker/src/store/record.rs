//! The changes that a store is told of. Each names what is needed to rebuild the state it belongs to, and no more.

use std::sync::Arc;

use crate::message::{Identifiers, Message, Qos};

/// One change of what must survive.
#[derive(Clone, Debug)]
pub enum Record {
    /// A session began, or its terms changed (a later connection asked for another expiry).
    SessionOpened {
        /// The session.
        session: u64,
        /// What it is.
        kind: SessionKind,
        /// Its client identifier.
        client_id: Arc<str>,
        /// How long it outlives its connection, in seconds; `u32::MAX` is for ever.
        expiry_secs: u32,
    },
    /// The session's network connection ended at `at_unix_ms`: its expiry begins to run.
    SessionClosed {
        /// The session.
        session: u64,
        /// When, in milliseconds since the epoch.
        at_unix_ms: u64,
        /// The highest place in the session's order of what was sent to it; 0 is none. What is not settled up to there
        /// may have arrived.
        sent_to: u64,
    },
    /// The session is over, and all that it held with it.
    SessionEnded {
        /// The session.
        session: u64,
    },
    /// A subscription was made or replaced.
    Subscribed {
        /// The session.
        session: u64,
        /// The filter as it was given, `$share` included.
        filter: Arc<str>,
        /// Granted QoS.
        qos: Qos,
        /// MQTT 5's other options, as in its SUBSCRIBE packet.
        options: u8,
        /// MQTT 5's subscription identifier; 0 is none.
        identifier: u32,
        /// Which messages a durable subscription wants, as it was given; all, where there is none.
        selector: Option<Arc<str>>,
    },
    /// A subscription was removed.
    Unsubscribed {
        /// The session.
        session: u64,
        /// Its filter.
        filter: Arc<str>,
    },
    /// A message waits for a session. Messages are stored once, however many sessions they wait for: the store
    /// recognises the `Arc`.
    Queued {
        /// The session.
        session: u64,
        /// Its place in the session's order.
        sequence: u64,
        /// The message.
        message: Arc<Message>,
        /// How it goes to the session.
        terms: QueuedTerms,
    },
    /// A delivery went one step on, or was settled.
    Settled {
        /// The session.
        session: u64,
        /// The delivery's place in the session's order.
        sequence: u64,
        /// How far it is.
        state: SettledState,
    },
    /// A client's QoS 2 publish was taken; a repeat of it must not be published again.
    Received {
        /// The session.
        session: u64,
        /// The packet identifier.
        packet_id: u16,
    },
    /// The client has released that packet identifier.
    Released {
        /// The session.
        session: u64,
        /// The packet identifier.
        packet_id: u16,
    },
    /// A message became its topic's retained message.
    Retained {
        /// The message.
        message: Arc<Message>,
    },
    /// A topic's retained message was removed.
    RetainedCleared {
        /// The topic name.
        topic: Arc<str>,
    },
    /// A message was put into a work queue.
    Enqueued {
        /// The queue's name.
        queue: Arc<str>,
        /// Its priority, 0 to 9.
        priority: u8,
        /// Its number among the messages that have come to the queue.
        sequence: u64,
        /// The message.
        message: Arc<Message>,
        /// How often it has been delivered: more than 0 where it comes back from a session.
        deliveries: u32,
    },
    /// A queue's message is with a consumer who must acknowledge it.
    Delivered {
        /// The queue's name.
        queue: Arc<str>,
        /// Its number.
        sequence: u64,
        /// How often it has been delivered, this time included.
        deliveries: u32,
    },
    /// A message is the queue's no longer: acknowledged, consumed by being sent, or given up.
    Dequeued {
        /// The queue's name.
        queue: Arc<str>,
        /// Its number.
        sequence: u64,
    },
    /// A session left a will.
    WillSet {
        /// The session.
        session: u64,
        /// The will message.
        message: Arc<Message>,
        /// How long after the connection's end it is published, in seconds.
        delay_secs: u32,
        /// Its message expiry interval, which counts from publication, in seconds.
        expiry_secs: Option<u32>,
    },
    /// The will was published or withdrawn.
    WillCleared {
        /// The session.
        session: u64,
    },
}

impl Record {
    /// Whether it adds to what is stored. The others settle or end something, and must not be refused.
    pub fn grows(&self) -> bool {
        match self {
            Self::SessionOpened { .. }
            | Self::Subscribed { .. }
            | Self::Queued { .. }
            | Self::Received { .. }
            | Self::Retained { .. }
            | Self::Enqueued { .. }
            | Self::WillSet { .. } => true,
            Self::SessionClosed { .. }
            | Self::SessionEnded { .. }
            | Self::Unsubscribed { .. }
            | Self::Settled { .. }
            | Self::Released { .. }
            | Self::RetainedCleared { .. }
            | Self::Delivered { .. }
            | Self::Dequeued { .. }
            | Self::WillCleared { .. } => false,
        }
    }

    /// Bytes that it holds in memory while it waits to be written, roughly. A message that many records share counts
    /// with each.
    pub(super) fn weight(&self) -> usize {
        let message = match self {
            Self::Queued { message, .. }
            | Self::Enqueued { message, .. }
            | Self::Retained { message }
            | Self::WillSet { message, .. } => message.weight(),
            _ => 0,
        };
        size_of::<Self>() + message
    }
}

/// What a session is, and with its client identifier its name: a STOMP client and an MQTT client may have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SessionKind {
    /// An MQTT client's.
    Mqtt,
    /// A STOMP client's.
    Stomp,
    /// A durable subscription of a STOMP client; its client identifier is its queue's name.
    DurableSubscription,
}

/// How a message goes to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedTerms {
    /// The QoS it will be delivered with.
    pub qos: Qos,
    /// The RETAIN flag of the delivery.
    pub retain: bool,
    /// MQTT 5's subscription identifiers of the subscriptions it answers.
    pub identifiers: Identifiers,
    /// The filter of the shared subscription that it answers, if it answers one.
    pub share: Option<Arc<str>>,
    /// The work queue that it was taken from, if it was: where it goes back to if the session ends.
    pub origin: Option<Arc<Origin>>,
}

/// A message's place in the work queue that it was taken from, for a session that must have it exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The queue's name.
    pub queue: Arc<str>,
    /// Its priority there, 0 to 9.
    pub priority: u8,
    /// Its number there.
    pub sequence: u64,
    /// How often it has been delivered, this time included.
    pub deliveries: u32,
}

/// How far a delivery is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettledState {
    /// QoS 2: the receiver has the message (PUBREC); what is still owed is PUBREL.
    Received,
    /// Acknowledged, refused by the receiver, expired or dropped: gone.
    Done,
}
