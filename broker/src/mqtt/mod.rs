//! MQTT 3.1, 3.1.1 and 5.0 on one connection.
//!
//! ```text
//!   Greeting ──CONNECT──▶ Connected ──DISCONNECT, a refusal, or the stream's end──▶ Ended
//!       │                     ▲
//!       └──▶ Authenticating ──┘     where CONNECT names an authentication method, for as many AUTH as that needs, and
//!                                   where somebody has to be asked who the client is
//! ```
//!
//! One file per concern: `packets` hands each packet to whom it is for; `connect`, `authenticate`, `publish`, `subscribe`,
//! `acknowledge`, `disconnect`, `renew` handle them; `hold` has them wait; `time` handles what falls due; `deliver` is the
//! half that lives in the session and writes what goes out; `refuse` says no.

mod acknowledge;
mod alias;
mod authenticate;
mod connect;
mod deliver;
mod disconnect;
mod hold;
mod layout;
mod packets;
mod publish;
mod refuse;
mod renew;
mod subscribe;
mod time;

use std::sync::Arc;
use std::time::Instant;

use tidewire_protocols::mqtt::{self, Decoded, PacketType, Version};

use self::alias::InboundAliases;
use self::authenticate::{Authentication, Enhanced};
pub use self::deliver::MqttDeliver;
use self::refuse::Refusal;
use self::renew::Renewal;
use crate::auth::Arrival;
use crate::broker::{Broker, Carried, Departure, Ending, LoggedOut, Loss, Standing, Who};
use crate::config::Config;
use crate::connection::{Close, CloseCode, Flow, Protocol};
use crate::counters::RefusalReason;
use crate::message::AttributesBuf;
use crate::output::Output;
use crate::pace::Pace;
use crate::replies::Replies;
use crate::session::{Link, Session, Signal};
use crate::store::CommitId;
use crate::turn::Turn;

/// Packets handled before others on the thread have their turn.
const PACKETS_PER_TURN: usize = 1024;

/// One connection that speaks MQTT.
pub struct Mqtt {
    broker: Arc<Broker>,
    /// As it was when the connection began: what the client was told of it goes on to hold.
    config: Arc<Config>,
    link: Arc<Link>,
    replies: Replies,
    /// Gathers the attributes of a publish; kept for its memory.
    attributes: AttributesBuf,
    /// Messages that have come.
    published: u64,
    state: State,
}

enum State {
    /// Nothing but CONNECT may come, and it must come in time.
    Greeting {
        deadline: Instant,
        /// How the client came.
        arrival: Box<Arrival>,
    },
    /// It is being found out who the client is. Nothing but AUTH or DISCONNECT may come, and the whole must be over in the
    /// time of a greeting.
    Authenticating(Box<Authentication>),
    Connected(Box<Client>),
    Ended,
}

/// A client that is connected.
struct Client {
    session: Arc<Session>,
    standing: Standing,
    version: Version,
    /// In seconds; 0: no timeout. [MQTT-3.1.2-22]
    keep_alive: u16,
    last_heard: Instant,
    /// Whether reason strings may be sent. [MQTT-3.1.2-29]
    wants_reasons: bool,
    /// The largest packet the client takes. [MQTT-3.1.2-24]
    packet_size_max: usize,
    aliases: InboundAliases,
    /// How fast it may publish, where that is limited.
    pace: Pace,
    /// What it publishes next waits for memory.
    is_held: bool,
    /// QoS 2 publishes that came on this connection and that the client has not released yet.
    unreleased: u32,
    /// The authentication method of its CONNECT [MQTT-4.12.1-1], and a re-authentication that is under way.
    enhanced: Option<Box<Enhanced>>,
    /// It has proved itself anew, and somebody is being asked about it; no packet is handled meanwhile.
    renewal: Option<Box<Renewal>>,
}

impl Client {
    /// Who it is, for logs.
    fn who(&self) -> Who<'_> {
        let client_id = Some(&*self.session.key().client_id);
        Who { client_id, user: self.standing.user_name(), protocol: None }
    }

    /// Whether it has to wait before it publishes more.
    #[inline]
    fn is_paced(&self) -> bool {
        self.pace.is_ahead() || self.is_held
    }
}

impl Mqtt {
    /// MQTT on a connection that has just been opened.
    pub fn new(broker: Arc<Broker>, link: Arc<Link>, arrival: Arrival) -> Self {
        let config = broker.kept_config();
        let deadline = link.opened_at() + config.limits.connect_timeout.0;
        Self {
            broker,
            config,
            link,
            replies: Replies::default(),
            attributes: AttributesBuf::default(),
            published: 0,
            state: State::Greeting { deadline, arrival: Box::new(arrival) },
        }
    }

    fn version(&self) -> Version {
        match &self.state {
            State::Connected(client) => client.version,
            State::Greeting { .. } | State::Authenticating(_) | State::Ended => Version::V5,
        }
    }

    fn packet_size_max(&self) -> usize {
        let limits = &self.config.limits;
        match self.state {
            State::Connected(_) => limits.packet_size_max.0,
            State::Greeting { .. } | State::Authenticating(_) | State::Ended => {
                limits.connect_packet_size_max.0
            }
        }
    }

    /// Whether what comes next has to wait: for its pace, for room, for PUBACKs to leave, or for somebody who is asked.
    #[inline]
    fn is_waiting(&self) -> bool {
        match &self.state {
            State::Connected(client) => {
                client.is_paced() || client.renewal.is_some() || self.is_window_full(client)
            }
            State::Authenticating(authentication) => authentication.answer.is_some(),
            State::Greeting { .. } | State::Ended => false,
        }
    }

    /// Whether the client's Receive Maximum is reached by publishes that are over but for their PUBACK, which has not
    /// left yet. What comes next waits for it: a client that writes ahead without counting, as some do, is slowed down
    /// and not thrown out. QoS 2 it has to release itself: see `check_receive_maximum`.
    #[inline]
    fn is_window_full(&self, client: &Client) -> bool {
        let unsent = self.replies.acknowledgements();
        let maximum = usize::from(self.config.session.receive_maximum);
        unsent > 0 && client.version.is_v5() && client.unreleased as usize + unsent >= maximum
    }

    /// Lets go of the session, and says so, once.
    fn depart(&mut self, turn: &mut Turn<'_>, departure: Departure, ending: Ending<'_>) {
        if let State::Connected(client) = std::mem::replace(&mut self.state, State::Ended) {
            let carried = Carried {
                bytes: turn.carried,
                messages_in: self.published,
                messages_out: client.session.lock().sent_over(&self.link),
            };
            let logged_out = LoggedOut { who: client.who(), session: None, ending, carried };
            self.broker.note_disconnected(&self.link, &logged_out);
            self.broker.disconnect(turn, &client.session, &self.link, departure);
        }
    }
}

/// What a handler of a connected client's packet works with.
struct Context<'c, 't, 's> {
    broker: &'c Broker,
    config: &'c Config,
    link: &'c Arc<Link>,
    replies: &'c mut Replies,
    turn: &'t mut Turn<'s>,
    client: &'c mut Client,
}

impl Protocol for Mqtt {
    fn handle_input(&mut self, turn: &mut Turn<'_>, input: &[u8]) -> (usize, Flow) {
        let mut used = 0;
        if let State::Connected(client) = &mut self.state {
            client.last_heard = turn.now.instant;
        }
        for _ in 0..PACKETS_PER_TURN {
            if matches!(self.state, State::Ended) {
                return (input.len(), Flow::Close(Close::new(CloseCode::Normal, "disconnected")));
            }
            if self.is_waiting() {
                return (used, Flow::Yield);
            }
            let rest = &input[used..];
            if self.holds(rest) {
                return (used, Flow::Yield);
            }
            let result = match self.handle_plain_acks(turn, rest) {
                Some((size, result)) => {
                    used += size;
                    result
                }
                None => match &mqtt::decode(self.version(), self.packet_size_max(), rest) {
                    Ok(Decoded::Incomplete { .. }) => return (used, Flow::Continue),
                    Ok(Decoded::Packet { packet, size }) => {
                        used += size;
                        self.handle_packet(turn, packet, &rest[..*size])
                    }
                    Err(error) => Err(Refusal::undecodable(error)),
                },
            };
            if let Err(refusal) = result {
                return (input.len(), Flow::Close(self.refuse(turn, rest, &refusal)));
            }
        }
        (used, Flow::Yield)
    }

    fn handle_wake(&mut self, turn: &mut Turn<'_>) -> Flow {
        self.resume(turn.now.instant);
        let refusal = match self.link.signal() {
            None => match self.hear(turn) {
                Ok(()) => return Flow::Continue,
                Err(refusal) => refusal,
            },
            Some(Signal::TakenOver) => Refusal::taken_over(),
            Some(signal @ (Signal::ShuttingDown | Signal::Restarting)) => {
                Refusal::shutting_down(&self.broker.config().mqtt, signal == Signal::Restarting)
            }
            Some(Signal::Overflowed) => Refusal::overflowed(),
            Some(Signal::Kicked) => Refusal::kicked(),
        };
        Flow::Close(self.refuse(turn, &[], &refusal))
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
        Flow::Close(self.refuse(turn, &[], &Refusal::breach(close, reason)))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.next_time()
    }

    fn poll_transmit(&mut self, turn: &mut Turn<'_>, output: &mut Output) -> Option<CommitId> {
        let reply_waits = self.replies.transmit(turn.durable(), output);
        let State::Connected(client) = &self.state else { return reply_waits };
        // CONNACK comes first, whatever else is due. [MQTT-3.2.0-1]
        if !self.replies.is_greeted() {
            return reply_waits;
        }
        let delivery_waits = self.broker.transmit(turn, &client.session, &self.link, output);
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
        matches!(&self.state, State::Connected(client) if client.is_paced())
    }

    fn takes_text(&self) -> bool {
        false
    }
}

impl Refusal {
    fn server_packet(packet_type: PacketType) -> Self {
        Self::protocol(format!("{packet_type:?} comes from servers only"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thousands of connections are idle at a time, and each holds these; the allocator's next sizes are 320 and 160.
    #[test]
    fn a_connection_and_its_client_are_small() {
        let sizes = (size_of::<Mqtt>(), size_of::<Client>());
        assert!(sizes.0 <= 256 && sizes.1 <= 128, "{sizes:?} bytes");
    }
}
