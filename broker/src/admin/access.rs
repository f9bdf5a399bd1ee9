//! By what somebody proves to run the broker: a token, which a reload may change, or a certificate.

use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::header::{self, HeaderMap};
use tokio::sync::watch;

use crate::config::AdminToken;

/// See the module.
#[derive(Debug, Default)]
pub struct Access {
    current: ArcSwap<Proof>,
}

/// What is asked for at present.
#[derive(Debug, Default)]
struct Proof {
    token: Option<AdminToken>,
    takes_certificates: bool,
    /// Told when another token is asked for.
    is_over: Arc<watch::Sender<bool>>,
}

/// That somebody was let in. It holds until another token is asked for; a certificate's holds for as long as the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Grant(Option<watch::Receiver<bool>>);

impl Access {
    /// With this token, where there is one, and for holders of certificates, where they are taken. With neither, everybody
    /// may do everything who reaches the listener.
    pub fn new(token: Option<AdminToken>, takes_certificates: bool) -> Self {
        Self { current: ArcSwap::from_pointee(Proof { token, takes_certificates, is_over: Arc::default() }) }
    }

    /// Asks for this from here on. Where it is another token than before, what was granted for that is over.
    pub fn install(&self, token: Option<AdminToken>, takes_certificates: bool) {
        let former = self.current.load_full();
        let is_same = match (&former.token, &token) {
            (Some(former), Some(token)) => former.is(token.as_str().as_bytes()),
            (None, None) => former.takes_certificates == takes_certificates,
            _ => false,
        };
        let is_over = if is_same { Arc::clone(&former.is_over) } else { Arc::default() };
        // In this order: whoever is let in by the former one from here on could not hear that it is over.
        self.current.store(Arc::new(Proof { token, takes_certificates, is_over }));
        if !is_same {
            former.is_over.send_replace(true);
        }
    }

    /// Whether a request with these headers may do what not everybody may; `is_certified`: over a connection whose peer
    /// has shown a certificate.
    pub(super) fn admit(&self, headers: &HeaderMap, is_certified: bool) -> Option<Grant> {
        let is_token = |token: &AdminToken| bearer(headers).is_some_and(|given| token.is(given.as_bytes()));
        self.admit_by(is_token, is_certified)
    }

    /// The same of one that asks for a WebSocket: a browser can put a token nowhere but into the name of a subprotocol,
    /// percent-encoded where it has signs that may not stand there.
    pub(super) fn admit_web_socket(&self, headers: &HeaderMap, is_certified: bool) -> Option<Grant> {
        let is_token = |token: &AdminToken| {
            bearer(headers).is_some_and(|given| token.is(given.as_bytes()))
                || by_subprotocol(headers).any(|given| token.is(&given))
        };
        self.admit_by(is_token, is_certified)
    }

    fn admit_by(&self, is_token: impl Fn(&AdminToken) -> bool, is_certified: bool) -> Option<Grant> {
        let proof = self.current.load();
        // A handshake may be from before a reload that takes certificates no more.
        if is_certified && proof.takes_certificates {
            return Some(Grant::default());
        }
        let holds = proof.token.as_ref().map_or(!proof.takes_certificates, is_token);
        holds.then(|| Grant(Some(proof.is_over.subscribe())))
    }
}

impl Grant {
    /// Waits until it holds no more.
    pub(super) async fn ended(&mut self) {
        match &mut self.0 {
            // An error says that nobody asks for anything any more.
            Some(is_over) => drop(is_over.wait_for(|is_over| *is_over).await),
            None => std::future::pending().await,
        }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::admin::testing::token;

    const TOKEN: &str = "0123456789abcdef";
    const OTHER: &str = "fedcba9876543210";

    fn headers(token: Option<&str>) -> HeaderMap {
        let given = token.map(|token| (header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap()));
        given.into_iter().collect()
    }

    #[test]
    fn a_certificate_is_as_good_as_the_token_where_certificates_are_taken() {
        for (asked, takes_certificates, given, is_certified, is_admitted) in [
            (None, false, None, false, true),
            (Some(TOKEN), false, Some(TOKEN), false, true),
            (Some(TOKEN), false, Some(OTHER), false, false),
            (Some(TOKEN), false, None, false, false),
            (Some(TOKEN), true, Some(TOKEN), false, true),
            (Some(TOKEN), true, None, true, true),
            (Some(TOKEN), true, Some(OTHER), true, true),
            (Some(TOKEN), true, None, false, false),
            (None, true, None, true, true),
            (None, true, None, false, false),
            (None, true, Some(TOKEN), false, false),
            (Some(TOKEN), false, None, true, false),
        ] {
            let access = Access::new(asked.map(token), takes_certificates);
            let case = format!("{asked:?} {takes_certificates} {given:?} {is_certified}");
            let headers = headers(given);
            assert_eq!(access.admit(&headers, is_certified).is_some(), is_admitted, "{case}");
            assert_eq!(access.admit_web_socket(&headers, is_certified).is_some(), is_admitted, "{case}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_granted_is_over_once_another_token_is_asked_for() {
        // What is asked for before and after, whether by certificate, and whether that is the end of it.
        for (before, after, is_certified, ends) in [
            ((Some(TOKEN), false), (Some(TOKEN), false), false, false),
            ((Some(TOKEN), false), (Some(TOKEN), true), false, false),
            ((Some(TOKEN), false), (Some(OTHER), false), false, true),
            ((Some(TOKEN), true), (Some(OTHER), true), true, false),
            ((None, false), (Some(TOKEN), false), false, true),
            ((None, false), (None, true), false, true),
            ((None, false), (None, false), false, false),
        ] {
            let access = Access::new(before.0.map(token), before.1);
            let mut grant = access.admit(&headers(before.0), is_certified).unwrap();
            access.install(after.0.map(token), after.1);
            let ended = tokio::time::timeout(Duration::from_secs(1), grant.ended()).await.is_ok();
            assert_eq!(ended, ends, "{before:?} {after:?} {is_certified}");
        }
    }
}
