//! Bytes to and from a broker, over whatever carries them.
//!
//! Chunks are queued with [`Transport::queue`]; [`Transport::poll_drive`] sends what is queued and receives what has
//! come.

mod connector;
mod plain;
mod websocket;

use std::io;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

pub use self::connector::Connector;
pub(crate) use self::connector::is_of_tls;
use self::plain::Plain;
use self::websocket::WebSocket;
use crate::error::Error;
use crate::options::{Options, Protocol};
use crate::url::{Scheme, Url};

/// An open connection to a broker.
pub(crate) struct Transport {
    carrier: Carrier,
    /// Bytes given to [`queue`](Self::queue) since the queue was last empty.
    unsent: usize,
}

enum Carrier {
    Plain(Plain),
    WebSocket(Box<WebSocket>),
}

impl Transport {
    /// Connects, and shakes hands for TLS and WebSocket; `headers` are the upgrade's. Ends only when the other side
    /// answers or the system gives up: callers set their own time limit.
    pub(crate) async fn connect(
        url: &Url,
        protocol: Protocol,
        options: &Options,
        headers: &[(String, String)],
    ) -> Result<Self, Error> {
        let stream = connector::open(url, &options.tls, options.connector.as_ref()).await?;
        let carrier = match url.scheme().plain() {
            Scheme::Ws => {
                let websocket = WebSocket::upgrade(stream, url, protocol, headers).await?;
                Carrier::WebSocket(Box::new(websocket))
            }
            _ => Carrier::Plain(Plain::new(stream)),
        };
        Ok(Self { carrier, unsent: 0 })
    }

    /// Takes over bytes to be sent: over WebSocket one message.
    pub(crate) fn queue(&mut self, chunk: Chunk) {
        self.unsent += chunk.bytes.len();
        match &mut self.carrier {
            Carrier::Plain(stream) => stream.queue(&chunk.bytes),
            Carrier::WebSocket(stream) => stream.queue(chunk),
        }
    }

    /// How many bytes were queued since the system last had taken all: whoever queues without looking at it fills
    /// the memory when the broker does not read.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent
    }

    /// Sends what is queued and appends what has come to `input`, if there is one.
    ///
    /// Ready when there was something to receive, or when the last of what was queued has gone to the system.
    pub(crate) fn poll_drive(
        &mut self,
        context: &mut Context<'_>,
        input: Option<&mut BytesMut>,
    ) -> Poll<io::Result<Driven>> {
        if self.unsent > 0 && self.poll_flush(context)?.is_ready() {
            self.unsent = 0;
            return Poll::Ready(Ok(Driven::Sent));
        }
        match (input, &mut self.carrier) {
            (None, _) => Poll::Pending,
            (Some(input), Carrier::Plain(stream)) => stream.poll_receive(context, input),
            (Some(input), Carrier::WebSocket(stream)) => stream.poll_receive(context, input),
        }
    }

    /// As [`poll_drive`](Self::poll_drive). Nothing is lost when the future is dropped.
    pub(crate) async fn drive(&mut self, mut input: Option<&mut BytesMut>) -> io::Result<Driven> {
        std::future::poll_fn(|context| self.poll_drive(context, input.as_deref_mut())).await
    }

    /// Sends all that is queued and then ends the connection, over WebSocket with a Close frame.
    pub(crate) async fn close(mut self) -> io::Result<()> {
        std::future::poll_fn(|context| self.poll_flush(context)).await?;
        match self.carrier {
            Carrier::Plain(stream) => stream.close().await,
            Carrier::WebSocket(stream) => stream.close().await,
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Plain(stream) => stream.poll_flush(context),
            Carrier::WebSocket(stream) => stream.poll_flush(context),
        }
    }
}

/// Bytes that travel together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The bytes.
    pub(crate) bytes: Bytes,
    /// Over WebSocket: send them as a text message. Bytes that are no UTF-8 go as a binary one all the same.
    pub(crate) is_text: bool,
}

impl Chunk {
    /// A binary chunk.
    pub(crate) fn binary(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), is_text: false }
    }
}

/// What [`Transport::poll_drive`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driven {
    /// Something was appended to the input.
    Received,
    /// All that was queued has gone to the system.
    Sent,
    /// The broker sends no more.
    Ended,
}
