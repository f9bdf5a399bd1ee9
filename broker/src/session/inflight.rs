//! The deliveries a client has been sent and has not acknowledged, by packet identifier, in the order of sending.

use std::collections::VecDeque;
use std::sync::Arc;

use tidewire_protocols::mqtt::PacketId;

use super::DeliveryOptions;
use crate::message::Message;

/// How far one delivery is.
///
/// ```text
///   QoS 1: Sent ──PUBACK──▶ settled
///   QoS 2: Sent ──PUBREC──▶ Released (PUBREL is owed or sent) ──PUBCOMP──▶ settled
/// ```
#[derive(Clone, Debug)]
pub enum InflightState {
    /// PUBLISH was sent.
    Sent(Arc<Message>),
    /// PUBREC came; the message is the client's, and only PUBREL may follow. [MQTT-4.3.3-6]
    Released,
}

/// One delivery.
#[derive(Clone, Debug)]
pub struct Step {
    /// How far it is.
    pub state: InflightState,
    /// How it went.
    pub options: DeliveryOptions,
    /// Whether it went out on the connection that is attached; after a reconnect it must be sent again.
    pub sent_here: bool,
    /// Whether its PUBLISH went out on that connection, so that it takes a place of the client's Receive Maximum. One
    /// that was received on an earlier connection takes none, and gives none back. [MQTT-3.3.4-9]
    pub holds_place: bool,
}

/// The window. Deliveries are numbered in the order of the session's sequence, and a packet identifier follows from a
/// number, so that after a crash a delivery is sent again under the identifier it had: sending costs no write. A number
/// is a position in a queue: look-up is one index. Slots are empty where a delivery was settled before those in front of
/// it, and where a number was never sent.
#[derive(Debug, Default)]
pub struct Inflight {
    slots: VecDeque<Option<Step>>,
    /// The number of the first slot.
    first: u64,
    used: usize,
}

/// Why a delivery was not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsettled {
    /// There is no such delivery.
    Unknown,
    /// It is another kind of delivery.
    NotMeant,
}

/// All packet identifiers there are.
const IDENTIFIERS: u64 = 65_535;

impl Inflight {
    /// An empty window.
    pub fn new() -> Self {
        Self::default()
    }

    /// Deliveries that are not settled.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether all is settled.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether a delivery of that number has a packet identifier that no other one has.
    #[inline]
    pub fn has_room_for(&self, number: u64) -> bool {
        let end = self.first + self.slots.len() as u64;
        self.slots.is_empty() || (number < self.first + IDENTIFIERS && number + IDENTIFIERS >= end)
    }

    /// Adds a delivery that was sent. The caller has made sure that there is room: see [`Inflight::has_room_for`].
    #[inline]
    pub fn push(&mut self, number: u64, message: Arc<Message>, options: DeliveryOptions) -> PacketId {
        let state = InflightState::Sent(message);
        self.insert(number, Step { state, options, sent_here: true, holds_place: true });
        packet_id(number)
    }

    /// Adds a delivery that was received on an earlier connection, so that only its PUBREL is owed.
    pub fn push_released(&mut self, number: u64, options: DeliveryOptions) {
        let state = InflightState::Released;
        self.insert(number, Step { state, options, sent_here: false, holds_place: false });
    }

    #[inline]
    fn insert(&mut self, number: u64, step: Step) {
        if self.slots.is_empty() {
            self.first = number;
        }
        self.used += 1;
        if number == self.first + self.slots.len() as u64 {
            self.slots.push_back(Some(step));
        } else {
            self.insert_apart(number, step);
        }
    }

    /// Adds one whose number does not follow the last one's.
    #[cold]
    fn insert_apart(&mut self, number: u64, step: Step) {
        // Two publishers may have numbered their messages in one order, and delivered them in the other.
        while number < self.first {
            self.slots.push_front(None);
            self.first -= 1;
        }
        let position = self.position(number);
        while self.slots.len() < position {
            self.slots.push_back(None);
        }
        match self.slots.get_mut(position) {
            Some(slot) => *slot = Some(step),
            None => self.slots.push_back(Some(step)),
        }
    }

    /// The delivery with that packet identifier.
    pub fn find(&mut self, id: PacketId) -> Option<&mut Step> {
        let position = self.position_of(id);
        self.slots.get_mut(position)?.as_mut()
    }

    /// Settles a delivery: PUBACK of QoS 1, PUBCOMP of QoS 2, or a refusal. `None` if there is no such delivery.
    pub fn settle(&mut self, id: PacketId) -> Option<Step> {
        self.settle_if(id, |_| true).ok()
    }

    /// The same, if it is one that `is_meant`.
    ///
    /// # Errors
    ///
    /// There is no such delivery, or it is not meant.
    #[inline]
    pub fn settle_if(
        &mut self,
        id: PacketId,
        is_meant: impl FnOnce(&Step) -> bool,
    ) -> Result<Step, Unsettled> {
        let position = self.position_of(id);
        let step = self.slots.get(position).and_then(Option::as_ref).ok_or(Unsettled::Unknown)?;
        if !is_meant(step) {
            return Err(Unsettled::NotMeant);
        }
        let step = match position {
            // Clients acknowledge in the order in which they were sent to.
            0 => self.pop(),
            _ => self.slots.get_mut(position).and_then(Option::take),
        };
        self.used -= 1;
        while let Some(None) = self.slots.front() {
            self.pop();
        }
        step.ok_or(Unsettled::Unknown)
    }

    /// Takes the first slot out.
    #[inline]
    fn pop(&mut self) -> Option<Step> {
        self.first += 1;
        self.slots.pop_front().flatten()
    }

    /// The deliveries in the order of their numbers, which is that in which they were sent.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (PacketId, &mut Step)> {
        let numbered = (self.first..).zip(self.slots.iter_mut());
        numbered.filter_map(|(number, slot)| Some((packet_id(number), slot.as_mut()?)))
    }

    /// The deliveries that are not settled, in order.
    pub fn into_steps(self) -> impl Iterator<Item = Step> {
        self.slots.into_iter().flatten()
    }

    fn position(&self, number: u64) -> usize {
        usize::try_from(number - self.first).unwrap_or(usize::MAX)
    }

    /// How far behind the first slot's its identifier is, on the circle of all.
    #[inline]
    fn position_of(&self, id: PacketId) -> usize {
        let (id, first) = (usize::from(id.get()), usize::from(packet_id(self.first).get()));
        if id >= first { id - first } else { id + usize::from(u16::MAX) - first }
    }
}

/// The packet identifier of the delivery with that number: they go round the circle 1 to 65,535.
#[inline]
fn packet_id(number: u64) -> PacketId {
    let index = (number + IDENTIFIERS - 1) % IDENTIFIERS;
    u16::try_from(index + 1).ok().and_then(PacketId::new).unwrap_or(PacketId::FIRST)
}

#[cfg(test)]
mod tests {
    use tidewire_protocols::topic::TopicName;

    use super::*;
    use crate::message::{Publication, Qos, SessionId};

    fn message() -> Arc<Message> {
        let topic = TopicName::parse("t").unwrap();
        Arc::clone(Publication::new(topic, b"", SessionId::BROKER).keep())
    }

    fn options() -> DeliveryOptions {
        DeliveryOptions::new(Qos::AtLeastOnce)
    }

    /// Each message of QoS 1 and 2 that waits for its acknowledgement has one, and is met twice: it is to be one line of
    /// the cache.
    #[test]
    fn a_place_in_the_window_is_small() {
        let size = size_of::<Option<Step>>();
        assert!(size <= 64, "{size} bytes");
    }

    #[test]
    fn what_is_not_meant_stays() {
        let mut inflight = Inflight::new();
        let ids: Vec<_> = (1..=3).map(|number| inflight.push(number, message(), options())).collect();
        assert_eq!(inflight.settle_if(ids[0], |_| false).err(), Some(Unsettled::NotMeant));
        for id in [ids[1], ids[0], ids[2]] {
            assert!(inflight.settle_if(id, |_| true).is_ok());
            assert_eq!(inflight.settle_if(id, |_| true).err(), Some(Unsettled::Unknown));
        }
        assert!(inflight.is_empty() && inflight.slots.is_empty());
    }

    #[test]
    fn packet_identifiers_start_at_one_and_skip_zero() {
        let mut inflight = Inflight::new();
        let message = message();
        let mut number = 0;
        for round in 0..2 {
            for expected in 1..=u16::MAX {
                number += 1;
                let id = inflight.push(number, Arc::clone(&message), options());
                assert_eq!(id.get(), expected, "round {round}");
                assert!(inflight.settle(id).is_some());
            }
        }
    }

    #[test]
    fn an_unsettled_delivery_keeps_its_identifier_from_being_used_again() {
        let mut inflight = Inflight::new();
        let message = message();
        let oldest = inflight.push(7, Arc::clone(&message), options());
        let mut number = 8;
        while inflight.has_room_for(number) {
            let id = inflight.push(number, Arc::clone(&message), options());
            assert_ne!(id, oldest);
            assert!(inflight.settle(id).is_some());
            number += 1;
        }
        assert_eq!((inflight.len(), number), (1, 7 + IDENTIFIERS));
        assert!(inflight.settle(oldest).is_some());
        assert!(inflight.has_room_for(number));
        assert!(inflight.settle(oldest).is_none());
    }

    #[test]
    fn deliveries_are_settled_in_any_order_and_keep_theirs() {
        let mut inflight = Inflight::new();
        let message = message();
        let ids: Vec<_> =
            (1..=5).map(|number| inflight.push(number, Arc::clone(&message), options())).collect();
        inflight.settle(ids[1]);
        inflight.settle(ids[3]);
        let left: Vec<_> = inflight.iter_mut().map(|(id, _)| id.get()).collect();
        assert_eq!(left, [1, 3, 5]);
        inflight.settle(ids[0]);
        assert!(inflight.find(ids[2]).is_some());
        assert!(inflight.find(ids[1]).is_none());
    }

    #[test]
    fn numbers_may_be_skipped_and_come_out_of_order() {
        let mut inflight = Inflight::new();
        let message = message();
        for number in [10, 14, 8, 12, 9] {
            let id = inflight.push(number, Arc::clone(&message), options());
            assert_eq!(u64::from(id.get()), number);
        }
        inflight.push_released(3, options());
        let all: Vec<_> = inflight.iter_mut().map(|(id, _)| id.get()).collect();
        assert_eq!(all, [3, 8, 9, 10, 12, 14]);
        assert!(!inflight.has_room_for(3 + IDENTIFIERS), "3 has that identifier");
        for id in [3, 8, 12, 9, 10, 14] {
            assert!(inflight.settle(PacketId::new(id).unwrap()).is_some());
        }
        assert!(inflight.is_empty() && inflight.has_room_for(1) && inflight.has_room_for(1_000_000));
    }
}
