//! The half of MQTT that lives in the session: the inflight window towards the client, the QoS 2 publishes from it,
//! and how a message becomes a PUBLISH.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidewire_protocols::mqtt::{Ack, PacketId, PacketType, Qos, Version};

use super::alias::{Aliased, OutboundAliases};
use super::layout::Layout;
use crate::clock::Now;
use crate::message::{Deflating, Message, Publication};
use crate::output::Output;
use crate::session::{
    Deliver, Delivered, DeliveryOptions, Dormant, Guard, Inflight, InflightState, READY_BYTES_MAX, Step,
    Unsettled,
};

/// What a connection's client can take.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) version: Version,
    /// QoS 1 and 2 deliveries it may have unacknowledged.
    pub(super) receive_maximum: u16,
    /// The largest packet, fixed header included.
    pub(super) packet_size_max: usize,
    pub(super) aliases: OutboundAliases,
    /// Whether payloads are compressed.
    pub(super) deflating: Option<Deflating>,
}

/// See the module.
pub struct MqttDeliver {
    terms: Terms,
    inflight: Inflight,
    /// Numbers deliveries: see [`Deliver::share_sequence`].
    sequence: Arc<AtomicU64>,
    /// The highest place of a stored delivery that was sent.
    sent_to: u64,
    /// Deliveries that may still be sent before one is acknowledged; per connection. [MQTT-4.9.0-1]
    quota: u16,
    /// Deliveries of earlier connections wait to be sent again.
    must_resend: bool,
    /// QoS 2 publishes from the client that it has not released, and whether each came on the connection that is
    /// attached.
    received: HashMap<PacketId, bool, foldhash::fast::RandomState>,
    guard: Option<Guard>,
}

impl Default for MqttDeliver {
    fn default() -> Self {
        let aliases = OutboundAliases::default();
        let (version, packet_size_max) = (Version::V5, usize::MAX);
        let terms = Terms { version, receive_maximum: 0, packet_size_max, aliases, deflating: None };
        Self {
            terms,
            inflight: Inflight::new(),
            sequence: Arc::default(),
            sent_to: 0,
            quota: 0,
            must_resend: false,
            received: HashMap::default(),
            guard: None,
        }
    }
}

/// What a QoS 2 publish from the client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The first of its packet identifier since that was released.
    #[default]
    First,
    /// A repeat, and the first on this connection.
    Resent,
    /// A repeat of one on the same connection.
    Repeated,
}

/// What became of an acknowledgement.
#[derive(Debug, Default)]
pub(super) enum Settled {
    /// The delivery is settled now, or at PUBREC the first half of it.
    Now {
        /// Its place among the stored deliveries.
        sequence: u64,
        /// The delivery itself, where a work queue has to hear of it. PUBCOMP is too late for that: PUBREC has said it.
        of_queue: Option<Box<(Arc<Message>, DeliveryOptions)>>,
    },
    /// It had been acknowledged so already.
    Before,
    /// There is no such delivery.
    #[default]
    Unknown,
    /// It has another QoS than this acknowledgement is for.
    WrongQos,
}

impl MqttDeliver {
    /// What a session had before the broker began.
    pub(super) fn awoken(dormant: &Dormant) -> Self {
        let mut deliver =
            Self { sequence: Arc::clone(&dormant.sequence), sent_to: dormant.sent_to, ..Self::default() };
        for number in &dormant.released {
            if deliver.inflight.has_room_for(*number) {
                deliver.inflight.push_released(*number, Dormant::released_options(*number));
            }
        }
        let received = dormant.received.iter().filter_map(|id| PacketId::new(*id));
        deliver.received.extend(received.map(|packet_id| (packet_id, false)));
        deliver
    }

    /// Fits the session to a new connection; what was sent on an earlier one will be sent again [MQTT-4.4.0-1].
    pub(super) fn attach(&mut self, terms: Terms) {
        self.quota = terms.receive_maximum;
        self.terms = terms;
        self.must_resend = !self.inflight.is_empty();
        for (_, step) in self.inflight.iter_mut() {
            (step.sent_here, step.holds_place) = (false, false);
        }
        for came_here in self.received.values_mut() {
            *came_here = false;
        }
    }

    /// Whether deliveries wait for their acknowledgement.
    pub(super) fn has_inflight(&self) -> bool {
        !self.inflight.is_empty()
    }

    /// Notes a QoS 2 publish from the client.
    pub(super) fn receive(&mut self, packet_id: PacketId) -> Arrival {
        match self.received.insert(packet_id, true) {
            None => Arrival::First,
            Some(false) => Arrival::Resent,
            Some(true) => Arrival::Repeated,
        }
    }

    /// Whether a QoS 2 publish with this packet identifier came on this connection and is unreleased.
    pub(super) fn came_here(&self, packet_id: PacketId) -> bool {
        self.received.get(&packet_id) == Some(&true)
    }

    /// The client has released it; whether it was there.
    pub(super) fn release(&mut self, packet_id: PacketId) -> bool {
        self.received.remove(&packet_id).is_some()
    }

    /// Settles a delivery by an acknowledgement that is meant for `qos`.
    #[inline]
    pub(super) fn settle(&mut self, packet_id: PacketId, qos: Qos) -> Settled {
        let settled = self.inflight.settle_if(packet_id, |step| step.options.qos == qos);
        self.note_settled(settled)
    }

    /// Settles a QoS 2 delivery that has been released. [MQTT-4.3.3-7]
    pub(super) fn complete(&mut self, packet_id: PacketId) -> Settled {
        let is_released = |step: &Step| matches!(step.state, InflightState::Released);
        let settled = self.inflight.settle_if(packet_id, is_released);
        self.note_settled(settled)
    }

    #[inline]
    fn note_settled(&mut self, settled: Result<Step, Unsettled>) -> Settled {
        match settled {
            Ok(Step { state, options, holds_place, .. }) => {
                self.quota += u16::from(holds_place);
                Settled::Now { sequence: options.sequence, of_queue: of_queue(state, options) }
            }
            Err(Unsettled::Unknown) => Settled::Unknown,
            Err(Unsettled::NotMeant) => Settled::WrongQos,
        }
    }

    /// The client has a QoS 2 delivery: its message is let go, and only PUBREL is owed.
    pub(super) fn mark_received(&mut self, packet_id: PacketId) -> Settled {
        let Some(step) = self.inflight.find(packet_id) else { return Settled::Unknown };
        if step.options.qos != Qos::ExactlyOnce {
            return Settled::WrongQos;
        }
        // PUBREL goes out in answer, on this connection.
        step.sent_here = true;
        if matches!(step.state, InflightState::Released) {
            return Settled::Before;
        }
        let state = std::mem::replace(&mut step.state, InflightState::Released);
        Settled::Now { sequence: step.options.sequence, of_queue: of_queue(state, step.options.clone()) }
    }

    /// The number of a delivery that is about to be sent; `None` while there is no packet identifier for it.
    fn number(&self, sequence: u64) -> Option<u64> {
        if sequence > 0 {
            return self.inflight.has_room_for(sequence).then_some(sequence);
        }
        let next = |last: u64| self.inflight.has_room_for(last + 1).then_some(last + 1);
        let last = self.sequence.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
        Some(last + 1)
    }

    /// It was not sent after all: the next one takes its number, unless that has been passed already.
    fn give_number_back(&self, sequence: u64, number: u64) {
        if number > sequence {
            let _ = self.sequence.compare_exchange(number, number - 1, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

/// The delivery, where a work queue has to hear of it.
#[inline]
fn of_queue(state: InflightState, options: DeliveryOptions) -> Option<Box<(Arc<Message>, DeliveryOptions)>> {
    match state {
        InflightState::Sent(message) if options.is_of_queue() => Some(Box::new((message, options))),
        InflightState::Sent(_) | InflightState::Released => None,
    }
}

impl Deliver for MqttDeliver {
    fn deliver(
        &mut self,
        now: Now,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        output: &mut Output,
    ) -> Delivered {
        // What is sent again comes first, or a message would overtake one that was sent before it. [MQTT-4.6.0-5]
        if self.must_resend {
            return Delivered::WindowClosed;
        }
        if self.guard.as_ref().is_some_and(|guard| !guard(publication.topic)) {
            return Delivered::Denied;
        }
        let needs_ack = options.qos != Qos::AtMostOnce;
        let mut number = 0;
        if needs_ack {
            if self.quota == 0 {
                return Delivered::WindowClosed;
            }
            let Some(free) = self.number(options.sequence) else { return Delivered::WindowClosed };
            number = free;
        }
        let aliased = self.terms.aliases.look_up(publication.topic);
        let Terms { version, deflating, .. } = self.terms;
        let layout = Layout { version, options, aliased, dup: options.is_repeat, deflating };
        let Some(packet_id_at) = layout.write(now, publication, self.terms.packet_size_max, output) else {
            // Too large for this client: as if it had been delivered. [MQTT-3.1.2-25]
            self.give_number_back(options.sequence, number);
            return Delivered::Discarded;
        };
        if let Aliased::Introduced(alias) = aliased {
            self.terms.aliases.introduce(publication.topic, alias);
        }
        if needs_ack {
            let message = publication.to_kept();
            let packet_id = self.inflight.push(number, message, options.clone());
            self.sent_to = self.sent_to.max(options.sequence);
            output.bytes[packet_id_at..packet_id_at + 2].copy_from_slice(&packet_id.get().to_be_bytes());
            self.quota -= 1;
        }
        Delivered::Sent
    }

    fn resend(&mut self, now: Now, output: &mut Output, settled: &mut Vec<u64>) -> bool {
        if !self.must_resend {
            return true;
        }
        let Self { terms, inflight, quota, guard, .. } = self;
        let mut given_up = Vec::new();
        let mut is_done = true;
        for (packet_id, step) in inflight.iter_mut().filter(|(_, step)| !step.sent_here) {
            if output.len() >= READY_BYTES_MAX {
                is_done = false;
                break;
            }
            match &step.state {
                InflightState::Released => {
                    Ack::success(packet_id).encode(PacketType::PubRel, terms.version, &mut output.bytes);
                }
                // It was sent when its client might have it, or to another one.
                InflightState::Sent(message)
                    if guard.as_ref().is_some_and(|guard| !guard(message.publication().topic)) =>
                {
                    given_up.push(packet_id);
                }
                InflightState::Sent(_) if *quota == 0 => {
                    is_done = false;
                    break;
                }
                InflightState::Sent(message) => {
                    let layout = Layout {
                        version: terms.version,
                        options: &step.options,
                        aliased: Aliased::No,
                        dup: true,
                        deflating: terms.deflating,
                    };
                    match layout.write(now, &message.publication(), terms.packet_size_max, output) {
                        Some(at) => {
                            output.bytes[at..at + 2].copy_from_slice(&packet_id.get().to_be_bytes());
                            *quota -= 1;
                            step.holds_place = true;
                        }
                        // This connection's client takes less than the last one's. [MQTT-3.1.2-25]
                        None => given_up.push(packet_id),
                    }
                }
            }
            step.sent_here = true;
        }
        for packet_id in given_up {
            let sequence = inflight.settle(packet_id).map_or(0, |step| step.options.sequence);
            settled.extend((sequence > 0).then_some(sequence));
        }
        self.must_resend = !is_done;
        is_done
    }

    /// A QoS 2 message stays with the member of a shared subscription that it was sent to, even so. [MQTT-4.8.2-5]
    fn abandon(&mut self) -> Vec<(Arc<Message>, DeliveryOptions)> {
        let steps = std::mem::take(&mut self.inflight).into_steps();
        let sent = steps.filter_map(|step| match step.state {
            InflightState::Sent(message) => Some((message, step.options)),
            InflightState::Released => None,
        });
        let is_for_others = |options: &DeliveryOptions| {
            options.is_of_queue() || (options.share().is_some() && options.qos == Qos::AtLeastOnce)
        };
        sent.filter(|(_, options)| is_for_others(options)).collect()
    }

    /// QoS 1 is at least once, so another consumer may have it at once. QoS 2 waits for this client, which may have it
    /// already.
    fn release(&mut self) -> Vec<(Arc<Message>, DeliveryOptions)> {
        let is_released =
            |step: &Step| step.options.claim().is_some() && step.options.qos == Qos::AtLeastOnce;
        let released = self.inflight.iter_mut().filter(|(_, step)| is_released(step));
        let released: Vec<_> = released.map(|(packet_id, _)| packet_id).collect();
        let settled = released.into_iter().filter_map(|packet_id| self.inflight.settle(packet_id));
        let sent = settled.filter_map(|step| match step.state {
            InflightState::Sent(message) => Some((message, step.options)),
            InflightState::Released => None,
        });
        sent.collect()
    }

    fn set_guard(&mut self, guard: Option<Guard>) {
        self.guard = guard;
    }

    fn share_sequence(&mut self, sequence: &Arc<AtomicU64>) {
        self.sequence = Arc::clone(sequence);
    }

    fn sent_to(&self) -> u64 {
        self.sent_to
    }

    fn is_open(&self) -> bool {
        !self.must_resend && self.quota > 0
    }

    fn window(&self) -> usize {
        self.terms.receive_maximum.into()
    }

    fn inflight(&self) -> usize {
        self.inflight.len()
    }
}
