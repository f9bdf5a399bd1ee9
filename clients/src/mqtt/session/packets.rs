//! What the broker sends.

use std::time::Instant;

use bytes::Bytes;
use tidewire_protocols::mqtt::{Auth, ConnAck, Packet, Publish, ReasonCode};

use super::incoming::Novelty;
use super::routes::Delivered;
use super::{Phase, Session};
use crate::command::settle;
use crate::error::Error;
use crate::message::Message;
use crate::mqtt::grant::Grant;
use crate::mqtt::keep_alive::KeepAlive;
use crate::mqtt::{attributes, refusal};
use crate::session::Welcome;
use crate::subscriptions::Arrival;

impl Session {
    pub(super) fn handle_packet(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), Error> {
        let name = packet.packet_type().name();
        match (self.phase, packet) {
            (Phase::Greeting, Packet::ConnAck(packet)) => return self.handle_conn_ack(now, packet),
            (Phase::Greeting, Packet::Auth(_)) => {
                return Err(Error::Refused("it asks for a second step of the authentication".to_owned()));
            }
            (_, Packet::Disconnect(packet)) if self.version.is_v5() => {
                return Err(refusal(packet.reason, packet.properties, Error::EndedByBroker));
            }
            (Phase::Greeting, _) => return Err(Error::Protocol(format!("{name} before CONNACK"))),
            _ => {}
        }
        match packet {
            Packet::Publish(publish) => return self.handle_publish(publish),
            Packet::PubAck(ack) | Packet::PubComp(ack) => {
                self.outgoing.handle_pub_ack(ack, &mut self.output);
            }
            Packet::PubRec(ack) => self.outgoing.handle_pub_rec(ack, &mut self.output),
            Packet::PubRel(ack) => {
                let answer = Packet::PubComp(self.incoming.handle_pub_rel(ack.packet_id));
                answer.encode(self.version, &mut self.output);
            }
            Packet::SubAck(ack) => match self.outgoing.handle_sub_ack(ack) {
                Some((group, Ok(()))) => self.routes.subscriptions.confirm(group),
                Some((group, Err(error))) => self.routes.subscriptions.refuse(group, &error),
                None => {}
            },
            Packet::UnsubAck(ack) => {
                if let Some(filter) = self.outgoing.handle_unsub_ack(ack) {
                    self.routes.forget_left(&filter);
                }
            }
            // The end of a re-authentication.
            Packet::PingResp | Packet::Auth(Auth { reason: ReasonCode::Success, .. }) => {}
            _ => return Err(Error::Protocol(format!("{name} to a client"))),
        }
        Ok(())
    }

    fn handle_conn_ack(&mut self, now: Instant, packet: &ConnAck<'_>) -> Result<(), Error> {
        if packet.reason != ReasonCode::Success {
            return Err(refusal(packet.reason, packet.properties, Error::Refused));
        }
        let grant = Grant::read(packet, &self.options);
        if let Some(client_id) = &grant.client_id {
            self.client_id.clone_from(client_id);
        }
        self.keep_alive = KeepAlive::new(grant.keep_alive, now);
        self.incoming.handle_connected(grant.session_present);
        let by_identifier = self.version.is_v5() && grant.subscription_identifiers;
        self.routes.handle_connected(
            grant.session_present,
            !self.is_begun,
            by_identifier,
            &mut self.incoming,
        );
        if grant.session_present && !self.is_begun {
            self.outgoing.handle_inherited();
        }
        self.phase = Phase::Open;
        self.is_begun = true;
        for ending in std::mem::take(&mut self.endings) {
            match grant.session_present {
                true => self.outgoing.unsubscribe(ending, &mut self.output),
                // The session went, and the subscription with it.
                false => settle(ending.done, Ok(())),
            }
        }
        for group in self.routes.subscriptions.unconfirmed() {
            self.subscribe(group);
        }
        self.outgoing.handle_connected(&grant, &mut self.output);
        self.welcome = Some(Welcome {
            client_id: self.client_id.clone(),
            session_present: grant.session_present,
            limits: grant.limits,
        });
        Ok(())
    }

    fn handle_publish(&mut self, publish: &Publish<'_>) -> Result<(), Error> {
        // We have announced no Topic Alias Maximum [MQTT-3.1.2-26].
        let topic =
            publish.topic.ok_or_else(|| Error::Protocol("a topic alias, without asking".to_owned()))?;
        let serial = match publish.packet_id {
            None => None,
            Some(packet_id) => match self.incoming.handle_publish(publish.qos, packet_id) {
                Novelty::New { serial } => Some(serial),
                Novelty::Delivered => return Ok(()),
                Novelty::Received(answer) => {
                    answer.encode(self.version, &mut self.output);
                    return Ok(());
                }
            },
        };
        let message = Message {
            topic: topic.as_str().to_owned(),
            payload: Bytes::copy_from_slice(publish.payload),
            qos: publish.qos,
            retain: publish.retain,
            properties: attributes::read(publish.properties),
        };
        let arrival = Arrival { message, serial, is_redelivered: publish.dup };
        match (self.routes.deliver(topic, arrival), serial) {
            (Delivered::To(0), Some(serial)) => self.acknowledge(serial, ReasonCode::Success),
            (Delivered::To(holders), Some(serial)) => self.incoming.share(serial, holders),
            (Delivered::Foreign, Some(serial)) => self.incoming.forget(serial),
            (Delivered::Waiting, _) | (_, None) => {}
        }
        Ok(())
    }
}
