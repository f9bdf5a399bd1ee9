//! What carries bytes: TCP, a Unix socket, or a pipe within the process.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::stream::SCRATCH;
use super::whence::Whence;
use crate::config::ListenerConfig;
use crate::session::Origin;

/// Bytes that are read to see what comes, before anybody is there to handle them: enough for a browser's request, cookies
/// included, or a TLS hello, as a rule.
const PEEK_BYTES: usize = 4 * 1024;
/// Slices of no more bytes than this in all are joined before they are written: `send` takes one piece only, and 0.3 µs less
/// than `writev`, which looks at the file that a socket is as well.
const JOINED_BYTES_MAX: usize = 16 * 1024;

thread_local! {
    static JOINED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A bare byte stream to one peer.
#[derive(Debug)]
pub struct Raw {
    carrier: Carrier,
    peer: Option<SocketAddr>,
    /// Bytes that were read too early: whoever reads next gets them first. Never empty ones; boxed, since they are there for
    /// the first moments only.
    prefix: Option<Box<Bytes>>,
}

#[derive(Debug)]
enum Carrier {
    Tcp(TcpStream),
    Unix(UnixStream),
    Memory(DuplexStream),
}

impl Raw {
    /// A TCP connection that was accepted.
    pub fn tcp(stream: TcpStream, peer: SocketAddr) -> Self {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        Self { carrier: Carrier::Tcp(stream), peer: Some(peer), prefix: None }
    }

    /// A connection to a Unix socket.
    pub(super) fn unix(stream: UnixStream) -> Self {
        Self { carrier: Carrier::Unix(stream), peer: None, prefix: None }
    }

    /// The peer's address: where the connection comes from, or where a proxy says that it does. None on a Unix socket
    /// and within the process.
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Takes a proxy's word for it.
    pub(super) fn set_peer_address(&mut self, peer: SocketAddr) {
        self.peer = Some(SocketAddr::new(peer.ip().to_canonical(), peer.port()));
    }

    /// Where the peer is, for logs, that has come to this listener.
    pub(super) fn origin(&self, listener: &ListenerConfig) -> Box<dyn Origin> {
        Box::new(match (self.peer, &self.carrier) {
            (Some(address), _) => Whence::socket(address, listener),
            (None, Carrier::Memory(_)) => Whence::elsewhere("this process", listener),
            (None, _) => Whence::elsewhere("a Unix socket", listener),
        })
    }

    /// The first bytes that come, which stay to be read; empty when none will.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub(super) async fn peek(&mut self) -> io::Result<&[u8]> {
        if self.prefix.is_none() {
            // Nothing is held while nothing comes, and no more than what has come.
            let bytes = std::future::poll_fn(|cx| {
                SCRATCH.with_borrow_mut(|scratch| {
                    let mut buffer = ReadBuf::new(&mut scratch[..PEEK_BYTES]);
                    ready!(Pin::new(self.carrier_mut()).poll_read(cx, &mut buffer))?;
                    Poll::Ready(io::Result::Ok(Bytes::copy_from_slice(buffer.filled())))
                })
            })
            .await?;
            self.unread(bytes);
        }
        Ok(self.prefix.as_deref().map_or(&[], |bytes| bytes))
    }

    /// What [`Raw::peek`] has read and nobody else has.
    pub(super) fn peeked(&self) -> Option<&Bytes> {
        self.prefix.as_deref()
    }

    /// The same; whoever takes it must use it, since it is not there to be read any more.
    pub(super) fn take_peeked(&mut self) -> Bytes {
        self.prefix.take().map_or_else(Bytes::new, |bytes| *bytes)
    }

    /// Reads more behind what is in `bytes`; `false` when nothing more will come.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub(super) async fn read_more(&mut self, bytes: &mut BytesMut) -> io::Result<bool> {
        Ok(self.read_buf(bytes).await? > 0)
    }

    /// Gives back what was read too early.
    pub(super) fn unread(&mut self, bytes: Bytes) {
        debug_assert!(self.prefix.is_none(), "what was given back before would be lost");
        self.prefix = (!bytes.is_empty()).then(|| Box::new(bytes));
    }

    fn carrier_mut(&mut self) -> &mut (dyn Both + Send + Unpin) {
        match &mut self.carrier {
            Carrier::Tcp(stream) => stream,
            Carrier::Unix(stream) => stream,
            Carrier::Memory(stream) => stream,
        }
    }
}

/// A pipe within the process: how tests run thousands of clients on virtual time.
impl From<DuplexStream> for Raw {
    fn from(stream: DuplexStream) -> Self {
        Self { carrier: Carrier::Memory(stream), peer: None, prefix: None }
    }
}

/// Writes slices, in one piece where they are small.
fn poll_write_joined(
    stream: &mut TcpStream,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let mut stream = Pin::new(stream);
    // TLS hands over what is one slice as a rule.
    if let [bytes] = slices {
        return stream.poll_write(cx, bytes);
    }
    if slices.iter().map(|bytes| bytes.len()).sum::<usize>() > JOINED_BYTES_MAX {
        return stream.poll_write_vectored(cx, slices);
    }
    JOINED.with_borrow_mut(|joined| {
        joined.clear();
        slices.iter().for_each(|bytes| joined.extend_from_slice(bytes));
        stream.as_mut().poll_write(cx, joined)
    })
}

trait Both: AsyncRead + AsyncWrite {}
impl<T: AsyncRead + AsyncWrite> Both for T {}

/// Hands a poll on to what carries the bytes.
macro_rules! on_carrier {
    ($self:expr, $method:ident $(, $argument:expr)*) => {
        match &mut $self.get_mut().carrier {
            Carrier::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Carrier::Unix(stream) => Pin::new(stream).$method($($argument),*),
            Carrier::Memory(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Raw {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(prefix) = &mut self.prefix {
            let size = prefix.len().min(buffer.remaining());
            buffer.put_slice(&prefix[..size]);
            prefix.advance(size);
            if prefix.is_empty() {
                self.prefix = None;
            }
            return Poll::Ready(Ok(()));
        }
        on_carrier!(self, poll_read, cx, buffer)
    }
}

impl AsyncWrite for Raw {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on_carrier!(self, poll_write, cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().carrier {
            Carrier::Tcp(stream) => poll_write_joined(stream, cx, slices),
            Carrier::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Carrier::Memory(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.carrier {
            Carrier::Tcp(stream) => stream.is_write_vectored(),
            Carrier::Unix(stream) => stream.is_write_vectored(),
            Carrier::Memory(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_carrier!(self, poll_flush, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_carrier!(self, poll_shutdown, cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn slices_leave_together_and_in_order_however_many_and_large() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback is there");
        let address = listener.local_addr().expect("it is bound");
        let mut reader = TcpStream::connect(address).await.expect("it listens");
        let (stream, peer) = listener.accept().await.expect("somebody has connected");
        let mut raw = Raw::tcp(stream, peer);
        for sizes in [
            vec![0],
            vec![5],
            vec![4, 0, 80],
            vec![2, JOINED_BYTES_MAX - 2],
            vec![2, JOINED_BYTES_MAX - 1],
            vec![JOINED_BYTES_MAX + 1],
            vec![7; 20],
        ] {
            let pieces: Vec<_> = (b'a'..).zip(&sizes).map(|(byte, size)| vec![byte; *size]).collect();
            let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            let written = raw.write_vectored(&slices).await.expect("its peer is there");
            let expected = pieces.concat();
            assert_eq!(written, expected.len(), "a socket that is empty takes all of {sizes:?}");
            let mut read = vec![0; written];
            reader.read_exact(&mut read).await.expect("it was sent");
            assert_eq!(read, expected, "{sizes:?}");
        }
    }
}
