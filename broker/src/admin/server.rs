//! Accepts those who ask, and bounds what each may take.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::{AbortHandle, JoinSet};

use super::Admin;
use super::answer::Answer;
use super::stream::Streaming;
use super::visit::Visit;
use crate::line_budget::Verdict;
use crate::net::{Bound, Raw, Socket};
use crate::tls::LiveTls;

/// Connections at once. Who comes then takes the place of the one that has been silent for longest, or waits until one is
/// over where all have asked something.
const CONNECTIONS_MAX: usize = 64;
/// How long a TLS handshake may take, and then the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How long a connection may take in all, but for an answer that is still being made, written or read. Each carries one
/// request, so that nobody keeps a place who asks nothing.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause after an accept that failed for want of file handles or memory, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is dropped, and its connections with it.
pub async fn serve(admin: Arc<Admin>, bound: Bound) {
    let mut connections = JoinSet::new();
    let mut silent = Silent::default();
    loop {
        let has_room = connections.len() < CONNECTIONS_MAX || silent.has_any();
        tokio::select! {
            biased;
            Some(_) = connections.join_next() => {}
            accepted = bound.accept(), if has_room => match accepted {
                Ok(raw) => {
                    if connections.len() >= CONNECTIONS_MAX {
                        silent.end_oldest();
                    }
                    let visit = Arc::<Visit>::default();
                    let is_silent = Arc::downgrade(&visit);
                    let attended = attend(Arc::clone(&admin), raw, bound.tls.clone(), visit);
                    silent.0.push_back((connections.spawn(attended), is_silent));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the admin listener could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

/// Connections over which nothing was asked yet, the oldest first; among them may be some that have asked since.
#[derive(Default)]
struct Silent(VecDeque<(AbortHandle, Weak<Visit>)>);

impl Silent {
    fn has_any(&mut self) -> bool {
        self.0.retain(|(_, visit)| visit.upgrade().is_some_and(|visit| !visit.has_asked()));
        !self.0.is_empty()
    }

    fn end_oldest(&mut self) {
        if self.has_any()
            && let Some((connection, _)) = self.0.pop_front()
        {
            tracing::debug!("a connection to the admin listener that asks nothing makes room for another");
            connection.abort();
        }
    }
}

async fn attend(admin: Arc<Admin>, raw: Raw, tls: Option<Arc<LiveTls>>, visit: Arc<Visit>) {
    let peer = raw.peer_address();
    let socket = match tls {
        Some(tls) => match secure(raw, &tls, &visit).await {
            Ok(socket) => socket,
            Err(error) => return admin.note_handshake(peer, &error),
        },
        None => Socket::Raw(raw),
    };
    let service = service_fn(|mut request: Request<Incoming>| {
        let (admin, visit) = (Arc::clone(&admin), Arc::clone(&visit));
        visit.note_request();
        request.extensions_mut().insert(Arc::clone(&visit));
        async move {
            let method = request.method().clone();
            let path = request.uri().path().to_owned();
            let mut answer = admin.answer(request).await;
            admin.note(peer, &visit, &method, &path, &answer);
            if let Some(begun) = answer.extensions().get::<Streaming>() {
                visit.set_streaming(begun.clone());
            }
            // Not `keep_alive(false)`: it would say so in the answer that begins a WebSocket as well.
            if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    tokio::select! {
        served = serving => match served {
            Ok(()) => {}
            Err(error) => tracing::debug!(%error, "a connection to the admin listener broke"),
        },
        () = visit.outlasts(CONNECTION_TIMEOUT) => {
            tracing::debug!("a connection to the admin listener took too long");
        }
    }
}

/// Does the TLS handshake.
async fn secure(raw: Raw, tls: &LiveTls, visit: &Visit) -> Result<Socket, String> {
    let accepted = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(raw)).await;
    let (stream, user) = match accepted {
        Ok(accepted) => accepted.map_err(|error| error.to_string())?,
        Err(_) => return Err("it did not end in time".to_owned()),
    };
    // Which was verified, or there would be no stream.
    if stream.get_ref().1.peer_certificates().is_some() {
        visit.set_certificate(user);
    }
    Ok(Socket::Tls(stream))
}

impl Admin {
    /// Says in the log what somebody has asked for who may, and who has asked who may not.
    fn note(&self, peer: Option<SocketAddr>, visit: &Visit, method: &Method, path: &str, answer: &Answer) {
        let (peer, certificate) = (words(peer), visit.certificate());
        match answer.status() {
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                if let Verdict::Write { unlogged } = self.refusals.judge(self.broker.now()) {
                    tracing::warn!(peer, %status, unlogged, "refused on the admin listener");
                }
            }
            // Anybody can ask for what is not there.
            status @ (StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {
                tracing::debug!(peer, path, %status, "refused on the admin listener");
            }
            status if ![Method::GET, Method::HEAD].contains(method) => {
                tracing::info!(peer, certificate, %method, path, %status, "asked for on the admin listener");
            }
            status => tracing::debug!(peer, certificate, path, %status, "asked for on the admin listener"),
        }
    }

    /// Says in the log that a TLS handshake has failed, as without a certificate where one is required.
    fn note_handshake(&self, peer: Option<SocketAddr>, error: &str) {
        if let Verdict::Write { unlogged } = self.refusals.judge(self.broker.now()) {
            let peer = words(peer);
            tracing::warn!(peer, error, unlogged, "a TLS handshake failed on the admin listener");
        }
    }
}

fn words(peer: Option<SocketAddr>) -> String {
    peer.map_or_else(|| "a Unix socket".to_owned(), |peer| peer.to_string())
}
