//! How a client stands with its broker.

use std::time::Duration;

use crate::error::Error;

/// The state of a client's connection: see [`Client::state`](crate::Client::state).
///
/// ```text
///   Connecting ---> Connected ---> Waiting ---> Connecting ---> …      any of them ---> Ended
///        +--------------------------^
/// ```
#[derive(Clone, Debug)]
pub enum State {
    /// It tries to connect.
    Connecting {
        /// The how many-th time in a row, from 1.
        attempt: u32,
    },
    /// The broker has accepted it.
    Connected {
        /// Whether the broker still had this client's session. Over STOMP there is none.
        session_present: bool,
    },
    /// It will try again.
    Waiting {
        /// From the time of this state.
        retry_in: Duration,
        /// What went wrong.
        why: Error,
    },
    /// It is over: why, unless regularly.
    Ended(Option<Error>),
}
