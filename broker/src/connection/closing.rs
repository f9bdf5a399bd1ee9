//! A connection on its way out: no more input is handled; what is due is sent, then the stream is closed.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::Sleep;

use super::Close;

/// How long a connection that ends may take to send its last words, and its peer to close in return.
const LINGER: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Closing {
    pub(super) close: Close,
    pub(super) deadline: Pin<Box<Sleep>>,
    pub(super) is_flushed: bool,
}

impl Closing {
    /// One that begins now.
    pub(super) fn begin(close: Close) -> Self {
        Self { close, deadline: Box::pin(tokio::time::sleep(LINGER)), is_flushed: false }
    }
}
