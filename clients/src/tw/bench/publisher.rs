//! A connection that publishes: in a window, or at a fixed rate.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tidewire_clients::{Error, Qos};

use super::latency::Latency;
use super::raw::{Incoming, Link};
use super::template::{Number, Template};

/// See the module.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) link: Link,
    number: u32,
    topics: Vec<Template>,
    qos: Qos,
    limits: Limits,
    pub(super) sent: u64,
    /// Until PUBACK or PUBCOMP; at QoS 0 by being sent.
    pub(super) acknowledged: u64,
    /// Of those, by a reason that says that the broker did not take it.
    pub(super) refused: u64,
    /// When each packet identifier was used last, at `packet_id & mask`.
    used: Vec<Duration>,
    is_numbered_by_message: bool,
}

/// How fast a publisher may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Messages that may wait for their acknowledgement.
    pub(super) window: u64,
    /// Messages that may be sent and not yet received.
    pub(super) ahead: u64,
    /// How many there are in all.
    pub(super) messages: u64,
    pub(super) pace: Option<Pace>,
}

/// A message is due at its own time, whatever became of the ones before it, and its latency counts from then: a broker
/// that stalls cannot slow down those who measure it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// From the begin of the run to the first message.
    pub(super) first: Duration,
    /// From one message to the next.
    pub(super) interval: Duration,
}

impl Pace {
    fn due(self, elapsed: Duration) -> u64 {
        let since =
            elapsed.checked_sub(self.first).map(|since| since.as_nanos() / self.interval.as_nanos().max(1));
        since.map_or(0, |intervals| u64::try_from(intervals).unwrap_or(u64::MAX).saturating_add(1))
    }

    fn time_of(self, number: u64) -> Duration {
        let nanoseconds = self.interval.as_nanos().saturating_mul(number.into());
        self.first + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

impl Publisher {
    pub(super) fn new(link: Link, number: u32, topics: Vec<Template>, qos: Qos, limits: Limits) -> Self {
        // A window of identifiers, which skip 0, has a place of its own for each.
        let places = usize::try_from(limits.window + 2).unwrap_or(usize::MAX).next_power_of_two();
        let used = vec![Duration::ZERO; places.min(PACKET_IDS + 1)];
        Self {
            link,
            number,
            topics,
            qos,
            limits,
            sent: 0,
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

    /// Publishes what window and pace have room for. `delivered` is what has been received, `elapsed` the run's time.
    pub(super) fn fill(&mut self, elapsed: Duration, delivered: u64) {
        let Limits { window, ahead, messages, pace } = self.limits;
        let left = messages - self.sent;
        let room = window
            .saturating_sub(self.sent - self.acknowledged)
            .min(ahead.saturating_sub(self.sent.saturating_sub(delivered)))
            .min(left);
        let count = match pace {
            Some(pace) => pace.due(elapsed).saturating_sub(self.sent).min(room),
            // Half a window at a time, so that what can travel together does.
            None if room < left.min(window.min(ahead) / 2) || self.link.is_unsent() => 0,
            None => room,
        };
        for number in self.sent..self.sent + count {
            self.put(number, pace.map_or(elapsed, |pace| pace.time_of(number)));
        }
        self.sent += count;
        if self.qos == Qos::AtMostOnce {
            self.acknowledged = self.sent;
        }
    }

    fn put(&mut self, number: u64, at: Duration) {
        let packet_id = (number % PACKET_IDS as u64) as u16 + 1;
        let mask = self.used.len() - 1;
        self.used[usize::from(packet_id) & mask] = at;
        let topics = self.topics.len() as u64;
        let sequence = if self.is_numbered_by_message { number } else { number / topics };
        let message = Number { publisher: self.number, sequence };
        self.topics[(number % topics) as usize].put(message, packet_id, self.link.output());
    }

    /// When the next message is due; `None` without a pace or when all are sent.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let pace = self.limits.pace.filter(|_| self.sent < self.limits.messages)?;
        Some(pace.time_of(self.sent))
    }

    /// Takes the acknowledgements that have come.
    pub(super) fn handle(&mut self, begin: Instant, latency: &mut Latency) -> Result<(), Error> {
        let elapsed = begin.elapsed();
        let Self { link, used, acknowledged, refused, .. } = self;
        let mask = used.len() - 1;
        let mut settle = |packet_id: u16, reason: u8| {
            latency.record(elapsed.saturating_sub(used[usize::from(packet_id) & mask]));
            *acknowledged += 1;
            *refused += u64::from(reason >= REFUSED);
        };
        link.packets(|packet, out| {
            match packet {
                Incoming::PubAck { packet_id, reason } => settle(packet_id, reason),
                Incoming::PubRec { packet_id, reason } if reason >= REFUSED => settle(packet_id, reason),
                Incoming::PubRec { packet_id, .. } => put_answer(PUBREL, packet_id, out),
                Incoming::PubComp { packet_id } => settle(packet_id, 0),
                Incoming::Publish { .. } | Incoming::PubRel { .. } | Incoming::Other(_) => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_says_how_many_are_due_and_when() {
        let pace = Pace { first: Duration::from_millis(5), interval: Duration::from_millis(10) };
        for (elapsed, due) in [(0, 0), (4, 0), (5, 1), (14, 1), (15, 2), (1005, 101)] {
            assert_eq!(pace.due(Duration::from_millis(elapsed)), due, "{elapsed} ms");
        }
        assert_eq!(pace.time_of(100), Duration::from_millis(1005));
    }
}
