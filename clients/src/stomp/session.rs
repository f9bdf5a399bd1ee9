//! STOMP's side of a connection.
//!
//! Every request asks for a receipt, and the receipt is its outcome. The broker refuses with ERROR, after which the
//! connection ends. Subscriptions are of ack mode auto: what has been delivered is settled.

use std::collections::{HashMap, VecDeque};
use std::time::{Instant, SystemTime};

use bytes::{Buf, Bytes, BytesMut};
use tidewire_protocols::stomp::{self, Decoded, Decoder, Frame, FrameWriter, Version};

use super::heart_beat::{Beats, Due};
use super::{complaint, destination, headers, malformed};
use crate::connection::{self, Command, Delivery, Done, Token};
use crate::error::Error;
use crate::message::{Message, Subscription};
use crate::transport::Chunk;

pub(super) struct Session {
    decoder: Decoder,
    beats: Beats,
    receipts: HashMap<u64, Receipt>,
    last_receipt: u64,
    /// Subscription ids by filter.
    subscriptions: HashMap<String, u64>,
    last_subscription: u64,
    output: VecDeque<Chunk>,
    deliveries: VecDeque<Delivery>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// DISCONNECT has been sent, and its receipt is awaited.
    Ending,
    Finished,
}

/// What a receipt confirms.
enum Receipt {
    Request(Done),
    /// One of several frames of a request; the last one tells.
    Part,
    Disconnect,
}

impl Session {
    pub(super) fn new(decoder: Decoder, beats: Beats) -> Self {
        Self {
            decoder,
            beats,
            receipts: HashMap::new(),
            last_receipt: 0,
            subscriptions: HashMap::new(),
            last_subscription: 0,
            output: VecDeque::new(),
            deliveries: VecDeque::new(),
            state: State::Open,
        }
    }

    fn publish(&mut self, message: &Message, done: Done) {
        if message.topic.is_empty() {
            let _ = done.send(Err(Error::Invalid("the topic is empty: name one".to_owned())));
            return;
        }
        let receipt = self.receipt(Receipt::Request(done));
        let mut out = BytesMut::with_capacity(message.payload.len() + 256);
        let mut writer = FrameWriter::new(&mut out, Version::V12, stomp::Command::Send);
        headers::write(message, &mut writer);
        writer.header_number("receipt", receipt);
        writer.finish_with_body(&message.payload);
        let is_text = message.properties.payload_is_text;
        self.output.push_back(Chunk { bytes: out.freeze(), is_text });
    }

    fn subscribe(&mut self, subscriptions: Vec<Subscription>, done: Done) {
        let filters = subscriptions.into_iter().map(|subscription| subscription.filter);
        let new: Vec<_> = filters.filter(|filter| !self.subscriptions.contains_key(filter)).collect();
        self.for_each(new, done, |session, filter, receipt| {
            session.last_subscription += 1;
            let id = session.last_subscription;
            session.send(stomp::Command::Subscribe, |writer| {
                writer.header_number("id", id);
                writer.header("destination", &destination::of_topic(&filter));
                writer.header("ack", "auto");
                writer.header_number("receipt", receipt);
            });
            session.subscriptions.insert(filter, id);
        });
    }

    fn unsubscribe(&mut self, filters: Vec<String>, done: Done) {
        let known: Vec<_> =
            filters.into_iter().filter_map(|filter| self.subscriptions.remove(&filter)).collect();
        self.for_each(known, done, |session, id, receipt| {
            session.send(stomp::Command::Unsubscribe, |writer| {
                writer.header_number("id", id);
                writer.header_number("receipt", receipt);
            });
        });
    }

    /// Sends a frame for each item. Receipts come in the order of their frames, so the last one is the outcome.
    fn for_each<T>(&mut self, items: Vec<T>, done: Done, mut send: impl FnMut(&mut Self, T, u64)) {
        let mut done = Some(done);
        let count = items.len();
        for (index, item) in items.into_iter().enumerate() {
            let done = if index + 1 == count { done.take() } else { None };
            let receipt = self.receipt(done.map_or(Receipt::Part, Receipt::Request));
            send(self, item, receipt);
        }
        // There was nothing to do.
        if let Some(done) = done {
            let _ = done.send(Ok(()));
        }
    }

    fn disconnect(&mut self) {
        let receipt = self.receipt(Receipt::Disconnect);
        self.send(stomp::Command::Disconnect, |writer| {
            writer.header_number("receipt", receipt);
        });
        self.state = State::Ending;
    }

    fn send(&mut self, command: stomp::Command, write_headers: impl FnOnce(&mut FrameWriter<'_>)) {
        let mut out = BytesMut::new();
        let mut writer = FrameWriter::new(&mut out, Version::V12, command);
        write_headers(&mut writer);
        writer.finish();
        self.output.push_back(Chunk { bytes: out.freeze(), is_text: true });
    }

    fn receipt(&mut self, receipt: Receipt) -> u64 {
        self.last_receipt += 1;
        self.receipts.insert(self.last_receipt, receipt);
        self.last_receipt
    }
}

/// Apart from the session's methods, because the frame borrows from the decoder's input while it is handled.
fn handle_frame(session: &mut Session, frame: &Frame<'_>) -> Result<(), Error> {
    match frame.command {
        stomp::Command::Message => {
            let message = headers::read(frame, SystemTime::now());
            session.deliveries.push_back(Delivery { message, token: None });
        }
        stomp::Command::Receipt => {
            let id = frame.headers.get("receipt-id").and_then(|id| id.parse::<u64>().ok());
            match id.and_then(|id| session.receipts.remove(&id)) {
                Some(Receipt::Request(done)) => {
                    // Whoever asked may have stopped waiting.
                    let _ = done.send(Ok(()));
                }
                Some(Receipt::Part) => {}
                Some(Receipt::Disconnect) => session.state = State::Finished,
                None => return Err(Error::Protocol("RECEIPT that nobody asked for".to_owned())),
            }
        }
        stomp::Command::Error => return Err(Error::EndedByBroker(complaint(frame))),
        other => return Err(Error::Protocol(format!("{other} to a client"))),
    }
    Ok(())
}

impl connection::Session for Session {
    fn handle_input(&mut self, now: Instant, input: &mut BytesMut) -> Result<(), Error> {
        self.beats.handle_received(now);
        // Nothing of what follows the last receipt is for us.
        while self.state != State::Finished {
            let size = match self.decoder.decode(input).map_err(|error| malformed(&error))? {
                Decoded::Frame { frame, size } => {
                    handle_frame(self, &frame)?;
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
            Command::Publish(message, done) => self.publish(&message, done),
            Command::Subscribe(subscriptions, done) => self.subscribe(subscriptions, done),
            Command::Unsubscribe(filters, done) => self.unsubscribe(filters, done),
            Command::Disconnect => self.disconnect(),
        }
    }

    /// Ack mode auto: delivered is settled.
    fn handle_acknowledged(&mut self, _now: Instant, _tokens: &[Token]) {}

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        match self.beats.handle_timeout(now, self.deliveries.is_empty()) {
            Due::Nothing => {}
            Due::HeartBeat => {
                self.output.push_back(Chunk { bytes: Bytes::from_static(b"\n"), is_text: true });
            }
            Due::Lost(silence) => {
                let seconds = silence.as_secs_f32();
                return Err(Error::Lost(format!("nothing came for {seconds} s, heart-beats were agreed")));
            }
        }
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.beats.poll_timeout()
    }

    /// One frame: over WebSocket each is a message of its own.
    fn poll_transmit(&mut self, now: Instant) -> Option<Chunk> {
        let chunk = self.output.pop_front()?;
        self.beats.handle_sent(now);
        Some(chunk)
    }

    fn poll_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    fn has_delivery(&self) -> bool {
        !self.deliveries.is_empty()
    }

    fn may_accept(&self) -> bool {
        self.state == State::Open && self.receipts.len() < RECEIPTS_MAX
    }

    fn is_finished(&self) -> bool {
        self.state == State::Finished
    }
}

/// Requests that wait for their receipt.
const RECEIPTS_MAX: usize = 10_000;
