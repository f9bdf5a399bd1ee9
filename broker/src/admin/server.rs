//! Accepts those who ask, and bounds what each may take.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::JoinSet;

use super::Admin;
use super::answer::Answer;
use super::stream::Streaming;
use super::working::Working;
use crate::line_budget::Verdict;
use crate::net::{Bound, Raw};

/// Connections at once; who comes then waits until one is over.
const CONNECTIONS_MAX: usize = 64;
/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How long a connection may take in all, but for an answer that is still being written. Each carries one request, so that
/// nobody keeps a place who asks nothing.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause after an accept that failed for want of file handles or memory, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is dropped, and its connections with it.
pub async fn serve(admin: Arc<Admin>, bound: Bound) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = bound.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok(raw) => {
                    connections.spawn(attend(Arc::clone(&admin), raw));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the admin listener could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn attend(admin: Arc<Admin>, raw: Raw) {
    let peer = raw.peer_address();
    let streaming = Arc::<OnceLock<Streaming>>::default();
    let working = Working::default();
    let service = service_fn(|mut request: Request<Incoming>| {
        let (admin, streaming) = (Arc::clone(&admin), Arc::clone(&streaming));
        request.extensions_mut().insert(working.clone());
        async move {
            let method = request.method().clone();
            let path = request.uri().path().to_owned();
            let mut answer = admin.answer(request).await;
            admin.note(peer, &method, &path, &answer);
            if let Some(begun) = answer.extensions().get::<Streaming>() {
                // There is but one request.
                let _ = streaming.set(begun.clone());
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
        .serve_connection(TokioIo::new(raw), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    loop {
        match tokio::time::timeout(CONNECTION_TIMEOUT, serving.as_mut()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a connection to the admin listener broke"),
            Err(_) if working.is_under_way() || streaming.get().is_some_and(Streaming::is_open) => continue,
            Err(_) => tracing::debug!("a connection to the admin listener took too long"),
        }
        return;
    }
}

impl Admin {
    /// Says in the log what somebody has asked for who may, and who has asked who may not.
    fn note(&self, peer: Option<SocketAddr>, method: &Method, path: &str, answer: &Answer) {
        let peer = peer.map_or_else(|| "a Unix socket".to_owned(), |peer| peer.to_string());
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
                tracing::info!(peer, %method, path, %status, "asked for on the admin listener");
            }
            status => tracing::debug!(peer, path, %status, "asked for on the admin listener"),
        }
    }
}
