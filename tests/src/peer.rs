//! The far end of a network connection.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use tidewire::config::ProtocolName;
use tidewire::net::{Framing, Socket, WebSocketTerms};
use tidewire_protocols::websocket::Decoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Response};
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

/// How long an answer may take, in virtual time.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// What the pipe of [`Peer::direct`] holds.
pub const PIPE_BYTES: usize = 64 * 1024;
/// How long nothing must come for nothing to have come, in virtual time.
pub const QUIET: Duration = Duration::from_millis(500);

/// What carries the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Bare TCP.
    Tcp,
    /// WebSocket.
    Ws,
}

/// One connection to the broker.
pub struct Peer {
    stream: Stream,
    /// What has come and was not looked at.
    pub buffer: BytesMut,
    /// The WebSocket close code, once there is one.
    pub close_code: Option<u16>,
    /// Whether the last WebSocket message was text.
    pub was_text: bool,
    is_closed: bool,
}

/// How an upgrade was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its status.
    pub status: u16,
    /// Retry-After, in seconds.
    pub retry_after: Option<u64>,
}

impl Refused {
    fn of<B>(answer: &Response<B>) -> Self {
        let retry_after = answer.headers().get("retry-after");
        let secs = |value: &HeaderValue| value.to_str().ok()?.parse().ok();
        Self { status: answer.status().as_u16(), retry_after: retry_after.and_then(secs) }
    }
}

enum Stream {
    Tcp(DuplexStream),
    Ws(Box<WebSocketStream<DuplexStream>>),
}

impl Peer {
    /// Connects over `pipe`, upgrading it for WebSocket.
    pub async fn new(wire: Wire, pipe: DuplexStream, protocol: ProtocolName) -> Self {
        Self::try_new(wire, pipe, protocol).await.unwrap_or_else(|answer| panic!("no upgrade: {answer:?}"))
    }

    /// The same where the upgrade may be refused.
    ///
    /// # Errors
    ///
    /// The answer to the upgrade.
    pub async fn try_new(wire: Wire, pipe: DuplexStream, protocol: ProtocolName) -> Result<Self, Refused> {
        let stream = match wire {
            Wire::Tcp => Stream::Tcp(pipe),
            Wire::Ws => {
                let subprotocol = match protocol {
                    ProtocolName::Mqtt => "mqtt",
                    ProtocolName::Stomp => "v12.stomp",
                };
                let mut request = "ws://broker/".into_client_request().expect("the address is well-formed");
                let value = subprotocol.parse().expect("the name is a header value");
                request.headers_mut().insert("sec-websocket-protocol", value);
                match tokio_tungstenite::client_async(request, pipe).await {
                    Ok((stream, _)) => Stream::Ws(Box::new(stream)),
                    Err(Error::Http(answer)) => return Err(Refused::of(&answer)),
                    Err(error) => panic!("no answer to the upgrade: {error}"),
                }
            }
        };
        Ok(Self::over(stream))
    }

    /// A peer and the broker's end of its connection, upgraded already: for a test that serves it itself.
    pub async fn direct(wire: Wire) -> (Self, tidewire::net::Stream) {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let far = Socket::from(far);
        let (near, far) = match wire {
            Wire::Tcp => (Stream::Tcp(near), tidewire::net::Stream::plain(far)),
            Wire::Ws => {
                let near = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
                let terms = WebSocketTerms {
                    decoder: Decoder::new(16 << 20, None),
                    framing: Framing::default(),
                    unread: BytesMut::new(),
                    ping_interval: None,
                };
                let now = tokio::time::Instant::now().into_std();
                let far = tidewire::net::Stream::web_socket(far, terms, false, now);
                (Stream::Ws(Box::new(near)), far)
            }
        };
        (Self::over(near), far)
    }

    fn over(stream: Stream) -> Self {
        Self { stream, buffer: BytesMut::new(), close_code: None, was_text: false, is_closed: false }
    }

    /// Sends bytes: over WebSocket as one message, binary.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.send_as(bytes, false).await;
    }

    /// Sends bytes: over WebSocket as one message of that kind.
    pub async fn send_as(&mut self, bytes: &[u8], as_text: bool) {
        // The broker may have closed meanwhile, which the test will notice when it listens.
        match &mut self.stream {
            Stream::Tcp(stream) => drop(stream.write_all(bytes).await),
            Stream::Ws(stream) => {
                let message = match as_text {
                    true => Message::text(String::from_utf8(bytes.to_vec()).expect("text is UTF-8")),
                    false => Message::binary(bytes.to_vec()),
                };
                drop(stream.send(message).await);
            }
        }
    }

    /// Sends bytes in pieces of `size`, each a WebSocket message of its own.
    pub async fn send_in_pieces(&mut self, bytes: &[u8], size: usize) {
        for piece in bytes.chunks(size) {
            self.send(piece).await;
        }
    }

    /// Waits until more has come; `false` when the connection is closed.
    pub async fn fill(&mut self, patience: Duration) -> Option<bool> {
        if self.is_closed {
            return Some(false);
        }
        let filled = timeout(patience, self.fill_once()).await.ok()?;
        self.is_closed = !filled;
        Some(filled)
    }

    async fn fill_once(&mut self) -> bool {
        match &mut self.stream {
            Stream::Tcp(stream) => matches!(stream.read_buf(&mut self.buffer).await, Ok(read) if read > 0),
            Stream::Ws(stream) => loop {
                match stream.next().await {
                    Some(Ok(Message::Binary(bytes))) => {
                        self.was_text = false;
                        self.buffer.extend_from_slice(&bytes);
                        return true;
                    }
                    Some(Ok(Message::Text(text))) => {
                        self.was_text = true;
                        self.buffer.extend_from_slice(text.as_bytes());
                        return true;
                    }
                    Some(Ok(Message::Close(frame))) => self.close_code = frame.map(|frame| frame.code.into()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return false,
                }
            },
        }
    }

    /// The WebSocket itself, for conversations about it.
    pub fn web_socket(&mut self) -> &mut WebSocketStream<DuplexStream> {
        match &mut self.stream {
            Stream::Ws(stream) => stream,
            Stream::Tcp(_) => panic!("this conversation is about WebSocket"),
        }
    }

    /// Holds that the connection goes away without a word.
    pub async fn is_lost(&mut self) {
        assert_eq!(self.fill(PATIENCE).await, Some(false), "the connection was to be lost");
        assert!(self.buffer.is_empty() && self.close_code.is_none(), "it was closed in order");
    }

    /// Holds that the broker closes the connection and says no more. Over WebSocket it must say `code`.
    pub async fn is_closed_with(&mut self, code: u16) {
        loop {
            match self.fill(PATIENCE).await {
                Some(true) => {}
                Some(false) => break,
                None => panic!("the connection was not closed"),
            }
        }
        assert!(self.buffer.is_empty(), "before it closed, the broker said {:?}", self.buffer);
        if matches!(self.stream, Stream::Ws(_)) {
            assert_eq!(self.close_code, Some(code), "WebSocket close code");
        }
    }

    /// Closes from this side: over WebSocket with a close frame, over TCP by ending what is sent.
    pub async fn closes(&mut self) {
        // The broker may have closed first.
        match &mut self.stream {
            Stream::Tcp(stream) => drop(stream.shutdown().await),
            Stream::Ws(stream) => drop((**stream).close(None).await),
        }
    }

    /// Holds that nothing comes for a while, and that the connection stays.
    pub async fn hears_nothing(&mut self) {
        self.hears_nothing_for(QUIET).await;
    }

    /// The same for that long, in virtual time.
    pub async fn hears_nothing_for(&mut self, duration: Duration) {
        let filled = self.fill(duration).await;
        assert!(self.buffer.is_empty(), "the broker said {:?}", self.buffer);
        assert_eq!(filled, None, "the connection was closed, or something came");
    }
}
