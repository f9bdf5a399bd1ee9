//! Accepting connections, and what becomes of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::open::{Opened, Opening};
use super::{Bound, Raw};
use crate::broker::Broker;
use crate::config::ListenerConfig;
use crate::connection;
use crate::session::Link;
use crate::tls::LiveTls;

/// Pause after an accept that failed for want of file handles or memory, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts and serves connections until `stop` says so; those that are being served go on.
pub async fn serve(broker: Arc<Broker>, bound: Bound, mut stop: watch::Receiver<bool>) {
    let Bound { config, tls, acceptor } = bound;
    let site = Arc::new(Site { broker, config, tls, served: AtomicUsize::new(0) });
    loop {
        let accepted = tokio::select! {
            accepted = acceptor.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted.map(|accepted| accepted.0) {
            Ok(Ok(raw)) => drop(tokio::spawn(attend(Arc::clone(&site), raw))),
            Ok(Err(error)) => {
                tracing::debug!(listener = site.config.name, %error, "a connection went away at once");
            }
            Err(error) => {
                tracing::warn!(listener = site.config.name, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What a listener shares with its connections.
struct Site {
    broker: Arc<Broker>,
    config: ListenerConfig,
    tls: Option<Arc<LiveTls>>,
    served: AtomicUsize,
}

/// One connection's place among those that a listener serves; given back when the connection is over.
struct Place(Arc<Site>);

impl Place {
    /// `None` when the listener or the broker serves as many as it may.
    fn take(site: &Arc<Site>) -> Option<Self> {
        let place = Self(Arc::clone(site));
        let has_room = site.served.fetch_add(1, Ordering::Relaxed) < site.config.max_connections
            && site.broker.link_count() < site.broker.config.limits.connections_max;
        has_room.then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.served.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection, from its first byte to its last. What its beginning needs is boxed, and gone when it is served.
async fn attend(site: Arc<Site>, raw: Raw) {
    let place = Place::take(&site);
    let (has_place, origin) = (place.is_some(), raw.origin());
    let link = match has_place {
        true => site.broker.new_link(&origin),
        // Not on the list, which is for those that are served.
        false => Arc::new(Link::new(0, origin.into(), site.broker.now().instant)),
    };
    tracing::debug!(listener = site.config.name, %link, "connection");
    let opened = Box::pin(open(&site, raw, &link, has_place)).await;
    serve_opened(&site.broker, opened, link).await;
}

async fn open(site: &Site, raw: Raw, link: &Arc<Link>, has_place: bool) -> Option<Opened> {
    let (broker, listener, tls) = (&site.broker, &site.config, site.tls.as_deref());
    Opening { broker, listener, tls, link, has_place }.open(raw).await
}

/// Serves one connection as the listener's configuration says, but for its TLS.
pub async fn serve_socket(broker: Arc<Broker>, listener: &ListenerConfig, raw: Raw, link: Arc<Link>) {
    let opening = Opening { broker: &broker, listener, tls: None, link: &link, has_place: true };
    let opened = Box::pin(opening.open(raw)).await;
    serve_opened(&broker, opened, link).await;
}

async fn serve_opened(broker: &Arc<Broker>, opened: Option<Opened>, link: Arc<Link>) {
    match opened {
        Some(Opened { stream, protocol, visit }) => {
            connection::serve(Arc::clone(broker), stream, protocol, link).await;
            drop(visit);
        }
        None => broker.remove_link(&link),
    }
}
