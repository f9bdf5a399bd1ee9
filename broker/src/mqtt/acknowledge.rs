//! PUBACK, PUBREC, PUBREL and PUBCOMP from a client.

use std::sync::Arc;

use tidewire_protocols::mqtt::{Ack, PacketId, PacketType, Properties, Qos, ReasonCode};

use super::Context;
use super::deliver::{MqttDeliver, Received};
use super::refuse::Refusal;
use crate::message::Message;
use crate::queue::DeadReason;
use crate::session::DeliveryOptions;
use crate::store::{Record, SettledState};

impl Context<'_, '_, '_> {
    /// A QoS 1 delivery is settled, whatever the client's reason says: a refusal is no cause to send it again. A work
    /// queue gives up what its consumer refuses.
    pub(super) fn handle_pub_ack(mut self, ack: &Ack<'_>) -> Result<(), Refusal> {
        let settled = self.with_deliver(|deliver| deliver.settle(ack.packet_id, Qos::AtLeastOnce));
        self.note_settled(settled, "PUBACK", ack.reason)
    }

    /// A QoS 2 delivery has arrived: from now on only PUBREL is owed. [MQTT-4.3.3-3, MQTT-4.3.3-5]
    pub(super) fn handle_pub_rec(mut self, ack: &Ack<'_>) -> Result<(), Refusal> {
        if ack.reason.is_error() {
            let settled = self.with_deliver(|deliver| deliver.settle(ack.packet_id, Qos::ExactlyOnce));
            return self.note_settled(settled, "PUBREC", ack.reason);
        }
        let received = self.with_deliver(|deliver| deliver.mark_received(ack.packet_id));
        let reason = match received {
            Received::Now(delivery) => {
                let (message, options) = *delivery;
                self.record_settled(options.sequence, SettledState::Received);
                self.settle_with_queue(Some(message), options, ack.reason);
                ReasonCode::Success
            }
            Received::Before => ReasonCode::Success,
            Received::Unknown => ReasonCode::PacketIdentifierNotFound,
            Received::WrongQos => return Err(wrong_qos("PUBREC")),
        };
        self.reply(PacketType::PubRel, ack.packet_id, reason);
        Ok(())
    }

    /// The client releases its QoS 2 publish. [MQTT-4.3.3-11]
    pub(super) fn handle_pub_rel(mut self, ack: &Ack<'_>) -> Result<(), Refusal> {
        // The client takes any PUBCOMP for one that is no longer under way. [MQTT50-U-4.9-1]
        self.client.unreleased = self.client.unreleased.saturating_sub(1);
        let reason = match self.forget_received(ack.packet_id) {
            true => ReasonCode::Success,
            // Harmless: it was released before, and the answer was lost. [MQTT-4.3.3-11]
            false => ReasonCode::PacketIdentifierNotFound,
        };
        self.reply(PacketType::PubComp, ack.packet_id, reason);
        Ok(())
    }

    /// A QoS 2 delivery is settled.
    pub(super) fn handle_pub_comp(mut self, ack: &Ack<'_>) -> Result<(), Refusal> {
        let settled = self.with_deliver(|deliver| deliver.complete(ack.packet_id));
        self.note_settled(settled, "PUBCOMP", ReasonCode::Success)
    }

    /// Does nothing once another connection has taken the session over: what is under way is now that one's.
    fn with_deliver<R: Default>(&mut self, change: impl FnOnce(&mut MqttDeliver) -> R) -> R {
        let mut state = self.client.session.lock();
        if !state.is_attached(self.link) {
            return R::default();
        }
        state.deliver_as::<MqttDeliver>().map(change).unwrap_or_default()
    }

    fn note_settled(
        &mut self,
        settled: Settled,
        packet: &'static str,
        reason: ReasonCode,
    ) -> Result<(), Refusal> {
        match settled {
            Settled::Now { message, options } => {
                self.record_settled(options.sequence, SettledState::Done);
                self.settle_with_queue(message, options, reason);
                Ok(())
            }
            // The answer to something sent on an earlier connection, or a repeat: nothing is owed for it.
            Settled::Unknown => Ok(()),
            Settled::WrongQos => Err(wrong_qos(packet)),
        }
    }

    /// `message` is none where the queue has been told already, at PUBREC.
    fn settle_with_queue(
        &mut self,
        message: Option<Arc<Message>>,
        options: DeliveryOptions,
        reason: ReasonCode,
    ) {
        let Some(message) = message else { return };
        if let Some(origin) = options.origin.as_ref().filter(|_| reason.is_error()) {
            self.broker.return_taken(self.turn, &message, origin, Some(DeadReason::Rejected));
        }
        let Some(claim) = options.claim.clone() else { return };
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

/// What became of settling a delivery.
#[derive(Debug, Default)]
pub(super) enum Settled {
    /// It is settled now.
    Now {
        /// What was delivered, unless that was let go of at PUBREC.
        message: Option<Arc<Message>>,
        /// How it went.
        options: DeliveryOptions,
    },
    /// There is no such delivery.
    #[default]
    Unknown,
    /// It has another QoS than this acknowledgement is for.
    WrongQos,
}

fn wrong_qos(packet: &'static str) -> Refusal {
    Refusal::protocol(format!("{packet} came for a delivery of another QoS [MQTT-4.3.2-2, MQTT-4.3.3-3]"))
}
