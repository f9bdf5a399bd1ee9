//! The far end of a network connection.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, StatusCode};
use tidewire::config::ProtocolName;
use tidewire::net::{Framing, Socket, WebSocketTerms};
use tidewire_protocols::websocket::Decoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::carrier::{BoxedCarrier, extended_connect};

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
    /// TLS over it.
    Tls,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
    /// WebSocket over HTTP/2 over TLS.
    Http2,
}

impl Wire {
    /// Whether messages travel in WebSocket frames.
    pub fn is_web_socket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss | Self::Http2)
    }
}

/// What an upgrade asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Path.
    pub path: String,
    /// The subprotocol that is offered.
    pub subprotocol: String,
    /// The page that asks, where it is one.
    pub origin: Option<String>,
    /// Other headers, their names in lower case.
    pub more: Vec<(&'static str, String)>,
}

impl Asked {
    /// What a client of that protocol asks for.
    pub fn by(protocol: ProtocolName) -> Self {
        let subprotocol = match protocol {
            ProtocolName::Mqtt => "mqtt",
            ProtocolName::Stomp => "v12.stomp",
        };
        Self { path: "/".to_owned(), subprotocol: subprotocol.to_owned(), origin: None, more: Vec::new() }
    }

    /// With another header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.more.push((name, value.to_owned()));
        self
    }

    /// The headers that say so.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let origin = self.origin.as_deref().map(|origin| ("origin", origin));
        let more = self.more.iter().map(|(name, value)| (*name, value.as_str()));
        [("sec-websocket-protocol", self.subprotocol.as_str())].into_iter().chain(origin).chain(more)
    }
}

/// What is answered to an upgrade that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRefusal {
    /// Status.
    pub status: u16,
    /// The header Retry-After.
    pub retry_after: Option<String>,
    /// Body.
    pub body: String,
}

impl HttpRefusal {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Self {
        let retry_after =
            headers.get("retry-after").map(|value| value.to_str().expect("it is text").to_owned());
        let body = String::from_utf8(body).expect("the body is text");
        Self { status: status.as_u16(), retry_after, body }
    }
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

enum Stream {
    Bytes(BoxedCarrier),
    Ws(Box<WebSocketStream<BoxedCarrier>>),
}

impl Peer {
    /// Connects over `pipe`, upgrading it for WebSocket.
    pub async fn new(wire: Wire, pipe: DuplexStream, protocol: ProtocolName) -> Self {
        Self::upgraded(wire, pipe, &Asked::by(protocol)).await.expect("the upgrade succeeds")
    }

    /// The same; over WebSocket it asks for this.
    ///
    /// # Errors
    ///
    /// What the broker answers instead of an upgrade.
    pub async fn upgraded(wire: Wire, pipe: DuplexStream, asked: &Asked) -> Result<Self, HttpRefusal> {
        let carrier = wire.carries(pipe).await;
        let stream = match wire {
            Wire::Tcp | Wire::Tls => Stream::Bytes(carrier),
            Wire::Ws | Wire::Wss => Stream::Ws(Box::new(upgrade(carrier, asked).await?)),
            Wire::Http2 => {
                let carrier = extended_connect(carrier, asked).await?;
                Stream::Ws(Box::new(WebSocketStream::from_raw_socket(carrier, Role::Client, None).await))
            }
        };
        Ok(Self::over(stream))
    }

    /// A peer and the broker's end of its connection, upgraded already, without TLS: for a test that serves
    /// it itself.
    pub async fn direct(wire: Wire) -> (Self, tidewire::net::Stream) {
        Self::decoded_by(Decoder::new(16 << 20, None), wire).await
    }

    /// The same; over WebSocket, what it sends is decoded so.
    pub async fn decoded_by(decoder: Decoder, wire: Wire) -> (Self, tidewire::net::Stream) {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let far = Socket::from(far);
        let (near, far) = match wire {
            Wire::Tcp | Wire::Tls => (Stream::Bytes(Box::new(near)), tidewire::net::Stream::plain(far)),
            Wire::Ws | Wire::Wss | Wire::Http2 => {
                let near: BoxedCarrier = Box::new(near);
                let near = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
                let terms = WebSocketTerms {
                    decoder,
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
            Stream::Bytes(stream) => {
                drop(stream.write_all(bytes).await);
                drop(stream.flush().await);
            }
            Stream::Ws(stream) => {
                let message = match as_text {
                    true => Message::text(String::from_utf8(bytes.to_vec()).expect("text is UTF-8")),
                    false => Message::binary(bytes.to_vec()),
                };
                drop(stream.send(message).await);
            }
        }
    }

    /// Sends bytes below WebSocket's frames, right or wrong.
    pub async fn send_below(&mut self, bytes: &[u8]) {
        let carrier = match &mut self.stream {
            Stream::Bytes(carrier) => carrier,
            Stream::Ws(stream) => stream.get_mut(),
        };
        // The broker may have closed meanwhile, which the test will notice when it listens.
        drop(carrier.write_all(bytes).await);
        drop(carrier.flush().await);
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
            Stream::Bytes(stream) => matches!(stream.read_buf(&mut self.buffer).await, Ok(read) if read > 0),
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
    pub fn web_socket(&mut self) -> &mut WebSocketStream<BoxedCarrier> {
        match &mut self.stream {
            Stream::Ws(stream) => stream,
            Stream::Bytes(_) => panic!("this conversation is about WebSocket"),
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
            Stream::Bytes(stream) => drop(stream.shutdown().await),
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

/// The upgrade of HTTP/1.1.
async fn upgrade(carrier: BoxedCarrier, asked: &Asked) -> Result<WebSocketStream<BoxedCarrier>, HttpRefusal> {
    let address = format!("ws://localhost{}", asked.path);
    let mut request = address.into_client_request().expect("the address is well-formed");
    for (name, value) in asked.headers() {
        request.headers_mut().insert(name, value.parse().expect("it is a header's value"));
    }
    match tokio_tungstenite::client_async(request, carrier).await {
        Ok((stream, _)) => Ok(stream),
        Err(Error::Http(answer)) => {
            let (head, body) = answer.into_parts();
            Err(HttpRefusal::new(head.status, &head.headers, body.unwrap_or_default()))
        }
        Err(error) => panic!("the upgrade is not answered: {error}"),
    }
}
