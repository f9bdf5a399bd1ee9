//! What flows: messages by protocol and QoS, and bytes of connections. A turn counts by itself, in a [`Tally`], and adds
//! that to its thread's share of the counters at its end.

use super::{Counter, Protocol};
use crate::message::Qos;

/// Kinds of QoS.
const QOS: usize = 3;
/// Protocols, and a place for connections that have not logged in.
const SPEAKERS: usize = Protocol::ALL.len() + 1;

/// Messages, and the bytes of their payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Messages.
    pub messages: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// Messages of one protocol that went one way, by QoS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByQos {
    amounts: [Amount; QOS],
    has_any: bool,
}

impl ByQos {
    /// One more, with so many bytes of payload.
    #[inline]
    pub fn note(&mut self, qos: Qos, bytes: usize) {
        self.has_any = true;
        let amount = &mut self.amounts[qos as usize];
        amount.messages += 1;
        amount.bytes += bytes as u64;
    }

    /// Those of `other` as well.
    pub fn merge(&mut self, other: &Self) {
        if !other.has_any {
            return;
        }
        self.has_any = true;
        for (amount, more) in self.amounts.iter_mut().zip(&other.amounts) {
            amount.messages += more.messages;
            amount.bytes += more.bytes;
        }
    }
}

/// Bytes that connections have read and written: packets and frames, without what WebSocket, TLS and TCP add.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moved {
    /// Read.
    pub read: u64,
    /// Handed over to be written.
    pub written: u64,
}

/// What one turn adds to the counters, at its end: an atomic addition for each message would cost as much as decoding it.
#[derive(Debug, Default)]
pub struct Tally {
    /// Messages that a client has published, by protocol.
    pub received: [ByQos; Protocol::ALL.len()],
    /// Messages written for clients, by protocol.
    pub sent: [ByQos; Protocol::ALL.len()],
    /// Bytes of the connection whose turn it is; which one it is, is told with them.
    pub moved: [Moved; SPEAKERS],
    /// Deliveries given to sessions.
    pub delivered: u64,
    /// Deliveries dropped, since an outbox was full.
    pub dropped: u64,
    /// Deliveries dropped, since they expired while they waited.
    pub expired: u64,
    /// The most messages that waited in an outbox which a message was put into.
    pub outbox_messages: u64,
    /// The most bytes of such messages.
    pub outbox_bytes: u64,
}

impl Tally {
    /// So much waits in an outbox.
    #[inline]
    pub fn note_waiting(&mut self, messages: usize, bytes: usize) {
        self.outbox_messages = self.outbox_messages.max(messages as u64);
        self.outbox_bytes = self.outbox_bytes.max(bytes as u64);
    }

    /// Bytes of a connection that speaks this, or has not said yet what.
    pub fn moved(&mut self, protocol: Option<Protocol>) -> &mut Moved {
        &mut self.moved[speaker(protocol)]
    }
}

fn speaker(protocol: Option<Protocol>) -> usize {
    protocol.map_or(SPEAKERS - 1, |protocol| protocol as usize)
}

/// One thread's share of what flows.
#[derive(Debug, Default)]
pub struct Traffic {
    received: [[AmountCounters; QOS]; Protocol::ALL.len()],
    sent: [[AmountCounters; QOS]; Protocol::ALL.len()],
    moved: [MovedCounters; SPEAKERS],
    delivered: Counter,
}

#[derive(Debug, Default)]
struct AmountCounters {
    messages: Counter,
    bytes: Counter,
}

#[derive(Debug, Default)]
struct MovedCounters {
    read: Counter,
    written: Counter,
}

/// Most turns have messages of one protocol that go one way, so the others cost a look each.
#[inline]
fn add(counters: &[AmountCounters; QOS], by_qos: &ByQos) {
    if !by_qos.has_any {
        return;
    }
    for (counters, amount) in counters.iter().zip(&by_qos.amounts) {
        counters.messages.add_if_any(amount.messages);
        counters.bytes.add_if_any(amount.bytes);
    }
}

impl Traffic {
    /// Adds what flows by a turn's tally.
    pub(super) fn add(&self, tally: &Tally) {
        for protocol in 0..Protocol::ALL.len() {
            add(&self.received[protocol], &tally.received[protocol]);
            add(&self.sent[protocol], &tally.sent[protocol]);
        }
        for (counters, moved) in self.moved.iter().zip(&tally.moved) {
            counters.read.add_if_any(moved.read);
            counters.written.add_if_any(moved.written);
        }
        self.delivered.add_if_any(tally.delivered);
    }

    /// Messages received by that protocol with that QoS, and bytes of their payloads.
    pub fn received(&self, protocol: Protocol, qos: Qos) -> (&Counter, &Counter) {
        let counters = &self.received[protocol as usize][qos as usize];
        (&counters.messages, &counters.bytes)
    }

    /// Messages sent by that protocol with that QoS, and bytes of their payloads.
    pub fn sent(&self, protocol: Protocol, qos: Qos) -> (&Counter, &Counter) {
        let counters = &self.sent[protocol as usize][qos as usize];
        (&counters.messages, &counters.bytes)
    }

    /// Bytes read from connections that speak this and bytes written to them; `None` are those that have not logged in.
    pub fn moved(&self, protocol: Option<Protocol>) -> (&Counter, &Counter) {
        let counters = &self.moved[speaker(protocol)];
        (&counters.read, &counters.written)
    }

    /// Deliveries given to sessions.
    pub fn delivered(&self) -> &Counter {
        &self.delivered
    }
}
