//! A listener's rules for upgrades: paths, pages, subprotocols.

use std::net::IpAddr;

use hyper::header::{self, HeaderMap};
use hyper::{Request, StatusCode};
use tidewire_protocols::websocket::Subprotocol;
use tidewire_protocols::websocket::deflate::Policy;

use super::admission::Admission;
use super::handshake::{Refusal, Site, only};
use crate::config::{ListenerConfig, ProtocolName};

/// One connection's way through them.
pub(super) struct ListenerSite<'a> {
    pub(super) listener: &'a ListenerConfig,
    pub(super) admission: &'a Admission<'a>,
    /// What compression there may be.
    pub(super) policy: Option<Policy>,
}

impl Site for ListenerSite<'_> {
    type Subprotocol = Subprotocol;

    fn admit<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        self.admission.enter_by(request.headers())?;
        let path = request.uri().path();
        match &self.listener.paths {
            Some(paths) if !paths.iter().any(|served| served == path) => {
                Err(Refusal::new(StatusCode::NOT_FOUND, format!("nothing is served at {path}")))
            }
            _ => Ok(()),
        }
    }

    fn check_origin<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        // HTTP/2 has it in the request line, so to speak.
        let authority = request.uri().authority().map(|authority| authority.as_str());
        let host = authority.or_else(|| only(request.headers(), header::HOST));
        check_origin(request.headers(), host, self.listener)
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
            false => format!("none of {} is served here; this listener serves {served}", offered.join(", ")),
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

/// Browsers say which page connects; others say nothing. A page of the same host may, and those that are listed.
fn check_origin(headers: &HeaderMap, host: Option<&str>, listener: &ListenerConfig) -> Result<(), Refusal> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("");
    let is_allowed = match &listener.origins {
        Some(origins) => origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin)),
        None => {
            let own = host.map(host_name);
            let page = origin.split_once("://").map(|(_, authority)| host_name(authority));
            let is_same = own.zip(page).is_some_and(|(own, page)| own.eq_ignore_ascii_case(page));
            is_same || (is_loopback(own) && is_loopback(page))
        }
    };
    if is_allowed {
        return Ok(());
    }
    let reason = format!("pages of origin {origin} may not connect here (setting: origins)");
    Err(Refusal::new(StatusCode::FORBIDDEN, reason))
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
