//! What both protocols' sides of a client have in common.

use std::time::Instant;

use bytes::BytesMut;
use tidewire_protocols::mqtt::Qos;

use crate::command::{Command, Settlement};
use crate::error::Error;
use crate::message::Message;
use crate::options::Login;
use crate::transport::Chunk;

/// A protocol's side of one client: pure, so that it can be tested without a broker. It outlives connections.
///
/// ```text
///           handle_open                    poll_welcome: Some
///   away ----------------> shaking hands ---------------------> open ----> is_finished
///    ^                           |                               |
///    +---------------------------+-------------------------------+
///                           handle_lost
/// ```
///
/// Call any `handle_*` for what has happened, then `poll_transmit` until it has nothing more, then `handle_turn_end`.
/// What is received goes to the inboxes of the subscriptions.
pub(crate) trait Session: Send {
    /// There is a connection: introduces itself.
    fn handle_open(&mut self, now: Instant, login: &Login) -> Result<(), Error>;
    /// Takes whole packets or frames off the front of `input`.
    fn handle_input(&mut self, now: Instant, input: &mut BytesMut) -> Result<(), Error>;
    /// Begins what the application wants; as many as `room` tells.
    fn handle_command(&mut self, now: Instant, command: Command);
    /// The application has done with these messages.
    fn handle_settlements(&mut self, settlements: Vec<Settlement>);
    /// Shows new credentials on an open connection.
    fn handle_renewal(&mut self, login: &Login);
    /// The time of `poll_timeout` has come.
    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error>;
    /// Wakes whoever got something. Returns whether the application is so far behind that no more is to be read.
    fn handle_turn_end(&mut self) -> bool;
    /// Says goodbye.
    fn handle_disconnect(&mut self);
    /// The connection is gone: keeps what is to be sent again on the next one.
    fn handle_lost(&mut self);
    /// There will be no other connection: fails all that waits.
    fn handle_end(&mut self, error: Option<&Error>);
    /// The broker's welcome, once for each connection.
    fn poll_welcome(&mut self) -> Option<Welcome>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn poll_transmit(&mut self, now: Instant) -> Option<Chunk>;
    /// How many more commands the windows leave room for; none before the welcome.
    fn room(&self) -> usize;
    /// Messages that the broker has not acknowledged yet.
    fn unacknowledged(&self) -> usize;
    /// Whether the broker owes an answer to anything.
    fn is_waiting(&self) -> bool;
    /// Whether the connection is to be closed once all is sent.
    fn is_finished(&self) -> bool;
}

/// What the broker said when it accepted the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Welcome {
    pub(crate) client_id: String,
    pub(crate) session_present: bool,
    pub(crate) limits: Limits,
}

/// What a broker takes of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Of a whole packet, with its header.
    pub(crate) packet_bytes_max: usize,
    pub(crate) maximum_qos: Qos,
    pub(crate) retain_available: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { packet_bytes_max: usize::MAX, maximum_qos: Qos::ExactlyOnce, retain_available: true }
    }
}

impl Limits {
    /// What the broker would end the connection for.
    pub(crate) fn check(&self, message: &Message) -> Result<(), Error> {
        let topic = &message.topic;
        let wrong = |why: String| Err(Error::Invalid(format!("cannot publish to {topic:?}: {why}")));
        // [MQTT-3.2.2-11]
        if message.qos > self.maximum_qos {
            let maximum = self.maximum_qos.as_u8();
            return wrong(format!("this broker takes no QoS above {maximum}: publish with QoS {maximum}"));
        }
        // [MQTT-3.2.2-14]
        if message.retain && !self.retain_available {
            return wrong("this broker retains no messages: publish without retain".to_owned());
        }
        // [MQTT-3.2.2-15], as far as it is seen without writing the packet.
        let (least, maximum) = (topic.len() + message.payload.len(), self.packet_bytes_max);
        if least > maximum {
            return wrong(format!("it has {least} bytes and more, and the broker takes {maximum}"));
        }
        Ok(())
    }
}

/// How much may wait in one inbox, in messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InboxBounds {
    /// The connection stops reading, unless the broker owes an answer: whoever waits for that answer may be the one who
    /// is to take the messages.
    pub(crate) pause: usize,
    /// What nobody acknowledges is let go.
    pub(crate) drop: usize,
}

impl InboxBounds {
    pub(crate) fn new(messages_max: usize) -> Self {
        let drop = messages_max.saturating_mul(DROP_FACTOR).max(DROP_MIN);
        Self { pause: messages_max, drop }
    }
}

/// Beyond the bound that stops reading, in multiples of it: what comes while an answer is awaited.
const DROP_FACTOR: usize = 16;
/// More than one read can bring: the connection is to stop reading before anything is let go.
const DROP_MIN: usize = 16 * 1024;
