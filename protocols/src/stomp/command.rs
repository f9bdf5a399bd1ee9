//! The first line of a frame.

use std::fmt;

use super::Version;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Opens a session.
    Connect,
    /// Opens a session as CONNECT does (STOMP12-CONNECT-3).
    Stomp,
    /// The server's answer to CONNECT.
    Connected,
    /// Publishes a message.
    Send,
    /// Asks for a destination's messages.
    Subscribe,
    /// Ends a subscription.
    Unsubscribe,
    /// Settles a message.
    Ack,
    /// Gives a message back; from 1.1 on.
    Nack,
    /// Begins a transaction.
    Begin,
    /// Makes a transaction take effect.
    Commit,
    /// Undoes a transaction.
    Abort,
    /// Ends the session.
    Disconnect,
    /// Delivers a message.
    Message,
    /// Confirms a frame that asked for it.
    Receipt,
    /// Tells what went wrong, before the connection closes.
    Error,
}

impl Command {
    /// All commands.
    pub const ALL: [Self; 15] = [
        Self::Connect,
        Self::Stomp,
        Self::Connected,
        Self::Send,
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Ack,
        Self::Nack,
        Self::Begin,
        Self::Commit,
        Self::Abort,
        Self::Disconnect,
        Self::Message,
        Self::Receipt,
        Self::Error,
    ];

    /// The command as it stands in a frame.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Stomp => "STOMP",
            Self::Connected => "CONNECTED",
            Self::Send => "SEND",
            Self::Subscribe => "SUBSCRIBE",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::Ack => "ACK",
            Self::Nack => "NACK",
            Self::Begin => "BEGIN",
            Self::Commit => "COMMIT",
            Self::Abort => "ABORT",
            Self::Disconnect => "DISCONNECT",
            Self::Message => "MESSAGE",
            Self::Receipt => "RECEIPT",
            Self::Error => "ERROR",
        }
    }

    /// Reads a command line without its end; case matters (STOMP12-FRAME-4).
    pub const fn from_bytes(line: &[u8]) -> Option<Self> {
        Some(match line {
            b"CONNECT" => Self::Connect,
            b"STOMP" => Self::Stomp,
            b"CONNECTED" => Self::Connected,
            b"SEND" => Self::Send,
            b"SUBSCRIBE" => Self::Subscribe,
            b"UNSUBSCRIBE" => Self::Unsubscribe,
            b"ACK" => Self::Ack,
            b"NACK" => Self::Nack,
            b"BEGIN" => Self::Begin,
            b"COMMIT" => Self::Commit,
            b"ABORT" => Self::Abort,
            b"DISCONNECT" => Self::Disconnect,
            b"MESSAGE" => Self::Message,
            b"RECEIPT" => Self::Receipt,
            b"ERROR" => Self::Error,
            _ => return None,
        })
    }

    /// Whether the frame carries a body (STOMP12-BODY-1, STOMP11-BODY-1).
    pub const fn may_have_body(self) -> bool {
        matches!(self, Self::Send | Self::Message | Self::Error)
    }

    /// Whether the frame opens a session, and so is written without escapes (STOMP12-ENCODE-5).
    pub(super) const fn opens_session(self) -> bool {
        matches!(self, Self::Connect | Self::Stomp | Self::Connected)
    }

    /// Whether `version` knows the command: NACK came with 1.1 (STOMP10-ACK-3).
    pub(super) fn exists_in(self, version: Version) -> bool {
        self != Self::Nack || version > Version::V10
    }
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
