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
use tidewire_protocols::websocket::Subprotocol;
use tidewire_protocols::websocket::deflate::{Agreed, Policy, negotiate};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Socket;
use super::admission::Admission;
use crate::config::{Limits, ListenerConfig, ProtocolName};

/// Why an upgrade is refused: status and one line.
pub(super) type Refusal = (StatusCode, String);

/// What a client and a listener agreed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreement {
    /// What is spoken.
    pub(super) subprotocol: Subprotocol,
    /// permessage-deflate.
    pub(super) deflate: Option<Agreed>,
}

/// A socket on which WebSocket is spoken from here on.
pub(super) struct Upgraded {
    pub(super) socket: Socket,
    pub(super) agreement: Agreement,
    /// What came behind the request.
    pub(super) unread: Bytes,
}

/// Answers the HTTP request on `socket`; `policy` is what compression it may have. `None` if the request was
/// refused (and answered) or the peer went away.
pub(super) async fn upgrade(
    socket: Socket,
    listener: &ListenerConfig,
    limits: &Limits,
    admission: &Admission<'_>,
    policy: Option<Policy>,
) -> Option<Upgraded> {
    let peer = socket.peer_address();
    let agreed: Arc<Mutex<Option<(OnUpgrade, Agreement)>>> = Arc::default();
    let service = service_fn(|mut request: Request<Incoming>| {
        let admitted = admission.enter_by(request.headers());
        let answer = match admitted.and_then(|()| examine(&request, listener, policy)) {
            Ok((accept, agreement)) => {
                *agreed.lock() = Some((hyper::upgrade::on(&mut request), agreement));
                switching_protocols(&accept, &agreement)
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
    let (upgraded, agreement) = agreed.lock().take()?;
    let parts = upgraded.await.ok()?.downcast::<TokioIo<Socket>>().ok()?;
    Some(Upgraded { socket: parts.io.into_inner(), agreement, unread: parts.read_buf })
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

/// Checks a request against RFC 6455, section 4.2.1, and the listener. Returns the accept key and what is agreed.
fn examine<B>(
    request: &Request<B>,
    listener: &ListenerConfig,
    policy: Option<Policy>,
) -> Result<(String, Agreement), Refusal> {
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
    if only(headers, header::HOST).is_none() {
        return Err((StatusCode::BAD_REQUEST, "a request names its Host, once".into()));
    }
    if !has_token(headers, header::CONNECTION, "upgrade") || !has_token(headers, header::UPGRADE, "websocket")
    {
        let text = "this is a WebSocket port of a Tidewire message broker: connect with subprotocol mqtt or v12.stomp";
        return Err((StatusCode::UPGRADE_REQUIRED, text.into()));
    }
    if text(headers, header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err((StatusCode::UPGRADE_REQUIRED, "only WebSocket version 13 is spoken here".into()));
    }
    let key = only(headers, header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    let key = key.ok_or((StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is not 16 bytes in base64".into()))?;
    check_origin(headers, listener)?;
    let subprotocol = choose_subprotocol(headers, listener)?;
    let deflate = choose_compression(headers, policy)?;
    Ok((derive_accept_key(key.as_bytes()), Agreement { subprotocol, deflate }))
}

/// The first of the client's subprotocols that the listener serves.
fn choose_subprotocol(headers: &HeaderMap, listener: &ListenerConfig) -> Result<Subprotocol, Refusal> {
    let offered: Vec<&str> = tokens(headers, header::SEC_WEBSOCKET_PROTOCOL).collect();
    let is_served = |subprotocol: &Subprotocol| listener.protocols.contains(&spoken(*subprotocol));
    if let Some(subprotocol) = Subprotocol::choose(offered.iter().copied(), |known| is_served(&known)) {
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

/// The protocol behind a subprotocol.
pub(super) fn spoken(subprotocol: Subprotocol) -> ProtocolName {
    if subprotocol.is_mqtt() { ProtocolName::Mqtt } else { ProtocolName::Stomp }
}

/// The offer of compression that is accepted. What is malformed is refused even where none is wanted. (RFC 6455, section
/// 9.1)
fn choose_compression(headers: &HeaderMap, policy: Option<Policy>) -> Result<Option<Agreed>, Refusal> {
    const ANY: Policy = Policy { context_takeover: false, window_bits: 15 };
    let values = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS).into_iter();
    let values = values.map(|value| value.to_str().unwrap_or("\u{fffd}"));
    let agreed = negotiate(values, &policy.unwrap_or(ANY))
        .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(agreed.filter(|_| policy.is_some()))
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

/// The header's value where it is there once.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?.to_str().ok()?.trim();
    values.next().is_none().then_some(value)
}

fn tokens(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

fn switching_protocols(accept: &str, agreement: &Agreement) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(agreement.subprotocol.name()));
    let extensions = agreement.deflate.and_then(|deflate| HeaderValue::from_str(&deflate.answer()).ok());
    if let Some(extensions) = extensions {
        headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, extensions);
    }
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
