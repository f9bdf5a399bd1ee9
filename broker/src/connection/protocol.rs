//! The trait that MQTT and STOMP fill in, and what they say of a connection's further course.

use std::borrow::Cow;
use std::time::Instant;

use crate::broker::Loss;
use crate::counters::RefusalReason;
use crate::output::Output;
use crate::store::CommitId;
use crate::turn::Turn;

/// One protocol on one connection. Calls come in this order, over and over: any of the `handle_*`, then
/// [`handle_commit`](Self::handle_commit), then the `poll_*`; at the end [`handle_closed`](Self::handle_closed).
pub trait Protocol: Send {
    /// Handles bytes that have arrived; `input` begins where the last call left off. Returns how many were used: an
    /// incomplete packet or frame is offered again with more behind it.
    fn handle_input(&mut self, turn: &mut Turn<'_>, input: &[u8]) -> (usize, Flow);

    /// Said before each [`handle_input`](Self::handle_input) over WebSocket: whether its bytes came as text.
    fn note_text(&mut self, _is_text: bool) {}

    /// Looks whether the connection's [`Link`](crate::session::Link) carries a signal. What the session's outbox
    /// holds needs no handling: [`poll_transmit`](Self::poll_transmit) fetches it.
    fn handle_wake(&mut self, turn: &mut Turn<'_>) -> Flow;

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    fn handle_timeout(&mut self, turn: &mut Turn<'_>) -> Flow;

    /// The turn was committed: its replies may leave once `commit` is durable.
    fn handle_commit(&mut self, commit: CommitId);

    /// The network connection is gone or about to be, for this reason: lets go of the session. May be called after a
    /// protocol has done that itself.
    fn handle_closed(&mut self, turn: &mut Turn<'_>, loss: Loss);

    /// The stream that carries the protocol ends the connection, for `reason`: the peer broke WebSocket's
    /// rules, or does not answer there. Says so in the protocol's own words and lets go of the session;
    /// `close` follows.
    fn handle_breach(&mut self, turn: &mut Turn<'_>, close: Close, reason: RefusalReason) -> Flow;

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Writes what may leave now that the store is durable up to [`Turn::durable`]: replies first, then deliveries.
    /// Returns the commit that the next held reply or delivery waits for, if any is held. The turn is this call's own.
    fn poll_transmit(&mut self, turn: &mut Turn<'_>, output: &mut Output) -> Option<CommitId>;

    /// The socket did not take all that was written. Called at each attempt.
    fn handle_blocked(&mut self);

    /// Whether more input is to be handled, or replies must leave first: those that are held are more than
    /// `limits.held_bytes_max`, or than the protocol's own rules allow; or the client has to wait, see
    /// [`is_paced`](Self::is_paced). Until then the connection is not read from.
    fn takes_input(&self) -> bool;

    /// Whether the client has to wait before it publishes more: it does so faster than it may, or memory is short. It is
    /// not read from until the time that [`poll_timeout`](Self::poll_timeout) names, or until its
    /// [`Link`](crate::session::Link) is woken, and that it is not heard meanwhile says nothing about it.
    fn is_paced(&self) -> bool {
        false
    }

    /// Bytes that are read at a time at most.
    fn read_bytes_max(&self) -> usize {
        usize::MAX
    }

    /// Whether text WebSocket messages carry this protocol. MQTT's must be binary. [MQTT-6.0.0-1]
    fn takes_text(&self) -> bool;
}

/// What follows from input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// There is more to handle in what has arrived; the turn is long enough.
    Yield,
    /// Send what is due, then close.
    Close(Close),
}

/// How a connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// WebSocket close code.
    pub code: CloseCode,
    /// Why, for the log and, over WebSocket, for the peer.
    pub reason: Cow<'static, str>,
}

/// WebSocket close codes that Tidewire sends. (RFC 6455, section 7.4.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// 1000: after the protocol's own words.
    Normal,
    /// 1001: the server goes away.
    GoingAway,
    /// 1002: bytes that cannot be parsed.
    Protocol,
    /// 1003: a kind of data that is not accepted.
    Unsupported,
    /// 1007: text that is not UTF-8.
    InvalidData,
    /// 1008: whoever runs the server does not want the client here.
    Policy,
    /// 1009: too large.
    TooLarge,
    /// 1012: the server is restarted. (IANA's registry of close codes)
    ServiceRestart,
}

impl CloseCode {
    /// Its number on the wire.
    pub fn number(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::Protocol => 1002,
            Self::Unsupported => 1003,
            Self::InvalidData => 1007,
            Self::Policy => 1008,
            Self::TooLarge => 1009,
            Self::ServiceRestart => 1012,
        }
    }

    /// What the end of a server that stops is closed with.
    pub fn of_stop(restart: bool) -> Self {
        if restart { Self::ServiceRestart } else { Self::GoingAway }
    }

    /// What a breach of the WebSocket layer's rules is closed with.
    pub fn of_breach(number: u16) -> Self {
        match number {
            1007 => Self::InvalidData,
            1009 => Self::TooLarge,
            _ => Self::Protocol,
        }
    }
}

impl Close {
    /// A close with this code and reason.
    pub fn new(code: CloseCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code, reason: reason.into() }
    }
}
