//! Keeps web pages away. A browser on the same machine reaches the listener, and does for every page that somebody opens
//! what that page asks for; three things tell such a request from others:
//!
//! * `Origin`, which browsers put into what one page asks of another, and into every POST. Nobody else needs it.
//! * `Host`: a page whose name is made to lead to this address (DNS rebinding) counts as the same origin, and sends no
//!   `Origin` with a GET, but its name in `Host`.
//! * `Content-Type: application/json`, which a form cannot send, and a script only after it has asked by OPTIONS. (Fetch
//!   Standard, "CORS-safelisted request-header")

use std::net::{IpAddr, SocketAddr};

use hyper::StatusCode;
use hyper::header::{self, HeaderMap};
use hyper::http::uri::Authority;

use super::answer::Refused;
use crate::config::is_loopback_host;

/// Holds that no page is behind a request to a listener bound at `address`.
///
/// # Errors
///
/// 403: one may be.
pub(super) fn refuse_pages(headers: &HeaderMap, address: Option<SocketAddr>) -> Result<(), Refused> {
    let refused = |reason: &'static str| Err(Refused::new(StatusCode::FORBIDDEN, reason));
    if headers.contains_key(header::ORIGIN) {
        return refused("web pages may not ask here: the request has an Origin");
    }
    let mut hosts = headers.get_all(header::HOST).into_iter();
    let host = hosts.next().and_then(|host| Authority::try_from(host.as_bytes()).ok());
    match host.filter(|host| hosts.next().is_none() && is_own(host.host(), address)) {
        Some(_) => Ok(()),
        None => refused("the request's Host is neither localhost nor the address of this listener"),
    }
}

/// Whether a host is this listener. Where it is bound to all addresses of the machine, any address will do: a page that was
/// loaded from there has come from this machine.
fn is_own(host: &str, address: Option<SocketAddr>) -> bool {
    let given: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_bound = |own: SocketAddr, given: IpAddr| {
        own.ip().is_unspecified() || own.ip().to_canonical() == given.to_canonical()
    };
    is_loopback_host(host) || address.zip(given).is_some_and(|(own, given)| is_bound(own, given))
}

/// Holds that a request that changes something says to bring JSON.
///
/// # Errors
///
/// 415: it does not.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Refused> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next()).map(str::trim);
    match media_type.is_some_and(|text| text.eq_ignore_ascii_case("application/json")) {
        true => Ok(()),
        false => Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "say Content-Type: application/json, with an empty body as well",
        )),
    }
}
