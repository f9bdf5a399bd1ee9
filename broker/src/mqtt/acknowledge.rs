//! PUBACK, PUBREC, PUBREL and PUBCOMP from a client.

use std::sync::Arc;

use tidewire_protocols::mqtt::{Ack, PacketId, PacketType, Properties, Qos, ReasonCode};

use super::Context;
use super::deliver::{MqttDeliver, Settled};
use super::refuse::Refusal;
use crate::message::Message;
use crate::queue::DeadReason;
use crate::session::DeliveryOptions;
use crate::store::{Record, SettledState};

/// One of the four packets that acknowledge.
#[derive(Clone, Copy)]
pub(super) struct Acknowledgement {
    pub(super) packet_type: PacketType,
    pub(super) packet_id: PacketId,
    pub(super) reason: ReasonCode,
}

/// A message of a work queue that its consumer has settled: the queue has to hear of it, once the session is unlocked.
struct ForQueue {
    delivery: Box<(Arc<Message>, DeliveryOptions)>,
    reason: ReasonCode,
}

impl Context<'_, '_, '_> {
    /// Takes acknowledgements that came one behind the other, under one lock of the session.
    pub(super) fn handle_acks(
        mut self,
        acks: impl IntoIterator<Item = Acknowledgement>,
    ) -> Result<(), Refusal> {
        let session = Arc::clone(&self.client.session);
        let mut for_queues = Vec::new();
        let mut state = session.lock();
        let is_attached = state.is_attached(self.link);
        // Once another connection has taken the session over, what is under way is that one's.
        let mut deliver = state.deliver_as::<MqttDeliver>().filter(|_| is_attached);
        let result = acks
            .into_iter()
            .try_for_each(|ack| self.handle_ack(deliver.as_deref_mut(), ack, &mut for_queues));
        drop(state);
        for_queues.into_iter().for_each(|settled| self.settle_with_queue(settled));
        result
    }

    fn handle_ack(
        &mut self,
        deliver: Option<&mut MqttDeliver>,
        ack: Acknowledgement,
        for_queues: &mut Vec<ForQueue>,
    ) -> Result<(), Refusal> {
        let Acknowledgement { packet_type, packet_id, reason } = ack;
        let settled = match (packet_type, deliver) {
            (PacketType::PubRel, deliver) => {
                let was_there = deliver.is_some_and(|deliver| deliver.release(packet_id));
                self.note_released(packet_id, was_there);
                return Ok(());
            }
            (PacketType::PubRec, deliver) if !reason.is_error() => {
                let settled = deliver.map(|deliver| deliver.mark_received(packet_id)).unwrap_or_default();
                return self.note_received(packet_id, reason, settled, for_queues);
            }
            (_, None) => Settled::Unknown,
            // A QoS 1 delivery is settled, whatever the client's reason says: a refusal is no cause to send it again. A
            // work queue gives up what its consumer refuses.
            (PacketType::PubAck, Some(deliver)) => deliver.settle(packet_id, Qos::AtLeastOnce),
            (PacketType::PubRec, Some(deliver)) => deliver.settle(packet_id, Qos::ExactlyOnce),
            (_, Some(deliver)) => deliver.complete(packet_id),
        };
        match settled {
            Settled::Now { sequence, of_queue } => {
                self.record_settled(sequence, SettledState::Done);
                if let Some(delivery) = of_queue {
                    for_queues.push(ForQueue { delivery, reason });
                }
                Ok(())
            }
            // The answer to something sent on an earlier connection, or a repeat: nothing is owed for it.
            Settled::Before | Settled::Unknown => Ok(()),
            Settled::WrongQos => Err(wrong_qos(packet_type)),
        }
    }

    /// A QoS 2 delivery has arrived: from now on only PUBREL is owed. [MQTT-4.3.3-3, MQTT-4.3.3-5]
    fn note_received(
        &mut self,
        packet_id: PacketId,
        reason: ReasonCode,
        settled: Settled,
        for_queues: &mut Vec<ForQueue>,
    ) -> Result<(), Refusal> {
        let answer = match settled {
            Settled::Now { sequence, of_queue } => {
                self.record_settled(sequence, SettledState::Received);
                for_queues.extend(of_queue.map(|delivery| ForQueue { delivery, reason }));
                ReasonCode::Success
            }
            Settled::Before => ReasonCode::Success,
            Settled::Unknown => ReasonCode::PacketIdentifierNotFound,
            Settled::WrongQos => return Err(wrong_qos(PacketType::PubRec)),
        };
        self.reply(PacketType::PubRel, packet_id, answer);
        Ok(())
    }

    /// The client releases its QoS 2 publish. [MQTT-4.3.3-11]
    fn note_released(&mut self, packet_id: PacketId, was_there: bool) {
        // The client takes any PUBCOMP for one that is no longer under way. [MQTT50-U-4.9-1]
        self.client.unreleased = self.client.unreleased.saturating_sub(1);
        let reason = if was_there {
            self.record_released(packet_id);
            ReasonCode::Success
        } else {
            // Harmless: it was released before, and the answer was lost. [MQTT-4.3.3-11]
            ReasonCode::PacketIdentifierNotFound
        };
        self.reply(PacketType::PubComp, packet_id, reason);
    }

    fn settle_with_queue(&mut self, ForQueue { delivery, reason }: ForQueue) {
        let (message, options) = *delivery;
        if let Some(origin) = options.origin().filter(|_| reason.is_error()) {
            self.broker.return_taken(self.turn, &message, origin, Some(DeadReason::Rejected));
        }
        let Some(claim) = options.claim().cloned() else { return };
        if reason.is_error() {
            self.broker.put_back(self.turn, vec![(message, options)], Some(DeadReason::Rejected));
        } else {
            self.broker.record_dequeued(self.turn, std::iter::once(claim.as_ref()));
            self.broker.settle(self.turn, vec![(message, options)]);
        }
    }

    fn record_settled(&mut self, sequence: u64, state: SettledState) {
        if sequence > 0 {
            let session = self.client.session.id().0;
            self.turn.record(|| Record::Settled { session, sequence, state });
        }
    }

    /// PUBREL and PUBCOMP promise that the step before them will not be forgotten.
    fn reply(&mut self, packet_type: PacketType, packet_id: PacketId, reason: ReasonCode) {
        let ack = Ack { packet_id, reason, properties: Properties::EMPTY };
        ack.encode(packet_type, self.client.version, &mut self.replies.promised().bytes);
    }
}

fn wrong_qos(packet_type: PacketType) -> Refusal {
    Refusal::protocol(format!(
        "{packet_type:?} came for a delivery of another QoS [MQTT-4.3.2-2, MQTT-4.3.3-3]"
    ))
}
