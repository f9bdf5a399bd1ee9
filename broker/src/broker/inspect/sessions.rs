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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// The client identifier.
    pub client_id: Option<String>,
    /// The protocol.
    pub protocol: Option<ProtocolKind>,
    /// Whether a connection serves it.
    pub is_connected: Option<bool>,
}

impl Broker {
    /// The first `limit` sessions behind the one with the number `after`, in the order in which they began. Without a filter
    /// that takes time for those alone, and with a client identifier for its own; else each session is looked at, since all
    /// that match are counted.
    pub fn list_sessions(&self, filter: &SessionFilter, after: u64, limit: usize) -> Listed<SessionSummary> {
        let now = self.now();
        if *filter == SessionFilter::default() {
            let page = self.registry.from_number(after.saturating_add(1), limit.saturating_add(1));
            let summary = |session: Arc<Session>| SessionSummary::of(&session, now);
            return Listed::page(page, limit, self.session_count(), summary);
        }
        let mut listed = Listed::new();
        for session in self.sessions_of(filter.client_id.as_deref()) {
            if filter.admits(&session) {
                listed.count(session.id().0 > after, limit, || SessionSummary::of(&session, now));
            }
        }
        listed
    }

    /// The session of that name; of several, MQTT's comes first, then STOMP's.
    pub fn find_session(&self, client_id: &str, protocol: Option<ProtocolKind>) -> Option<Arc<Session>> {
        let is_it = |kind: ProtocolKind| protocol.is_none_or(|protocol| protocol == kind);
        self.named(client_id).find(|session| is_it(session.key().protocol))
    }

    /// The sessions of one name, or all, in the order in which they began.
    pub(super) fn sessions_of(&self, client_id: Option<&str>) -> Vec<Arc<Session>> {
        let Some(client_id) = client_id else { return self.registry.from_number(0, usize::MAX) };
        let mut sessions: Vec<_> = self.named(client_id).collect();
        sessions.sort_unstable_by_key(|session| session.id());
        sessions
    }

    /// The sessions of one name: clients' by their kinds, then that of whoever runs the broker.
    fn named(&self, client_id: &str) -> impl Iterator<Item = Arc<Session>> {
        let client_id: Arc<str> = client_id.into();
        let keys = [false, true].into_iter().flat_map(move |is_operator| {
            KINDS.map(|kind| SessionKey { is_operator, ..SessionKey::new(kind, Arc::clone(&client_id)) })
        });
        keys.filter_map(|key| self.registry.find(&key))
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
