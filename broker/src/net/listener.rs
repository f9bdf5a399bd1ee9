//! Accepting connections, and what becomes of each.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::watch;

use super::bind::Acceptor;
use super::handshake::Refusal;
use super::http2;
use super::open::{Opened, OpenedKind, Opening};
use super::{Bound, Raw, Stream};
use crate::broker::{Broker, Visit};
use crate::config::{ListenerConfig, Transport};
use crate::connection::{self, Protocol, Serving};
use crate::counters::Carrier;
use crate::session::Link;
use crate::tls::LiveTls;

/// Pause after an accept that failed for want of file handles or memory, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// While clients come, some timer of the runtime's is due this soon. tokio wakes its I/O driver, by a system call, whenever a
/// timer is set that is due before all others; with this one there, those of a connection's beginning and end never are.
const PULSE: Duration = Duration::from_secs(1);

/// Accepts and serves connections until `stop` says so; those that are being served go on.
pub async fn serve(broker: Arc<Broker>, bound: Bound, mut stop: watch::Receiver<bool>) {
    let Bound { config, tls, has_demo, acceptors } = bound;
    let site = Arc::new(ListenerState { has_demo, ..ListenerState::new(broker, config, tls) });
    let mut next = 0;
    let mut pulse = pin!(tokio::time::sleep(Duration::ZERO));
    loop {
        let accepted = std::future::poll_fn(|cx| poll_accept(&acceptors, &mut next, cx));
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok(raw) => {
                // Nobody waits for it, and it is not set again while nobody comes.
                let now = tokio::time::Instant::now();
                if pulse.deadline() <= now {
                    pulse.as_mut().reset(now + PULSE);
                }
                drop(tokio::spawn(attend(&site, raw)));
            }
            Err(error) => {
                tracing::warn!(listener = %site.config.name, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The next connection of any; `next` is the one to be asked first, so that a busy one does not keep others waiting.
pub(super) fn poll_accept(
    acceptors: &[Acceptor],
    next: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Raw>> {
    for _ in acceptors {
        let acceptor = &acceptors[*next % acceptors.len()];
        *next = next.wrapping_add(1);
        if let Poll::Ready(accepted) = acceptor.poll_accept(cx) {
            return Poll::Ready(accepted);
        }
    }
    Poll::Pending
}

/// What a listener shares with its connections.
pub(super) struct ListenerState {
    pub(super) broker: Arc<Broker>,
    pub(super) config: ListenerConfig,
    /// Whether the browser examples are served as well.
    pub(super) has_demo: bool,
    tls: Option<Arc<LiveTls>>,
    served: AtomicUsize,
}

impl ListenerState {
    pub(super) fn new(broker: Arc<Broker>, config: ListenerConfig, tls: Option<Arc<LiveTls>>) -> Self {
        Self { broker, config, has_demo: false, tls, served: AtomicUsize::new(0) }
    }
}

/// One connection's place among those that a listener serves; given back when the connection is over.
pub(super) struct Place(Arc<ListenerState>);

impl Place {
    /// # Errors
    ///
    /// The listener or the broker serves as many as it may, or memory is full.
    pub(super) fn take(site: &Arc<ListenerState>) -> Result<Self, Refusal> {
        if site.broker.memory.is_full() {
            return Err(Refusal::memory_full());
        }
        let place = Self(Arc::clone(site));
        let has_room = site.served.fetch_add(1, Ordering::Relaxed) < site.config.max_connections
            && site.broker.link_count() < site.broker.config().limits.connections_max;
        if has_room { Ok(place) } else { Err(Refusal::no_place()) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.served.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection, from its first byte to its last. What its beginning needs is boxed, and gone when it is served:
/// connections are idle for hours, by the ten thousand.
#[allow(clippy::large_enum_variant, reason = "the large one is the one that lasts")]
enum Attending {
    Opening(Pin<Box<dyn Future<Output = Option<Served>> + Send>>),
    Serving(Served),
    Over,
}

/// A connection that is served, and the places that it takes.
pub(super) struct Served {
    pub(super) serving: Serving,
    _visit: Option<Visit>,
    _place: Option<Place>,
}

fn attend(site: &Arc<ListenerState>, raw: Raw) -> Attending {
    let (place, refused) = match Place::take(site) {
        Ok(place) => (Some(place), None),
        Err(refusal) => (None, Some(refusal)),
    };
    let origin = raw.origin(&site.config);
    let link = match refused {
        None => site.broker.new_link(origin),
        // Not on the list, which is for those that are served.
        Some(_) => Arc::new(Link::new(0, origin, site.broker.now().instant)),
    };
    link.set_carrier(Carrier {
        is_web_socket: site.config.transport == Transport::Ws,
        is_tls: site.tls.is_some(),
    });
    tracing::debug!(listener = %site.config.name, %link, "connection");
    let listed = Listed::new(&site.broker, link);
    let site = Arc::clone(site);
    Attending::Opening(Box::pin(async move {
        let (broker, listener, tls) = (&site.broker, &site.config, site.tls.as_deref());
        let (link, has_demo) = (&listed.link, site.has_demo);
        let opened = Opening { broker, listener, tls, link, has_demo, refused }.open(raw).await;
        let Opened { kind, visit } = opened?;
        match kind {
            OpenedKind::One(stream, protocol) => Some(listed.begin_serving(stream, protocol, visit, place)),
            // It holds its places; what it carries has others.
            OpenedKind::Http2(socket) => {
                Box::pin(http2::serve(Arc::clone(&site), socket, Arc::clone(&listed.link))).await;
                drop((visit, place));
                None
            }
        }
    }))
}

impl Future for Attending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            *self = match &mut *self {
                Self::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Some(served) => Self::Serving(served),
                    None => Self::Over,
                },
                Self::Serving(served) => {
                    ready!(Pin::new(&mut served.serving).poll(cx));
                    Self::Over
                }
                Self::Over => return Poll::Ready(()),
            };
        }
    }
}

/// Serves one connection that no socket of the listener's has accepted, as its configuration says; `tls` is what it speaks,
/// if any. Its place among those that there may be is for itself alone.
pub fn serve_socket(
    broker: Arc<Broker>,
    config: ListenerConfig,
    tls: Option<Arc<LiveTls>>,
    raw: Raw,
) -> impl Future<Output = ()> + Send {
    attend(&Arc::new(ListenerState::new(broker, config, tls)), raw)
}

/// A connection that is on the broker's list and not served yet. If it never is, whatever the reason, a panic included,
/// dropping this takes it off the list.
pub(super) struct Listed {
    broker: Arc<Broker>,
    link: Arc<Link>,
    is_served: bool,
}

impl Listed {
    pub(super) fn new(broker: &Arc<Broker>, link: Arc<Link>) -> Self {
        Self { broker: Arc::clone(broker), link, is_served: false }
    }

    /// From here on the connection itself sees to it.
    pub(super) fn begin_serving(
        mut self,
        stream: Stream,
        protocol: Box<dyn Protocol>,
        visit: Option<Visit>,
        place: Option<Place>,
    ) -> Served {
        self.is_served = true;
        let serving = connection::serve(Arc::clone(&self.broker), stream, protocol, Arc::clone(&self.link));
        Served { serving, _visit: visit, _place: place }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        if !self.is_served {
            self.broker.remove_link(&self.link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Gate;
    use crate::clock::Clock;
    use crate::config::{Config, ProtocolName, Transport};
    use crate::store::MemoryStore;

    fn site() -> Arc<ListenerState> {
        let store = Arc::new(MemoryStore::default());
        let broker = Broker::new(Config::default(), Arc::new(Gate::default()), store, Clock::system());
        let config = ListenerConfig::new("test", "127.0.0.1:0", Transport::Ws, &[ProtocolName::Mqtt]);
        Arc::new(ListenerState::new(Arc::new(broker), config, None))
    }

    #[test]
    fn a_connection_that_is_never_served_leaves_nothing_behind() {
        let site = site();
        let (_near, far) = tokio::io::duplex(64);
        let task = attend(&site, far.into());
        assert_eq!((site.broker.link_count(), site.served.load(Ordering::Relaxed)), (1, 1));
        drop(task);
        assert_eq!((site.broker.link_count(), site.served.load(Ordering::Relaxed)), (0, 0));
    }

    /// Thousands of connections are idle at a time, and each holds this.
    #[test]
    fn a_connections_task_is_small() {
        let (_near, far) = tokio::io::duplex(64);
        let task = attend(&site(), far.into());
        let size = size_of_val(&task);
        assert!(size <= 512, "{size} bytes");
    }
}
