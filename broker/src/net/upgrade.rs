//! The WebSocket upgrade. hyper reads the request, so that every refusal is a proper HTTP answer with one line that
//! says why; afterwards the bare socket is taken back, and no HTTP is left on the data path.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::Socket;
use super::admission::Admission;
use crate::config::{Limits, ListenerConfig, ProtocolName};

/// A subprotocol that a client and a listener agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subprotocol {
    /// `mqtt`: 3.1, 3.1.1 and 5.0.
    Mqtt,
    /// `mqttv3.1`, which older MQTT libraries ask for.
    MqttV31,
    /// `v10.stomp`.
    StompV10,
    /// `v11.stomp`.
    StompV11,
    /// `v12.stomp`.
    StompV12,
}

impl Subprotocol {
    const ALL: [Self; 5] = [Self::Mqtt, Self::MqttV31, Self::StompV10, Self::StompV11, Self::StompV12];

    /// Its name in `Sec-WebSocket-Protocol`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::MqttV31 => "mqttv3.1",
            Self::StompV10 => "v10.stomp",
            Self::StompV11 => "v11.stomp",
            Self::StompV12 => "v12.stomp",
        }
    }

    /// What is spoken.
    pub fn protocol(self) -> ProtocolName {
        match self {
            Self::Mqtt | Self::MqttV31 => ProtocolName::Mqtt,
            Self::StompV10 | Self::StompV11 | Self::StompV12 => ProtocolName::Stomp,
        }
    }
}

/// Why an upgrade is refused: status and one line.
pub(super) type Refusal = (StatusCode, String);

/// Answers the HTTP request on `socket`. Returns the WebSocket and what is spoken over it; `None` if the request was
/// refused (and answered) or the peer went away.
pub(super) async fn upgrade(
    socket: Socket,
    listener: &ListenerConfig,
    limits: &Limits,
    admission: &Admission<'_>,
) -> Option<(WebSocketStream<Socket>, Subprotocol)> {
    let peer = socket.peer_address();
    let agreed: Arc<Mutex<Option<(OnUpgrade, Subprotocol)>>> = Arc::default();
    let service = service_fn(|mut request: Request<Incoming>| {
        let admitted = admission.enter_by(request.headers());
        let answer = match admitted.and_then(|()| examine(&request, listener)) {
            Ok((accept, subprotocol)) => {
                *agreed.lock() = Some((hyper::upgrade::on(&mut request), subprotocol));
                switching_protocols(&accept, subprotocol)
            }
            Err((status, reason)) => {
                tracing::info!(
                    listener = listener.name,
                    ?peer,
                    status = status.as_u16(),
                    reason,
                    "upgrade refused"
                );
                refusal(status, reason)
            }
        };
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.connect_timeout.0)
        .max_buf_size(limits.handshake_size_max.0)
        // Not `keep_alive(false)`: it would add `close` to the Connection header of the 101, which some clients then
        // do not take for an upgrade. Refusals say `close` themselves.
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(listener = listener.name, ?peer, %error, "no upgrade");
        return None;
    }
    let (upgraded, subprotocol) = agreed.lock().take()?;
    let parts = upgraded.await.ok()?.downcast::<TokioIo<Socket>>().ok()?;
    let config = WebSocketConfig::default()
        // The library zeroes this buffer at every read; a large one costs more than it saves.
        .read_buffer_size(4096)
        .write_buffer_size(64 * 1024)
        .max_message_size(Some(message_size_max(limits)))
        .max_frame_size(Some(message_size_max(limits)));
    let stream = WebSocketStream::from_partially_read(
        parts.io.into_inner(),
        parts.read_buf.to_vec(),
        Role::Server,
        Some(config),
    )
    .await;
    Some((stream, subprotocol))
}

/// Answers whatever request comes on `socket` with this refusal: there is no room for the connection.
pub(super) async fn refuse(socket: Socket, limits: &Limits, (status, reason): Refusal) {
    let service = service_fn(|_request: Request<Incoming>| {
        std::future::ready(Ok::<_, Infallible>(refusal(status, reason.clone())))
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.connect_timeout.0)
        .max_buf_size(limits.handshake_size_max.0)
        .keep_alive(false)
        .serve_connection(TokioIo::new(socket), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a client that there was no room for went away");
    }
}

/// A WebSocket message may hold a whole packet or frame of the largest size, or several small ones.
fn message_size_max(limits: &Limits) -> usize {
    let headers = limits.header_count_max * limits.header_line_max.0;
    limits.packet_size_max.0.max(limits.body_size_max.0 + headers)
}

/// Checks a request against RFC 6455, section 4.2.1, and the listener. Returns the accept key and what is agreed.
fn examine<B>(request: &Request<B>, listener: &ListenerConfig) -> Result<(String, Subprotocol), Refusal> {
    let headers = request.headers();
    if let Some(paths) = &listener.paths
        && !paths.iter().any(|path| path == request.uri().path())
    {
        return Err((StatusCode::NOT_FOUND, format!("nothing is served at {}", request.uri().path())));
    }
    if request.method() != Method::GET {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "a WebSocket upgrade is a GET request".into()));
    }
    if request.version() < Version::HTTP_11 {
        return Err((StatusCode::BAD_REQUEST, "a WebSocket upgrade needs HTTP/1.1".into()));
    }
    if !has_token(headers, header::CONNECTION, "upgrade") || !has_token(headers, header::UPGRADE, "websocket")
    {
        let text = "this is a WebSocket port of a Tidewire message broker: connect with subprotocol mqtt or v12.stomp";
        return Err((StatusCode::UPGRADE_REQUIRED, text.into()));
    }
    if text(headers, header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err((StatusCode::UPGRADE_REQUIRED, "only WebSocket version 13 is spoken here".into()));
    }
    let key = text(headers, header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    let key = key.ok_or((StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is not 16 bytes in base64".into()))?;
    check_origin(headers, listener)?;
    let subprotocol = choose_subprotocol(headers, listener)?;
    Ok((derive_accept_key(key.as_bytes()), subprotocol))
}

/// The first of the client's subprotocols that the listener serves.
fn choose_subprotocol(headers: &HeaderMap, listener: &ListenerConfig) -> Result<Subprotocol, Refusal> {
    let offered: Vec<&str> = tokens(headers, header::SEC_WEBSOCKET_PROTOCOL).collect();
    let is_served = |subprotocol: &Subprotocol| listener.protocols.contains(&subprotocol.protocol());
    let known = |name: &&str| Subprotocol::ALL.into_iter().find(|subprotocol| subprotocol.name() == *name);
    if let Some(subprotocol) = offered.iter().filter_map(known).find(is_served) {
        return Ok(subprotocol);
    }
    let served: Vec<_> = Subprotocol::ALL.into_iter().filter(is_served).map(Subprotocol::name).collect();
    let served = served.join(", ");
    let reason = match offered.is_empty() {
        true => format!("no Sec-WebSocket-Protocol was sent; this listener serves {served}"),
        false => format!("none of {} is served here; this listener serves {served}", offered.join(", ")),
    };
    Err((StatusCode::BAD_REQUEST, reason))
}

/// Browsers say which page connects; others say nothing. A page of the same host may, and those that are listed.
fn check_origin(headers: &HeaderMap, listener: &ListenerConfig) -> Result<(), Refusal> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("");
    let is_allowed = match &listener.origins {
        Some(origins) => origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin)),
        None => {
            let own = text(headers, header::HOST).map(host_name);
            let page = origin.split_once("://").map(|(_, authority)| host_name(authority));
            let is_same = own.zip(page).is_some_and(|(own, page)| own.eq_ignore_ascii_case(page));
            is_same || (is_loopback(own) && is_loopback(page))
        }
    };
    if is_allowed {
        return Ok(());
    }
    Err((StatusCode::FORBIDDEN, format!("pages of origin {origin} may not connect here (setting: origins)")))
}

/// `localhost`, `127.0.0.1` and `[::1]` are one host under several names.
fn is_loopback(host: Option<&str>) -> bool {
    let Some(host) = host else { return false };
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn host_name(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn is_key(key: &str) -> bool {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn tokens(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

fn switching_protocols(accept: &str, subprotocol: Subprotocol) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol.name()));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

fn refusal(status: StatusCode, reason: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reason + "\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    match status {
        StatusCode::UPGRADE_REQUIRED => {
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET"));
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        _ => {}
    }
    response
}
