//! The client side of WebSocket, by tungstenite.

use std::io;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{ByteStream, Incoming, OpenOptions, Target};
use crate::case::{FrameKind, Suite};

/// An open WebSocket.
pub struct WebSocket {
    stream: WebSocketStream<Box<dyn ByteStream>>,
    suite: Suite,
}

/// How long the last frames of an ending connection may take.
const FAREWELL: Duration = Duration::from_millis(500);

impl WebSocket {
    pub(super) async fn open(
        stream: Box<dyn ByteStream>,
        target: &Target,
        suite: Suite,
        options: &OpenOptions,
    ) -> Result<WebSocket, String> {
        let path = options.path.as_deref().unwrap_or(&target.path);
        let url = format!("ws://{}{path}", target.authority());
        let mut request = url.into_client_request().map_err(|error| format!("{target}: {error}"))?;
        let own = match suite {
            Suite::Mqtt5 | Suite::Mqtt311 => "mqtt",
            Suite::Stomp | Suite::WebSocket => "v12.stomp, v11.stomp, v10.stomp",
        };
        let offered = options.subprotocol.as_deref().unwrap_or(own);
        if !offered.is_empty() {
            let value =
                HeaderValue::from_str(offered).map_err(|error| format!("subprotocol {offered}: {error}"))?;
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
        }
        let (stream, response) = client_async(request, stream).await.map_err(|error| match error {
            Error::Http(response) => format!("the WebSocket upgrade was answered with {}", response.status()),
            other => format!("the WebSocket upgrade failed: {other}"),
        })?;
        let selected = response.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
        if suite != Suite::Stomp && !offered.is_empty() && selected != Some("mqtt") {
            return Err(format!("the server selected the subprotocol {selected:?}, not mqtt [MQTT-6.0.0-4]"));
        }
        Ok(WebSocket { stream, suite })
    }

    /// Sends one frame: binary for MQTT, for STOMP text where the bytes are.
    pub(super) async fn send(&mut self, bytes: &[u8], frame: Option<FrameKind>) -> io::Result<()> {
        let own = match self.suite {
            Suite::Stomp if std::str::from_utf8(bytes).is_ok() => FrameKind::Text,
            _ => FrameKind::Binary,
        };
        let data = match frame.unwrap_or(own) {
            FrameKind::Text => Data::Text,
            FrameKind::Binary => Data::Binary,
        };
        // As a frame and not as a message: a case may send text that is not valid UTF-8.
        let frame = Frame::message(bytes.to_vec(), OpCode::Data(data), true);
        self.stream.send(Message::Frame(frame)).await.map_err(io::Error::other)
    }

    pub(super) async fn receive(&mut self) -> Incoming {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Binary(bytes))) => return Incoming::Bytes(bytes.to_vec()),
                Some(Ok(Message::Text(_))) if self.suite != Suite::Stomp => {
                    return Incoming::Illegal("the server sent a text frame [MQTT-6.0.0-1]".to_owned());
                }
                Some(Ok(Message::Text(text))) => return Incoming::Bytes(text.as_bytes().to_vec()),
                Some(Ok(Message::Close(frame))) => {
                    // Lets the answering Close frame go out.
                    let _ = timeout(FAREWELL, self.stream.flush()).await;
                    let code = frame.as_ref().map(|frame| u16::from(frame.code));
                    let how = match frame {
                        Some(frame) => format!("Close frame {} \"{}\"", u16::from(frame.code), frame.reason),
                        None => "Close frame without a code".to_owned(),
                    };
                    return Incoming::End { how, code };
                }
                // Pings are answered by tungstenite.
                Some(Ok(_)) => {}
                Some(Err(error @ (Error::Protocol(_) | Error::Utf8(_) | Error::Capacity(_))))
                    if !is_reset(&error) =>
                {
                    return Incoming::Illegal(format!("WebSocket: {error}"));
                }
                Some(Err(error)) => return Incoming::End { how: error.to_string(), code: None },
                None => return Incoming::End { how: "end of stream".to_owned(), code: None },
            }
        }
    }

    pub(super) async fn close(&mut self) {
        let _ = timeout(FAREWELL, self.stream.close(None)).await;
    }
}

/// TCP ended without a Close frame: rude, and still an end.
fn is_reset(error: &Error) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))
}
