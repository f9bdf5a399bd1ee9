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
mod packets;
mod requests;
mod routes;

use std::sync::Arc;
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tidewire_protocols::mqtt::{
    Auth, Decoded, Disconnect, PACKET_SIZE_MAX, Packet, Properties, PropertiesBuf, Property, ReasonCode,
    Version, decode,
};

use self::incoming::Incoming;
use self::outgoing::Outgoing;
use self::requests::Ending;
use self::routes::Routes;
use super::keep_alive::{Due, KeepAlive};
use super::{attributes, connect, malformed};
use crate::command::{Command, Done, Publication, Settlement, SubscriptionId, Token, Verdict, settle};
use crate::error::Error;
use crate::message::Message;
use crate::options::{Login, Options, Proof};
use crate::replies::Replies;
use crate::session::{self, InboxBounds, Welcome};
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
    replies: Arc<Replies>,
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
    pub(crate) fn new(version: Version, options: Arc<Options>, replies: Arc<Replies>, now: Instant) -> Self {
        Self {
            version,
            replies,
            client_id: options.client_id.clone(),
            phase: Phase::Away,
            is_begun: false,
            method: None,
            keep_alive: KeepAlive::new(connect::keep_alive(&options), now),
            outgoing: Outgoing::new(version, options.mqtt.session_lost),
            incoming: Incoming::default(),
            routes: Routes::new(InboxBounds::new(options.inbox_messages_max)),
            endings: Vec::new(),
            output: BytesMut::new(),
            welcome: None,
            options,
        }
    }

    fn acknowledge(&mut self, serial: u64, reason: ReasonCode) {
        if let Some(packet) = self.incoming.handle_settled(serial, reason)
            && self.phase == Phase::Open
        {
            packet.encode(self.version, &mut self.output);
        }
    }

    /// Asks the broker for a group.
    fn subscribe(&mut self, group_id: SubscriptionId) {
        let Some(group) = self.routes.subscriptions.get(group_id) else { return };
        let identifier = self.routes.identifier(group_id);
        let subscription = Arc::clone(&group.subscription);
        if let Err(error) = self.outgoing.subscribe(group_id, &subscription, identifier, &mut self.output) {
            self.routes.subscriptions.remove(group_id, Some(&error));
        }
    }

    fn unsubscribe(&mut self, id: SubscriptionId, unread: Vec<Token>, done: Option<Done>) {
        // What is one of several consumers' goes to another of them; what is this client's alone nobody else wants.
        let is_competing = self.routes.is_competing(id);
        for token in unread {
            match is_competing {
                true => self.incoming.forget(token.serial),
                false => self.acknowledge(token.serial, ReasonCode::Success),
            }
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
        self.keep_alive = KeepAlive::new(connect::keep_alive(options), now);
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
                self.routes.leave_filter(&filter);
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
            // Of QoS 0: an old token is not to be sent again on the next connection.
            let message = Message::new(TOKEN_TOPIC, token.to_owned());
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
        self.routes.is_paused = is_full && !self.is_waiting() && !self.replies.is_waiting();
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
