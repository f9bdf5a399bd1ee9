//! STOMP's side of a client.
//!
//! Every SEND asks for a receipt, and the receipt is its outcome. The broker refuses with ERROR, after which the
//! connection ends. A new connection begins with all subscriptions, then what has no receipt yet is sent again.
//! Transactions end with their connection.

mod frames;
mod output;
mod receipts;
mod settling;
mod unsettled;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use tidewire_protocols::stomp::{self, Decoded, Decoder};

use self::frames::handle_frame;
use self::output::Output;
use self::receipts::{Receipts, Request};
use self::unsettled::Unsettled;
use super::heart_beat::{Beats, Due};
use super::{LIMITS, connect, malformed};
use crate::command::{Command, Done, Publication, Settlement, SubscriptionId, TransactionId, settle};
use crate::error::Error;
use crate::message::Message;
use crate::options::{Login, Options};
use crate::replies::Replies;
use crate::session::{self, InboxBounds, Limits, Welcome};
use crate::subscriptions::{Left, Subscriptions};
use crate::transport::Chunk;

/// See the module.
pub(crate) struct Session {
    options: Arc<Options>,
    /// The URL's.
    host: String,
    phase: Phase,
    decoder: Decoder,
    beats: Beats,
    receipts: Receipts,
    subscriptions: Subscriptions,
    unsettled: Unsettled,
    /// Begun on this connection.
    transactions: HashSet<TransactionId>,
    replies: Arc<Replies>,
    is_paused: bool,
    output: Output,
    welcome: Option<Welcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Away,
    /// CONNECT has been sent.
    Greeting,
    Open,
    /// DISCONNECT has been sent, and its receipt is awaited.
    Ending,
    Finished,
}

impl Session {
    pub(crate) fn new(options: Arc<Options>, host: &str, replies: Arc<Replies>, now: Instant) -> Self {
        Self {
            host: host.to_owned(),
            phase: Phase::Away,
            decoder: Decoder::new(LIMITS),
            beats: Beats::new(0, 0, now),
            receipts: Receipts::default(),
            subscriptions: Subscriptions::new(InboxBounds::new(options.inbox_messages_max)),
            unsettled: Unsettled::default(),
            transactions: HashSet::new(),
            replies,
            is_paused: false,
            output: Output::default(),
            welcome: None,
            options,
        }
    }

    fn handle_connected(&mut self, beats: Beats) {
        self.beats = beats;
        self.phase = Phase::Open;
        self.subscriptions.unconfirm();
        for group in self.subscriptions.unconfirmed() {
            self.subscribe(group);
        }
        let Self { receipts, output, .. } = self;
        for (receipt, publication) in receipts.messages() {
            output.send_message(publication, Some(receipt));
        }
        self.welcome = Some(Welcome {
            client_id: self.options.client_id.clone(),
            session_present: false,
            limits: Limits::default(),
        });
    }

    fn publish(&mut self, publication: Publication) {
        match publication.transaction {
            None => {
                let Self { receipts, output, .. } = self;
                receipts.ask_with(|receipt| {
                    output.send_message(&publication, Some(receipt));
                    Request::Send(publication)
                });
            }
            Some(transaction) if self.transactions.contains(&transaction) => {
                self.output.send_message(&publication, None);
            }
            // COMMIT tells.
            Some(_) => {}
        }
    }

    fn subscribe(&mut self, group_id: SubscriptionId) {
        let Some(group) = self.subscriptions.get(group_id) else { return };
        let subscription = Arc::clone(&group.subscription);
        let prefetch = subscription.prefetch.unwrap_or(self.options.receive_maximum);
        let receipt = self.receipts.ask(Request::Subscribe(group_id));
        self.output.send(stomp::Command::Subscribe, |writer| {
            output::write_subscription(writer, group_id, &subscription, prefetch.get());
            writer.header_number("receipt", receipt);
        });
    }

    fn unsubscribe(&mut self, id: SubscriptionId, is_for_good: bool, done: Option<Done>) {
        match self.subscriptions.leave(id) {
            Left::Last(group) => self.end_group(group, is_for_good, done),
            Left::Member | Left::Unknown => settle(done, Ok(())),
        }
    }

    fn unsubscribe_filter(&mut self, filter: &str, done: Done) {
        let mut done = Some(done);
        let groups = self.subscriptions.with_filter(filter);
        let last = groups.last().copied();
        for group in groups {
            // Receipts come in the order of their frames, so the last one is the outcome.
            let done = if Some(group) == last { done.take() } else { None };
            self.end_group(group, true, done);
        }
        settle(done, Ok(()));
    }

    fn end_group(&mut self, group_id: SubscriptionId, is_for_good: bool, done: Option<Done>) {
        let Some(group) = self.subscriptions.remove(group_id, None) else { return settle(done, Ok(())) };
        self.unsettled.forget(group_id);
        let receipt = self.receipts.ask(Request::Unsubscribe(done));
        self.output.send(stomp::Command::Unsubscribe, |writer| {
            writer.header("id", &output::wire_id(group_id, &group.subscription));
            if is_for_good && group.subscription.durable.is_some() {
                writer.header("durable", "true");
            }
            writer.header_number("receipt", receipt);
        });
    }

    /// BEGIN, COMMIT or ABORT.
    fn send_transaction(&mut self, command: stomp::Command, transaction: TransactionId, request: Request) {
        let receipt = self.receipts.ask(request);
        self.output.send(command, |writer| {
            writer.header_number("transaction", transaction);
            writer.header_number("receipt", receipt);
        });
    }
}

impl session::Session for Session {
    fn handle_open(&mut self, now: Instant, login: &Login) -> Result<(), Error> {
        self.decoder = Decoder::new(LIMITS);
        self.beats = Beats::new(0, 0, now);
        self.output.clear();
        self.output.push(connect::frame(&self.options, login, &self.host), true);
        self.phase = Phase::Greeting;
        Ok(())
    }

    fn handle_input(&mut self, now: Instant, input: &mut BytesMut) -> Result<(), Error> {
        self.beats.handle_received(now);
        // Nothing of what follows the last receipt is for us.
        while self.phase != Phase::Finished {
            let size = match self.decoder.decode(input).map_err(|error| malformed(&error))? {
                Decoded::Frame { frame, size } => {
                    handle_frame(self, now, &frame)?;
                    size
                }
                Decoded::HeartBeat { size } => size,
                Decoded::Incomplete { .. } => return Ok(()),
            };
            input.advance(size);
        }
        Ok(())
    }

    fn handle_command(&mut self, _now: Instant, command: Command) {
        match command {
            Command::Publish(publication) => self.publish(publication),
            Command::Subscribe { id, subscription, sink, done } => {
                let group = self.subscriptions.add(id, subscription, sink, done, false);
                self.subscribe(group);
            }
            Command::Unsubscribe { id, is_for_good, done, .. } => self.unsubscribe(id, is_for_good, done),
            Command::UnsubscribeFilter { filter, done } => self.unsubscribe_filter(&filter, done),
            Command::Begin { transaction, done } => {
                self.transactions.insert(transaction);
                self.send_transaction(stomp::Command::Begin, transaction, Request::Begin(done));
            }
            Command::Commit { transaction, done } => match self.transactions.remove(&transaction) {
                true => self.send_transaction(stomp::Command::Commit, transaction, Request::Commit(done)),
                false => settle([done], Err(Error::TransactionLost)),
            },
            Command::Abort { transaction, done } => match self.transactions.remove(&transaction) {
                true => self.send_transaction(stomp::Command::Abort, transaction, Request::Abort(done)),
                false => settle(done, Ok(())),
            },
        }
    }

    fn handle_settlements(&mut self, settlements: Vec<Settlement>) {
        if self.phase == Phase::Open {
            settling::settle_all(&settlements, &mut self.unsettled, &self.transactions, &mut self.output);
        }
    }

    fn handle_renewal(&mut self, login: &Login) {
        if let Some(token) = login.token_text() {
            let message = Message::new(TOKEN_DESTINATION, token.to_owned());
            self.output.send_message(&Publication { message, done: None, transaction: None }, None);
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        match self.beats.handle_timeout(now, !self.is_paused) {
            Due::Nothing => {}
            Due::HeartBeat => self.output.push(Bytes::from_static(b"\n"), true),
            Due::Lost(silence) => {
                let seconds = silence.as_secs_f32();
                return Err(Error::Lost(format!("nothing came for {seconds} s, heart-beats were agreed")));
            }
        }
        Ok(())
    }

    fn handle_turn_end(&mut self) -> bool {
        let is_full = self.subscriptions.handle_turn_end();
        self.is_paused = is_full && !self.is_waiting() && !self.replies.is_waiting();
        self.is_paused
    }

    fn handle_disconnect(&mut self) {
        if self.phase != Phase::Open {
            self.phase = Phase::Finished;
            return;
        }
        let receipt = self.receipts.ask(Request::Disconnect);
        self.output.send(stomp::Command::Disconnect, |writer| {
            writer.header_number("receipt", receipt);
        });
        self.phase = Phase::Ending;
    }

    fn handle_lost(&mut self) {
        self.phase = Phase::Away;
        self.is_paused = false;
        self.welcome = None;
        self.receipts.handle_lost();
        self.unsettled.clear();
        self.transactions.clear();
    }

    fn handle_end(&mut self, error: Option<&Error>) {
        self.receipts.handle_end(error.unwrap_or(&Error::Disconnected));
        self.subscriptions.end(error);
    }

    fn poll_welcome(&mut self) -> Option<Welcome> {
        self.welcome.take()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.beats.poll_timeout()
    }

    /// One frame: over WebSocket each is a message of its own.
    fn poll_transmit(&mut self, now: Instant) -> Option<Chunk> {
        let chunk = self.output.pop()?;
        self.beats.handle_sent(now);
        Some(chunk)
    }

    fn room(&self) -> usize {
        if self.phase == Phase::Open { RECEIPTS_MAX.saturating_sub(self.receipts.len()) } else { 0 }
    }

    fn unacknowledged(&self) -> usize {
        self.receipts.messages().count()
    }

    fn is_waiting(&self) -> bool {
        self.receipts.len() > 0
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }
}

/// Requests that wait for their receipt.
const RECEIPTS_MAX: usize = 10_000;
/// Where Tidewire takes new tokens.
const TOKEN_DESTINATION: &str = "/auth/token";
