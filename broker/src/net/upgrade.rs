//! The WebSocket upgrade. A plain request that has come whole is granted on the spot. hyper reads every other, so that each
//! refusal is a proper HTTP answer with one line that says why; afterwards the bare socket is taken back, and no HTTP is
//! left on the data path.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Buf as _;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;

use super::asked::Asked;
use super::demo::Reply;
use super::handshake::{Agreement, Refusal, Site, examine, refusal};
use super::{Socket, brief, http2};
use crate::config::Limits;

/// A socket on which WebSocket is spoken from here on.
pub struct Upgraded<P> {
    /// The bare socket.
    pub socket: Socket,
    /// What was agreed on.
    pub agreement: Agreement<P>,
    /// What came behind the request.
    pub unread: Bytes,
}

/// What was agreed on, and the socket once the answer has left.
type Pending<P> = (OnUpgrade, Agreement<P>);

/// Answers the HTTP request on `socket`. `None` if it was refused (and answered) or the peer went away.
pub async fn upgrade<S: Site>(
    mut socket: Socket,
    site: &S,
    limits: &Limits,
) -> Option<Upgraded<S::Subprotocol>> {
    let Some((agreement, answer, size)) = socket.peeked().and_then(|bytes| grant(bytes, site)) else {
        // Boxed, since it is large, and seldom needed.
        return Box::pin(upgrade_by_hyper(socket, site, limits)).await;
    };
    let mut unread = socket.take_peeked();
    unread.advance(size);
    if let Err(error) = socket.write_all(&answer).await {
        tracing::debug!(%error, "no upgrade");
        return None;
    }
    Some(Upgraded { socket, agreement, unread })
}

/// Grants the request at the front of `bytes`, if it is a plain one and nothing speaks against it: what was agreed on, the
/// answer, and the request's size.
fn grant<S: Site>(bytes: &[u8], site: &S) -> Option<(Agreement<S::Subprotocol>, Vec<u8>, usize)> {
    brief::parse(bytes, |asked, size| {
        let (agreement, head) = examine::<S, brief::Head>(asked, site).ok()?;
        Some((agreement, head.into_bytes(), size))
    })
}

/// The same for any request: it may be refused, come in pieces, or be none.
async fn upgrade_by_hyper<S: Site>(
    socket: Socket,
    site: &S,
    limits: &Limits,
) -> Option<Upgraded<S::Subprotocol>> {
    let agreed = Arc::<Mutex<Option<Pending<S::Subprotocol>>>>::default();
    let service = service_fn(|mut request: Request<Incoming>| {
        let granted = match site.page(&request) {
            Some(page) => page.map(Reply::Page),
            None => examine(&Asked::from(&request), site).map(|(agreement, answer)| {
                *agreed.lock() = Some((hyper::upgrade::on(&mut request), agreement));
                Reply::Made(answer)
            }),
        };
        let reply = granted.unwrap_or_else(|refused| {
            site.note_refusal(&refused);
            Reply::Made(refusal(refused, request.version()))
        });
        async { Ok::<_, Infallible>(reply.answer().await) }
    });
    // Not `keep_alive(false)`: it would add `close` to the Connection header of the 101, which some clients then do not
    // take for an upgrade. Refusals say `close` themselves.
    let served = builder(limits).serve_connection(TokioIo::new(socket), service).with_upgrades().await;
    if let Err(error) = served {
        match status_of(&error) {
            Some(status) => site.note_refusal(&Refusal::new(status, error.to_string())),
            None => tracing::debug!(%error, "no upgrade"),
        }
        return None;
    }
    let (upgraded, agreement) = agreed.lock().take()?;
    let parts = upgraded.await.ok()?.downcast::<TokioIo<Socket>>().ok()?;
    Some(Upgraded { socket: parts.io.into_inner(), agreement, unread: parts.read_buf })
}

/// What hyper has answered by itself, or would have; `None` where the peer went away.
fn status_of(error: &hyper::Error) -> Option<StatusCode> {
    if error.is_parse_too_large() {
        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    } else if error.is_parse() {
        Some(StatusCode::BAD_REQUEST)
    } else {
        error.is_timeout().then_some(StatusCode::REQUEST_TIMEOUT)
    }
}

/// Answers whatever request comes on `socket` with this refusal: there is no room for the connection.
pub(super) async fn refuse(socket: Socket, limits: &Limits, refused: Refusal) {
    if socket.speaks_http2() {
        return http2::refuse(socket, limits, refused).await;
    }
    let service = service_fn(|request: Request<Incoming>| {
        std::future::ready(Ok::<_, Infallible>(refusal(refused.clone(), request.version())))
    });
    let served = builder(limits).keep_alive(false).serve_connection(TokioIo::new(socket), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a client that there was no room for went away");
    }
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.connect_timeout.0)
        .max_buf_size(limits.handshake_size_max.0);
    builder
}
