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

/// The window. Packet identifiers are handed out in order, so they are positions in a queue: look-up is one index,
/// and a slot that was settled out of order stays empty until those before it are settled.
#[derive(Debug)]
pub struct Inflight {
    slots: VecDeque<Option<Step>>,
    first: PacketId,
    used: usize,
}

/// All packet identifiers there are.
const IDENTIFIERS: usize = 65_535;

impl Inflight {
    /// An empty window; the first packet identifier is 1.
    pub fn new() -> Self {
        Self { slots: VecDeque::new(), first: PacketId::FIRST, used: 0 }
    }

    /// Deliveries that are not settled.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether all is settled.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether every packet identifier from the oldest unsettled one on is taken.
    pub fn is_exhausted(&self) -> bool {
        self.slots.len() >= IDENTIFIERS
    }

    /// Adds a delivery at the end and gives it the next packet identifier. The caller has made sure that there is
    /// one: see [`Inflight::is_exhausted`].
    pub fn push(&mut self, message: Arc<Message>, options: DeliveryOptions) -> PacketId {
        let id = self.id_at(self.slots.len());
        let state = InflightState::Sent(message);
        self.slots.push_back(Some(Step { state, options, sent_here: true, holds_place: true }));
        self.used += 1;
        id
    }

    /// The delivery with that packet identifier.
    pub fn find(&mut self, id: PacketId) -> Option<&mut Step> {
        let position = self.position(id);
        self.slots.get_mut(position)?.as_mut()
    }

    /// Settles a delivery: PUBACK of QoS 1, PUBCOMP of QoS 2, or a refusal. `None` if there is no such delivery.
    pub fn settle(&mut self, id: PacketId) -> Option<Step> {
        let position = self.position(id);
        let step = self.slots.get_mut(position)?.take()?;
        self.used -= 1;
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first = self.first.next();
        }
        Some(step)
    }

    /// The deliveries in the order in which they were sent.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (PacketId, &mut Step)> {
        let first = self.first;
        let numbered = self.slots.iter_mut().enumerate();
        numbered.filter_map(move |(position, slot)| Some((offset(first, position), slot.as_mut()?)))
    }

    /// The deliveries that are not settled, in order.
    pub fn into_steps(self) -> impl Iterator<Item = Step> {
        self.slots.into_iter().flatten()
    }

    fn id_at(&self, position: usize) -> PacketId {
        offset(self.first, position)
    }

    fn position(&self, id: PacketId) -> usize {
        (usize::from(id.get()) + IDENTIFIERS - usize::from(self.first.get())) % IDENTIFIERS
    }
}

impl Default for Inflight {
    fn default() -> Self {
        Self::new()
    }
}

/// The packet identifier `distance` after `first`, in the circle 1 to 65,535.
fn offset(first: PacketId, distance: usize) -> PacketId {
    let index = (usize::from(first.get()) - 1 + distance) % IDENTIFIERS;
    u16::try_from(index + 1).ok().and_then(PacketId::new).unwrap_or(PacketId::FIRST)
}

#[cfg(test)]
mod tests {
    use tidewire_protocols::topic::TopicName;

    use super::*;
    use crate::message::{Publication, Qos, SessionId};
    use crate::session::Identifiers;

    fn message() -> Arc<Message> {
        let topic = TopicName::parse("t").unwrap();
        Arc::clone(Publication::new(topic, b"", SessionId::BROKER).keep())
    }

    fn options() -> DeliveryOptions {
        let identifiers = Identifiers::new();
        DeliveryOptions {
            qos: Qos::AtLeastOnce,
            retain: false,
            identifiers,
            local: 0,
            sequence: 0,
            share: None,
            claim: None,
        }
    }

    #[test]
    fn packet_identifiers_start_at_one_and_skip_zero() {
        let mut inflight = Inflight::new();
        let message = message();
        for round in 0..2 {
            for expected in 1..=u16::MAX {
                let id = inflight.push(Arc::clone(&message), options());
                assert_eq!(id.get(), expected, "round {round}");
                assert!(inflight.settle(id).is_some());
            }
        }
    }

    #[test]
    fn an_unsettled_delivery_keeps_its_identifier_from_being_used_again() {
        let mut inflight = Inflight::new();
        let message = message();
        let oldest = inflight.push(Arc::clone(&message), options());
        while !inflight.is_exhausted() {
            let id = inflight.push(Arc::clone(&message), options());
            assert_ne!(id, oldest);
            assert!(inflight.settle(id).is_some());
        }
        assert_eq!(inflight.len(), 1);
        assert!(inflight.settle(oldest).is_some());
        assert!(!inflight.is_exhausted());
        assert!(inflight.settle(oldest).is_none());
    }

    #[test]
    fn deliveries_are_settled_in_any_order_and_keep_theirs() {
        let mut inflight = Inflight::new();
        let message = message();
        let ids: Vec<_> = (0..5).map(|_| inflight.push(Arc::clone(&message), options())).collect();
        inflight.settle(ids[1]);
        inflight.settle(ids[3]);
        let left: Vec<_> = inflight.iter_mut().map(|(id, _)| id.get()).collect();
        assert_eq!(left, [1, 3, 5]);
        inflight.settle(ids[0]);
        assert!(inflight.find(ids[2]).is_some());
        assert!(inflight.find(ids[1]).is_none());
    }
}
