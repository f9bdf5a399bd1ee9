//! A connection on its way out: no more input is handled; what is due is sent, then the stream is closed.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::timer::Timer;
use super::{Close, Connection, Lost};
use crate::store::CommitId;

/// How long a connection that ends may take to send its last words, and its peer to close in return.
const LINGER: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Closing {
    close: Close,
    /// When it is given up.
    deadline: Instant,
    is_flushed: bool,
}

impl Closing {
    /// One that begins now.
    fn begin(close: Close, now: Instant) -> Self {
        Self { close, deadline: now + LINGER, is_flushed: false }
    }
}

impl Connection {
    pub(super) fn begin_close(&mut self, close: Close) {
        tracing::debug!(link = %self.link, code = ?close.code, reason = &*close.reason, "closing");
        self.broker.forget_client(&self.link);
        self.closing = Some(Closing::begin(close, self.now.instant));
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut closing) = self.closing.take() else { return Poll::Ready(()) };
        // Of the clock, since a peer that goes on sending leaves no budget for a timer to be asked.
        let now = tokio::time::Instant::now().into_std();
        if closing.deadline <= now || self.poll_last_words(cx, &mut closing).is_ready() {
            return Poll::Ready(());
        }
        // Most are over by now, and need none.
        self.timer.get_or_insert_with(|| Timer::new(closing.deadline)).set(closing.deadline, now, cx);
        self.closing = Some(closing);
        Poll::Pending
    }

    /// Sends what is due, then closes the stream.
    fn poll_last_words(&mut self, cx: &mut Context<'_>, closing: &mut Closing) -> Poll<()> {
        if !closing.is_flushed {
            match self.poll_write(cx) {
                Err(Lost) => return Poll::Ready(()),
                // A reply that is held for the disk is still owed.
                Ok(Poll::Ready(())) if self.awaited == CommitId::NONE => closing.is_flushed = true,
                Ok(_) => return Poll::Pending,
            }
        }
        self.stream.poll_close(cx, &closing.close)
    }
}
