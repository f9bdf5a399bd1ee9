//! One type for a bare byte stream and for WebSocket, as the connection's loop sees them.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Socket, WebSocket, WebSocketTerms};
use crate::connection::{Close, Flow};
use crate::counters::RefusalReason;
use crate::output::Output;

/// Size of the buffer that a thread reads into, whichever connection it serves: idle connections hold none.
pub(super) const SCRATCH_BYTES: usize = 64 * 1024;

thread_local! {
    pub(super) static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into());
}

/// A connection's stream.
pub enum Stream {
    /// Bytes as they come.
    Plain(PlainStream),
    /// WebSocket messages.
    WebSocket(Box<WebSocket>),
}

/// A bare byte stream.
pub struct PlainStream {
    socket: Socket,
    is_shut: bool,
}

/// What has come of reading.
pub enum Received {
    /// Bytes, which were handled with this result.
    Bytes(Flow),
    /// The WebSocket layer's own rules were broken, which ends the connection.
    Refused(Close, RefusalReason),
    /// The peer closes the WebSocket, which has been answered.
    Closed,
    /// The peer is gone.
    End,
}

impl Stream {
    /// A bare byte stream.
    pub fn plain(socket: Socket) -> Self {
        Self::Plain(PlainStream { socket, is_shut: false })
    }

    /// An upgraded WebSocket connection; `takes_text` says whether text messages carry its protocol.
    pub fn web_socket(socket: Socket, terms: WebSocketTerms, takes_text: bool, now: Instant) -> Self {
        Self::WebSocket(Box::new(WebSocket::new(socket, terms, takes_text, now)))
    }

    /// Reads what has arrived, up to `size_max` bytes and what a thread's buffer holds, and has `handle` handle it where it
    /// lies; its second argument says whether the bytes came as text.
    pub fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        size_max: usize,
        handle: &mut dyn FnMut(&[u8], bool) -> Flow,
    ) -> Poll<Received> {
        match self {
            Self::Plain(stream) => stream.poll_receive(cx, size_max, handle),
            Self::WebSocket(stream) => stream.poll_receive(cx, now, size_max, handle),
        }
    }

    /// Sends everything in `output`; ready when it has left. Once the peer has closed its WebSocket, `output` can reach
    /// nobody and is thrown away.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, output: &mut Output) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => stream.poll_send(cx, output),
            Self::WebSocket(stream) => stream.poll_send(cx, output),
        }
    }

    /// Whether something has not left yet that is no output of the protocol's.
    pub fn has_unsent(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.socket.has_unflushed(),
            Self::WebSocket(stream) => stream.has_unsent(),
        }
    }

    /// When [`Stream::handle_timeout`] is wanted: a WebSocket's peer has been quiet.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Plain(_) => None,
            Self::WebSocket(stream) => stream.poll_timeout(),
        }
    }

    /// The time that [`Stream::poll_timeout`] named may have come. Returns how the connection ends, if it is to.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Close> {
        match self {
            Self::Plain(_) => None,
            Self::WebSocket(stream) => stream.handle_timeout(now),
        }
    }

    /// The connection is not read from for now, so that its peer cannot be heard.
    pub fn note_unread(&mut self, now: Instant) {
        match self {
            Self::Plain(_) => {}
            Self::WebSocket(stream) => stream.note_life(now),
        }
    }

    /// Closes in both directions: tells the peer, then waits until it closes too, so that the last words are not
    /// lost to a reset. What still arrives is thrown away.
    pub fn poll_close(&mut self, cx: &mut Context<'_>, close: &Close) -> Poll<()> {
        match self {
            Self::Plain(stream) => poll_end(&mut stream.socket, &mut stream.is_shut, cx),
            Self::WebSocket(stream) => stream.poll_close(cx, close),
        }
    }
}

impl PlainStream {
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        size_max: usize,
        handle: &mut dyn FnMut(&[u8], bool) -> Flow,
    ) -> Poll<Received> {
        SCRATCH.with_borrow_mut(|scratch| {
            let scratch = &mut scratch[..size_max.min(SCRATCH_BYTES)];
            match ready!(poll_read(&mut self.socket, cx, scratch)) {
                Some(size) => Poll::Ready(Received::Bytes(handle(&scratch[..size], false))),
                None => Poll::Ready(Received::End),
            }
        })
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, output: &mut Output) -> Poll<io::Result<()>> {
        while !output.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, &output.bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            output.advance(written);
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }
}

/// Reads into `buffer`; `None` at the end of the stream, however it came about.
pub(super) fn poll_read(socket: &mut Socket, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Option<usize>> {
    let mut buffer = ReadBuf::new(buffer);
    match ready!(Pin::new(socket).poll_read(cx, &mut buffer)) {
        Ok(()) => Poll::Ready(Some(buffer.filled().len()).filter(|size| *size > 0)),
        Err(error) => {
            tracing::debug!(%error, "the connection broke while it was read from");
            Poll::Ready(None)
        }
    }
}

/// Ends what is sent, then throws away what arrives until the peer ends too. A socket that is dropped with bytes unread
/// is reset, and the reset may overtake the last words. (RFC 6455, section 7.1.1)
pub(super) fn poll_end(socket: &mut Socket, is_shut: &mut bool, cx: &mut Context<'_>) -> Poll<()> {
    if !*is_shut {
        match ready!(Pin::new(&mut *socket).poll_shutdown(cx)) {
            Ok(()) => *is_shut = true,
            Err(_) => return Poll::Ready(()),
        }
    }
    SCRATCH.with_borrow_mut(|scratch| {
        while ready!(poll_read(socket, cx, scratch)).is_some() {}
        Poll::Ready(())
    })
}
