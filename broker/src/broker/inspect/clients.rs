//! Connections, and who has come over them.

use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Listed;
use crate::address::parse_ip;
use crate::broker::Broker;
use crate::broker::links::OnList;
use crate::clock::{Now, Timestamp};
use crate::counters::Spoken;
use crate::session::{Link, ProtocolKind, Session};

/// One connection.
#[derive(Clone, Debug, Serialize)]
pub struct Client {
    /// The connection's number, which no other ever has.
    pub id: u64,
    /// The client identifier; for STOMP the session that CONNECTED names; none until the client has said who it is.
    pub client_id: Option<Arc<str>>,
    /// STOMP's client-id header, where one was given.
    pub name: Option<Box<str>>,
    /// The user; none: anonymous.
    pub user: Option<Arc<str>>,
    /// Protocol and version, as `mqtt5`; none until the client has said it.
    pub protocol: Option<&'static str>,
    /// `ws` or `tcp`.
    pub transport: &'static str,
    /// Whether the broker itself has encrypted it.
    pub tls: bool,
    /// The listener that it came to.
    pub listener: String,
    /// Where it comes from.
    pub address: String,
    /// When it was accepted.
    pub connected_at: Timestamp,
    /// How far it is.
    pub state: ClientState,
    /// Subscriptions of its session.
    pub subscriptions: usize,
    /// What waits for it in the broker.
    pub outbox: Waiting,
    /// Messages that were sent to it and that it has not acknowledged.
    pub inflight: usize,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientState {
    /// It has not said yet who it is, or carries others (HTTP/2).
    Connecting,
    /// It has.
    Connected,
    /// It was asked to end.
    Leaving,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Messages.
    pub messages: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// Which connections are wanted; what is not said makes no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFilter {
    /// The client identifier, or STOMP's client-id.
    pub client_id: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// Protocol and version, as `mqtt5`, or the protocol alone, as `mqtt`.
    pub protocol: Option<String>,
    /// The listener.
    pub listener: Option<String>,
    /// The network that it comes from.
    pub network: Option<IpNet>,
    /// How far it is.
    pub state: Option<ClientState>,
    /// Whether messages wait for it.
    pub is_slow: Option<bool>,
}

/// A connection, and the session that it serves, if it does by now.
pub(super) struct Found {
    pub(super) link: Arc<Link>,
    pub(super) session: Option<Arc<Session>>,
}

impl Broker {
    /// The first `limit` connections behind the one with the number `after`, in the order in which they came. Without a
    /// filter that takes time for those alone; with one each connection is looked at, since all that match are counted.
    pub fn list_clients(&self, filter: &ClientFilter, after: u64, limit: usize) -> Listed<Client> {
        let now = self.now();
        if *filter == ClientFilter::default() {
            let page = self.links.behind(after, limit.saturating_add(1));
            return Listed::page(page, limit, self.link_count(), |on_list| {
                Found::from(on_list).describe(now)
            });
        }
        let mut listed = Listed::new();
        for found in self.links.behind(0, usize::MAX).into_iter().map(Found::from) {
            if found.matches(filter) {
                listed.count(found.link.id() > after, limit, || found.describe(now));
            }
        }
        listed
    }
}

impl From<OnList> for Found {
    fn from(on_list: OnList) -> Self {
        Self { session: on_list.session(), link: on_list.link }
    }
}

impl Found {
    fn state(&self) -> ClientState {
        match (self.link.signal(), &self.session) {
            (Some(_), _) => ClientState::Leaving,
            (None, Some(_)) => ClientState::Connected,
            (None, None) => ClientState::Connecting,
        }
    }

    fn matches(&self, filter: &ClientFilter) -> bool {
        let session = self.session.as_deref();
        let is = |wanted: &Option<String>, given: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| given == Some(wanted.as_str()))
        };
        let wants_whence = filter.listener.is_some() || filter.network.is_some();
        let (address, listener) = if wants_whence { self.link.whence() } else { (None, None) };
        let network =
            |network: &IpNet| address.as_deref().and_then(parse_ip).is_some_and(|ip| network.contains(&ip));
        let client_id = session.map(|session| &*session.key().client_id);
        (is(&filter.client_id, client_id) || is(&filter.client_id, self.link.client_id().as_deref()))
            && is(&filter.user, session.and_then(|session| session.owner()).map(|user| &**user))
            && is(&filter.listener, listener.as_deref())
            && filter.protocol.as_ref().is_none_or(|wanted| self.speaks(wanted))
            && filter.network.as_ref().is_none_or(network)
            && filter.state.is_none_or(|wanted| wanted == self.state())
            && filter.is_slow.is_none_or(|wanted| wanted == (self.waiting().messages > 0))
    }

    fn speaks(&self, wanted: &str) -> bool {
        let Some(spoken) = self.link.spoken() else { return false };
        name(spoken) == wanted || spoken.protocol().name() == wanted
    }

    fn waiting(&self) -> Waiting {
        self.session.as_ref().map(|session| Waiting::of(session)).unwrap_or_default()
    }

    pub(super) fn describe(&self, now: Now) -> Client {
        let Self { link, session } = self;
        let (carrier, age) = (link.carrier(), now.instant.saturating_duration_since(link.opened_at()));
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let (subscriptions, inflight) = session.as_ref().map_or((0, 0), |session| {
            let state = session.lock();
            (state.subscriptions.len(), state.deliver.inflight())
        });
        Client {
            id: link.id(),
            client_id: session.as_ref().map(|session| Arc::clone(&session.key().client_id)),
            name: link.client_id(),
            user: session.as_ref().and_then(|session| session.owner().cloned()),
            protocol: link.spoken().map(name),
            transport: carrier.transport(),
            tls: carrier.is_tls,
            listener: link.whence().1.unwrap_or_default(),
            address: link.origin(),
            connected_at: Timestamp(now.unix_ms.saturating_sub(age_ms)),
            state: self.state(),
            subscriptions,
            outbox: self.waiting(),
            inflight,
        }
    }
}

impl Waiting {
    /// What waits for a session: in its outbox, or, where it is a durable subscription of STOMP, in none.
    pub(super) fn of(session: &Session) -> Self {
        let state = session.lock();
        Self { messages: state.outbox.waiting_messages(), bytes: state.outbox.waiting_bytes() }
    }
}

/// Which of several sessions of one name is meant; MQTT's comes first.
pub(super) const KINDS: [ProtocolKind; 3] =
    [ProtocolKind::Mqtt, ProtocolKind::Stomp, ProtocolKind::DurableSubscription];

fn name(spoken: Spoken) -> &'static str {
    match spoken {
        Spoken::Mqtt31 => "mqtt31",
        Spoken::Mqtt311 => "mqtt311",
        Spoken::Mqtt5 => "mqtt5",
        Spoken::Stomp10 => "stomp10",
        Spoken::Stomp11 => "stomp11",
        Spoken::Stomp12 => "stomp12",
    }
}
