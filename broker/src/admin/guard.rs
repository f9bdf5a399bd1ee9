//! Keeps web pages away. A browser on the same machine reaches the listener, and does for every page that somebody opens
//! what that page asks for; three things tell such a request from others:
//!
//! * `Origin`, which browsers put into what one page asks of another, and into every POST. It may be that of the listener
//!   itself, whose own page asks then, or one of `admin.origins`, by which that page is known where a proxy is in front.
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

/// By what a request can tell that it is meant for a listener.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Where it is bound; none on a Unix socket.
    pub(super) address: Option<SocketAddr>,
    /// Whether it speaks TLS.
    pub(super) is_tls: bool,
    /// Origins of further pages, as `https://ops.example`.
    pub(super) origins: &'a [String],
}

impl Place<'_> {
    /// Holds that no page is behind a request, or one that may ask.
    ///
    /// # Errors
    ///
    /// 403: another one may be.
    pub(super) fn refuse_pages(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let refused = |reason: &'static str| Err(Refused::new(StatusCode::FORBIDDEN, reason));
        let host = only(headers, header::HOST);
        if headers.contains_key(header::ORIGIN) && !self.may_ask(only(headers, header::ORIGIN), host) {
            return refused(
                "pages of other sites may not ask here: the request has an Origin (setting: admin.origins)",
            );
        }
        let authority = host.and_then(|host| Authority::try_from(host).ok());
        match authority.filter(|authority| self.is_called(authority.host())) {
            Some(_) => Ok(()),
            None => refused(
                "the request's Host is neither localhost nor the address of this listener, nor of admin.origins",
            ),
        }
    }

    /// Whether a page was loaded from where it asks, by scheme, host and port, or is one of those that are listed.
    fn may_ask(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let scheme = if self.is_tls { "https://" } else { "http://" };
        let own = origin.and_then(|origin| origin.strip_prefix(scheme));
        let is_own = own.zip(host).is_some_and(|(page, host)| page.eq_ignore_ascii_case(host));
        let is_listed = |origin: &str| self.origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin));
        is_own || origin.is_some_and(is_listed)
    }

    /// Whether a host is this listener. Where it is bound to all addresses of the machine, any address will do: a page that
    /// was loaded from there has come from this machine. Over TLS any name will: the browser has seen a certificate for it,
    /// which there is for none that only leads here.
    fn is_called(&self, host: &str) -> bool {
        let given: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let is_bound = |own: SocketAddr, given: IpAddr| {
            own.ip().is_unspecified() || own.ip().to_canonical() == given.to_canonical()
        };
        let is_of = |origin: &String| {
            let authority = origin.split_once("://").and_then(|(_, rest)| Authority::try_from(rest).ok());
            authority.is_some_and(|authority| authority.host().eq_ignore_ascii_case(host))
        };
        self.is_tls
            || is_loopback_host(host)
            || self.address.zip(given).is_some_and(|(own, given)| is_bound(own, given))
            || self.origins.iter().any(is_of)
    }
}

/// The value of a header that is there once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The status that a request gets to a listener on loopback.
    fn judged(is_tls: bool, origins: &[&str], host: &str, origin: Option<&str>) -> u16 {
        let origins: Vec<_> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let address = "127.0.0.1:8081".parse().ok();
        let judged = Place { address, is_tls, origins: &origins }.refuse_pages(&headers);
        judged.map_or_else(|refused| refused.status.as_u16(), |()| 200)
    }

    #[test]
    fn a_proxy_s_page_may_ask_that_is_listed() {
        const OPS: &[&str] = &["https://ops.example", "https://other.example:8443"];
        for (origins, host, origin, status) in [
            (OPS, "localhost", Some("https://ops.example"), 200),
            (OPS, "ops.example", Some("https://ops.example"), 200),
            (OPS, "OPS.example:443", Some("https://OPS.example"), 200),
            (OPS, "other.example:8443", Some("https://other.example:8443"), 200),
            (OPS, "ops.example", None, 200),
            (OPS, "127.0.0.1:8081", Some("http://127.0.0.1:8081"), 200),
            (OPS, "localhost", Some("http://ops.example"), 403),
            (OPS, "localhost", Some("https://ops.example:8443"), 403),
            (OPS, "localhost", Some("https://page.example"), 403),
            (OPS, "localhost", Some("null"), 403),
            (OPS, "page.example", Some("https://ops.example"), 403),
            (OPS, "page.example", None, 403),
            (&[], "localhost", Some("https://ops.example"), 403),
            (&[], "ops.example", None, 403),
        ] {
            assert_eq!(judged(false, origins, host, origin), status, "{origins:?} {host} {origin:?}");
        }
    }

    #[test]
    fn over_tls_its_own_page_is_one_of_https_by_any_name() {
        for (host, origin, status) in [
            ("ops.example:8081", Some("https://ops.example:8081"), 200),
            ("ops.example", None, 200),
            ("ops.example:8081", Some("http://ops.example:8081"), 403),
            ("ops.example:8081", Some("https://page.example"), 403),
        ] {
            assert_eq!(judged(true, &[], host, origin), status, "{host} {origin:?}");
        }
    }
}
