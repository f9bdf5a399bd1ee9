//! MQTT's side of a connection.
//!
//! ```text
//! QoS 1   PUBLISH ->  <- PUBACK
//! QoS 2   PUBLISH ->  <- PUBREC   PUBREL ->  <- PUBCOMP     and the same from the broker's side; there PUBACK and
//!                                                           PUBREC wait until the application has done
//! ```
//!
//! What is here and neither limit nor clock of the connection would survive it: whoever adds reconnecting keeps the
//! packets of `outgoing` to send them again.

mod incoming;
mod outgoing;

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tidewire_protocols::mqtt::{
    Decoded, Disconnect, PACKET_SIZE_MAX, Packet, Properties, Publish, ReasonCode, Version, decode,
};

use self::incoming::Incoming;
use self::outgoing::Outgoing;
use super::grant::Grant;
use super::keep_alive::{Due, KeepAlive};
use super::{attributes, explain, malformed};
use crate::connection::{self, Command, Delivery, Token};
use crate::error::Error;
use crate::message::Message;
use crate::transport::Chunk;

pub(super) struct Session {
    version: Version,
    keep_alive: KeepAlive,
    outgoing: Outgoing,
    incoming: Incoming,
    output: BytesMut,
    deliveries: VecDeque<Delivery>,
    is_finished: bool,
}

impl Session {
    pub(super) fn new(version: Version, grant: Grant, now: Instant) -> Self {
        Self {
            version,
            keep_alive: KeepAlive::new(grant.keep_alive, now),
            outgoing: Outgoing::new(version, grant),
            incoming: Incoming::default(),
            output: BytesMut::new(),
            deliveries: VecDeque::new(),
            is_finished: false,
        }
    }

    fn handle_packet(&mut self, packet: &Packet<'_>) -> Result<(), Error> {
        let unexpected = || Error::Protocol(format!("{} to a client", packet.packet_type().name()));
        match packet {
            Packet::Publish(publish) => return self.handle_publish(publish),
            Packet::PubAck(ack) => self.outgoing.handle_pub_ack(ack),
            Packet::PubRec(ack) => self.outgoing.handle_pub_rec(ack, &mut self.output),
            Packet::PubComp(ack) => self.outgoing.handle_pub_comp(ack),
            Packet::PubRel(ack) => {
                let answer = Packet::PubComp(self.incoming.handle_pub_rel(ack.packet_id));
                answer.encode(self.version, &mut self.output);
            }
            Packet::SubAck(ack) => self.outgoing.handle_sub_ack(ack),
            Packet::UnsubAck(ack) => self.outgoing.handle_unsub_ack(ack),
            Packet::PingResp => {}
            Packet::Disconnect(packet) if self.version.is_v5() => {
                return Err(Error::EndedByBroker(explain(packet.reason, packet.properties)));
            }
            _ => return Err(unexpected()),
        }
        Ok(())
    }

    fn handle_publish(&mut self, publish: &Publish<'_>) -> Result<(), Error> {
        // We have announced no Topic Alias Maximum [MQTT-3.1.2-26].
        let topic =
            publish.topic.ok_or_else(|| Error::Protocol("a topic alias, without asking".to_owned()))?;
        let is_new = match publish.packet_id {
            None => true,
            Some(packet_id) => self.incoming.handle_publish(publish.qos, packet_id),
        };
        if !is_new {
            return Ok(());
        }
        let message = Message {
            topic: topic.as_str().to_owned(),
            payload: publish.payload.to_vec().into(),
            qos: publish.qos,
            retain: publish.retain,
            properties: attributes::read(publish.properties),
        };
        let token = publish.packet_id.map(|packet_id| Token(packet_id.get()));
        self.deliveries.push_back(Delivery { message, token });
        Ok(())
    }

    /// MQTT 5 tells the broker why a client gives up.
    fn give_up(&mut self, reason: ReasonCode) {
        if self.version.is_v5() {
            Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY })
                .encode(self.version, &mut self.output);
        }
    }
}

impl connection::Session for Session {
    fn handle_input(&mut self, now: Instant, input: &mut BytesMut) -> Result<(), Error> {
        self.keep_alive.handle_received(now);
        loop {
            match decode(self.version, PACKET_SIZE_MAX, input) {
                Ok(Decoded::Packet { packet, size }) => {
                    if let Err(error) = self.handle_packet(&packet) {
                        if matches!(error, Error::Protocol(_)) {
                            self.give_up(ReasonCode::ProtocolError);
                        }
                        return Err(error);
                    }
                    input.advance(size);
                }
                Ok(Decoded::Incomplete { .. }) => return Ok(()),
                Err(error) => {
                    self.give_up(error.reason_code());
                    return Err(malformed(&error));
                }
            }
        }
    }

    fn handle_command(&mut self, _now: Instant, command: Command) {
        match command {
            Command::Publish(message, done) => self.outgoing.publish(&message, done, &mut self.output),
            Command::Subscribe(subscriptions, done) => {
                self.outgoing.subscribe(&subscriptions, done, &mut self.output);
            }
            Command::Unsubscribe(filters, done) => {
                self.outgoing.unsubscribe(&filters, done, &mut self.output);
            }
            Command::Disconnect => {
                Packet::Disconnect(Disconnect { reason: ReasonCode::Success, properties: Properties::EMPTY })
                    .encode(self.version, &mut self.output);
                self.is_finished = true;
            }
        }
    }

    fn handle_acknowledged(&mut self, _now: Instant, tokens: &[Token]) {
        for token in tokens {
            if let Some(packet) = self.incoming.handle_acknowledged(*token) {
                packet.encode(self.version, &mut self.output);
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        match self.keep_alive.handle_timeout(now, self.deliveries.is_empty()) {
            Due::Nothing => Ok(()),
            Due::Ping => {
                Packet::PingReq.encode(self.version, &mut self.output);
                Ok(())
            }
            Due::Lost(silence) => {
                Err(Error::Lost(format!("no answer to a ping in {} s", silence.as_secs_f32())))
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.keep_alive.poll_timeout()
    }

    /// All that has gathered, as one chunk: packets and WebSocket messages are unrelated [MQTT-6.0.0-2].
    fn poll_transmit(&mut self, now: Instant) -> Option<Chunk> {
        if self.output.is_empty() {
            return None;
        }
        self.keep_alive.handle_sent(now);
        Some(Chunk::binary(self.output.split()))
    }

    fn poll_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    fn has_delivery(&self) -> bool {
        !self.deliveries.is_empty()
    }

    fn may_accept(&self) -> bool {
        !self.is_finished && self.outgoing.has_room()
    }

    fn is_finished(&self) -> bool {
        self.is_finished
    }
}
