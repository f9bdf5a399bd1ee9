//! What the log and the counters are told of clients: one event for each that connects, for each that goes, and for each
//! refusal. `docs/logging.md` has their fields. Whoever lets in, lets go or refuses calls this once, and says to the client
//! what its protocol has words for.

use std::fmt::Display;
use std::time::Duration;

use tokio::sync::Notify;

use super::{Broker, Happened};
use crate::counters::{Moved, RefusalReason, Spoken};
use crate::line_budget::{LINES_PER_SECOND_MAX, LineBudget, Verdict};
use crate::session::Link;

/// Bytes of one value of a client's own that a line shows: a client identifier may have 64 KiB.
const VALUE_BYTES_MAX: usize = 1024;

/// Bytes of a user's name that was not let in: what is longer may be a token in the wrong place.
const CLAIMED_NAME_BYTES_MAX: usize = 64;

/// Who an event is about, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Who<'a> {
    /// The client's identifier.
    pub client_id: Option<&'a str>,
    /// The user.
    pub user: Option<&'a str>,
    /// What the client speaks, where it has not logged in with that.
    pub protocol: Option<&'static str>,
}

impl<'a> Who<'a> {
    /// Somebody who wants to be let in, and says to be this user.
    pub fn claims(client_id: Option<&'a str>, user: Option<&'a str>, protocol: &'static str) -> Self {
        let user = user.filter(|user| user.len() <= CLAIMED_NAME_BYTES_MAX);
        Self { client_id, user, protocol: Some(protocol) }
    }
}

/// A client that was let in.
#[derive(Clone, Copy, Debug)]
pub struct LoggedIn<'a> {
    /// Who it is.
    pub who: Who<'a>,
    /// The session's name, where that is not the client's identifier.
    pub session: Option<&'a str>,
    /// Whether its session was there before, where sessions can be.
    pub session_present: Option<bool>,
    /// In seconds, where it is agreed on.
    pub keep_alive: Option<u16>,
    /// How long the session outlives the connection, in seconds, where it can.
    pub expiry_secs: Option<u32>,
}

/// A client that was let in and goes.
#[derive(Clone, Copy)]
pub struct LoggedOut<'a> {
    /// Who it is.
    pub who: Who<'a>,
    /// The session's name, where that is not the client's identifier.
    pub session: Option<&'a str>,
    /// How its connection ended.
    pub ending: Ending<'a>,
    /// What that has carried.
    pub carried: Carried,
}

/// What one connection has carried.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carried {
    /// Bytes of packets and frames, without what WebSocket, TLS and TCP add.
    pub bytes: Moved,
    /// Messages that its client has sent, those included that were refused.
    pub messages_in: u64,
    /// Messages that were written for it; not known where another connection has taken the session over.
    pub messages_out: Option<u64>,
}

/// How a client's connection ended.
#[derive(Clone, Copy)]
pub enum Ending<'a> {
    /// The client said goodbye, in these words.
    Client(&'a str),
    /// The broker ended it, which counts as a refusal.
    Broker(RefusalReason, &'a dyn Display),
    /// Neither did.
    Lost(Loss),
}

/// Why a connection is of no more use, though neither side has said in its protocol's words that it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The client closed its WebSocket.
    Closed,
    /// The stream ended, or broke.
    Broken,
    /// What the client was promised could not be stored.
    NotStored,
    /// A fault of the broker's own.
    Panicked,
}

/// One refusal.
pub struct Refused<'a> {
    /// Why.
    pub reason: RefusalReason,
    /// Who was refused.
    pub who: Who<'a>,
    /// Why, in words; put together only when they are written.
    pub detail: &'a dyn Display,
}

/// How many lines the events get.
#[derive(Debug, Default)]
pub(super) struct EventLines {
    connected: LineBudget,
    disconnected: LineBudget,
    refused: LineBudget,
    /// Told when lines are being left out.
    withheld: Notify,
}

impl EventLines {
    fn budgets(&self) -> [(&LineBudget, &'static str); 3] {
        [(&self.connected, "connects"), (&self.disconnected, "disconnects"), (&self.refused, "refusals")]
    }
}

impl Broker {
    /// Says that a client was let in, and counts it until [`Broker::remove_link`].
    pub fn note_connected(&self, link: &Link, spoken: Spoken, logged_in: &LoggedIn<'_>) {
        self.note_client(link, spoken);
        if self.traces.are_on() {
            let detail = format!("{} {} from {}", spoken.protocol().name(), spoken.version(), link.origin());
            let (client_id, session) = (logged_in.who.client_id, logged_in.session);
            self.traces.note_presence(self.now(), Happened::Connect, client_id, session, &detail);
        }
        if !self.has_line(&self.event_lines.connected, "connects") {
            return;
        }
        let LoggedIn { who, session, session_present, keep_alive, expiry_secs } = *logged_in;
        let Facts { client_id, user, address, listener, protocol, transport, tls } = Facts::of(link, who);
        tracing::info!(
            %link, client_id, user, address, listener, protocol, transport, tls, session, session_present, keep_alive,
            expiry_secs, "connected"
        );
    }

    /// Says that a client that was let in is gone, or about to be.
    pub fn note_disconnected(&self, link: &Link, logged_out: &LoggedOut<'_>) {
        let LoggedOut { who, session, ending, carried } = *logged_out;
        if let Ending::Broker(reason, _) = ending {
            self.counters.refused.add(reason);
        }
        if self.traces.are_on() {
            let detail = match &ending {
                Ending::Client(_) => "by the client".to_owned(),
                Ending::Broker(reason, detail) => {
                    format!("{}: {}", reason.name(), shown(&detail.to_string()))
                }
                Ending::Lost(loss) => loss.name().to_owned(),
            };
            self.traces.note_presence(self.now(), Happened::Disconnect, who.client_id, session, &detail);
        }
        if !self.has_line(&self.event_lines.disconnected, "disconnects") {
            return;
        }
        let (by, reason, detail) = match ending {
            Ending::Client(words) => ("client", "disconnect", Some(words.to_owned())),
            Ending::Broker(reason, detail) => {
                ("broker", reason.name(), Some(shown(&detail.to_string()).to_owned()))
            }
            Ending::Lost(loss) => (loss.by(), loss.name(), None),
        };
        let lasted = self.now().instant.saturating_duration_since(link.opened_at());
        let lasted_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
        let Carried { bytes: Moved { read: bytes_in, written: bytes_out }, messages_in, messages_out } =
            carried;
        let Facts { client_id, user, address, listener, protocol, transport, tls } = Facts::of(link, who);
        tracing::info!(
            %link, client_id, user, address, listener, protocol, transport, tls, by, reason, detail, lasted_ms,
            bytes_in, bytes_out, messages_in, messages_out, "disconnected"
        );
    }

    /// Counts a refusal and says it: of a connection, or of something that a client has asked for which stays.
    pub fn note_refusal(&self, link: &Link, refused: &Refused<'_>) {
        let Refused { reason, who, detail } = *refused;
        self.counters.refused.add(reason);
        if !self.has_line(&self.event_lines.refused, "refusals") {
            return;
        }
        // As a string it is escaped: parts of it come from outside.
        let (reason, detail) = (reason.name(), detail.to_string());
        let detail = shown(&detail);
        let Facts { client_id, user, address, listener, protocol, transport, tls } = Facts::of(link, who);
        tracing::info!(
            %link, client_id, user, address, listener, protocol, transport, tls, reason, detail, "refused"
        );
    }

    /// Whether an event gets a line; says so when the first in a second does not.
    fn has_line(&self, budget: &LineBudget, events: &str) -> bool {
        match budget.judge(self.now()) {
            Verdict::Write { unlogged } => {
                say_unlogged(unlogged, events);
                // What a line says takes longer to put together than its client to let in.
                tracing::enabled!(tracing::Level::INFO)
            }
            Verdict::Announce => {
                tracing::warn!(
                    "more than {LINES_PER_SECOND_MAX} {events} in this second: the others are counted and not logged"
                );
                self.event_lines.withheld.notify_one();
                false
            }
            Verdict::Withhold => false,
        }
    }

    /// Says how many lines were left out, once they are, for as long as it is polled: after a storm the next event of its
    /// kind, which would say so as well, may be a long time coming.
    pub(super) async fn run_event_lines(&self) {
        loop {
            self.event_lines.withheld.notified().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            for (budget, events) in self.event_lines.budgets() {
                say_unlogged(budget.take_unlogged(self.now()), events);
            }
        }
    }
}

fn say_unlogged(unlogged: u32, events: &str) {
    if unlogged > 0 {
        tracing::warn!("{unlogged} more {events} were not logged");
    }
}

/// What every event has, as far as it is known.
struct Facts<'a> {
    client_id: Option<&'a str>,
    user: Option<&'a str>,
    address: Option<String>,
    listener: Option<String>,
    protocol: Option<&'static str>,
    transport: &'static str,
    tls: bool,
}

impl<'a> Facts<'a> {
    fn of(link: &Link, who: Who<'a>) -> Self {
        let (address, listener) = link.whence();
        let carrier = link.carrier();
        Self {
            client_id: who.client_id.map(shown),
            user: who.user.map(shown),
            address,
            listener,
            protocol: link.spoken().map(Spoken::name).or(who.protocol),
            transport: carrier.transport(),
            tls: carrier.is_tls,
        }
    }
}

/// As much of a client's own words as a line has room for.
pub(super) fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(VALUE_BYTES_MAX)]
}

impl Loss {
    fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Broken => "lost",
            Self::NotStored => "not_stored",
            Self::Panicked => "panic",
        }
    }

    fn by(self) -> &'static str {
        match self {
            Self::Closed => "client",
            Self::Broken => "network",
            Self::NotStored | Self::Panicked => "broker",
        }
    }
}
