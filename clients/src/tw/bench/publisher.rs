//! A connection that publishes: in a window, or at a fixed rate.

use std::ops::ControlFlow;

use tidewire_client::{Error, Qos};

use super::latency::Latency;
use super::mark::Number;
use super::pace::Limits;
use super::raw::{Incoming, Link};
use super::template::Template;

/// See the module.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) link: Link,
    number: u32,
    /// Published to by turns.
    topics: Vec<Template>,
    /// Of all topics together.
    copies_of_round: u64,
    next_topic: usize,
    /// Rounds through all topics that are done.
    round: u64,
    limits: Limits,
    pub(super) sent: u64,
    /// Deliveries that what is sent makes.
    pub(super) expected: u64,
    /// Until PUBACK, PUBCOMP or a receipt; at QoS 0 by being sent.
    pub(super) acknowledged: u64,
    /// Of those, by a reason that says that the broker did not take it.
    pub(super) refused: u64,
    /// When each packet identifier was used last, at `packet_id & mask`, in nanoseconds from the begin.
    used: Vec<u64>,
    is_numbered_by_message: bool,
}

impl Publisher {
    pub(super) fn new(link: Link, number: u32, topics: Vec<Template>, limits: Limits) -> Self {
        let acknowledged = topics.iter().filter(|topic| topic.qos != Qos::AtMostOnce).count();
        // A window of identifiers, which skip 0, has a place of its own for each; so have those of QoS 0 between them.
        let spread = if acknowledged == topics.len() { 1 } else { topics.len() };
        let places = (limits.window as usize + 2).saturating_mul(spread).min(PACKET_IDS + 1);
        let used = vec![0; if acknowledged > 0 { places.next_power_of_two() } else { 1 }];
        let copies_of_round = topics.iter().map(|topic| u64::from(topic.copies)).sum();
        Self {
            link,
            number,
            topics,
            copies_of_round,
            next_topic: 0,
            round: 0,
            limits,
            sent: 0,
            expected: 0,
            acknowledged: 0,
            refused: 0,
            used,
            is_numbered_by_message: false,
        }
    }

    /// Numbers messages through all topics, not in each of them.
    pub(super) fn numbered_by_message(self) -> Self {
        Self { is_numbered_by_message: true, ..self }
    }

    /// Sends at most so many messages that are not yet received by all.
    pub(super) fn stay_within(&mut self, ahead: u64) {
        self.limits.ahead = ahead;
    }

    /// Publishes what window and pace have room for. `delivered` is how many deliveries there were, `elapsed` the run's
    /// time in nanoseconds; how late each message is goes to `late`.
    pub(super) fn fill(&mut self, elapsed: u64, delivered: u64, late: &mut Latency) {
        let Limits { window, ahead, messages, pace } = self.limits;
        let left = messages - self.sent;
        let room = window
            .saturating_sub(self.sent - self.acknowledged)
            .min(ahead.saturating_sub(self.undelivered(delivered)))
            .min(left);
        let count = match pace {
            Some(pace) => pace.due(elapsed).saturating_sub(self.sent).min(room),
            // Half a window at a time, so that what can travel together does.
            None if room < left.min(window.min(ahead) / 2) || self.link.is_unsent() => 0,
            None => room,
        };
        for number in self.sent..self.sent + count {
            let at = pace.map_or(elapsed, |pace| pace.time_of(number));
            if pace.is_some() && late.is_next() {
                late.record(elapsed.saturating_sub(at));
            }
            self.put(number, at);
        }
        self.sent += count;
    }

    /// Messages that are not yet received by all.
    fn undelivered(&self, delivered: u64) -> u64 {
        let missing = self.expected.saturating_sub(delivered);
        match (self.topics.len() as u64, self.copies_of_round) {
            (topics, copies) if topics == copies => missing,
            // The last of them counts until its last delivery.
            (topics, copies) => (missing * topics).div_ceil(copies.max(1)),
        }
    }

    fn put(&mut self, number: u64, at: u64) {
        let topic = &self.topics[self.next_topic];
        let sequence = if self.is_numbered_by_message { number } else { self.round };
        let packet_id = (number % PACKET_IDS as u64) as u16 + 1;
        if topic.qos == Qos::AtMostOnce {
            self.acknowledged += 1;
        } else {
            let mask = self.used.len() - 1;
            self.used[usize::from(packet_id) & mask] = at;
        }
        let message = Number { publisher: self.number, sequence };
        topic.put(message, at, packet_id, self.link.output());
        self.expected += u64::from(topic.copies);
        self.next_topic += 1;
        if self.next_topic == self.topics.len() {
            (self.next_topic, self.round) = (0, self.round + 1);
        }
    }

    /// When the next message is due, in nanoseconds; `None` without a pace or when all are sent.
    pub(super) fn next_due(&self) -> Option<u64> {
        let pace = self.limits.pace.filter(|_| self.sent < self.limits.messages)?;
        Some(pace.time_of(self.sent))
    }

    /// Takes the acknowledgements that have come, so many nanoseconds after the begin.
    pub(super) fn handle(&mut self, elapsed: u64, latency: &mut Latency) -> Result<(), Error> {
        let Self { link, used, acknowledged, refused, .. } = self;
        let mask = used.len() - 1;
        let mut settle = |packet_id: u16, reason: u8| {
            if latency.is_next() {
                latency.record(elapsed.saturating_sub(used[usize::from(packet_id) & mask]));
            }
            *acknowledged += 1;
            *refused += u64::from(reason >= REFUSED);
        };
        link.packets(|packet, out| {
            match packet {
                Incoming::PubAck { packet_id, reason } => settle(packet_id, reason),
                Incoming::PubRec { packet_id, reason } if reason >= REFUSED => settle(packet_id, reason),
                Incoming::PubRec { packet_id, .. } => put_answer(PUBREL, packet_id, out),
                Incoming::PubComp { packet_id } => settle(packet_id, 0),
                Incoming::Receipt { number } => settle(number as u16, 0),
                Incoming::Publish { .. }
                | Incoming::PubRel { .. }
                | Incoming::Message { .. }
                | Incoming::Other(_) => {}
            }
            ControlFlow::Continue(())
        })?;
        self.acknowledged = self.acknowledged.min(self.sent);
        Ok(())
    }

    /// Publishes no more than it has.
    pub(super) fn stop(&mut self) {
        self.limits.messages = self.sent;
    }

    /// Whether all is sent and acknowledged.
    pub(super) fn is_done(&self) -> bool {
        self.sent == self.limits.messages && self.acknowledged == self.sent && !self.link.is_unsent()
    }
}

/// Appends a packet that is nothing but a packet identifier.
pub(super) fn put_answer(first: u8, packet_id: u16, out: &mut Vec<u8>) {
    let [high, low] = packet_id.to_be_bytes();
    out.extend_from_slice(&[first, 2, high, low]);
}

const PUBREL: u8 = 0x62;
/// Reasons from here on refuse.
const REFUSED: u8 = 0x80;
const PACKET_IDS: usize = 65_535;
