//! Keeps web pages away. A browser on the same machine reaches the listener, and does for every page that somebody opens
//! what that page asks for; three things tell such a request from others:
//!
//! * `Origin`, which browsers put into what one page asks of another, and into every POST. It may be that of the listener
//!   itself, whose own page asks then; nobody else needs it.
//! * `Host`: a page whose name is made to lead to this address (DNS rebinding) counts as the same origin, and sends no
//!   `Origin` with a GET, but its name in `Host`.
//! * `Content-Type: application/json`, which a form cannot send, and a script only after it has asked by OPTIONS. (Fetch
//!   Standard, "CORS-safelisted request-header")

use std::net::{IpAddr, SocketAddr};

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName};
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
    let host = only(headers, header::HOST);
    if headers.contains_key(header::ORIGIN) && !is_own_page(headers, host) {
        return refused("pages of other sites may not ask here: the request has an Origin");
    }
    let authority = host.and_then(|host| Authority::try_from(host).ok());
    match authority.filter(|authority| is_own(authority.host(), address)) {
        Some(_) => Ok(()),
        None => refused("the request's Host is neither localhost nor the address of this listener"),
    }
}

/// Whether the page was loaded from where it asks: the same scheme, which is HTTP here, host and port.
fn is_own_page(headers: &HeaderMap, host: Option<&str>) -> bool {
    let page = only(headers, header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
    page.is_some_and(|page| host.is_some_and(|host| page.eq_ignore_ascii_case(host)))
}

/// The value of a header that is there once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
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
