//! What a request must be to become a WebSocket, and the answers: over HTTP/1.1 a GET with an upgrade (RFC 6455,
//! section 4.2), over HTTP/2 an extended CONNECT (RFC 8441).

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::ext::Protocol;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use tidewire_protocols::websocket::deflate::{Agreed, Policy, negotiate};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::demo::Page;
use crate::counters::RefusalReason;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Status.
    pub status: StatusCode,
    /// One line.
    pub reason: String,
    /// How long the client's address is refused whatever it asks for, where that is known; rounded up to seconds in
    /// Retry-After. (RFC 9110, section 10.2.3)
    pub retry_after: Option<Duration>,
    /// What it counts as, where its status does not say so.
    pub kind: Option<RefusalReason>,
}

impl Refusal {
    /// A refusal of what is asked for.
    pub fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), retry_after: None, kind: None }
    }

    /// A refusal that will stand so long.
    pub fn for_now(reason: impl Into<String>, retry_after: Duration) -> Self {
        let retry_after = Some(retry_after);
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, reason) }
    }

    /// There are as many connections as there may be.
    pub(super) fn no_place() -> Self {
        let reason = "as many connections are open as there may be; try again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason)
    }

    /// There is no memory for one more connection.
    pub(super) fn memory_full() -> Self {
        let reason = "the server's memory is full; try again later";
        Self { kind: Some(RefusalReason::Memory), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, reason) }
    }
}

/// A place that WebSockets are served at: what is asked for there, by whom.
pub trait Site {
    /// What is spoken there.
    type Subprotocol: Clone + Send;

    /// What a request gets that asks for no WebSocket: a page, or why it gets none. `None` where it is to be told what is
    /// served here; at most places there is nothing else.
    fn page<B>(&self, _request: &Request<B>) -> Option<Result<Page, Refusal>> {
        None
    }

    /// Looks at the request as a whole, before anything else.
    ///
    /// # Errors
    ///
    /// Nothing is served at its path, or not to whom it comes from.
    fn admit<B>(&self, request: &Request<B>) -> Result<(), Refusal>;

    /// Looks whether the page that connects may.
    ///
    /// # Errors
    ///
    /// It may not.
    fn check_origin<B>(&self, request: &Request<B>) -> Result<(), Refusal>;

    /// Hears what the request says of who sends it; it may connect.
    fn hear<B>(&self, _request: &Request<B>) {}

    /// Chooses among the subprotocols that are offered, in the client's order.
    ///
    /// # Errors
    ///
    /// None will do.
    fn choose(&self, offered: &[&str]) -> Result<Self::Subprotocol, Refusal>;

    /// The name of a subprotocol for the answer, if it has one.
    fn name(subprotocol: &Self::Subprotocol) -> Option<&str>;

    /// Notes that a request is refused.
    fn note_refusal(&self, refusal: &Refusal);

    /// What compression there may be.
    fn compression(&self) -> Option<Policy>;
}

/// What a client and a site agreed on.
#[derive(Clone, Debug)]
pub struct Agreement<P> {
    /// What is spoken.
    pub subprotocol: P,
    /// permessage-deflate.
    pub deflate: Option<Agreed>,
}

/// What is agreed, and the answer that says so.
pub type Granted<P> = (Agreement<P>, Response<Full<Bytes>>);

/// Checks a request.
///
/// # Errors
///
/// Status and reason.
pub fn examine<B, S: Site>(request: &Request<B>, site: &S) -> Result<Granted<S::Subprotocol>, Refusal> {
    site.admit(request)?;
    let headers = request.headers();
    let mut response = match request.version() {
        Version::HTTP_2 => check_connect(request)?,
        _ => check_upgrade(request)?,
    };
    if only(headers, header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, "only WebSocket version 13 is spoken here"));
    }
    if request.version() != Version::HTTP_2 {
        let key = only(headers, header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
        let key = key.ok_or_else(|| {
            Refusal::new(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is not 16 bytes in base64")
        })?;
        insert(&mut response, header::SEC_WEBSOCKET_ACCEPT, &derive_accept_key(key.as_bytes()));
    }
    site.check_origin(request)?;
    let offered: Vec<&str> = tokens(headers, header::SEC_WEBSOCKET_PROTOCOL).collect();
    let subprotocol = site.choose(&offered)?;
    site.hear(request);
    let deflate = choose_compression(headers, site.compression())?;
    if let Some(name) = S::name(&subprotocol) {
        insert(&mut response, header::SEC_WEBSOCKET_PROTOCOL, name);
    }
    if let Some(deflate) = &deflate {
        insert(&mut response, header::SEC_WEBSOCKET_EXTENSIONS, &deflate.answer());
    }
    Ok((Agreement { subprotocol, deflate }, response))
}

/// RFC 6455, section 4.2.1.
fn check_upgrade<B>(request: &Request<B>) -> Result<Response<Full<Bytes>>, Refusal> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket upgrade is a GET request"));
    }
    if request.version() < Version::HTTP_11 {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "a WebSocket upgrade needs HTTP/1.1"));
    }
    if only(headers, header::HOST).is_none() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "a request names its Host, once"));
    }
    if !has_token(headers, header::CONNECTION, "upgrade") || !has_token(headers, header::UPGRADE, "websocket")
    {
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, WHAT_THIS_IS));
    }
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    insert(&mut response, header::UPGRADE, "websocket");
    insert(&mut response, header::CONNECTION, "Upgrade");
    Ok(response)
}

/// RFC 8441, section 5: neither key nor upgrade, and the answer is 200.
fn check_connect<B>(request: &Request<B>) -> Result<Response<Full<Bytes>>, Refusal> {
    let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
    if request.method() != Method::CONNECT || protocol != Some("websocket") {
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, WHAT_THIS_IS));
    }
    Ok(Response::new(Full::default()))
}

/// What somebody reads who opens the address in a browser.
const WHAT_THIS_IS: &str = "This is a WebSocket port of a Tidewire message broker: connect a client with subprotocol mqtt or \
v12.stomp to it.";

/// The offer of compression that is accepted. What is malformed is refused even where none is wanted. (RFC 6455, section
/// 9.1)
fn choose_compression(headers: &HeaderMap, policy: Option<Policy>) -> Result<Option<Agreed>, Refusal> {
    const ANY: Policy = Policy { context_takeover: false, window_bits: 15 };
    let values = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS).into_iter();
    // What is no text follows no grammar either.
    let values = values.map(|value| value.to_str().unwrap_or_default());
    let agreed = negotiate(values, &policy.unwrap_or(ANY))
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(agreed.filter(|_| policy.is_some()))
}

/// The answer to a request that is refused.
pub(super) fn refusal(refusal: Refusal, version: Version) -> Response<Full<Bytes>> {
    let Refusal { status, reason, retry_after, kind: _ } = refusal;
    let mut response = Response::new(Full::new(Bytes::from(reason + "\n")));
    *response.status_mut() = status;
    insert(&mut response, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    let is_http_1 = version < Version::HTTP_2;
    if is_http_1 {
        insert(&mut response, header::CONNECTION, "close");
    }
    match status {
        StatusCode::UPGRADE_REQUIRED => {
            insert(&mut response, header::SEC_WEBSOCKET_VERSION, "13");
            if is_http_1 {
                insert(&mut response, header::UPGRADE, "websocket");
            }
        }
        StatusCode::METHOD_NOT_ALLOWED => insert(&mut response, header::ALLOW, "GET"),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            let secs = retry_after.unwrap_or(RETRY_AFTER).as_millis().div_ceil(1000).max(1);
            insert(&mut response, header::RETRY_AFTER, &secs.to_string());
        }
        _ => {}
    }
    response
}

/// When it is worth to ask again for a place that somebody else has to leave first.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What cannot stand in a header is left out; nothing of ours is like that.
fn insert(response: &mut Response<Full<Bytes>>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn is_key(key: &str) -> bool {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

/// The header's value where it is there once.
pub(super) fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?.to_str().ok()?.trim();
    values.next().is_none().then_some(value)
}

pub(super) fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

pub(super) fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}
