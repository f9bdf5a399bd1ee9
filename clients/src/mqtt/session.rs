//! MQTT's side of a client.
//!
//! ```text
//! QoS 1   PUBLISH ->  <- PUBACK
//! QoS 2   PUBLISH ->  <- PUBREC   PUBREL ->  <- PUBCOMP     and the same from the broker's side; there PUBACK and
//!                                                           PUBREC wait until the application has done
//! ```
//!
//! What a new connection finds depends on the broker's answer. Session present: what was in flight is sent again with
//! DUP, and the broker still has the subscriptions. Not present: they are made again, QoS 1 is published anew, and QoS 2
//! as [`SessionLost`](crate::SessionLost) says.

mod incoming;
mod outgoing;
mod requests;
mod routes;

use std::sync::Arc;
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tidewire_protocols::mqtt::{
    Auth, ConnAck, Decoded, Disconnect, PACKET_SIZE_MAX, Packet, Properties, PropertiesBuf, Property,
    Publish, Qos, ReasonCode, Version, decode,
};

use self::incoming::Incoming;
use self::outgoing::Outgoing;
use self::requests::Ending;
use self::routes::Routes;
use super::grant::Grant;
use super::keep_alive::{Due, KeepAlive};
use super::{attributes, connect, malformed, refusal};
use crate::command::{Command, Publication, Settlement, Token, Verdict, settle};
use crate::error::Error;
use crate::message::Message;
use crate::options::{Login, Options, Proof};
use crate::session::{self, InboxBounds, Welcome};
use crate::subscriptions::Arrival;
use crate::transport::Chunk;

/// See the module.
pub(crate) struct Session {
    version: Version,
    options: Arc<Options>,
    client_id: String,
    phase: Phase,
    /// Whether a session was begun that a reconnect can go on with.
    is_begun: bool,
    /// Of the enhanced authentication that the connection began with.
    method: Option<String>,
    keep_alive: KeepAlive,
    outgoing: Outgoing,
    incoming: Incoming,
    routes: Routes,
    /// Subscriptions that were to end when the connection was lost.
    endings: Vec<Ending>,
    output: BytesMut,
    welcome: Option<Welcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Away,
    /// CONNECT has been sent.
    Greeting,
    Open,
    Finished,
}

impl Session {
    pub(crate) fn new(version: Version, options: Arc<Options>, now: Instant) -> Self {
        Self {
            version,
            client_id: options.client_id.clone(),
            phase: Phase::Away,
            is_begun: false,
            method: None,
            keep_alive: KeepAlive::new(options.keep_alive, now),
            outgoing: Outgoing::new(version, options.mqtt.session_lost),
            incoming: Incoming::default(),
            routes: Routes::new(InboxBounds::new(options.inbox_messages_max)),
            endings: Vec::new(),
            output: BytesMut::new(),
            welcome: None,
            options,
        }
    }

    fn handle_packet(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), Error> {
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
                Some((group, Err(error))) => {
                    self.routes.subscriptions.remove(group, Some(&error));
                }
                None => {}
            },
            Packet::UnsubAck(ack) => self.outgoing.handle_unsub_ack(ack),
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
                // The application has it, or had it.
                None => return Ok(()),
                serial => serial,
            },
        };
        let message = Message {
            topic: topic.as_str().to_owned(),
            payload: bytes::Bytes::copy_from_slice(publish.payload),
            qos: publish.qos,
            retain: publish.retain,
            properties: attributes::read(publish.properties),
        };
        let arrival = Arrival { message, serial, is_redelivered: publish.dup };
        match (self.routes.deliver(topic, arrival), serial) {
            (Some(0), Some(serial)) => self.acknowledge(serial, ReasonCode::Success),
            (Some(holders), Some(serial)) => self.incoming.share(serial, holders),
            _ => {}
        }
        Ok(())
    }

    fn acknowledge(&mut self, serial: u64, reason: ReasonCode) {
        if let Some(packet) = self.incoming.handle_settled(serial, reason)
            && self.phase == Phase::Open
        {
            packet.encode(self.version, &mut self.output);
        }
    }

    /// Asks the broker for a group.
    fn subscribe(&mut self, group_id: u32) {
        let Some(group) = self.routes.subscriptions.get(group_id) else { return };
        let identifier = self.routes.identifier(group_id);
        let subscription = Arc::clone(&group.subscription);
        if let Err(error) = self.outgoing.subscribe(group_id, &subscription, identifier, &mut self.output) {
            self.routes.subscriptions.remove(group_id, Some(&error));
        }
    }

    fn unsubscribe(&mut self, id: u32, unread: Vec<Token>, done: Option<crate::command::Done>) {
        // What is one of several consumers' goes to another of them; what is this client's alone nobody else wants.
        if !self.routes.is_competing(id) {
            unread.iter().for_each(|token| self.acknowledge(token.serial, ReasonCode::Success));
        }
        match self.routes.leave(id) {
            Some(filter) => self.outgoing.unsubscribe(Ending { filter, done }, &mut self.output),
            None => settle(done, Ok(())),
        }
    }

    /// MQTT 5 tells the broker why a client goes.
    fn say_goodbye(&mut self, reason: ReasonCode) {
        if self.version.is_v5() || reason == ReasonCode::Success {
            Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY })
                .encode(self.version, &mut self.output);
        }
    }

    /// AUTH with Re-authenticate, by the method that the connection began with [MQTT-4.12.1-1].
    fn authenticate_again(&mut self, method: &str, data: &[u8]) {
        let is_same = self.method.as_deref() == Some(method);
        let (Some(method), Some(data)) = (attributes::text(method), attributes::binary(data)) else { return };
        if is_same {
            let mut properties = PropertiesBuf::default();
            properties.push(Property::AuthenticationMethod(method));
            properties.push(Property::AuthenticationData(data));
            let auth = Auth { reason: ReasonCode::ReAuthenticate, properties: properties.as_properties() };
            Packet::Auth(auth).encode(self.version, &mut self.output);
        }
    }
}

impl session::Session for Session {
    fn handle_open(&mut self, now: Instant, login: &Login) -> Result<(), Error> {
        self.output.clear();
        let outlives = !self.options.mqtt.session_expiry.is_zero() && self.version.is_v5();
        let clean_start = self.options.mqtt.clean_start && !(self.is_begun && outlives);
        let Self { version, options, client_id, output, .. } = self;
        connect::encode(*version, options, login, client_id, clean_start, output)?;
        self.method = match &login.proof {
            Proof::Authentication { method, .. } => Some(method.clone()),
            _ => None,
        };
        self.keep_alive = KeepAlive::new(options.keep_alive, now);
        self.phase = Phase::Greeting;
        Ok(())
    }

    fn handle_input(&mut self, now: Instant, input: &mut BytesMut) -> Result<(), Error> {
        self.keep_alive.handle_received(now);
        loop {
            match decode(self.version, PACKET_SIZE_MAX, input) {
                Ok(Decoded::Packet { packet, size }) => {
                    if let Err(error) = self.handle_packet(now, &packet) {
                        if matches!(error, Error::Protocol(_)) {
                            self.say_goodbye(ReasonCode::ProtocolError);
                        }
                        return Err(error);
                    }
                    input.advance(size);
                }
                Ok(Decoded::Incomplete { .. }) => return Ok(()),
                Err(error) => {
                    self.say_goodbye(error.reason_code());
                    return Err(malformed(&error));
                }
            }
        }
    }

    fn handle_command(&mut self, _now: Instant, command: Command) {
        match command {
            Command::Publish(publication) => self.outgoing.publish(publication, &mut self.output),
            Command::Subscribe { id, subscription, sink, done } => {
                let group = self.routes.subscriptions.add(id, subscription, sink, done, true);
                self.subscribe(group);
                for serial in self.routes.claim(group, &mut self.incoming) {
                    self.acknowledge(serial, ReasonCode::Success);
                }
            }
            Command::Unsubscribe { id, unread, done, .. } => self.unsubscribe(id, unread, done),
            Command::UnsubscribeFilter { filter, done } => {
                for group in self.routes.subscriptions.with_filter(&filter) {
                    self.routes.subscriptions.remove(group, None);
                }
                self.outgoing.unsubscribe(Ending { filter, done: Some(done) }, &mut self.output);
            }
            Command::Begin { done, .. } | Command::Commit { done, .. } => {
                settle([done], Err(Error::Unsupported("MQTT has no transactions: use STOMP")));
            }
            Command::Abort { done, .. } => settle(done, Ok(())),
        }
    }

    fn handle_settlements(&mut self, settlements: Vec<Settlement>) {
        for Settlement { token, verdict, .. } in settlements {
            let reason = match verdict {
                Verdict::DoneUpTo | Verdict::Done => ReasonCode::Success,
                Verdict::Rejected | Verdict::Discarded => ReasonCode::ImplementationSpecificError,
            };
            self.acknowledge(token.serial, reason);
        }
    }

    fn handle_renewal(&mut self, login: &Login) {
        if let Proof::Authentication { method, data } = &login.proof {
            self.authenticate_again(method, data);
        } else if let Some(token) = login.token_text() {
            let message = Message::new(TOKEN_TOPIC, token.to_owned());
            debug_assert_eq!(message.qos, Qos::AtMostOnce, "an old token is not sent again");
            let publication = Publication { message, done: None, transaction: None };
            self.outgoing.publish(publication, &mut self.output);
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        match self.keep_alive.handle_timeout(now, !self.routes.is_paused) {
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

    fn handle_turn_end(&mut self) -> bool {
        let is_full = self.routes.subscriptions.handle_turn_end();
        self.routes.is_paused = is_full && !self.is_waiting();
        self.routes.is_paused
    }

    fn handle_disconnect(&mut self) {
        if self.phase == Phase::Open {
            self.say_goodbye(ReasonCode::Success);
        }
        self.phase = Phase::Finished;
    }

    fn handle_lost(&mut self) {
        self.phase = Phase::Away;
        self.welcome = None;
        self.outgoing.handle_lost();
        self.endings.extend(self.outgoing.take_endings());
    }

    fn handle_end(&mut self, error: Option<&Error>) {
        let reason = error.cloned().unwrap_or(Error::Disconnected);
        self.outgoing.handle_end(&reason);
        for ending in self.outgoing.take_endings().into_iter().chain(std::mem::take(&mut self.endings)) {
            settle(ending.done, Err(reason.clone()));
        }
        self.routes.subscriptions.end(error);
    }

    fn poll_welcome(&mut self) -> Option<Welcome> {
        self.welcome.take()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.keep_alive.poll_timeout().filter(|_| self.phase == Phase::Open)
    }

    /// All that has gathered, as one chunk: packets and WebSocket messages are unrelated [MQTT-6.0.0-2].
    fn poll_transmit(&mut self, now: Instant) -> Option<Chunk> {
        if self.output.is_empty() {
            return None;
        }
        self.keep_alive.handle_sent(now);
        Some(Chunk::binary(self.output.split()))
    }

    fn room(&self) -> usize {
        if self.phase == Phase::Open { self.outgoing.room() } else { 0 }
    }

    fn unacknowledged(&self) -> usize {
        self.outgoing.messages.len()
    }

    fn is_waiting(&self) -> bool {
        !self.outgoing.messages.is_empty() || !self.outgoing.requests.is_empty()
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }
}

/// Where Tidewire takes new tokens.
const TOKEN_TOPIC: &str = "$auth/token";
