//! The token that requests have to carry, which a reload may change.

use arc_swap::ArcSwapOption;
use hyper::header::{self, HeaderMap};

use crate::config::AdminToken;

/// See the module.
#[derive(Debug, Default)]
pub struct Access {
    token: ArcSwapOption<AdminToken>,
}

impl Access {
    /// With this token; without one everybody may do everything who reaches the listener.
    pub fn new(token: Option<AdminToken>) -> Self {
        let access = Self::default();
        access.install(token);
        access
    }

    /// Asks for another token from here on.
    pub fn install(&self, token: Option<AdminToken>) {
        self.token.store(token.map(Into::into));
    }

    /// Whether a request with these headers may do what needs the token.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        match &*self.token.load() {
            Some(token) => bearer(headers).is_some_and(|given| token.is(given.as_bytes())),
            None => true,
        }
    }

    /// The same of one that asks for a WebSocket: a browser can put a token nowhere but into the name of a subprotocol,
    /// percent-encoded where it has signs that may not stand there.
    pub(super) fn admits_web_socket(&self, headers: &HeaderMap) -> bool {
        self.admits(headers)
            || self
                .token
                .load()
                .as_deref()
                .is_some_and(|token| by_subprotocol(headers).any(|given| token.is(&given)))
    }
}

/// The token of `Authorization: Bearer`. (RFC 6750, section 2.1)
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The tokens of `Sec-WebSocket-Protocol: bearer.<token>`.
fn by_subprotocol(headers: &HeaderMap) -> impl Iterator<Item = Vec<u8>> {
    let lines =
        headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|line| line.to_str().ok());
    let tokens =
        lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().strip_prefix("bearer."));
    tokens.map(|token| percent_encoding::percent_decode_str(token).collect())
}
