//! WebSocket over HTTP/2: one TLS connection carries many, each begun by an extended CONNECT. (RFC 8441)
//!
//! hyper serves HTTP/2; each WebSocket on it is a connection of its own to the broker, with a place among those that there
//! may be.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tidewire_protocols::websocket::Subprotocol;
use tokio::sync::Notify;

use super::Socket;
use super::admission::Admission;
use super::asked::Asked;
use super::begun::{Begun, compression_policy};
use super::demo::Reply;
use super::handshake::{Agreement, Refusal, Site as _, examine, refusal};
use super::listener::{Listed, ListenerState, Place};
use super::site::ListenerSite;
use super::whence::Whence;
use crate::auth::Arrival;
use crate::broker::Visit;
use crate::config::Limits;
use crate::session::{Link, Origin};

/// WebSockets on one connection; a browser asks how many there may be.
const STREAMS_MAX: u32 = 256;

/// One HTTP/2 connection.
struct Carrier {
    state: Arc<ListenerState>,
    address: Option<SocketAddr>,
    link: Arc<Link>,
    /// WebSockets that it carries.
    carried: AtomicUsize,
    /// Told whenever that changes.
    changed: Notify,
}

/// Serves an HTTP/2 connection until it ends, or the broker stops, or it has carried nothing for as long as a client may
/// take to connect.
pub(super) async fn serve(state: Arc<ListenerState>, socket: Socket, link: Arc<Link>) {
    let limits = &state.broker.config().limits;
    let timeout = limits.connect_timeout.0;
    let carrier = Arc::new(Carrier {
        state: Arc::clone(&state),
        address: socket.peer_address(),
        link: Arc::clone(&link),
        carried: AtomicUsize::new(0),
        changed: Notify::new(),
    });
    let service = service_fn(|request| {
        let reply = begin(&carrier, request);
        async { Ok::<_, Infallible>(reply.answer().await) }
    });
    let mut serving = pin!(builder(limits).serve_connection(TokioIo::new(socket), service));
    let mut over = pin!(async {
        tokio::select! {
            _ = link.signalled() => {}
            () = carrier.idle_for(timeout) => {}
        }
    });
    let mut is_over = false;
    let result = loop {
        tokio::select! {
            result = serving.as_mut() => break result,
            () = over.as_mut(), if !is_over => {
                is_over = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(listener = %state.config.name, %link, %error, "an HTTP/2 connection broke");
    }
}

/// Answers the first requests of an HTTP/2 connection with this refusal, and then ends it: there is no room
/// for it.
pub(super) async fn refuse(socket: Socket, limits: &Limits, refused: Refusal) {
    let answered = Notify::new();
    let service = service_fn(|request: Request<Incoming>| {
        answered.notify_one();
        std::future::ready(Ok::<_, Infallible>(refusal(refused.clone(), request.version())))
    });
    let mut serving = pin!(builder(limits).serve_connection(TokioIo::new(socket), service));
    let result = tokio::select! {
        result = serving.as_mut() => result,
        () = answered.notified() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a client that there was no room for went away");
    }
}

fn builder(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(limits.handshake_size_max.0).unwrap_or(u32::MAX));
    let ping_interval = limits.ping_interval.0;
    if !ping_interval.is_zero() {
        builder.keep_alive_interval(ping_interval).keep_alive_timeout(ping_interval);
    }
    builder
}

impl Carrier {
    /// Waits until nothing has been carried for so long.
    async fn idle_for(&self, timeout: std::time::Duration) {
        loop {
            let is_idle = self.carried.load(Ordering::Acquire) == 0;
            let waited = async { if is_idle { tokio::time::sleep(timeout).await } else { pending().await } };
            tokio::select! {
                () = waited => return,
                () = self.changed.notified() => {}
            }
        }
    }
}

/// One of the WebSockets that a carrier carries, until this is dropped.
struct Carried(Arc<Carrier>);

impl Carried {
    fn new(carrier: &Arc<Carrier>) -> Self {
        carrier.carried.fetch_add(1, Ordering::AcqRel);
        carrier.changed.notify_one();
        Self(Arc::clone(carrier))
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.0.carried.fetch_sub(1, Ordering::AcqRel);
        self.0.changed.notify_one();
    }
}

/// Answers a request; a WebSocket that it begins is served by a task of its own.
fn begin(carrier: &Arc<Carrier>, request: Request<Incoming>) -> Reply {
    let version = request.version();
    let state = &carrier.state;
    let origin: Box<dyn Origin> = Box::new(match carrier.address {
        Some(address) => Whence::socket(address, &state.config),
        None => Whence::elsewhere("HTTP/2", &state.config),
    });
    let link = state.broker.new_link(origin);
    link.set_carrier(carrier.link.carrier());
    if let Some(user) = carrier.link.user() {
        link.set_user(&user);
    }
    let listed = Listed::new(&state.broker, Arc::clone(&link));
    let admission =
        Admission::new(&state.broker, &state.config, &link, carrier.address.map(|address| address.ip()));
    let policy = compression_policy(&state.broker, &state.config);
    let has_demo = state.has_demo;
    let site = ListenerSite { listener: &state.config, admission: &admission, policy, has_demo };
    let begun = match site.page(&request) {
        Some(Ok(page)) => return Reply::Page(page),
        Some(Err(refused)) => Err(refused),
        None => try_begin(carrier, &site, request),
    };
    match begun {
        Ok((begun, answer)) => {
            let (arrival, visit) = (admission.arrival(), admission.into_visit());
            tokio::spawn(begun.serve(link, listed, arrival, visit));
            Reply::Made(answer)
        }
        Err(refused) => {
            site.note_refusal(&refused);
            Reply::Made(refusal(refused, version))
        }
    }
}

/// A WebSocket that was agreed on and has not begun.
struct Agreed {
    carried: Carried,
    place: Place,
    agreement: Agreement<Subprotocol>,
    upgrade: OnUpgrade,
}

fn try_begin(
    carrier: &Arc<Carrier>,
    site: &ListenerSite<'_>,
    mut request: Request<Incoming>,
) -> Result<(Agreed, Response<Full<Bytes>>), Refusal> {
    let place = Place::take(&carrier.state)?;
    site.admission.enter()?;
    let (agreement, answer) = examine(&Asked::from(&request), site)?;
    let upgrade = hyper::upgrade::on(&mut request);
    Ok((Agreed { carried: Carried::new(carrier), place, agreement, upgrade }, answer))
}

impl Agreed {
    /// Serves it, once the answer is on its way; what follows that on its stream is WebSocket.
    async fn serve(self, link: Arc<Link>, listed: Listed, arrival: Arrival, visit: Option<Visit>) {
        let Self { carried, place, agreement, upgrade } = self;
        let Ok(upgraded) = upgrade.await else { return };
        let socket = Socket::Http2(Box::new(TokioIo::new(upgraded)));
        let state = &carried.0.state;
        let begun = Begun { broker: &state.broker, listener: &state.config, link: &link, arrival };
        let (stream, protocol) = begun.web_socket(socket, &agreement, &[]);
        let served = listed.begin_serving(stream, protocol, visit, Some(place));
        served.serving.await;
    }
}
