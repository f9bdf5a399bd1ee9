//! Where a connection comes from, and where it has come to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::config::ListenerConfig;
use crate::session::Origin;

/// See the module. There is one for each connection, which may be idle for hours: it is kept small.
#[derive(Debug)]
pub(super) struct Whence {
    peer: Peer,
    listener: Arc<str>,
}

#[derive(Debug)]
enum Peer {
    /// Without a port where a proxy has told none.
    Address(IpAddr, Option<u16>),
    Elsewhere(&'static str),
}

impl Whence {
    /// A connection from this socket's address.
    pub(super) fn socket(address: SocketAddr, listener: &ListenerConfig) -> Self {
        Self::of(Peer::Address(address.ip(), Some(address.port())), listener)
    }

    /// A connection from this address, as a proxy tells it.
    pub(super) fn address(address: IpAddr, listener: &ListenerConfig) -> Self {
        Self::of(Peer::Address(address, None), listener)
    }

    /// A connection from where there are no addresses.
    pub(super) fn elsewhere(words: &'static str, listener: &ListenerConfig) -> Self {
        Self::of(Peer::Elsewhere(words), listener)
    }

    fn of(peer: Peer, listener: &ListenerConfig) -> Self {
        Self { peer, listener: Arc::clone(&listener.name) }
    }
}

impl Origin for Whence {
    fn address(&self) -> Option<String> {
        match self.peer {
            Peer::Address(address, _) => Some(address.to_string()),
            Peer::Elsewhere(_) => None,
        }
    }

    fn listener(&self) -> Option<&str> {
        Some(&self.listener)
    }
}

impl fmt::Display for Whence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Peer::Address(address, Some(port)) => SocketAddr::new(address, port).fmt(formatter),
            Peer::Address(address, None) => address.fmt(formatter),
            Peer::Elsewhere(words) => formatter.write_str(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small() {
        assert!(size_of::<Whence>() <= 40, "{} bytes", size_of::<Whence>());
    }
}
