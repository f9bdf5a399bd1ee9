//! What this client has asked the broker and has no answer to yet.
//!
//! A message of QoS 1 or 2 stays here until it is acknowledged, over as many connections as that takes.

use std::collections::{HashMap, VecDeque};

use bytes::BytesMut;
use tidewire_protocols::mqtt::{
    Ack, Packet, PacketId, Properties, PropertiesBuf, Publish, Qos, ReasonCode, Version,
};
use tidewire_protocols::topic::TopicName;

use super::requests::Request;
use crate::command::Publication;
use crate::error::Error;
use crate::message::Message;
use crate::mqtt::grant::Grant;
use crate::mqtt::{UNWRITABLE, attributes, explain};
use crate::options::SessionLost;
use crate::session::Limits;

/// See the module.
pub(super) struct Outgoing {
    pub(super) version: Version,
    session_lost: SessionLost,
    limits: Limits,
    receive_maximum: usize,
    next_id: PacketId,
    pub(super) messages: HashMap<PacketId, InFlight>,
    /// Subscribing and unsubscribing.
    pub(super) requests: HashMap<PacketId, Request>,
    /// Messages sent on this connection that count in the broker's Receive Maximum.
    inflight: usize,
    /// Of an earlier connection and not sent on this one yet, in their order.
    resend: VecDeque<PacketId>,
    count: u64,
}

/// A message that the broker has been sent.
pub(super) struct InFlight {
    /// Where it stands among the others.
    order: u64,
    publication: Publication,
    /// QoS 2: PUBREC has come.
    is_released: bool,
    /// The session that it was sent in goes on.
    is_repeated: bool,
}

impl Outgoing {
    pub(super) fn new(version: Version, session_lost: SessionLost) -> Self {
        Self {
            version,
            session_lost,
            limits: Limits::default(),
            receive_maximum: 0,
            next_id: PacketId::FIRST,
            messages: HashMap::new(),
            requests: HashMap::new(),
            inflight: 0,
            resend: VecDeque::new(),
            count: 0,
        }
    }

    /// How many more messages may be sent; the broker ends the connection of a client that exceeds it [MQTT-3.3.4-9].
    /// Nothing new overtakes what is sent again.
    pub(super) fn room(&self) -> usize {
        if !self.resend.is_empty() {
            return 0;
        }
        let window = self.receive_maximum.saturating_sub(self.inflight);
        window.min(REQUESTS_MAX.saturating_sub(self.messages.len() + self.requests.len()))
    }

    pub(super) fn publish(&mut self, publication: Publication, output: &mut BytesMut) {
        let message = &publication.message;
        let packet_id = (message.qos != Qos::AtMostOnce).then(|| self.free_id());
        if let Err(error) = self.encode_publish(message, packet_id, false, output) {
            return publication.settle(Err(error));
        }
        match packet_id {
            None => publication.settle(Ok(())),
            Some(packet_id) => {
                self.count += 1;
                self.inflight += 1;
                let order = self.count;
                let sent = InFlight { order, publication, is_released: false, is_repeated: false };
                self.messages.insert(packet_id, sent);
            }
        }
    }

    /// There is a new connection, and perhaps a new session.
    pub(super) fn handle_connected(&mut self, grant: &Grant, output: &mut BytesMut) {
        self.limits = grant.limits;
        self.receive_maximum = grant.receive_maximum.into();
        if !grant.session_present {
            self.handle_session_lost();
        }
        for sent in self.messages.values_mut() {
            sent.is_repeated = grant.session_present;
        }
        self.send_again(output);
    }

    /// The session is an earlier process's, which may have left exchanges half done: new packet identifiers
    /// begin at a random place, where they hardly meet those.
    pub(super) fn handle_inherited(&mut self) {
        if let Some(packet_id) = PacketId::new(fastrand::u16(1..)) {
            self.next_id = packet_id;
        }
    }

    /// The connection is gone, and perhaps not the session.
    pub(super) fn handle_lost(&mut self) {
        self.inflight = 0;
        self.receive_maximum = 0;
        let mut order: Vec<_> = self.messages.iter().map(|(id, sent)| (sent.order, *id)).collect();
        order.sort_unstable();
        self.resend = order.into_iter().map(|(_, id)| id).collect();
    }

    /// Fails everything.
    pub(super) fn handle_end(&mut self, error: &Error) {
        for (_, sent) in self.messages.drain() {
            sent.publication.settle(Err(error.clone()));
        }
    }

    /// PUBACK or PUBCOMP. In PUBCOMP the identifier may be unknown to the broker, which had it completed before.
    pub(super) fn handle_pub_ack(&mut self, ack: &Ack<'_>, output: &mut BytesMut) {
        let is_error = ack.reason.is_error() && ack.reason != ReasonCode::PacketIdentifierNotFound;
        if let Some(sent) = self.messages.remove(&ack.packet_id) {
            self.inflight = self.inflight.saturating_sub(1);
            sent.publication.settle_with(is_error, ack);
            self.send_again(output);
        }
    }

    /// The broker has the message; or it does not want it, and the exchange is over [MQTT-4.3.3-4].
    pub(super) fn handle_pub_rec(&mut self, ack: &Ack<'_>, output: &mut BytesMut) {
        if ack.reason.is_error() {
            return self.handle_pub_ack(ack, output);
        }
        let reason = match self.messages.get_mut(&ack.packet_id) {
            Some(sent) => {
                sent.is_released = true;
                ReasonCode::Success
            }
            None => ReasonCode::PacketIdentifierNotFound,
        };
        Packet::PubRel(Ack { reason, ..Ack::success(ack.packet_id) }).encode(self.version, output);
    }

    /// What becomes of messages whose session is gone: of QoS 1 they are published anew.
    fn handle_session_lost(&mut self) {
        let is_failed = self.session_lost == SessionLost::Fail;
        for packet_id in std::mem::take(&mut self.resend) {
            let Some(mut sent) = self.messages.remove(&packet_id) else { continue };
            if sent.publication.message.qos == Qos::ExactlyOnce && is_failed {
                sent.publication.settle(Err(Error::FateUnknown));
                continue;
            }
            sent.is_released = false;
            self.messages.insert(packet_id, sent);
            self.resend.push_back(packet_id);
        }
    }

    /// Sends again what the window has room for [MQTT-4.4.0-1].
    fn send_again(&mut self, output: &mut BytesMut) {
        while self.inflight < self.receive_maximum
            && let Some(packet_id) = self.resend.pop_front()
        {
            let Some(sent) = self.messages.get(&packet_id) else { continue };
            if sent.is_released {
                Packet::PubRel(Ack::success(packet_id)).encode(self.version, output);
                self.inflight += 1;
                continue;
            }
            let message = &sent.publication.message;
            match self.encode_publish(message, Some(packet_id), sent.is_repeated, output) {
                Ok(()) => self.inflight += 1,
                Err(error) => {
                    if let Some(sent) = self.messages.remove(&packet_id) {
                        sent.publication.settle(Err(error));
                    }
                }
            }
        }
    }

    fn encode_publish(
        &self,
        message: &Message,
        packet_id: Option<PacketId>,
        dup: bool,
        output: &mut BytesMut,
    ) -> Result<(), Error> {
        let wrong = |why: String| Error::Invalid(format!("cannot publish to {:?}: {why}", message.topic));
        let topic = TopicName::parse(&message.topic).map_err(|error| wrong(error.to_string()))?;
        self.limits.check(message)?;
        let mut properties = PropertiesBuf::default();
        attributes::write(&message.properties, &mut properties)
            .ok_or_else(|| wrong(UNWRITABLE.to_owned()))?;
        let packet = Packet::Publish(Publish {
            dup,
            qos: message.qos,
            retain: message.retain,
            topic: Some(topic),
            packet_id,
            properties: properties.as_properties(),
            payload: &message.payload,
        });
        self.encode(&packet, output).map_err(wrong)
    }

    /// [MQTT-3.2.2-15]
    pub(super) fn encode(&self, packet: &Packet<'_>, output: &mut BytesMut) -> Result<(), String> {
        let (size, maximum) = (packet.encoded_len(self.version), self.limits.packet_bytes_max);
        if size > maximum {
            return Err(format!("the packet has {size} bytes and the broker takes {maximum}"));
        }
        packet.encode(self.version, output);
        Ok(())
    }

    /// One that nothing uses. There are more identifiers than requests, so the search ends.
    pub(super) fn free_id(&mut self) -> PacketId {
        while self.messages.contains_key(&self.next_id) || self.requests.contains_key(&self.next_id) {
            self.next_id = self.next_id.next();
        }
        let free = self.next_id;
        self.next_id = free.next();
        free
    }
}

impl Publication {
    fn settle_with(self, is_error: bool, ack: &Ack<'_>) {
        let outcome = match is_error {
            false => Ok(()),
            true => Err(rejection("to publish to", &self.message.topic, ack.reason, ack.properties)),
        };
        self.settle(outcome);
    }
}

/// The broker's refusal of one thing.
pub(super) fn rejection(what: &str, name: &str, reason: ReasonCode, properties: Properties<'_>) -> Error {
    Error::Rejected { what: format!("{what} {name}"), reason: explain(reason, properties) }
}

/// Fewer than there are packet identifiers.
const REQUESTS_MAX: usize = 65_000;
