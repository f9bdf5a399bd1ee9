//! A connection's first moments, up to the first byte of MQTT or STOMP:
//!
//! ```text
//!   PROXY header ──▶ room for the address? ──▶ TLS handshake ──▶ upgrade (ws) or the first byte (tcp) ──▶ served
//! ```
//!
//! All of it together is bounded by `limits.connect_timeout`. The future is large, and is boxed by whoever runs it, so
//! that the task that serves the connection for hours does not hold its memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::rustls;

use super::admission::Admission;
use super::begun::{Begun, compression_policy};
use super::forwarded::trusts;
use super::handshake::Refusal;
use super::site::ListenerSite;
use super::upgrade::{Upgraded, refuse, upgrade};
use super::{Raw, Socket, Stream, first_bytes, proxy};
use crate::broker::{self, Broker, Visit, Who};
use crate::config::{ListenerConfig, Transport};
use crate::connection::Protocol;
use crate::counters::RefusalReason;
use crate::session::Link;
use crate::tls::LiveTls;

/// How long the first moments may still take once the broker stops; whoever gets through them is told in its protocol's
/// words. Browsers open connections before they need them: one that says nothing must not delay a stop for long.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// How long a peer that was answered and is not served may take to close in return.
const LINGER: Duration = Duration::from_secs(1);

const A_FIRST_BYTE: &str = "a first byte";

/// A connection that can be served, and its place among those from its address.
pub(super) struct Opened {
    pub(super) kind: OpenedKind,
    pub(super) visit: Option<Visit>,
}

/// What a connection has turned out to be.
pub(super) enum OpenedKind {
    /// One that a protocol is spoken on.
    One(Stream, Box<dyn Protocol>),
    /// HTTP/2, over which several may come.
    Http2(Socket),
}

/// A connection at its beginning.
pub(super) struct Opening<'a> {
    pub(super) broker: &'a Arc<Broker>,
    pub(super) listener: &'a ListenerConfig,
    pub(super) tls: Option<&'a LiveTls>,
    pub(super) link: &'a Arc<Link>,
    /// Whether the browser examples are served as well.
    pub(super) has_demo: bool,
    /// Why there is no place for it, if there is none; it is told so.
    pub(super) refused: Option<Refusal>,
}

/// Why a connection is not served.
enum Refused {
    /// For this reason, which is to be noted.
    Because(RefusalReason, String),
    /// It was noted already, or the peer went away.
    Said,
}

/// What has come means nothing here.
impl From<String> for Refused {
    fn from(reason: String) -> Self {
        Self::Because(RefusalReason::Malformed, reason)
    }
}

/// The connection broke before anything was refused.
impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        tracing::debug!(%error, "the connection broke at its beginning");
        Self::Said
    }
}

impl Opening<'_> {
    /// Opens the connection; `None` when it is refused, which has been noted.
    pub(super) async fn open(&self, raw: Raw) -> Option<Opened> {
        let stopped = async {
            self.link.signalled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        let mut awaited = A_FIRST_BYTE;
        let opened = tokio::select! {
            opened = tokio::time::timeout(
                self.broker.config().limits.connect_timeout.0,
                self.begin(raw, &mut awaited),
            ) => opened.ok(),
            () = stopped => {
                Some(Err(Refused::Because(RefusalReason::ShuttingDown, "the server is shutting down".to_owned())))
            }
        };
        let (reason, detail) = match opened {
            Some(Ok(opened)) => return Some(opened),
            Some(Err(Refused::Because(reason, detail))) => (reason, detail),
            Some(Err(Refused::Said)) => return None,
            None => (RefusalReason::Timeout, format!("{awaited} did not come within the connect timeout")),
        };
        let refused = broker::Refused { reason, who: Who::default(), detail: &detail };
        self.broker.note_refusal(self.link, &refused);
        None
    }

    async fn begin(&self, mut raw: Raw, awaited: &mut &'static str) -> Result<Opened, Refused> {
        if self.listener.proxy_protocol {
            *awaited = "the PROXY protocol header";
            self.read_proxy_header(&mut raw).await?;
        }
        let peer = raw.peer_address().map(|address| address.ip());
        let admission = Admission::new(self.broker, self.listener, self.link, peer);
        let admitted = self.refused.clone().map_or_else(|| admission.enter(), Err);
        // Over WebSocket it is told why, in HTTP.
        if let (Err(refusal), Transport::Tcp) = (&admitted, self.listener.transport) {
            admission.note_refusal(refusal);
            return Err(Refused::Said);
        }
        let (stream, protocol) = match (self.listener.transport, self.tls) {
            (Transport::Tcp, None) => {
                let socket = Socket::Raw(self.look(raw).await?);
                self.begun(&admission).choose(socket)
            }
            (Transport::Tcp, Some(tls)) => {
                let socket = Box::pin(self.speak_tls(tls, raw, awaited)).await?;
                self.begun(&admission).choose(socket)
            }
            (Transport::Ws, tls) => {
                let socket = match tls {
                    Some(tls) => Box::pin(self.speak_tls(tls, raw, awaited)).await?,
                    None => self.speak_plainly(raw).await?,
                };
                if socket.speaks_http2() && admitted.is_ok() {
                    return Ok(Opened { kind: OpenedKind::Http2(socket), visit: admission.into_visit() });
                }
                *awaited = "an upgrade";
                self.upgrade(socket, admitted, &admission).await?
            }
        };
        Ok(Opened { kind: OpenedKind::One(stream, protocol), visit: admission.into_visit() })
    }

    async fn read_proxy_header(&self, raw: &mut Raw) -> Result<(), Refused> {
        let peer = raw.peer_address().map(|address| address.ip());
        if !self.listener.trusted_proxies.is_empty() && !trusts(self.listener, peer) {
            let reason = "only proxies may connect here (proxy_protocol), and it is none of trusted_proxies";
            return Err(Refused::Because(RefusalReason::NotAuthorized, reason.to_owned()));
        }
        if let Some(source) = proxy::read_header(raw).await? {
            raw.set_peer_address(source);
            self.link.set_origin(raw.origin(self.listener));
        }
        Ok(())
    }

    /// Waits for the first bytes, which stay to be read.
    async fn peek<'r>(&self, raw: &'r mut Raw) -> Result<&'r [u8], Refused> {
        let first = raw.peek().await?;
        match first.is_empty() {
            false => Ok(first),
            true => {
                tracing::debug!(listener = %self.listener.name, link = %self.link, "the peer closed without a word");
                Err(Refused::Said)
            }
        }
    }

    /// Looks whether what comes over TCP can be meant for the one protocol that is served; where there are two,
    /// [`Detect`] looks. A peer that says nothing is told by its protocol what becomes of it.
    async fn look(&self, mut raw: Raw) -> Result<Raw, Refused> {
        let [only] = self.listener.protocols.as_slice() else { return Ok(raw) };
        let deadline = self.link.opened_at() + self.broker.config().limits.connect_timeout.0;
        let first = tokio::select! {
            first = raw.peek() => first?,
            _ = self.link.signalled() => return Ok(raw),
            () = tokio::time::sleep_until(deadline.into()) => return Ok(raw),
        };
        first_bytes::protocol(first, &[*only])?;
        Ok(raw)
    }

    async fn speak_plainly(&self, mut raw: Raw) -> Result<Socket, Refused> {
        if first_bytes::is_tls(self.peek(&mut raw).await?) {
            return Err("a TLS hello came to a port without TLS".to_owned().into());
        }
        Ok(Socket::Raw(raw))
    }

    /// Does the TLS handshake, if it is one that the peer wants.
    async fn speak_tls(
        &self,
        tls: &LiveTls,
        mut raw: Raw,
        awaited: &mut &'static str,
    ) -> Result<Socket, Refused> {
        *awaited = A_FIRST_BYTE;
        let first = self.peek(&mut raw).await?;
        if !first_bytes::is_tls(first) {
            let reason =
                format!("{} came without TLS to a port that speaks it", first_bytes::describe(first));
            if first_bytes::is_http(first) && self.listener.transport == Transport::Ws {
                answer_plainly(raw).await;
            }
            return Err(reason.into());
        }
        *awaited = "the end of the TLS handshake";
        let (stream, user) = tls.accept(raw).await.map_err(|error| {
            let reason = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
            let reason = reason.map_or_else(|| error.to_string(), ToString::to_string);
            Refused::Because(RefusalReason::Tls, format!("the TLS handshake failed: {reason}"))
        })?;
        if let Some(user) = user {
            self.link.set_user(&user);
        }
        Ok(Socket::Tls(stream))
    }

    async fn upgrade(
        &self,
        socket: Socket,
        admitted: Result<(), Refusal>,
        admission: &Admission<'_>,
    ) -> Result<(Stream, Box<dyn Protocol>), Refused> {
        let limits = &self.broker.config().limits;
        if let Err(refusal) = admitted {
            admission.note_refusal(&refusal);
            Box::pin(refuse(socket, limits, refusal)).await;
            return Err(Refused::Said);
        }
        let policy = compression_policy(self.broker, self.listener);
        let site = ListenerSite { listener: self.listener, admission, policy, has_demo: self.has_demo };
        let upgraded = upgrade(socket, &site, limits).await;
        let Upgraded { socket, agreement, unread } = upgraded.ok_or(Refused::Said)?;
        Ok(self.begun(admission).web_socket(socket, &agreement, &unread))
    }

    fn begun(&self, admission: &Admission<'_>) -> Begun<'_> {
        let arrival = admission.arrival();
        Begun { broker: self.broker, listener: self.listener, link: self.link, arrival }
    }
}

/// Answers an HTTP request that came without TLS, whatever it asks for.
async fn answer_plainly(mut raw: Raw) {
    const BODY: &str = "this port speaks TLS: use wss://\n";
    let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n";
    let answer = format!("{head}Content-Length: {}\r\n\r\n{BODY}", BODY.len());
    let conversation = async {
        raw.write_all(answer.as_bytes()).await?;
        raw.shutdown().await?;
        // What is unread when the socket is closed would reset it, and the answer with it.
        let mut rest = [0; 512];
        while raw.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // Whether the peer stays to hear it is its own affair.
    let _ = tokio::time::timeout(LINGER, conversation).await;
}
