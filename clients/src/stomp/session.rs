//! STOMP's side of a client.
//!
//! Every SEND asks for a receipt, and the receipt is its outcome. The broker refuses with ERROR, after which the
//! connection ends. A new connection begins with all subscriptions, then what has no receipt yet is sent again.
//! Transactions end with their connection.

mod output;
mod receipts;
mod settling;
mod unsettled;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::{Buf, Bytes, BytesMut};
use tidewire_protocols::stomp::{self, Decoded, Decoder, Frame};

use self::output::Output;
use self::receipts::{Receipts, Request};
use self::unsettled::Unsettled;
use super::heart_beat::{Beats, Due};
use super::{LIMITS, complaint, connect, headers, malformed};
use crate::command::{Command, Done, Publication, Settlement, SubscriptionId, TransactionId, settle};
use crate::error::Error;
use crate::message::Message;
use crate::options::{Login, Options};
use crate::replies::Replies;
use crate::session::{self, InboxBounds, Limits, Welcome};
use crate::subscription::Acknowledge;
use crate::subscriptions::{Arrival, Left, Subscriptions};
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

    fn handle_receipt(&mut self, request: Request) {
        match request {
            Request::Send(publication) => publication.settle(Ok(())),
            Request::Subscribe(group) => self.subscriptions.confirm(group),
            Request::Unsubscribe(done) | Request::Abort(done) => settle(done, Ok(())),
            Request::Begin(done) | Request::Commit(done) => settle([done], Ok(())),
            Request::Disconnect => self.phase = Phase::Finished,
        }
    }

    /// ERROR: the connection ends. Whoever asked for what was wrong is told; nobody else has done anything wrong.
    fn handle_error(&mut self, frame: &Frame<'_>) -> Error {
        let reason = complaint(frame);
        let receipt: Option<u64> = frame.headers.get("receipt-id").and_then(|id| id.parse().ok());
        let rejected = |what: String| Error::Rejected { what, reason: reason.clone() };
        match self.receipts.take_culprit(receipt) {
            Some(Request::Send(publication)) => {
                let error = rejected(format!("to publish to {}", publication.message.topic));
                publication.settle(Err(error));
            }
            Some(Request::Subscribe(group)) => {
                let filter = self.subscriptions.get(group).map(|group| group.subscription.filter.clone());
                let error = rejected(format!("to subscribe to {}", filter.unwrap_or_default()));
                self.subscriptions.remove(group, Some(&error));
            }
            Some(Request::Unsubscribe(done) | Request::Abort(done)) => {
                settle(done, Err(rejected("to end a subscription or a transaction".to_owned())));
            }
            Some(Request::Begin(done)) => {
                settle([done], Err(rejected("to begin a transaction".to_owned())));
            }
            Some(Request::Commit(done)) => settle([done], Err(rejected("to commit".to_owned()))),
            Some(Request::Disconnect) | None => {}
        }
        match receipt.is_none() && reason.to_lowercase().contains(EXPIRED) {
            true => Error::BadCredentials(reason),
            false => Error::EndedByBroker(reason),
        }
    }

    fn handle_message(&mut self, frame: &Frame<'_>) {
        let name = frame.headers.get("subscription").unwrap_or_default();
        let message = headers::read(frame, SystemTime::now());
        // Answers come without a subscription of ours.
        if name.starts_with(TEMPORARY_QUEUES) {
            return self.replies.handle(message);
        }
        let Some(id) = self.subscription_named(&name) else { return };
        let Some(group) = self.subscriptions.get(id) else { return };
        let is_acknowledged = group.subscription.acknowledge != Acknowledge::OnDelivery;
        let ack = frame.headers.get("ack").filter(|_| is_acknowledged);
        let arrival = Arrival {
            message,
            serial: ack.map(|ack| self.unsettled.add(id, &ack)),
            is_redelivered: frame.headers.get("redelivered").as_deref() == Some("true"),
        };
        // What nobody takes comes back to the broker with UNSUBSCRIBE, which is on its way.
        self.subscriptions.deliver(&[id], arrival);
    }

    fn subscription_named(&self, name: &str) -> Option<SubscriptionId> {
        let id = name.strip_prefix(output::ID_PREFIX).and_then(|id| id.parse().ok());
        id.or_else(|| self.subscriptions.durable(name))
    }
}

/// Apart from the session's methods, because the frame borrows from the decoder's input while it is handled.
fn handle_frame(session: &mut Session, now: Instant, frame: &Frame<'_>) -> Result<(), Error> {
    if session.phase == Phase::Greeting {
        let beats = connect::accepted(frame, &session.options, now)?;
        session.handle_connected(beats);
        return Ok(());
    }
    match frame.command {
        stomp::Command::Message => session.handle_message(frame),
        stomp::Command::Receipt => {
            let id = frame.headers.get("receipt-id").and_then(|id| id.parse::<u64>().ok());
            match id.and_then(|id| session.receipts.take(id)) {
                Some(request) => session.handle_receipt(request),
                None => return Err(Error::Protocol("RECEIPT that nobody asked for".to_owned())),
            }
        }
        stomp::Command::Error => return Err(session.handle_error(frame)),
        other => return Err(Error::Protocol(format!("{other} to a client"))),
    }
    Ok(())
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
        self.is_paused = is_full && !self.is_waiting();
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
/// What Tidewire says to a client whose token has run out.
const EXPIRED: &str = "token expired";
/// Private to the connection; answers come by this name as their subscription.
const TEMPORARY_QUEUES: &str = "/temp-queue/";
/// Where Tidewire takes new tokens.
const TOKEN_DESTINATION: &str = "/auth/token";
