//! Whether there is room for one more connection from where it comes from.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::HeaderMap;
use parking_lot::Mutex;

use super::forwarded::{client, trusts};
use super::handshake::Refusal;
use crate::auth::{Arrival, Token};
use crate::broker::{Broker, Visit};
use crate::config::{AuthConfig, ListenerConfig, Transport};
use crate::session::Link;

/// One connection's way in. Where it comes from may be known only at its upgrade, when a proxy says so.
pub(super) struct Admission<'a> {
    broker: &'a Broker,
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
        Self { broker, listener, link, peer, found }
    }

    /// Takes a place for the peer's own address, unless it is a proxy that will speak for somebody else.
    ///
    /// # Errors
    ///
    /// There are as many as there may be.
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
    /// There are as many as there may be.
    pub(super) fn enter_by(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.found.lock().visit.is_some() {
            return Ok(());
        }
        let client = client(headers, self.listener, self.peer);
        if let Some(address) = client.filter(|_| client != self.peer) {
            self.link.set_origin(Box::new(address));
            self.found.lock().address = Some(address);
        }
        self.take(client)
    }

    /// Whose it is.
    pub(super) fn link(&self) -> &Link {
        self.link
    }

    /// How clients authenticate.
    pub(super) fn auth(&self) -> &AuthConfig {
        &self.broker.config.auth
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
        }
    }

    /// The place, to be kept as long as the connection.
    pub(super) fn into_visit(self) -> Option<Visit> {
        self.found.into_inner().visit
    }

    /// A peer on a Unix socket has no address, and is not counted.
    fn take(&self, address: Option<IpAddr>) -> Result<(), Refusal> {
        let Some(address) = address else { return Ok(()) };
        let max = self.broker.config.limits.connections_per_address_max;
        match self.broker.visitors.enter(network(address), max) {
            Some(visit) => {
                self.found.lock().visit = Some(visit);
                Ok(())
            }
            None => Err((
                StatusCode::TOO_MANY_REQUESTS,
                format!(
                    "as many connections from {address} are open as there may be ({max}); close one first"
                ),
            )),
        }
    }
}

/// What counts as one address: an IPv4 address, or the 64 bits of an IPv6 address that one customer gets.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address) & !u128::from(u64::MAX),
    }
}
