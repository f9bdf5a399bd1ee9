//! Bound addresses, and what becomes of each connection that comes to one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol as IpProtocol, SockRef, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::detect::Detect;
use super::upgrade::{refuse, upgrade};
use super::{Socket, Stream};
use crate::broker::Broker;
use crate::config::{ListenerConfig, ProtocolName, Transport};
use crate::connection::{self, Protocol};
use crate::mqtt::Mqtt;
use crate::session::Link;
use crate::stomp::Stomp;

/// Connections the kernel may hold for us before they are accepted.
const BACKLOG: i32 = 4096;
/// How long an upgrade may still take once the broker stops; whoever completes it is told in its protocol's words.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// Pause after an accept that failed for want of file handles or memory, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener that is bound and not yet served.
pub struct Bound {
    /// Its configuration.
    pub config: ListenerConfig,
    /// The address it got, with the port the system chose where 0 was asked for.
    pub address: SocketAddr,
    listener: TcpListener,
}

/// An address could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("listener \"{name}\": cannot bind {bind}: {error}")]
pub struct BindError {
    name: String,
    bind: String,
    error: io::Error,
}

/// Binds an address. Must be called inside a runtime.
///
/// # Errors
///
/// [`BindError`] with the system's reason.
pub fn bind(config: ListenerConfig) -> Result<Bound, BindError> {
    match try_bind(&config) {
        Ok((listener, address)) => Ok(Bound { config, address, listener }),
        Err(error) => Err(BindError { name: config.name, bind: config.bind, error }),
    }
}

fn try_bind(config: &ListenerConfig) -> io::Result<(TcpListener, SocketAddr)> {
    let address: SocketAddr = config.bind.parse().map_err(io::Error::other)?;
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(IpProtocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Accepts and serves connections until `stop` says so; those that are being served go on.
pub async fn serve(broker: Arc<Broker>, bound: Bound, mut stop: watch::Receiver<bool>) {
    let config = Arc::new(bound.config);
    let served = Arc::new(AtomicUsize::new(0));
    loop {
        let accepted = tokio::select! {
            accepted = bound.listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = Place::take(&broker, &config, &served);
                let (broker, config) = (Arc::clone(&broker), Arc::clone(&config));
                tokio::spawn(async move { accept(broker, &config, stream, peer, place).await });
            }
            Err(error) => {
                tracing::warn!(listener = config.name, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One connection's place among those that a listener serves; given back when the connection is over.
struct Place(Arc<AtomicUsize>);

impl Place {
    /// `None` when the listener or the broker serves as many as it may.
    fn take(broker: &Broker, config: &ListenerConfig, served: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(served));
        let has_room = served.fetch_add(1, Ordering::Relaxed) < config.max_connections
            && broker.link_count() < broker.config.limits.connections_max;
        has_room.then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn accept(
    broker: Arc<Broker>,
    config: &ListenerConfig,
    stream: TcpStream,
    peer: SocketAddr,
    place: Option<Place>,
) {
    // Small packets must not wait for an acknowledgement of the ones before them; a peer that vanished without a
    // word must not be remembered for ever.
    let keep_alive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(120));
    let tuned = stream.set_nodelay(true).and_then(|()| SockRef::from(&stream).set_tcp_keepalive(&keep_alive));
    if let Err(error) = tuned {
        tracing::debug!(%peer, %error, "the connection went away at once");
        return;
    }
    if place.is_none() {
        tracing::warn!(listener = config.name, %peer, "refused: as many connections as there may be");
        broker.counters.refused.add(1);
        if config.transport == Transport::Ws {
            refuse(Socket::Tcp(stream), &broker.config.limits).await;
        }
        return;
    }
    let link = broker.new_link(&peer.to_string());
    tracing::debug!(listener = config.name, %link, "connection");
    serve_socket(broker, config, Socket::Tcp(stream), link).await;
}

/// Serves one socket as the listener's configuration says.
pub async fn serve_socket(broker: Arc<Broker>, config: &ListenerConfig, socket: Socket, link: Arc<Link>) {
    let (stream, protocol) = match config.transport {
        Transport::Ws => {
            let limits = &broker.config.limits;
            // Browsers open connections before they need them: one that says nothing must not delay a stop for long.
            let stopped = async {
                link.signalled().await;
                tokio::time::sleep(STOP_GRACE).await;
            };
            let upgraded = tokio::select! {
                upgraded = tokio::time::timeout(limits.connect_timeout.0, upgrade(socket, config, limits)) => upgraded,
                () = stopped => Ok(None),
            };
            let Ok(Some((web_socket, subprotocol))) = upgraded else {
                broker.counters.refused.add(1);
                broker.remove_link(&link);
                return;
            };
            let protocol = new_protocol(&broker, &link, subprotocol.protocol());
            (Stream::web_socket(web_socket, protocol.takes_text()), protocol)
        }
        Transport::Tcp => {
            let protocol = match config.protocols.as_slice() {
                [only] => new_protocol(&broker, &link, *only),
                _ => Box::new(Detect::new(Arc::clone(&broker), Arc::clone(&link))),
            };
            (Stream::plain(socket), protocol)
        }
    };
    connection::serve(broker, stream, protocol, link).await;
}

fn new_protocol(broker: &Arc<Broker>, link: &Arc<Link>, name: ProtocolName) -> Box<dyn Protocol> {
    let (broker, link) = (Arc::clone(broker), Arc::clone(link));
    match name {
        ProtocolName::Mqtt => Box::new(Mqtt::new(broker, link)),
        ProtocolName::Stomp => Box::new(Stomp::new(broker, link)),
    }
}
