//! A listener's rules for upgrades: paths, pages, subprotocols.

use hyper::header;
use hyper::{Request, StatusCode};
use tidewire_protocols::websocket::Subprotocol;
use tidewire_protocols::websocket::deflate::Policy;

use super::admission::Admission;
use super::asked::Asked;
use super::bearer::{is_token, token};
use super::demo::{self, Page};
use super::handshake::{Refusal, Site};
use crate::config::{ListenerConfig, ProtocolName, is_loopback_host};

/// One connection's way through them.
pub(super) struct ListenerSite<'a> {
    pub(super) listener: &'a ListenerConfig,
    pub(super) admission: &'a Admission<'a>,
    /// What compression there may be.
    pub(super) policy: Option<Policy>,
    /// Whether the browser examples are served as well.
    pub(super) has_demo: bool,
}

impl ListenerSite<'_> {
    /// Browsers say which page connects; others say nothing. A page of the same host may, and those that are listed.
    fn is_allowed(&self, origin: &str, host: Option<&str>) -> bool {
        match &self.listener.origins {
            Some(origins) => origins.iter().any(|allowed| allowed == "*") || is_listed(origin, self.listener),
            None => self.is_own_page(origin, host),
        }
    }

    /// Whether a page comes from the host that it connects to.
    fn is_own_page(&self, origin: &str, host: Option<&str>) -> bool {
        let is_ours = !self.must_be_named() || host.map(host_name).is_some_and(is_loopback_host);
        is_ours && is_same_host(origin, host)
    }

    /// Whether a request has to name this machine. A page whose name is made to lead here (DNS rebinding) seems to be of
    /// the same host, and its browser reaches what nobody else does. A proxy may keep the name that it was asked for.
    fn must_be_named(&self) -> bool {
        let is_said = self.listener.origins.is_some();
        self.listener.is_loopback_address() && !is_said && !self.admission.is_by_proxy()
    }
}

impl Site for ListenerSite<'_> {
    type Subprotocol = Subprotocol;

    /// They are there whatever `paths` says, which is of WebSockets.
    fn page<B>(&self, request: &Request<B>) -> Option<Result<Page, Refusal>> {
        self.has_demo.then(|| demo::page(request)).flatten()
    }

    fn admit(&self, asked: &Asked<'_>) -> Result<(), Refusal> {
        self.admission.enter_by(asked)?;
        let path = asked.path;
        match &self.listener.paths {
            Some(paths) if !paths.iter().any(|served| served == path) => {
                Err(Refusal::new(StatusCode::NOT_FOUND, format!("nothing is served at {path}")))
            }
            _ => Ok(()),
        }
    }

    fn check_origin(&self, asked: &Asked<'_>) -> Result<(), Refusal> {
        let Some(origin) = origin(asked) else { return Ok(()) };
        if self.is_allowed(origin, host(asked)) {
            return Ok(());
        }
        let reason = format!("pages of origin {origin} may not connect here (setting: origins)");
        Err(Refusal::new(StatusCode::FORBIDDEN, reason))
    }

    fn hear(&self, asked: &Asked<'_>) {
        let is_own_page = origin(asked).is_some_and(|origin| {
            // `"*"` lets every page connect, but none have the cookies of others.
            self.is_own_page(origin, host(asked)) || is_listed(origin, self.listener)
        });
        self.admission.hear_token(token(asked, self.admission.auth(), is_own_page));
    }

    /// The first of the client's that the listener serves.
    fn choose(&self, offered: &[&str]) -> Result<Subprotocol, Refusal> {
        let is_served = |subprotocol: &Subprotocol| self.listener.protocols.contains(&spoken(*subprotocol));
        if let Some(subprotocol) = Subprotocol::choose(offered.iter().copied(), |known| is_served(&known)) {
            return Ok(subprotocol);
        }
        let served: Vec<_> = Subprotocol::ALL.into_iter().filter(is_served).map(Subprotocol::name).collect();
        let served = served.join(", ");
        let reason = match offered.is_empty() {
            true => format!("no Sec-WebSocket-Protocol was sent; this listener serves {served}"),
            false => {
                // The offer may hold a token, which is for nobody else's eyes.
                let offered: Vec<_> = offered.iter().copied().filter(|name| !is_token(name)).collect();
                let offered = offered.join(", ");
                format!("none of {offered} is served here; this listener serves {served}")
            }
        };
        Err(Refusal::new(StatusCode::BAD_REQUEST, reason))
    }

    fn name(subprotocol: &Subprotocol) -> Option<&str> {
        Some(subprotocol.name())
    }

    /// By then it is known whom a proxy speaks for.
    fn note_refusal(&self, refusal: &Refusal) {
        self.admission.note_refusal(refusal);
    }

    fn compression(&self) -> Option<Policy> {
        self.policy
    }
}

/// The protocol behind a subprotocol.
pub(super) fn spoken(subprotocol: Subprotocol) -> ProtocolName {
    if subprotocol.is_mqtt() { ProtocolName::Mqtt } else { ProtocolName::Stomp }
}

/// The page that connects, as its browser says; what is no text names no page.
fn origin<'r>(asked: &Asked<'r>) -> Option<&'r str> {
    asked.values(header::ORIGIN).next().map(Option::unwrap_or_default)
}

/// The host that a request is for.
fn host<'r>(asked: &Asked<'r>) -> Option<&'r str> {
    asked.authority.or_else(|| asked.only(header::HOST))
}

/// Whether an origin is named in the listener's list.
fn is_listed(origin: &str, listener: &ListenerConfig) -> bool {
    let listed = listener.origins.iter().flatten();
    listed.into_iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
}

/// Whether a page names the same host as its request. `localhost`, `127.0.0.1` and `[::1]` are one under several names.
fn is_same_host(origin: &str, host: Option<&str>) -> bool {
    let page = origin.split_once("://").map(|(_, authority)| host_name(authority));
    host.map(host_name).zip(page).is_some_and(|(own, page)| {
        own.eq_ignore_ascii_case(page) || (is_loopback_host(own) && is_loopback_host(page))
    })
}

fn host_name(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}
