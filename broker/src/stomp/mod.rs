//! STOMP 1.0, 1.1 and 1.2 on one connection.
//!
//! ```text
//!   Greeting ──CONNECT or STOMP──▶ Connected ──DISCONNECT, an ERROR, or the stream's end──▶ Ended
//!       │                              ▲
//!       └──────▶ Waiting ──────────────┘     where somebody has to be asked who the client is
//! ```
//!
//! One file per concern: `connect`, `send`, `subscribe`, `acknowledge`, `transaction` handle what comes in; `hold` has it
//! wait; `deliver` is the half that lives in the session and writes MESSAGE frames; `headers` is the table between a message
//! and STOMP's headers; `destination` reads names; `refuse` says no.

mod acknowledge;
mod connect;
mod context;
mod deliver;
mod destination;
mod headers;
mod heart_beat;
mod hold;
mod known;
mod layout;
mod leave;
mod refuse;
mod renew;
mod send;
mod serial;
mod subscribe;
mod time;
mod transaction;
mod travel;
mod wanted;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tidewire_protocols::stomp::{Command, Decoded, Decoder, Frame, FrameWriter, Version};

use self::connect::Waiting;
use self::context::{Context, Handled};
pub use self::deliver::{AckMode, StompDeliver};
use self::heart_beat::HeartBeats;
use self::known::KnownHead;
use self::refuse::Refusal;
use self::renew::Renewal;
use self::subscribe::Subscribed;
use self::transaction::Transactions;
use self::travel::Travel;
use crate::auth::Arrival;
use crate::broker::{Broker, Departure, Ending, Loss, Standing};
use crate::config::Config;
use crate::connection::{Close, CloseCode, Flow, Protocol};
use crate::counters::RefusalReason;
use crate::message::AttributesBuf;
use crate::output::{Frames, Output};
use crate::pace::Pace;
use crate::replies::Replies;
use crate::session::{Link, READY_BYTES_MAX, Session, Signal};
use crate::store::CommitId;
use crate::turn::Turn;

/// Frames handled before others on the thread have their turn.
const FRAMES_PER_TURN: usize = 1024;

/// A MESSAGE is longer than the SEND that it comes from, by a third where bodies are small: what one read brings must have
/// room in a subscriber's outbox, or the rest of it is kept until that is empty.
const READ_BYTES_MAX: usize = 40 * 1024;
const _: () = assert!(READ_BYTES_MAX + READ_BYTES_MAX / 2 < READY_BYTES_MAX, "it has room");

/// One connection that speaks STOMP.
pub struct Stomp {
    broker: Arc<Broker>,
    /// As it was when the connection began: what the client was told of it goes on to hold.
    config: Arc<Config>,
    link: Arc<Link>,
    decoder: Decoder,
    replies: Replies,
    /// Gathers the attributes of a SEND; kept for its memory.
    attributes: AttributesBuf,
    /// The bytes being handled came as a text WebSocket message.
    is_piece_text: bool,
    /// So did all of the frame that they belong to, as far as it has come.
    is_text: bool,
    state: State,
}

enum State {
    /// Nothing but CONNECT or STOMP may come, and it must come in time.
    Greeting {
        deadline: Instant,
        /// How the client came.
        arrival: Box<Arrival>,
    },
    /// It is being found out who the client is; no frame is handled meanwhile.
    Waiting(Box<Waiting>),
    Connected(Box<Client>),
    Ended,
}

/// A client that is connected.
struct Client {
    session: Arc<Session>,
    standing: Standing,
    version: Version,
    /// As CONNECT gave it: durable subscriptions belong to it.
    client_id: Option<Box<str>>,
    /// Tells the connection's own queues from those of others; nobody can guess it.
    token: Box<str>,
    heart_beats: HeartBeats,
    /// By the id that the client gave, or its destination where 1.0 gave none.
    subscriptions: HashMap<Box<str>, Subscribed>,
    transactions: Transactions,
    /// How fast it may send, where that is limited.
    pace: Pace,
    /// What it sends next waits for memory.
    is_held: bool,
    /// Messages that have come from it.
    sent: u64,
    /// What the head of the last SEND says.
    known: Option<Box<KnownHead>>,
    /// It has proved itself anew, and somebody is being asked about it; no frame is handled meanwhile.
    renewal: Option<Box<Renewal>>,
}

impl Stomp {
    /// STOMP on a connection that has just been opened.
    pub fn new(broker: Arc<Broker>, link: Arc<Link>, arrival: Arrival) -> Self {
        let config = broker.kept_config();
        let deadline = link.opened_at() + config.limits.connect_timeout.0;
        let decoder = Decoder::new(config.limits.stomp_before_connect());
        Self {
            broker,
            config,
            link,
            decoder,
            replies: Replies::default(),
            attributes: AttributesBuf::default(),
            is_piece_text: false,
            is_text: false,
            state: State::Greeting { deadline, arrival: Box::new(arrival) },
        }
    }

    /// `bytes` are the frame's own.
    fn handle_frame(&mut self, turn: &mut Turn<'_>, frame: &Frame<'_>, bytes: &[u8]) -> Result<(), Refusal> {
        turn.next_packet();
        let client = match &mut self.state {
            State::Greeting { .. } => {
                return match frame.command {
                    Command::Connect | Command::Stomp => {
                        self.broker.check_admission(&self.link, turn.now.instant)?;
                        self.handle_connect(turn, frame, bytes)
                    }
                    _ => Err(Refusal::new("not connected", "The first frame must be CONNECT or STOMP.")),
                };
            }
            State::Connected(client) => client.as_mut(),
            State::Waiting(_) | State::Ended => return Ok(()),
        };
        let version = client.version;
        let broker = self.broker.as_ref();
        let context = Context {
            broker,
            config: &self.config,
            link: &self.link,
            turn,
            client,
            attributes: &mut self.attributes,
            replies: &mut self.replies,
            is_text: self.is_text,
            // Behind the body there is a NUL.
            head: bytes.get(..bytes.len() - frame.body.len() - 1).unwrap_or_default(),
        };
        if context.broker.traces.are_on() && frame.command != Command::Send {
            let (traces, session) = (&context.broker.traces, &context.client.session);
            traces.note_received(context.turn.now, session, frame.command.as_str());
        }
        let handled = match frame.command {
            Command::Send => {
                context.client.pace.note(bytes.len(), context.turn.now.instant);
                context.client.sent += 1;
                context.handle_send(frame)
            }
            Command::Subscribe => context.handle_subscribe(frame),
            Command::Unsubscribe => context.handle_unsubscribe(frame),
            Command::Ack => context.handle_ack(frame, true),
            Command::Nack if version > Version::V10 => context.handle_ack(frame, false),
            Command::Begin => context.handle_begin(frame),
            Command::Commit => context.handle_commit(frame),
            Command::Abort => context.handle_abort(frame),
            Command::Disconnect => {
                self.depart(turn, Departure::Normal, Ending::Client("DISCONNECT"));
                Ok(Handled::Done)
            }
            Command::Connect | Command::Stomp => {
                Err(Refusal::new("already connected", "CONNECT may come once in a connection."))
            }
            Command::Nack => Err(Refusal::new("unknown command", "STOMP 1.0 has no NACK.")),
            Command::Connected | Command::Message | Command::Receipt | Command::Error => {
                let body = format!("{} frames come from servers only.", frame.command.as_str());
                Err(Refusal::new("not a client's frame", body))
            }
        }?;
        if handled == Handled::Done
            && let Some(receipt) = frame.headers.get("receipt")
        {
            self.write_receipt(version, &receipt);
        }
        Ok(())
    }

    fn write_receipt(&mut self, version: Version, receipt: &str) {
        self.travel().write(self.replies.promised(), |out| {
            let mut writer = FrameWriter::new(out, version, Command::Receipt);
            writer.header("receipt-id", receipt);
            writer.finish();
        });
    }

    /// Whether somebody is being asked, and no frame is handled until the answer is there.
    fn is_asking(&self) -> bool {
        match &self.state {
            State::Waiting(_) => true,
            State::Connected(client) => client.renewal.is_some(),
            State::Greeting { .. } | State::Ended => false,
        }
    }

    /// Whether what comes next has to wait: for its pace, for room, or for somebody who is asked.
    #[inline]
    fn is_waiting(&self) -> bool {
        match &self.state {
            State::Connected(client) => client.pace.is_ahead() || client.is_held || client.renewal.is_some(),
            State::Waiting(_) => true,
            State::Greeting { .. } | State::Ended => false,
        }
    }

    fn travel(&self) -> Travel {
        let frames = if self.link.is_framed_in_place() { Frames::Made } else { Frames::Marked };
        Travel { wanted: self.config.stomp.websocket_frame, frames }
    }

    /// A SEND like the one before: see [`KnownHead`].
    fn handle_known(&mut self, turn: &mut Turn<'_>, input: &[u8]) -> Option<(usize, Result<(), Refusal>)> {
        let State::Connected(client) = &mut self.state else { return None };
        if !self.decoder.is_between_frames() {
            return None;
        }
        let (broker, is_text) = (self.broker.as_ref(), self.is_text);
        let (attributes, replies) = (&mut self.attributes, &mut self.replies);
        let (config, link) = (self.config.as_ref(), &self.link);
        Context { broker, config, link, turn, client, attributes, replies, is_text, head: &[] }
            .handle_known_send(input)
    }
}

impl Protocol for Stomp {
    fn handle_input(&mut self, turn: &mut Turn<'_>, input: &[u8]) -> (usize, Flow) {
        let mut used = 0;
        if let State::Connected(client) = &mut self.state {
            client.heart_beats.heard(turn.now.instant);
        }
        for _ in 0..FRAMES_PER_TURN {
            if matches!(self.state, State::Ended) {
                return (input.len(), Flow::Close(Close::new(CloseCode::Normal, "disconnected")));
            }
            let rest = &input[used..];
            if rest.is_empty() && !self.is_asking() {
                return (used, Flow::Continue);
            }
            if self.is_waiting() || self.holds(rest) {
                return (used, Flow::Yield);
            }
            let result = match self.handle_known(turn, rest) {
                Some((size, result)) => {
                    used += size;
                    result
                }
                None => match self.decoder.decode(rest) {
                    Ok(Decoded::Incomplete { .. }) => return (used, Flow::Continue),
                    Ok(Decoded::HeartBeat { size }) => {
                        used += size;
                        Ok(())
                    }
                    Ok(Decoded::Frame { frame, size }) => {
                        used += size;
                        let handled = self.handle_frame(turn, &frame, &rest[..size]);
                        handled.map_err(|refusal| refusal.about(&frame))
                    }
                    Err(error) => Err(Refusal::undecodable(&error)),
                },
            };
            if let Err(refusal) = result {
                return (input.len(), Flow::Close(self.refuse(turn, &refusal)));
            }
            self.is_text = self.is_piece_text;
        }
        (used, Flow::Yield)
    }

    fn note_text(&mut self, is_text: bool) {
        // What was begun in a binary message is not known to be text, whatever ends it.
        self.is_text = is_text && (self.is_text || self.decoder.is_between_frames());
        self.is_piece_text = is_text;
    }

    fn handle_wake(&mut self, turn: &mut Turn<'_>) -> Flow {
        self.resume(turn.now.instant);
        let refusal = match self.link.signal() {
            None => match self.hear(turn) {
                Ok(()) => return Flow::Continue,
                Err(refusal) => refusal,
            },
            Some(signal @ (Signal::ShuttingDown | Signal::Restarting)) => {
                Refusal::shutting_down(signal == Signal::Restarting)
            }
            Some(Signal::TakenOver) => Refusal::new("taken over", "Another connection uses this client-id.")
                .because(RefusalReason::TakenOver),
            Some(Signal::Kicked) => Refusal::kicked(),
            Some(Signal::Overflowed) => {
                Refusal::new("too slow", "More messages wait for this client than may; read faster.")
                    .because(RefusalReason::SlowConsumer)
            }
        };
        Flow::Close(self.refuse(turn, &refusal))
    }

    fn handle_timeout(&mut self, turn: &mut Turn<'_>) -> Flow {
        self.handle_time(turn)
    }

    fn handle_commit(&mut self, commit: CommitId) {
        if let State::Connected(client) = &mut self.state {
            client.standing.count(&self.broker.counters);
        }
        self.replies.commit(commit);
    }

    fn handle_closed(&mut self, turn: &mut Turn<'_>, loss: Loss) {
        self.depart(turn, Departure::WithWill, Ending::Lost(loss));
    }

    fn handle_breach(&mut self, turn: &mut Turn<'_>, close: Close, reason: RefusalReason) -> Flow {
        Flow::Close(self.refuse(turn, &Refusal::breach(close, reason)))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.next_time()
    }

    fn poll_transmit(&mut self, turn: &mut Turn<'_>, output: &mut Output) -> Option<CommitId> {
        let reply_waits = self.replies.transmit(turn.durable(), output);
        if !self.replies.is_greeted() {
            return reply_waits;
        }
        let State::Connected(client) = &mut self.state else { return reply_waits };
        let delivery_waits = self.broker.transmit(turn, &client.session, &self.link, output);
        if !output.is_empty() {
            client.heart_beats.sent(turn.now.instant);
        }
        crate::replies::earlier(reply_waits, delivery_waits)
    }

    fn handle_blocked(&mut self) {
        if let State::Connected(client) = &self.state {
            let mut session = client.session.lock();
            if session.is_attached(&self.link) {
                session.block();
            }
        }
    }

    fn takes_input(&self) -> bool {
        self.replies.held_bytes() <= self.config.limits.held_bytes_max.0 && !self.is_waiting()
    }

    fn is_paced(&self) -> bool {
        matches!(&self.state, State::Connected(client) if client.pace.is_ahead() || client.is_held)
    }

    fn read_bytes_max(&self) -> usize {
        READ_BYTES_MAX
    }

    fn takes_text(&self) -> bool {
        true
    }
}
