//! What a store finds when it is opened: everything that was durable when the process before this one ended.
//!
//! The router is not among it: it is derived from the subscriptions. Bodies of waiting messages stay on disk until they
//! are [fetched](super::Store::fetch); retained messages and wills come with theirs.

use std::sync::Arc;

use super::record::{SessionKind, SettledState};
use crate::message::{Message, Qos};

/// See the module.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The sessions, by their numbers.
    pub sessions: Vec<RecoveredSession>,
    /// The work queues that hold messages, by name.
    pub queues: Vec<RecoveredQueue>,
    /// The retained messages, by topic. Some may have expired meanwhile.
    pub retained: Vec<Arc<Message>>,
    /// A number that no session has had, and none of the publishers of stored messages.
    pub next_session: u64,
}

/// A session.
#[derive(Debug)]
pub struct RecoveredSession {
    /// Its number.
    pub session: u64,
    /// What it is.
    pub kind: SessionKind,
    /// Its client identifier.
    pub client_id: Arc<str>,
    /// How long it outlives its connection, in seconds; `u32::MAX` is for ever.
    pub expiry_secs: u32,
    /// When its connection ended, in milliseconds since the epoch; `None` where it was connected to the last.
    pub closed_at_unix_ms: Option<u64>,
    /// The highest place of what was sent to it before its connection ended; 0 is none.
    pub sent_to: u64,
    /// A place that none of its deliveries has had. Those before it may all be settled.
    pub next_sequence: u64,
    /// Its subscriptions, by filter.
    pub subscriptions: Vec<RecoveredSubscription>,
    /// Its will.
    pub will: Option<RecoveredWill>,
    /// Packet identifiers of QoS 2 publishes that its client has not released, in ascending order.
    pub received: Vec<u16>,
    /// What waits for it, in the order of the places.
    pub deliveries: Vec<RecoveredDelivery>,
}

/// A subscription, as [`Record::Subscribed`](super::Record::Subscribed) told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredSubscription {
    /// The filter, `$share` included.
    pub filter: Arc<str>,
    /// Granted QoS.
    pub qos: Qos,
    /// MQTT 5's other options.
    pub options: u8,
    /// MQTT 5's subscription identifier; 0 is none.
    pub identifier: u32,
    /// Which messages a durable subscription wants.
    pub selector: Option<Arc<str>>,
}

/// A will.
#[derive(Debug)]
pub struct RecoveredWill {
    /// The will message.
    pub message: Arc<Message>,
    /// How long after the connection's end it is published, in seconds.
    pub delay_secs: u32,
    /// Its message expiry interval, in seconds.
    pub expiry_secs: Option<u32>,
}

/// A message that waits for a session. It is small, since there may be millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveredDelivery {
    /// Its place in the session's order.
    pub sequence: u64,
    /// What the message weighs against a limit in bytes: [`Message::weight`].
    pub weight: u32,
    /// The QoS it is delivered with.
    pub qos: Qos,
    /// `Some(Received)` where only PUBREL is owed.
    pub state: Option<SettledState>,
    /// Others may have it if the session ends: it answers a shared subscription, or was taken from a queue.
    pub is_for_others: bool,
}

/// A work queue.
#[derive(Debug)]
pub struct RecoveredQueue {
    /// Its name.
    pub name: Arc<str>,
    /// A number that none of its messages has had, as far as is known.
    pub next_sequence: u64,
    /// Its messages, in the order of their numbers.
    pub messages: Vec<RecoveredMessage>,
}

/// A message of a work queue. It is small, since there may be millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveredMessage {
    /// Its number.
    pub sequence: u64,
    /// Its priority, 0 to 9.
    pub priority: u8,
    /// How often it was given to a consumer who had to acknowledge it.
    pub deliveries: u32,
    /// What it weighs against a limit in bytes: [`Message::weight`].
    pub weight: u32,
    /// When it expires: milliseconds since the epoch.
    pub expires_at: Option<u64>,
}
