//! What can go wrong between a client and its broker.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::url::Url;

/// Why something was not done. It can be cloned because one lost connection fails everything that waits for it.
#[derive(Clone, Debug, thiserror::Error)]
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
    /// The URL asks for TLS.
    #[error("{}://: TLS is not available yet: use {}:// on a trusted network", .0.scheme(), .0.scheme().plain())]
    TlsUnavailable(
        /// Where.
        Url,
    ),
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
    /// The connection stands, but the broker's welcome did not come.
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
    /// The broker refused one request; the connection goes on.
    #[error("the broker refused {what}: {reason}")]
    Rejected {
        /// What was asked for, such as `to subscribe to a/#`.
        what: String,
        /// The broker's reason.
        reason: String,
    },
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
    /// The client has already disconnected.
    #[error("this client has disconnected: connect a new one")]
    Disconnected,
}

impl Error {
    pub(crate) fn lost(error: &io::Error) -> Self {
        Self::Lost(error.to_string())
    }
}
