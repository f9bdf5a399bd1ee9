//! Sessions, connected or not.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::clients::KINDS;
use super::{Listed, Waiting};
use crate::broker::Broker;
use crate::clock::{Now, Timestamp};
use crate::session::{EXPIRY_NEVER, ProtocolKind, Session, SessionKey};

/// What the broker remembers of one client.
#[derive(Clone, Debug, Serialize)]
pub struct SessionSummary {
    /// Its number.
    pub id: u64,
    /// The client identifier, or the name of a durable subscription's queue.
    pub client_id: Arc<str>,
    /// `mqtt`, `stomp` or `durable-subscription`.
    pub protocol: &'static str,
    /// Whose it is; none: anonymous clients', or not known since the broker's start.
    pub user: Option<Arc<str>>,
    /// Whether a connection serves it.
    pub connected: bool,
    /// What waits for it in its outbox; a durable subscription's messages wait in its queue.
    pub queued: Waiting,
    /// Messages that were sent and are not acknowledged.
    pub inflight: usize,
    /// How long it outlives its connection, in seconds; none: for ever.
    pub expiry_secs: Option<u32>,
    /// When it ends if its client does not come back; none while it is connected, and where it never does.
    pub expires_at: Option<Timestamp>,
    /// Its subscriptions.
    pub subscriptions: usize,
}

/// Which sessions are wanted; what is not said makes no difference.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    /// The client identifier.
    pub client_id: Option<String>,
    /// The protocol.
    pub protocol: Option<ProtocolKind>,
    /// Whether a connection serves it.
    pub is_connected: Option<bool>,
}

impl Broker {
    /// The first `limit` sessions behind the one with the number `after`, in the order in which they began.
    pub fn list_sessions(&self, filter: &SessionFilter, after: u64, limit: usize) -> Listed<SessionSummary> {
        let now = self.now();
        let mut listed = Listed::new();
        for session in self.sessions_in_order() {
            if filter.admits(&session) {
                listed.count(session.id().0 > after, limit, || SessionSummary::of(&session, now));
            }
        }
        listed
    }

    /// The session of that name; of several, MQTT's comes first, then STOMP's.
    pub fn find_session(&self, client_id: &str, protocol: Option<ProtocolKind>) -> Option<Arc<Session>> {
        let kinds = KINDS.into_iter().filter(|kind| protocol.is_none_or(|protocol| protocol == *kind));
        let client_id: Arc<str> = client_id.into();
        kinds.into_iter().find_map(|protocol| {
            self.registry.find(&SessionKey { protocol, client_id: Arc::clone(&client_id) })
        })
    }

    /// All sessions, in the order in which they began.
    pub(super) fn sessions_in_order(&self) -> Vec<Arc<Session>> {
        let mut sessions = self.registry.all();
        sessions.sort_unstable_by_key(|session| session.id());
        sessions
    }
}

impl SessionFilter {
    fn admits(&self, session: &Session) -> bool {
        let key = session.key();
        self.client_id.as_deref().is_none_or(|wanted| wanted == &*key.client_id)
            && self.protocol.is_none_or(|wanted| wanted == key.protocol)
            && self.is_connected.is_none_or(|wanted| wanted == session.lock().link.is_some())
    }
}

impl SessionSummary {
    /// As it is at this moment.
    pub(super) fn of(session: &Session, now: Now) -> Self {
        let queued = Waiting::of(session);
        let state = session.lock();
        let expiry_secs = Some(session.expiry_secs()).filter(|secs| *secs != EXPIRY_NEVER);
        let expires_at = expiry_secs.zip(state.detached_at).map(|(secs, detached_at)| {
            let gone = now.instant.saturating_duration_since(detached_at);
            let left = Duration::from_secs(secs.into()).saturating_sub(gone);
            Timestamp(now.unix_ms_after(left))
        });
        Self {
            id: session.id().0,
            client_id: Arc::clone(&session.key().client_id),
            protocol: kind_name(session.key().protocol),
            user: session.owner().cloned(),
            connected: state.link.is_some(),
            queued,
            inflight: state.deliver.inflight(),
            expiry_secs,
            expires_at,
            subscriptions: state.subscriptions.len(),
        }
    }
}

pub(super) fn kind_name(kind: ProtocolKind) -> &'static str {
    match kind {
        ProtocolKind::Mqtt => "mqtt",
        ProtocolKind::Stomp => "stomp",
        ProtocolKind::DurableSubscription => "durable-subscription",
    }
}
