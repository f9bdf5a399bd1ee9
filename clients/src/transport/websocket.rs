//! WebSocket, over any byte stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio_tungstenite::tungstenite::client::ClientRequestBuilder;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::connector::{Stream as ByteStream, not_connected};
use super::{Chunk, Driven};
use crate::error::Error;
use crate::options::Protocol;
use crate::url::Url;

pub(super) struct WebSocket {
    stream: WebSocketStream<ByteStream>,
    /// Told by the next flush: queueing itself does not fail.
    failure: Option<io::Error>,
    /// How the connection ended, behind what was received with it.
    end: Option<io::Result<Driven>>,
}

impl WebSocket {
    pub(super) async fn upgrade(
        stream: ByteStream,
        url: &Url,
        protocol: Protocol,
        headers: &[(String, String)],
    ) -> Result<Self, Error> {
        let failed = |detail: String| Error::Handshake { url: url.clone(), detail };
        let uri: Uri = address(url).parse().map_err(|error| failed(format!("{error}")))?;
        let mut request = ClientRequestBuilder::new(uri).with_sub_protocol(protocol.subprotocol());
        for (name, value) in headers {
            request = request.with_header(name, value);
        }
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(MESSAGE_BYTES_MAX);
        config.max_frame_size = Some(MESSAGE_BYTES_MAX);
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((stream, _response)) => Ok(Self { stream, failure: None, end: None }),
            Err(tungstenite::Error::Http(response)) => Err(refused(url, &response)),
            // The broker may be on its way down, or up.
            Err(tungstenite::Error::Io(error)) => Err(not_connected(url, error)),
            Err(tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete)) => {
                let why = "it closes the connection and does not take the WebSocket";
                Err(not_connected(url, io::Error::new(io::ErrorKind::UnexpectedEof, why)))
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }

    pub(super) fn queue(&mut self, Chunk { bytes, is_text }: Chunk) {
        let text = if is_text { Utf8Bytes::try_from(bytes.clone()).ok() } else { None };
        let message = text.map_or(Message::Binary(bytes), Message::Text);
        // It is taken over whether or not the socket has room: tungstenite's buffer has no limit of its own.
        if let Err(error) = self.stream.start_send_unpin(message) {
            self.failure.get_or_insert(into_io(error));
        }
    }

    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.failure.take() {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_flush(context).map_err(into_io)
    }

    /// Takes all messages that have come, within bounds: what is answered together travels together.
    pub(super) fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        input: &mut BytesMut,
    ) -> Poll<io::Result<Driven>> {
        if let Some(end) = self.end.take() {
            return Poll::Ready(end);
        }
        let before = input.len();
        while input.len() - before < RECEIVED_BYTES {
            let end = match Pin::new(&mut self.stream).poll_next(context) {
                Poll::Pending if input.len() == before => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(None) => Ok(Driven::Ended),
                Poll::Ready(Some(Err(error))) => Err(into_io(error)),
                Poll::Ready(Some(Ok(message))) => match message {
                    Message::Binary(bytes) => {
                        input.extend_from_slice(&bytes);
                        continue;
                    }
                    Message::Text(text) => {
                        input.extend_from_slice(text.as_bytes());
                        continue;
                    }
                    Message::Close(frame) => ended(frame),
                    // tungstenite answers pings itself.
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
                },
            };
            if input.len() == before {
                return Poll::Ready(end);
            }
            self.end = Some(end);
            break;
        }
        Poll::Ready(Ok(Driven::Received))
    }

    /// Sends a Close frame and waits for the broker's, so that nothing in flight is cut off.
    pub(super) async fn close(mut self) -> io::Result<()> {
        match self.stream.close(None).await {
            // The broker was first; its Close may have come with what was received last.
            Err(
                tungstenite::Error::ConnectionClosed
                | tungstenite::Error::AlreadyClosed
                | tungstenite::Error::Protocol(ProtocolError::SendAfterClosing),
            ) => return Ok(()),
            result => result.map_err(into_io)?,
        }
        while self.stream.next().await.is_some_and(|received| received.is_ok()) {}
        Ok(())
    }
}

/// What the request line and Host are made of: a Unix socket has neither.
fn address(url: &Url) -> String {
    match url.socket() {
        Some(_) => format!("ws://{}{}", url.host(), url.path()),
        None => url.full(),
    }
}

fn refused(url: &Url, response: &Response) -> Error {
    let detail = refusal(response);
    match response.status().as_u16() {
        401 => Error::BadCredentials(detail),
        403 => Error::Refused(detail),
        429 | 500..=599 => Error::Busy(detail),
        _ => Error::Handshake { url: url.clone(), detail },
    }
}

/// The status of a refused upgrade, and the first line of its body, which says why.
fn refusal(response: &Response) -> String {
    let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    let reason = body.lines().next().unwrap_or_default().trim();
    match reason.is_empty() || reason.starts_with('<') {
        true => format!("HTTP {}", response.status()),
        false => format!("HTTP {}: {reason}", response.status()),
    }
}

/// A Close frame of the broker: with a reason it is an error, because whoever leaves regularly leaves first.
fn ended(frame: Option<CloseFrame>) -> io::Result<Driven> {
    match frame {
        Some(CloseFrame { code, reason }) if !reason.is_empty() => {
            Err(io::Error::other(format!("WebSocket closed with {}: {reason}", u16::from(code))))
        }
        _ => Ok(Driven::Ended),
    }
}

fn into_io(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// Bytes after which no further message is taken at once.
const RECEIVED_BYTES: usize = 64 * 1024;

/// Room for MQTT's largest packet; a broker's batches are smaller.
const MESSAGE_BYTES_MAX: usize = 257 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::accept_hdr_async;
    use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

    use super::*;

    /// A broker that says all it has to say, and Close behind it, in one write.
    async fn speak(listener: TcpListener) {
        let (stream, _) = listener.accept().await.unwrap();
        #[allow(clippy::result_large_err, reason = "the trait wants it so")]
        let choose = |request: &Request, mut response: Response| {
            let chosen = request.headers()["sec-websocket-protocol"].clone();
            response.headers_mut().insert("sec-websocket-protocol", chosen);
            Ok(response)
        };
        let mut stream = accept_hdr_async(stream, choose).await.unwrap();
        for text in ["one", "two"] {
            stream.feed(Message::text(text)).await.unwrap();
        }
        stream.close(None).await.unwrap();
        while stream.next().await.is_some_and(|received| received.is_ok()) {}
    }

    #[test]
    fn a_peer_that_closes_during_the_upgrade_may_be_better_next_time() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let url: Url = "ws://broker/".parse().unwrap();
            let (ours, mut theirs) = tokio::io::duplex(4096);
            let closing = tokio::spawn(async move {
                let mut request = [0; 4096];
                tokio::io::AsyncReadExt::read(&mut theirs, &mut request).await.unwrap();
            });
            let outcome = WebSocket::upgrade(Box::new(ours), &url, Protocol::Mqtt5, &[]).await;
            let error = outcome.err().unwrap();
            assert!(matches!(error, Error::Connect { .. }) && error.is_transient(), "{error:?}");
            closing.await.unwrap();
        });
    }

    #[test]
    fn all_that_has_come_is_taken_and_a_close_behind_it_does_no_harm() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let url: Url = format!("ws://{address}/").parse().unwrap();
            let broker = tokio::spawn(speak(listener));
            let stream = TcpStream::connect(address).await.unwrap();
            let mut client = WebSocket::upgrade(Box::new(stream), &url, Protocol::Stomp, &[]).await.unwrap();
            let mut input = BytesMut::new();
            while input.len() < 6 {
                let received = std::future::poll_fn(|cx| client.poll_receive(cx, &mut input)).await;
                assert_eq!(received.unwrap(), Driven::Received);
            }
            assert_eq!(&input[..], b"onetwo");
            // Whether it has read the Close already is a matter of time.
            let _ = std::future::poll_fn(|cx| Poll::Ready(client.poll_receive(cx, &mut input))).await;
            client.close().await.unwrap();
            broker.await.unwrap();
        });
    }
}
