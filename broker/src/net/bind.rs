//! Bound addresses: TCP ports, Unix sockets, and sockets that systemd has bound.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, TcpKeepalive, Type};
use tokio::net::{TcpListener, UnixListener};

use super::listener::poll_accept;
use super::unix_socket::{self, SocketFile};
use super::{Passed, Raw};
use crate::config::{Bind, ListenerConfig, ProtocolName, Transport};
use crate::tls::{LiveTls, TlsFault};

/// A listener that is bound and not yet served.
pub struct Bound {
    /// Its configuration.
    pub config: ListenerConfig,
    /// The TLS that it speaks, if it does; a reload changes it through this handle.
    pub tls: Option<Arc<LiveTls>>,
    /// Whether the browser examples are served beside WebSockets.
    pub(super) has_demo: bool,
    /// One, unless several sockets of one name were passed.
    pub(super) acceptors: Vec<Acceptor>,
}

/// A peer that says nothing for so long is asked by the system whether it is still there: one that vanished without a
/// word must not be remembered for ever.
const KEEP_ALIVE: Duration = Duration::from_secs(120);

/// What connections come out of.
pub(super) enum Acceptor {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Removed when nobody accepts any more, unless that is somebody else's to do.
        _file: Option<SocketFile>,
    },
}

/// A listener cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Its address could not be bound.
    #[error("listener \"{name}\": cannot bind {bind}: {error}")]
    Address {
        /// The listener.
        name: String,
        /// The address.
        bind: String,
        /// The system's reason.
        error: io::Error,
    },
    /// Its TLS cannot be used.
    #[error("listener \"{name}\": {fault}")]
    Tls {
        /// The listener.
        name: String,
        /// What is wrong.
        fault: TlsFault,
    },
}

/// Binds an address. Must be called inside a runtime.
///
/// # Errors
///
/// [`BindError`] with the reason.
pub fn bind(config: ListenerConfig) -> Result<Bound, BindError> {
    bind_or_take(config, &mut Passed::default())
}

/// The same, where the address may name one of the sockets that this process was given.
///
/// # Errors
///
/// [`BindError`] with the reason.
pub fn bind_or_take(config: ListenerConfig, passed: &mut Passed) -> Result<Bound, BindError> {
    let tls = config.tls.as_ref().map(|settings| LiveTls::new(settings, alpn(&config))).transpose();
    let tls = match tls {
        Ok(tls) => tls.map(Arc::new),
        Err(fault) => return Err(BindError::Tls { name: config.name.to_string(), fault }),
    };
    match try_bind(&config, passed) {
        Ok(acceptors) => Ok(Bound { config, tls, has_demo: false, acceptors }),
        Err(error) => Err(BindError::Address { name: config.name.to_string(), bind: config.bind, error }),
    }
}

/// What may be agreed on in the TLS handshake. A client that names protocols, and none of these, has come to the wrong
/// port; STOMP has no name, so where it is served nothing is agreed on.
fn alpn(config: &ListenerConfig) -> &'static [&'static [u8]] {
    match (config.transport, config.protocols.as_slice()) {
        (Transport::Ws, _) if config.http2 => &[b"h2", b"http/1.1"],
        // Without a protocol it is the admin listener.
        (Transport::Ws, _) | (Transport::Tcp, []) => &[b"http/1.1"],
        (Transport::Tcp, [ProtocolName::Mqtt]) => &[b"mqtt"],
        (Transport::Tcp, _) => &[],
    }
}

fn try_bind(config: &ListenerConfig, passed: &mut Passed) -> io::Result<Vec<Acceptor>> {
    match Bind::parse(&config.bind) {
        Some(Bind::Ip(address)) => Ok(vec![Acceptor::tcp(bind_port(config, address)?)?]),
        Some(Bind::Unix(path)) => {
            let (listener, file) = unix_socket::bind(&path, config.unix_mode, config.backlog)?;
            Ok(vec![Acceptor::Unix { listener, _file: Some(file) }])
        }
        Some(Bind::Systemd(name)) => passed.take(&name),
        None => Err(io::Error::other("it is no address")),
    }
}

fn bind_port(config: &ListenerConfig, address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if config.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // Said in any case: the system's default is an administrator's matter (net.ipv6.bindv6only).
        socket.set_only_v6(config.ipv6_only)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(config.backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

impl Bound {
    /// Serves the browser examples at [`DEMO_PATH`](super::DEMO_PATH) as well, to everybody who reaches it; over WebSocket,
    /// since others have no HTTP.
    #[must_use]
    pub fn with_demo(self) -> Self {
        Self { has_demo: true, ..self }
    }

    /// The next connection, as it comes.
    ///
    /// # Errors
    ///
    /// When the system refuses one, for want of file handles as a rule; a later one may succeed.
    pub async fn accept(&self) -> io::Result<Raw> {
        std::future::poll_fn(|cx| poll_accept(&self.acceptors, &mut 0, cx)).await
    }

    /// The address it got, with the port the system chose where 0 was asked for; none on a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.acceptors.iter().find_map(Acceptor::address)
    }
}

/// Where it listens: the addresses it got, or the path of its socket.
impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.acceptors.iter().filter_map(Acceptor::address);
        let addresses: Vec<_> = addresses.map(|address| address.to_string()).collect();
        match addresses.is_empty() {
            true => formatter.write_str(&self.config.bind),
            false => formatter.write_str(&addresses.join(", ")),
        }
    }
}

impl Acceptor {
    /// Of a bound port. What is set here holds for every connection that comes out of it, for which it would cost system
    /// calls of its own: small packets do not wait for an acknowledgement of the ones before them.
    pub(super) fn tcp(listener: TcpListener) -> io::Result<Self> {
        let socket = SockRef::from(&listener);
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE))?;
        Ok(Self::Tcp(listener))
    }

    /// The next connection.
    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Raw>> {
        Poll::Ready(Ok(match self {
            Self::Tcp(listener) => {
                let (stream, peer) = ready!(listener.poll_accept(cx))?;
                Raw::tcp(stream, peer)
            }
            Self::Unix { listener, .. } => Raw::unix(ready!(listener.poll_accept(cx))?.0),
        }))
    }

    fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix { .. } => None,
        }
    }
}
