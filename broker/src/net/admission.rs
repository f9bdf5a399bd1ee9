//! Whether there is room for one more connection from where it comes from.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::StatusCode;
use parking_lot::Mutex;

use super::asked::Asked;
use super::forwarded::{client, trusts};
use super::handshake::Refusal;
use super::whence::Whence;
use crate::address::Address;
use crate::auth::{Arrival, Token};
use crate::broker::{Broker, Refused, Visit, Who};
use crate::config::{AuthConfig, Config, ListenerConfig, Transport};
use crate::counters::RefusalReason;
use crate::session::Link;

/// One connection's way in. Where it comes from may be known only at its upgrade, when a proxy says so.
pub(super) struct Admission<'a> {
    broker: &'a Broker,
    config: Arc<Config>,
    listener: &'a ListenerConfig,
    link: &'a Arc<Link>,
    peer: Option<IpAddr>,
    found: Mutex<Found>,
}

/// What has been found out on the way.
#[derive(Default)]
struct Found {
    visit: Option<Visit>,
    /// Where the client is.
    address: Option<IpAddr>,
    token: Option<Token>,
}

impl<'a> Admission<'a> {
    /// For a connection from `peer`: its own address, or what a PROXY header says.
    pub(super) fn new(
        broker: &'a Broker,
        listener: &'a ListenerConfig,
        link: &'a Arc<Link>,
        peer: Option<IpAddr>,
    ) -> Self {
        let found = Mutex::new(Found { address: peer, ..Found::default() });
        Self { broker, config: broker.kept_config(), listener, link, peer, found }
    }

    /// Takes a place for the peer's own address, unless it is a proxy that will speak for somebody else.
    ///
    /// # Errors
    ///
    /// There are as many as there may be, they come too fast, or the address is banned.
    pub(super) fn enter(&self) -> Result<(), Refusal> {
        if self.listener.transport == Transport::Ws && trusts(self.listener, self.peer) {
            return Ok(());
        }
        self.take(self.peer)
    }

    /// Looks where a request comes from, and takes a place for that address where none has been taken.
    ///
    /// # Errors
    ///
    /// There are as many as there may be, they come too fast, or the address is banned.
    pub(super) fn enter_by(&self, asked: &Asked<'_>) -> Result<(), Refusal> {
        if self.found.lock().visit.is_some() {
            return Ok(());
        }
        let client = client(asked, self.listener, self.peer);
        if let Some(address) = client.filter(|_| client != self.peer) {
            self.link.set_origin(Box::new(Whence::address(address, self.listener)));
            self.found.lock().address = Some(address);
        }
        self.take(client)
    }

    /// Whether the connection has come by a proxy, which no browser is. None can send a PROXY header.
    pub(super) fn is_by_proxy(&self) -> bool {
        self.listener.proxy_protocol || trusts(self.listener, self.peer)
    }

    /// How clients authenticate.
    pub(super) fn auth(&self) -> &AuthConfig {
        &self.config.auth
    }

    /// Takes note of the token that came with the request, if one did.
    pub(super) fn hear_token(&self, token: Option<Token>) {
        self.found.lock().token = token;
    }

    /// What the protocol is told of the client.
    pub(super) fn arrival(&self) -> Arrival {
        let mut found = self.found.lock();
        Arrival {
            address: found.address,
            listener: Arc::clone(&self.listener.name),
            certified: self.link.user(),
            token: found.token.take(),
            is_operator: false,
        }
    }

    /// The place, to be kept as long as the connection.
    pub(super) fn into_visit(self) -> Option<Visit> {
        self.found.into_inner().visit
    }

    /// Notes why there is no way in.
    pub(super) fn note_refusal(&self, refusal: &Refusal) {
        let status = refusal.status;
        let of_status = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => RefusalReason::TooMany,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => RefusalReason::TooLarge,
            StatusCode::REQUEST_TIMEOUT => RefusalReason::Timeout,
            StatusCode::UNAUTHORIZED => RefusalReason::Credentials,
            _ => RefusalReason::Upgrade,
        };
        let reason = refusal.kind.unwrap_or(of_status);
        let detail = &format_args!("HTTP {}: {}", status.as_u16(), refusal.reason);
        self.broker.note_refusal(self.link, &Refused { reason, who: Who::default(), detail });
    }

    /// A peer on a Unix socket has no address, and is not counted.
    fn take(&self, address: Option<IpAddr>) -> Result<(), Refusal> {
        let Some(address) = address else { return Ok(()) };
        if self.broker.is_banned_address(address.into(), self.broker.now().instant) {
            let reason = format!("whoever runs this server does not let {address} in");
            let kind = Some(RefusalReason::Kicked);
            return Err(Refusal { kind, ..Refusal::new(StatusCode::FORBIDDEN, reason) });
        }
        let limits = &self.config.limits;
        if !limits.is_exempt(address) {
            self.link.set_address(address.into());
            self.check_ban(address.into())?;
            self.check_rate(address.into())?;
        }
        let max = limits.connections_per_address_max;
        match self.broker.visitors.enter(address.into(), max) {
            Some(visit) => {
                self.found.lock().visit = Some(visit);
                Ok(())
            }
            None => Err(Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                format!(
                    "as many connections from {address} are open as there may be ({max}); close one first"
                ),
            )),
        }
    }

    fn check_ban(&self, address: Address) -> Result<(), Refusal> {
        match self.broker.bans.check(address, self.broker.now().instant) {
            Some(rest) => {
                let reason = format!("too many logins from {address} failed; try again later");
                Err(Refusal::for_now(reason, rest))
            }
            None => Ok(()),
        }
    }

    fn check_rate(&self, address: Address) -> Result<(), Refusal> {
        self.broker.arrivals.enter(address).map_err(|wait| {
            let reason = format!("connections from {address} come faster than they may; try again later");
            Refusal::for_now(reason, wait)
        })
    }
}
