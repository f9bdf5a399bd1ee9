//! What a request must be to become a WebSocket, and the answers: over HTTP/1.1 a GET with an upgrade (RFC 6455,
//! section 4.2), over HTTP/2 an extended CONNECT (RFC 8441).

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use smallvec::SmallVec;
use tidewire_protocols::websocket::deflate::{Agreed, Policy, negotiate};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::asked::Asked;
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
    fn admit(&self, asked: &Asked<'_>) -> Result<(), Refusal>;

    /// Looks whether the page that connects may.
    ///
    /// # Errors
    ///
    /// It may not.
    fn check_origin(&self, asked: &Asked<'_>) -> Result<(), Refusal>;

    /// Hears what the request says of who sends it; it may connect.
    fn hear(&self, _asked: &Asked<'_>) {}

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

/// An answer that grants a WebSocket, on its way to whoever sends it: hyper's, or the bytes themselves.
pub trait Answer {
    /// One that has a status and nothing else yet.
    fn new(status: StatusCode) -> Self;

    /// Adds a line. What cannot stand in a header is left out; nothing of ours is like that.
    fn insert(&mut self, name: HeaderName, value: &str);
}

impl Answer for Response<Full<Bytes>> {
    fn new(status: StatusCode) -> Self {
        let mut response = Self::new(Full::default());
        *response.status_mut() = status;
        response
    }

    fn insert(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers_mut().insert(name, value);
        }
    }
}

/// Checks a request: what is agreed on, and the answer that says so.
///
/// # Errors
///
/// Status and reason.
pub fn examine<S: Site, A: Answer>(
    asked: &Asked<'_>,
    site: &S,
) -> Result<(Agreement<S::Subprotocol>, A), Refusal> {
    site.admit(asked)?;
    let mut answer: A = match asked.version {
        Version::HTTP_2 => check_connect(asked)?,
        _ => check_upgrade(asked)?,
    };
    if asked.only(header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, "only WebSocket version 13 is spoken here"));
    }
    if asked.version != Version::HTTP_2 {
        let key = asked.only(header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key.as_bytes()));
        let key = key.ok_or_else(|| {
            Refusal::new(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is not 16 bytes in base64")
        })?;
        answer.insert(header::SEC_WEBSOCKET_ACCEPT, &derive_accept_key(key.as_bytes()));
    }
    site.check_origin(asked)?;
    let offered: SmallVec<[&str; 8]> = asked.tokens(header::SEC_WEBSOCKET_PROTOCOL).collect();
    let subprotocol = site.choose(&offered)?;
    site.hear(asked);
    let deflate = choose_compression(asked, site.compression())?;
    if let Some(name) = S::name(&subprotocol) {
        answer.insert(header::SEC_WEBSOCKET_PROTOCOL, name);
    }
    if let Some(deflate) = &deflate {
        answer.insert(header::SEC_WEBSOCKET_EXTENSIONS, &deflate.answer());
    }
    Ok((Agreement { subprotocol, deflate }, answer))
}

/// RFC 6455, section 4.2.1.
fn check_upgrade<A: Answer>(asked: &Asked<'_>) -> Result<A, Refusal> {
    if asked.method != Method::GET {
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket upgrade is a GET request"));
    }
    if asked.version < Version::HTTP_11 {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "a WebSocket upgrade needs HTTP/1.1"));
    }
    if asked.only(header::HOST).is_none() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "a request names its Host, once"));
    }
    if !asked.has_token(header::CONNECTION, "upgrade") || !asked.has_token(header::UPGRADE, "websocket") {
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, WHAT_THIS_IS));
    }
    let mut answer = A::new(StatusCode::SWITCHING_PROTOCOLS);
    answer.insert(header::UPGRADE, "websocket");
    answer.insert(header::CONNECTION, "Upgrade");
    Ok(answer)
}

/// RFC 8441, section 5: neither key nor upgrade, and the answer is 200.
fn check_connect<A: Answer>(asked: &Asked<'_>) -> Result<A, Refusal> {
    if asked.method != Method::CONNECT || asked.protocol != Some("websocket") {
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, WHAT_THIS_IS));
    }
    Ok(A::new(StatusCode::OK))
}

/// What somebody reads who opens the address in a browser.
const WHAT_THIS_IS: &str = "This is a WebSocket port of a Tidewire message broker: connect a client with subprotocol mqtt or \
v12.stomp to it.";

/// The offer of compression that is accepted. What is malformed is refused even where none is wanted. (RFC 6455, section
/// 9.1)
fn choose_compression(asked: &Asked<'_>, policy: Option<Policy>) -> Result<Option<Agreed>, Refusal> {
    const ANY: Policy = Policy { context_takeover: false, window_bits: 15 };
    // What is no text follows no grammar either.
    let values = asked.values(header::SEC_WEBSOCKET_EXTENSIONS).map(Option::unwrap_or_default);
    let agreed = negotiate(values, &policy.unwrap_or(ANY))
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(agreed.filter(|_| policy.is_some()))
}

/// The answer to a request that is refused.
pub(super) fn refusal(refusal: Refusal, version: Version) -> Response<Full<Bytes>> {
    let Refusal { status, reason, retry_after, kind: _ } = refusal;
    let mut response = Response::new(Full::new(Bytes::from(reason + "\n")));
    *response.status_mut() = status;
    response.insert(header::CONTENT_TYPE, "text/plain; charset=utf-8");
    let is_http_1 = version < Version::HTTP_2;
    if is_http_1 {
        response.insert(header::CONNECTION, "close");
    }
    match status {
        StatusCode::UPGRADE_REQUIRED => {
            response.insert(header::SEC_WEBSOCKET_VERSION, "13");
            if is_http_1 {
                response.insert(header::UPGRADE, "websocket");
            }
        }
        StatusCode::METHOD_NOT_ALLOWED => response.insert(header::ALLOW, "GET"),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            let secs = retry_after.unwrap_or(RETRY_AFTER).as_millis().div_ceil(1000).max(1);
            response.insert(header::RETRY_AFTER, &secs.to_string());
        }
        _ => {}
    }
    response
}

/// When it is worth to ask again for a place that somebody else has to leave first.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Whether it is 16 bytes in base64: 22 digits, the last of which stands for two bits, and padding.
fn is_key(key: &[u8]) -> bool {
    let Some((digits, b"==")) = key.split_last_chunk() else { return false };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    digits.len() == 22 && digits.iter().all(is_digit) && matches!(digits[21], b'A' | b'Q' | b'g' | b'w')
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_key_is_16_bytes_in_base64() {
        let of_size = |size: usize| STANDARD.encode(&[0xFB; 32][..size]);
        let mut keys: Vec<_> = (0..32).map(of_size).collect();
        let valid = "dGhlIHNhbXBsZSBub25jZQ==";
        for at in 0..valid.len() {
            for byte in (b' '..=b'~').chain([0, 0x7F]) {
                let mut key = valid.to_owned();
                key.replace_range(at..=at, &char::from(byte).to_string());
                keys.push(key);
            }
        }
        for key in keys {
            let expected = STANDARD.decode(&key).is_ok_and(|bytes| bytes.len() == 16);
            assert_eq!(is_key(key.as_bytes()), expected, "{key:?}");
        }
    }
}
