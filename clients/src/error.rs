//! What can go wrong between a client and its broker.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::url::Url;

/// Why something was not done. It can be cloned because one lost connection fails everything that waits for it.
///
/// What is transient ([`is_transient`](Self::is_transient)) lets a client connect again, if its
/// [`Reconnect`](crate::Reconnect) says so; the rest ends it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing accepts connections there.
    #[error("cannot connect to {url}: {source}; check that the broker runs and listens there")]
    Connect {
        /// Where.
        url: Url,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// Something is there, but it does not speak WebSocket with the protocol that is wanted.
    #[error("{url} does not take the WebSocket: {detail}; check path and port")]
    Handshake {
        /// Where.
        url: Url,
        /// What it answered.
        detail: String,
    },
    /// The URL's scheme is of the other protocol.
    #[error("{url} is not an address for {protocol}: use {protocol_scheme}:// or ws://")]
    WrongScheme {
        /// Where.
        url: Url,
        /// What was to be spoken.
        protocol: &'static str,
        /// The scheme for it.
        protocol_scheme: &'static str,
    },
    /// TLS cannot be had: a file cannot be read, or the two sides do not trust each other.
    #[error("no TLS with {url}: {detail}")]
    Tls {
        /// Where.
        url: Url,
        /// What is wrong.
        detail: String,
    },
    /// Something answers there, but in another protocol.
    #[error("{url} answers, but not in {protocol} ({detail}): check the port")]
    Foreign {
        /// Where.
        url: Url,
        /// What was to be spoken.
        protocol: &'static str,
        /// What is wrong with the answer.
        detail: String,
    },
    /// The broker was not reached, or its welcome did not come.
    #[error("{url} did not answer within {} s; check that it speaks this protocol", timeout.as_secs_f32())]
    TimedOut {
        /// Where.
        url: Url,
        /// How long it had.
        timeout: Duration,
    },
    /// The broker does not want this client.
    #[error("the broker refused the connection: {0}")]
    Refused(String),
    /// The broker does not believe this client, or lets it in no longer.
    #[error("the broker refused the credentials: {0}")]
    BadCredentials(String),
    /// The broker does not take the connection at this moment.
    #[error("the broker takes no connection now: {0}")]
    Busy(String),
    /// The application's own provider of credentials failed.
    #[error("no credentials could be had: {0}")]
    Provider(Arc<dyn std::error::Error + Send + Sync>),
    /// The broker refused one request; the client goes on.
    #[error("the broker refused {what}: {reason}")]
    Rejected {
        /// What was asked for, such as `to subscribe to a/#`.
        what: String,
        /// The broker's reason.
        reason: String,
    },
    /// Another client has connected with this one's identifier. To connect again would throw that one out.
    #[error("another client has connected with the same client id: give each its own")]
    TakenOver,
    /// The broker ended the connection and said why.
    #[error("the broker ended the connection: {0}")]
    EndedByBroker(String),
    /// The connection broke.
    #[error("the connection to the broker was lost: {0}")]
    Lost(String),
    /// The broker breaks the protocol.
    #[error(
        "the broker sent what it must not: {0}; this is a fault of the broker, or of something on the way"
    )]
    Protocol(String),
    /// What the caller asked for cannot be.
    #[error("{0}")]
    Invalid(String),
    /// The protocol of this connection has no such thing.
    #[error("{0}")]
    Unsupported(&'static str),
    /// There is no connection, and as much is waiting for one as may:
    /// [`with_offline_bound`](crate::Options::with_offline_bound).
    #[error("there is no connection, and no more may wait for one")]
    OfflineFull,
    /// The connection or the session went while the broker had this; nobody can tell whether it took effect.
    #[error("the connection was lost while the broker had it, and whether it took effect is not known")]
    FateUnknown,
    /// The connection went, and the transaction with it: nothing of it took effect.
    #[error("the connection was lost, and the transaction with it: begin a new one")]
    TransactionLost,
    /// Nobody answered the request.
    #[error("no reply came within {} s", .0.as_secs_f32())]
    NoReply(
        /// How long was waited.
        Duration,
    ),
    /// The client has disconnected before the broker had acknowledged everything.
    #[error("disconnected with {0} messages unacknowledged")]
    NotFlushed(
        /// How many messages.
        usize,
    ),
    /// As often or as long was tried as [`Reconnect`](crate::Reconnect) allows.
    #[error("gave up after {attempts} attempts: {last}")]
    GaveUp {
        /// Attempts in a row.
        attempts: u32,
        /// Why the last one failed.
        last: Arc<Self>,
    },
    /// The client has already disconnected.
    #[error("this client has disconnected: connect a new one")]
    Disconnected,
}

impl Error {
    pub(crate) fn lost(error: &io::Error) -> Self {
        Self::Lost(error.to_string())
    }

    /// Whether another attempt may fare better with nothing changed. [`BadCredentials`](Self::BadCredentials) is not
    /// transient, but a client whose credentials come from a provider asks that again. Nor are
    /// [`Handshake`](Self::Handshake), [`Tls`](Self::Tls) and [`Foreign`](Self::Foreign), but a client that
    /// the broker has accepted before tries again after them.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::TimedOut { .. }
            | Self::Busy(_)
            | Self::Provider(_)
            | Self::EndedByBroker(_)
            | Self::Lost(_)
            | Self::Protocol(_) => true,
            Self::Handshake { .. }
            | Self::WrongScheme { .. }
            | Self::Tls { .. }
            | Self::Foreign { .. }
            | Self::Refused(_)
            | Self::BadCredentials(_)
            | Self::Rejected { .. }
            | Self::TakenOver
            | Self::Invalid(_)
            | Self::Unsupported(_)
            | Self::OfflineFull
            | Self::FateUnknown
            | Self::TransactionLost
            | Self::NoReply(_)
            | Self::NotFlushed(_)
            | Self::GaveUp { .. }
            | Self::Disconnected => false,
        }
    }
}
