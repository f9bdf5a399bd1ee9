//! One type for a bare byte stream and for WebSocket, as the connection's loop sees them.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as WireCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Socket;
use crate::connection::{Close, CloseCode, Flow};
use crate::output::{FrameKind, Output};

/// Size of the buffer that a thread reads into, whichever connection it serves: idle connections hold none.
const SCRATCH_BYTES: usize = 64 * 1024;
/// WebSocket messages handled in one turn.
const MESSAGES_PER_TURN: usize = 64;
/// Their payload after which a turn is long enough, as much as it can be on a bare stream.
const MESSAGE_BYTES_PER_TURN: usize = SCRATCH_BYTES;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into());
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

/// A WebSocket connection, upgraded.
pub struct WebSocket {
    inner: WebSocketStream<Socket>,
    takes_text: bool,
    has_unsent: bool,
    /// A Close frame came: nothing but the answer to it may leave any more.
    is_closed_by_peer: bool,
    /// A Close frame was given to the library, by us or, as the answer to the peer's, by itself.
    is_close_sent: bool,
    is_shut: bool,
}

/// What has come of reading.
pub enum Received {
    /// Bytes, which were handled with this result.
    Bytes(Flow),
    /// Something that ends the connection: the WebSocket layer's own rules were broken, or the peer closes it.
    Refused(Close),
    /// The peer is gone.
    End,
}

impl Stream {
    /// A bare byte stream.
    pub fn plain(socket: Socket) -> Self {
        Self::Plain(PlainStream { socket, is_shut: false })
    }

    /// An upgraded WebSocket connection; `takes_text` says whether text messages carry its protocol.
    pub fn web_socket(inner: WebSocketStream<Socket>, takes_text: bool) -> Self {
        Self::WebSocket(Box::new(WebSocket {
            inner,
            takes_text,
            has_unsent: false,
            is_closed_by_peer: false,
            is_close_sent: false,
            is_shut: false,
        }))
    }

    /// Reads what has arrived, up to a bound, and has `handle` handle it where it lies; its second argument says whether
    /// the bytes came as text.
    pub fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        handle: &mut dyn FnMut(&[u8], bool) -> Flow,
    ) -> Poll<Received> {
        match self {
            Self::Plain(stream) => stream.poll_receive(cx, handle),
            Self::WebSocket(stream) => stream.poll_receive(cx, handle),
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

    /// Whether something that was given to [`Stream::poll_send`] has not left yet.
    pub fn has_unsent(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::WebSocket(stream) => stream.has_unsent,
        }
    }

    /// Closes in both directions: tells the peer, then waits until it closes too, so that the last words are not
    /// lost to a reset. What still arrives is thrown away.
    pub fn poll_close(&mut self, cx: &mut Context<'_>, close: &Close) -> Poll<()> {
        match self {
            Self::Plain(stream) => stream.poll_close(cx),
            Self::WebSocket(stream) => stream.poll_close(cx, close),
        }
    }
}

impl PlainStream {
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        handle: &mut dyn FnMut(&[u8], bool) -> Flow,
    ) -> Poll<Received> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            match ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    Poll::Ready(Received::Bytes(handle(buffer.filled(), false)))
                }
                Ok(()) => Poll::Ready(Received::End),
                Err(error) => {
                    tracing::debug!(%error, "the connection broke while it was read from");
                    Poll::Ready(Received::End)
                }
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
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll_end(&mut self.socket, &mut self.is_shut, cx)
    }
}

impl WebSocket {
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        handle: &mut dyn FnMut(&[u8], bool) -> Flow,
    ) -> Poll<Received> {
        let mut has_received = false;
        let mut handled_bytes = 0;
        for _ in 0..MESSAGES_PER_TURN {
            let message = match Pin::new(&mut self.inner).poll_next(cx) {
                Poll::Pending if has_received => return Poll::Ready(Received::Bytes(Flow::Continue)),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(message) => message,
            };
            let flow = match message {
                Some(Ok(Message::Binary(bytes))) => {
                    handled_bytes += bytes.len();
                    handle(&bytes, false)
                }
                Some(Ok(Message::Text(text))) if self.takes_text => {
                    handled_bytes += text.len();
                    handle(text.as_bytes(), true)
                }
                Some(Ok(Message::Text(_))) => {
                    let reason = "MQTT travels in binary WebSocket messages, and this one is text";
                    return Poll::Ready(Received::Refused(Close::new(CloseCode::Unsupported, reason)));
                }
                // A ping's answer is queued by the library and leaves with the next flush.
                Some(Ok(Message::Ping(_))) => {
                    self.has_unsent = true;
                    Flow::Continue
                }
                Some(Ok(Message::Pong(_) | Message::Frame(_))) => Flow::Continue,
                Some(Ok(Message::Close(_))) => {
                    // The library has queued the answer; what is left to do is to flush it, at once: it must not wait
                    // for replies that the disk still holds. (RFC 6455, section 5.5.1)
                    self.is_closed_by_peer = true;
                    self.is_close_sent = true;
                    self.has_unsent = true;
                    return Poll::Ready(Received::Refused(Close::new(CloseCode::Normal, "the peer closed")));
                }
                None => return Poll::Ready(Received::End),
                Some(Err(error)) => return Poll::Ready(refusal(&error)),
            };
            has_received = true;
            if flow != Flow::Continue || handled_bytes >= MESSAGE_BYTES_PER_TURN {
                return Poll::Ready(Received::Bytes(flow));
            }
        }
        Poll::Ready(Received::Bytes(Flow::Continue))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, output: &mut Output) -> Poll<io::Result<()>> {
        if self.is_closed_by_peer {
            output.clear(0);
        }
        if !output.is_empty() {
            ready!(Pin::new(&mut self.inner).poll_ready(cx)).map_err(into_io)?;
            for (kind, bytes) in output.take_messages() {
                let bytes = bytes.freeze();
                let message = match kind {
                    FrameKind::Binary => Message::Binary(bytes),
                    FrameKind::Text => match Utf8Bytes::try_from(bytes.clone()) {
                        Ok(text) => Message::Text(text),
                        Err(_) => Message::Binary(bytes),
                    },
                };
                Pin::new(&mut self.inner).start_send(message).map_err(into_io)?;
            }
            self.has_unsent = true;
        }
        ready!(Pin::new(&mut self.inner).poll_flush(cx)).map_err(into_io)?;
        self.has_unsent = false;
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, close: &Close) -> Poll<()> {
        if !self.is_close_sent {
            if ready!(Pin::new(&mut self.inner).poll_ready(cx)).is_err() {
                return Poll::Ready(());
            }
            let code = match close.code {
                CloseCode::Normal => WireCode::Normal,
                CloseCode::GoingAway => WireCode::Away,
                CloseCode::Protocol => WireCode::Protocol,
                CloseCode::Unsupported => WireCode::Unsupported,
                CloseCode::InvalidData => WireCode::Invalid,
                CloseCode::TooLarge => WireCode::Size,
            };
            let frame = CloseFrame { code, reason: shorten(&close.reason).into() };
            if Pin::new(&mut self.inner).start_send(Message::Close(Some(frame))).is_err() {
                return Poll::Ready(());
            }
            self.is_close_sent = true;
        }
        // The flush may report that the connection is closed already, which is what is wanted.
        let _ = ready!(Pin::new(&mut self.inner).poll_flush(cx));
        while let Some(Ok(_)) = ready!(Pin::new(&mut self.inner).poll_next(cx)) {}
        // The library reads no more once the peer has closed or broken a rule, whatever is still on its way.
        poll_end(self.inner.get_mut(), &mut self.is_shut, cx)
    }
}

/// Ends what is sent, then throws away what arrives until the peer ends too. A socket that is dropped with bytes unread
/// is reset, and the reset may overtake the last words. (RFC 6455, section 7.1.1)
fn poll_end(socket: &mut Socket, is_shut: &mut bool, cx: &mut Context<'_>) -> Poll<()> {
    let mut socket = Pin::new(socket);
    if !*is_shut {
        match ready!(socket.as_mut().poll_shutdown(cx)) {
            Ok(()) => *is_shut = true,
            Err(_) => return Poll::Ready(()),
        }
    }
    SCRATCH.with_borrow_mut(|scratch| {
        loop {
            let mut buffer = ReadBuf::new(scratch);
            let result = ready!(socket.as_mut().poll_read(cx, &mut buffer));
            if result.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    })
}

/// Which close code a breach of the WebSocket layer's rules gets.
fn refusal(error: &Error) -> Received {
    let code = match error {
        // The network ended, without a Close frame: nobody is there to be told anything.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return Received::End,
        Error::Protocol(_) => CloseCode::Protocol,
        Error::Capacity(_) => CloseCode::TooLarge,
        Error::Utf8(_) => CloseCode::InvalidData,
        _ => return Received::End,
    };
    Received::Refused(Close::new(code, error.to_string()))
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// A close frame's reason has room for 123 bytes. (RFC 6455, section 5.5)
fn shorten(reason: &str) -> &str {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}
