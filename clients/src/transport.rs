//! Bytes to and from a broker, over TCP or WebSocket, for a protocol of the caller's.
//!
//! Chunks are queued with [`Transport::queue`]; [`Transport::poll_drive`] sends what is queued and receives what has
//! come. [`mqtt`](crate::mqtt) and [`stomp`](crate::stomp) are built on it, and so may be what needs its own way with
//! packets.

mod tcp;
mod websocket;

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;

use self::tcp::Tcp;
use self::websocket::WebSocket;
use crate::error::Error;
use crate::url::{Scheme, Url};

/// An open connection to a broker.
#[derive(Debug)]
pub struct Transport {
    stream: Stream,
    /// Bytes given to [`queue`](Self::queue) since the queue was last empty.
    unsent: usize,
}

#[derive(Debug)]
enum Stream {
    Tcp(Tcp),
    WebSocket(Box<WebSocket>),
}

impl Transport {
    /// Connects, and over WebSocket shakes hands. Ends only when the other side answers or the system gives up:
    /// callers set their own time limit.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`], [`Error::Handshake`], [`Error::WrongScheme`] for the other protocol's scheme, and
    /// [`Error::TlsUnavailable`].
    pub async fn connect(url: &Url, protocol: Protocol) -> Result<Self, Error> {
        let is_websocket = match (url.scheme(), protocol) {
            (Scheme::Ws, _) => true,
            (Scheme::Mqtt, Protocol::Mqtt) | (Scheme::Stomp, Protocol::Stomp) => false,
            (Scheme::Mqtt | Scheme::Stomp, _) => return Err(protocol.wrong_scheme(url)),
            (Scheme::Wss | Scheme::Mqtts | Scheme::Stomps, _) => {
                return Err(Error::TlsUnavailable(url.clone()));
            }
        };
        let failed = |error| Error::Connect { url: url.clone(), source: Arc::new(error) };
        let stream = TcpStream::connect((url.host(), url.port())).await.map_err(failed)?;
        // Whoever writes has gathered what belongs together; waiting for more would only delay it.
        stream.set_nodelay(true).map_err(failed)?;
        let stream = if is_websocket {
            Stream::WebSocket(Box::new(WebSocket::upgrade(stream, url, protocol).await?))
        } else {
            Stream::Tcp(Tcp::new(stream))
        };
        Ok(Self { stream, unsent: 0 })
    }

    /// Takes over bytes to be sent: over WebSocket one message.
    pub fn queue(&mut self, chunk: Chunk) {
        self.unsent += chunk.bytes.len();
        match &mut self.stream {
            Stream::Tcp(stream) => stream.queue(&chunk.bytes),
            Stream::WebSocket(stream) => stream.queue(chunk),
        }
    }

    /// How many bytes were queued since the system last had taken all: whoever queues without looking at it fills
    /// the memory when the broker does not read.
    pub fn unsent(&self) -> usize {
        self.unsent
    }

    /// Sends what is queued and appends what has come to `input`, if there is one.
    ///
    /// Ready when there was something to receive, or when the last of what was queued has gone to the system.
    ///
    /// # Errors
    ///
    /// The connection is of no use any more.
    pub fn poll_drive(
        &mut self,
        context: &mut Context<'_>,
        input: Option<&mut BytesMut>,
    ) -> Poll<io::Result<Driven>> {
        if self.unsent > 0 && self.poll_flush(context)?.is_ready() {
            self.unsent = 0;
            return Poll::Ready(Ok(Driven::Sent));
        }
        match (input, &mut self.stream) {
            (None, _) => Poll::Pending,
            (Some(input), Stream::Tcp(stream)) => stream.poll_receive(context, input),
            (Some(input), Stream::WebSocket(stream)) => stream.poll_receive(context, input),
        }
    }

    /// As [`poll_drive`](Self::poll_drive). Nothing is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// As [`poll_drive`](Self::poll_drive).
    pub async fn drive(&mut self, mut input: Option<&mut BytesMut>) -> io::Result<Driven> {
        std::future::poll_fn(|context| self.poll_drive(context, input.as_deref_mut())).await
    }

    /// Sends all that is queued and then ends the connection, over WebSocket with a Close frame.
    ///
    /// # Errors
    ///
    /// Not everything could be sent.
    pub async fn close(mut self) -> io::Result<()> {
        std::future::poll_fn(|context| self.poll_flush(context)).await?;
        match self.stream {
            Stream::Tcp(stream) => stream.close().await,
            Stream::WebSocket(stream) => stream.close().await,
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.poll_flush(context),
            Stream::WebSocket(stream) => stream.poll_flush(context),
        }
    }
}

/// Bytes that travel together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The bytes.
    pub bytes: Bytes,
    /// Over WebSocket: send them as a text message. Bytes that are no UTF-8 go as a binary one all the same.
    pub is_text: bool,
}

impl Chunk {
    /// A binary chunk.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), is_text: false }
    }
}

/// What [`Transport::poll_drive`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driven {
    /// Something was appended to the input.
    Received,
    /// All that was queued has gone to the system.
    Sent,
    /// The broker sends no more.
    Ended,
}

/// What is to be spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT of any version.
    Mqtt,
    /// STOMP 1.2.
    Stomp,
}

impl Protocol {
    /// WebSocket's name for it [MQTT-6.0.0-3].
    const fn subprotocol(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Stomp => "v12.stomp",
        }
    }

    fn wrong_scheme(self, url: &Url) -> Error {
        let (protocol, protocol_scheme) = match self {
            Self::Mqtt => ("MQTT", "mqtt"),
            Self::Stomp => ("STOMP", "stomp"),
        };
        Error::WrongScheme { url: url.clone(), protocol, protocol_scheme }
    }
}
