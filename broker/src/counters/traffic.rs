//! What flows: messages by protocol and QoS, and bytes of connections. A turn counts by itself, in a [`Tally`], and adds
//! that to its thread's share of the counters at its end.

use super::{Counter, Protocol};
use crate::message::Qos;

/// Kinds of QoS.
const QOS: usize = 3;
/// Ways of a message that are counted apart: received or sent, by which protocol, with which QoS.
const LANES: usize = 2 * Protocol::ALL.len() * QOS;
const _: () = assert!(LANES <= u16::BITS as usize, "each has a bit in a tally");
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

impl Amount {
    #[inline]
    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

/// Messages that went one way, by QoS.
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
        self.amounts[qos as usize].add(Amount { messages: 1, bytes: bytes as u64 });
    }

    /// How many there are, of every QoS.
    pub fn messages(&self) -> u64 {
        self.amounts.iter().map(|amount| amount.messages).sum()
    }
}

/// Which of the ways a message went.
#[derive(Clone, Copy)]
enum Direction {
    Received,
    Sent,
}

/// A way's place among [`LANES`].
#[inline]
fn lane(direction: Direction, protocol: Protocol, qos: Qos) -> usize {
    (direction as usize * Protocol::ALL.len() + protocol as usize) * QOS + qos as usize
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
    amounts: [Amount; LANES],
    /// Where there is an amount, as bits. As a rule a turn has one or two, and looking for them would cost as much as
    /// handling a message.
    lanes: u16,
    /// Bytes of the connection whose turn it is.
    moved: Moved,
    /// What that speaks, as a place among [`SPEAKERS`].
    speaker: usize,
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
    /// A client has published a message, with so many bytes of payload.
    #[inline]
    pub fn note_received(&mut self, protocol: Protocol, qos: Qos, bytes: usize) {
        self.note(lane(Direction::Received, protocol, qos), Amount { messages: 1, bytes: bytes as u64 });
    }

    /// A message was written for a client.
    #[inline]
    pub fn note_sent(&mut self, protocol: Protocol, qos: Qos, bytes: usize) {
        self.note(lane(Direction::Sent, protocol, qos), Amount { messages: 1, bytes: bytes as u64 });
    }

    /// These messages were written for a client.
    #[inline]
    pub fn note_all_sent(&mut self, protocol: Protocol, sent: &ByQos) {
        if !sent.has_any {
            return;
        }
        for (qos, amount) in
            [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce].into_iter().zip(sent.amounts)
        {
            self.note(lane(Direction::Sent, protocol, qos), amount);
        }
    }

    #[inline]
    fn note(&mut self, lane: usize, amount: Amount) {
        self.lanes |= 1 << lane;
        self.amounts[lane].add(amount);
    }

    /// So much waits in an outbox.
    #[inline]
    pub fn note_waiting(&mut self, messages: usize, bytes: usize) {
        self.outbox_messages = self.outbox_messages.max(messages as u64);
        self.outbox_bytes = self.outbox_bytes.max(bytes as u64);
    }

    /// Bytes of the connection whose turn it is: it speaks this, or has not said yet what.
    pub fn moved(&mut self, protocol: Option<Protocol>) -> &mut Moved {
        self.speaker = speaker(protocol);
        &mut self.moved
    }

    /// Whether deliveries waited, or were dropped.
    #[inline]
    pub(super) fn has_waited(&self) -> bool {
        self.dropped | self.expired | self.outbox_messages > 0
    }
}

fn speaker(protocol: Option<Protocol>) -> usize {
    protocol.map_or(SPEAKERS - 1, |protocol| protocol as usize)
}

/// One thread's share of what flows.
#[derive(Debug, Default)]
pub struct Traffic {
    amounts: [AmountCounters; LANES],
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

impl Traffic {
    /// Adds what flows by a turn's tally.
    #[inline]
    pub(super) fn add(&self, tally: &Tally) {
        let mut lanes = tally.lanes;
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as usize;
            lanes &= lanes - 1;
            let (counters, amount) = (&self.amounts[lane], &tally.amounts[lane]);
            counters.messages.add_if_any(amount.messages);
            counters.bytes.add_if_any(amount.bytes);
        }
        let moved = &self.moved[tally.speaker];
        moved.read.add_if_any(tally.moved.read);
        moved.written.add_if_any(tally.moved.written);
        self.delivered.add_if_any(tally.delivered);
    }

    fn amount(&self, direction: Direction, protocol: Protocol, qos: Qos) -> (&Counter, &Counter) {
        let counters = &self.amounts[lane(direction, protocol, qos)];
        (&counters.messages, &counters.bytes)
    }

    /// Messages received by that protocol with that QoS, and bytes of their payloads.
    pub fn received(&self, protocol: Protocol, qos: Qos) -> (&Counter, &Counter) {
        self.amount(Direction::Received, protocol, qos)
    }

    /// Messages sent by that protocol with that QoS, and bytes of their payloads.
    pub fn sent(&self, protocol: Protocol, qos: Qos) -> (&Counter, &Counter) {
        self.amount(Direction::Sent, protocol, qos)
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

#[cfg(test)]
mod tests {
    use super::*;

    const ALL_QOS: [Qos; QOS] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];

    #[test]
    fn each_way_has_counters_of_its_own() {
        let (traffic, mut expected) = (Traffic::default(), Vec::new());
        for (number, (protocol, qos)) in
            Protocol::ALL.into_iter().flat_map(|protocol| ALL_QOS.map(|qos| (protocol, qos))).enumerate()
        {
            let (mut tally, mut by_qos) = (Tally::default(), ByQos::default());
            tally.note_received(protocol, qos, number);
            (0..2).for_each(|_| tally.note_sent(protocol, qos, 100 * number));
            by_qos.note(qos, 1);
            tally.note_all_sent(protocol, &by_qos);
            traffic.add(&tally);
            expected.push(((1, number as u64), (3, 200 * number as u64 + 1)));
        }
        let values = |(messages, bytes): (&Counter, &Counter)| (messages.value(), bytes.value());
        let found = Protocol::ALL.into_iter().flat_map(|protocol| {
            ALL_QOS.map(|qos| (values(traffic.received(protocol, qos)), values(traffic.sent(protocol, qos))))
        });
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn bytes_are_those_of_what_the_connection_speaks() {
        let traffic = Traffic::default();
        let speakers = Protocol::ALL.map(Some).into_iter().chain([None]);
        for (speaker, bytes) in speakers.clone().zip(1..) {
            let mut tally = Tally::default();
            tally.moved(speaker).read += bytes;
            tally.moved(speaker).written += 10 * bytes;
            traffic.add(&tally);
        }
        for (speaker, bytes) in speakers.zip(1..) {
            let (read, written) = traffic.moved(speaker);
            assert_eq!((read.value(), written.value()), (bytes, 10 * bytes), "{speaker:?}");
        }
    }
}
