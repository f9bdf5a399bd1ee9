//! The broker's ends of connections.

use std::io;

use bytes::BytesMut;
use tidewire_client::Connector;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

use super::within;

/// Where clients connect to.
pub(crate) struct Broker {
    connector: Connector,
    connections: mpsc::UnboundedReceiver<DuplexStream>,
}

impl Broker {
    pub(crate) fn new() -> Self {
        let (sender, connections) = mpsc::unbounded_channel();
        let connector = Connector::new(move |_url| {
            let (ours, theirs) = duplex(PIPE_BYTES);
            let accepted = sender.send(theirs).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused));
            async move { accepted.map(|()| ours) }
        });
        Self { connector, connections }
    }

    pub(crate) fn connector(&self) -> Connector {
        self.connector.clone()
    }

    /// The next connection that a client opens.
    pub(crate) async fn accept(&mut self) -> Peer {
        let stream = within(self.connections.recv()).await.expect("a client connects");
        Peer::new(stream)
    }
}

/// The broker's end of one connection. Dropping it loses the connection.
pub(crate) struct Peer {
    stream: Box<dyn Duplex>,
    pub(crate) input: BytesMut,
}

/// Both directions of a byte stream.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

impl Peer {
    pub(crate) fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { stream: Box::new(stream), input: BytesMut::new() }
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        // A client that is gone hears nothing.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Waits for more input; whether there will be any.
    pub(crate) async fn fill(&mut self) -> bool {
        within(self.stream.read_buf(&mut self.input)).await.is_ok_and(|count| count > 0)
    }
}

const PIPE_BYTES: usize = 64 * 1024;
