//! The byte streams that a connection can run on.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio_rustls::server::TlsStream;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use super::Raw;
use crate::config::ListenerConfig;
use crate::session::Origin;

/// A byte stream to one peer.
#[derive(Debug)]
pub enum Socket {
    /// As it comes.
    Raw(Raw),
    /// TLS, the handshake done.
    Tls(Box<TlsStream<Raw>>),
    /// One stream of an HTTP/2 connection.
    Http2(Box<TokioIo<Upgraded>>),
}

impl Socket {
    /// Whether bytes that count as written wait for the system to take them; flushing sees to them.
    pub(super) fn has_unflushed(&self) -> bool {
        match self {
            Self::Raw(_) | Self::Http2(_) => false,
            Self::Tls(stream) => stream.get_ref().1.wants_write(),
        }
    }

    /// Whether shutting it down says more than its end.
    pub(super) fn has_last_words(&self) -> bool {
        !matches!(self, Self::Raw(_))
    }

    /// Whether HTTP/2 was agreed on in the TLS handshake.
    pub(super) fn speaks_http2(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2"))
    }

    /// What was read before anybody was there to handle it, where that is known.
    pub(super) fn peeked(&self) -> Option<&Bytes> {
        match self {
            Self::Raw(raw) => raw.peeked(),
            Self::Tls(_) | Self::Http2(_) => None,
        }
    }

    /// The same; whoever takes it must use it, since it is not there to be read any more.
    pub(super) fn take_peeked(&mut self) -> Bytes {
        match self {
            Self::Raw(raw) => raw.take_peeked(),
            Self::Tls(_) | Self::Http2(_) => Bytes::new(),
        }
    }

    /// The peer's address, where it has one.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Raw(raw) => raw.peer_address(),
            Self::Tls(stream) => stream.get_ref().0.peer_address(),
            Self::Http2(_) => None,
        }
    }

    /// Where the peer is, for logs, that has come to this listener.
    pub(super) fn origin(&self, listener: &ListenerConfig) -> Box<dyn Origin> {
        match self {
            Self::Raw(raw) => raw.origin(listener),
            Self::Tls(stream) => stream.get_ref().0.origin(listener),
            Self::Http2(_) => "an HTTP/2 connection".into(),
        }
    }
}

impl From<Raw> for Socket {
    fn from(raw: Raw) -> Self {
        Self::Raw(raw)
    }
}

impl From<DuplexStream> for Socket {
    fn from(stream: DuplexStream) -> Self {
        Self::Raw(stream.into())
    }
}

impl AsyncRead for Socket {
    /// Over TLS, first sends what a write has left behind because the system took no more: it counts as written, so
    /// nobody else would think of it, and the wake-up that it waits for ends up here.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Raw(raw) => Pin::new(raw).poll_read(cx, buffer),
            Self::Tls(stream) => {
                if stream.get_ref().1.wants_write()
                    && let Poll::Ready(Err(error)) = Pin::new(&mut *stream).poll_flush(cx)
                {
                    return Poll::Ready(Err(error));
                }
                Pin::new(stream).poll_read(cx, buffer)
            }
            Self::Http2(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Raw(raw) => Pin::new(raw).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Http2(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Raw(raw) => Pin::new(raw).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Http2(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Raw(raw) => raw.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Http2(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Raw(raw) => Pin::new(raw).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Http2(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Raw(raw) => Pin::new(raw).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Http2(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
