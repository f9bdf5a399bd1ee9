//! A stream of bytes to the broker: over TCP or TLS as it is, or in WebSocket frames.

mod target;
mod tls;
mod websocket;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub use target::{Scheme, Target};
pub use tls::Tls;

use crate::case::{FrameKind, Suite};
use websocket::WebSocket;

/// What a transport runs on: TCP, or TLS over it.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for S {}

/// One network connection.
pub enum Transport {
    /// The protocol's bytes and nothing else.
    Plain(Box<dyn ByteStream>),
    /// In WebSocket frames.
    WebSocket(Box<WebSocket>),
}

/// What came.
#[derive(Debug)]
pub enum Incoming {
    /// Some bytes of the protocol; where they begin and end has no meaning.
    Bytes(Vec<u8>),
    /// The broker ended the connection.
    End {
        /// Close frame, end of stream or reset, in words.
        how: String,
        /// The code of the Close frame.
        code: Option<u16>,
    },
    /// The broker broke the transport's rules.
    Illegal(String),
}

/// How the connection is opened, where a case wants it otherwise.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The WebSocket request's path.
    pub path: Option<String>,
    /// The WebSocket subprotocols that are offered, separated by commas; empty: none.
    pub subprotocol: Option<String>,
}

/// How long connecting, or writing to a broker that does not read, may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Transport {
    /// Connects to the broker.
    ///
    /// # Errors
    ///
    /// When there is no connection, or no WebSocket on it.
    pub async fn open(
        target: &Target,
        tls: Option<&Tls>,
        suite: Suite,
        options: &OpenOptions,
    ) -> Result<Transport, String> {
        let connecting = TcpStream::connect((target.host.as_str(), target.port));
        let stream = timeout(PATIENCE, connecting)
            .await
            .map_err(|_| format!("no connection to {target} within {} s", PATIENCE.as_secs()))?
            .map_err(|error| format!("no connection to {target}: {error}"))?;
        // Cases send in pieces and measure time; Nagle's algorithm would join and delay them.
        stream.set_nodelay(true).map_err(|error| format!("no connection to {target}: {error}"))?;
        let stream: Box<dyn ByteStream> = match tls.filter(|_| target.scheme.is_secure()) {
            Some(tls) => Box::new(in_time("TLS handshake", tls.connect(target, stream)).await?),
            None => Box::new(stream),
        };
        // Cases about WebSocket write its frames themselves.
        if !target.scheme.is_web_socket() || suite == Suite::WebSocket {
            return Ok(Transport::Plain(stream));
        }
        let upgrading = WebSocket::open(stream, target, suite, options);
        Ok(Transport::WebSocket(Box::new(in_time("WebSocket upgrade", upgrading).await?)))
    }

    /// Sends bytes in one write, and in one WebSocket frame.
    ///
    /// # Errors
    ///
    /// When the connection is gone, or the broker does not read.
    pub async fn send(&mut self, bytes: &[u8], frame: Option<FrameKind>) -> io::Result<()> {
        let sending = async {
            match self {
                Transport::Plain(stream) => {
                    stream.write_all(bytes).await?;
                    stream.flush().await
                }
                Transport::WebSocket(socket) => socket.send(bytes, frame).await,
            }
        };
        timeout(PATIENCE, sending).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Waits for what comes next. Nothing is lost when the wait is given up.
    pub async fn receive(&mut self) -> Incoming {
        match self {
            Transport::Plain(stream) => {
                let mut buffer = vec![0; 16 * 1024];
                match stream.read(&mut buffer).await {
                    Ok(0) => Incoming::End { how: "end of stream".to_owned(), code: None },
                    Ok(length) => {
                        buffer.truncate(length);
                        Incoming::Bytes(buffer)
                    }
                    Err(error) => Incoming::End { how: error.to_string(), code: None },
                }
            }
            Transport::WebSocket(socket) => socket.receive().await,
        }
    }

    /// Ends the connection in order. That the broker may be gone already is no error.
    pub async fn close(&mut self) {
        match self {
            Transport::Plain(stream) => drop(stream.shutdown().await),
            Transport::WebSocket(socket) => socket.close().await,
        }
    }
}

async fn in_time<T>(what: &str, doing: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let done = timeout(PATIENCE, doing).await;
    done.map_err(|_| format!("no answer to the {what} within {} s", PATIENCE.as_secs()))?
}
