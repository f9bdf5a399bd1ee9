//! What happens to one client, or at one topic, as it happens, for whoever wants to watch. While nobody does, it costs a look
//! at one number; nothing is waited for in any case: what a watcher does not take in time is left out, and counted.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use tidewire_protocols::topic::{TopicFilterBuf, TopicName};
use tokio::sync::Notify;

use super::Broker;
use super::events::shown;
use crate::clock::{Now, Timestamp};
use crate::message::{Publication, Qos};
use crate::session::Session;

/// Events that wait for a watcher.
const EVENTS_MAX: usize = 1024;

/// Sessions that are followed at once, since their clients have the client-id that is watched; what those beyond do is left
/// out.
const SESSIONS_MAX: usize = 1024;

/// What is watched.
#[derive(Clone, Debug)]
pub enum Watched {
    /// One client, by its identifier or by STOMP's client-id.
    Client(Box<str>),
    /// What is published to topics that this filter matches, and what becomes of it.
    Topic(TopicFilterBuf),
}

/// Everybody who watches.
#[derive(Debug, Default)]
pub struct Traces {
    count: AtomicUsize,
    traces: RwLock<Vec<Arc<Shared>>>,
}

/// One who watches, until this is dropped.
#[derive(Debug)]
pub struct Trace {
    shared: Arc<Shared>,
    all: Arc<Traces>,
}

#[derive(Debug)]
struct Shared {
    watched: Watched,
    /// Sessions of STOMP that use the client-id which is watched, for as long as they are connected.
    sessions: Mutex<HashSet<Arc<str>>>,
    buffer: Mutex<Buffer>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Buffer {
    events: VecDeque<TraceEvent>,
    left_out: u64,
}

/// What has happened.
#[derive(Clone, Debug, Serialize)]
pub struct TraceEvent {
    /// When.
    pub at: Timestamp,
    /// The kind.
    pub event: Happened,
    /// Whom it has happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Arc<str>>,
    /// The kind of packet or frame, as PUBLISH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet: Option<Box<str>>,
    /// The topic name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<Box<str>>,
    /// The QoS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qos: Option<u8>,
    /// Bytes of the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// More of it, in words: protocol and address, or why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<str>>,
    /// Events that the watcher has missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<u64>,
}

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// A client has logged in.
    Connect,
    /// It is gone.
    Disconnect,
    /// It has sent something.
    In,
    /// A message was written for it.
    Out,
    /// A message waits for it.
    Queued,
    /// A message was dropped, since its outbox is full.
    Dropped,
    /// So many events were left out here.
    LeftOut,
}

impl Traces {
    /// Whether anybody watches.
    #[inline]
    pub fn are_on(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// A client has sent a packet or frame that is no message.
    #[cold]
    pub fn note_received(&self, now: Now, session: &Session, packet: &str) {
        let happened = || {
            let packet = Some(packet.to_ascii_uppercase().into());
            TraceEvent { packet, ..TraceEvent::new(now, Happened::In, session) }
        };
        self.note(&session.key().client_id, None, happened);
    }

    /// Something has become of a message that a client has sent, or that goes to it.
    #[cold]
    pub fn note_message(
        &self,
        now: Now,
        event: Happened,
        session: &Session,
        message: &Publication<'_>,
        qos: Qos,
    ) {
        let happened = || TraceEvent {
            topic: Some(shown(message.topic.as_str()).into()),
            qos: Some(qos.as_u8()),
            size: Some(message.payload.len()),
            ..TraceEvent::new(now, event, session)
        };
        self.note(&session.key().client_id, Some(message.topic), happened);
    }

    /// A client comes or goes. `session` is the name by which its session is known where that is another.
    #[cold]
    pub(super) fn note_presence(
        &self,
        now: Now,
        event: Happened,
        client_id: Option<&str>,
        session: Option<&str>,
        detail: &str,
    ) {
        let Some(name) = session.or(client_id) else { return };
        let name: Arc<str> = name.into();
        let client_id = client_id.filter(|_| session.is_some());
        if let Some(client_id) = client_id.filter(|_| event == Happened::Connect) {
            self.traces.read().iter().for_each(|shared| shared.follow(client_id, &name));
        }
        self.note(&name, None, || TraceEvent {
            at: Timestamp(now.unix_ms),
            client_id: Some(Arc::clone(&name)),
            detail: Some(detail.into()),
            ..TraceEvent::empty(now, event)
        });
        if client_id.is_some() && event == Happened::Disconnect {
            for shared in self.traces.read().iter() {
                shared.sessions.lock().remove(&name);
            }
        }
    }

    fn note(&self, client_id: &str, topic: Option<TopicName<'_>>, happened: impl Fn() -> TraceEvent) {
        for shared in self.traces.read().iter() {
            let is_wanted = match &shared.watched {
                Watched::Client(_) => shared.is_about(client_id),
                Watched::Topic(filter) => topic.is_some_and(|topic| filter.as_filter().matches(topic)),
            };
            if is_wanted {
                shared.push(happened());
            }
        }
    }
}

impl Broker {
    /// Watches from now on.
    pub fn trace(&self, watched: Watched) -> Trace {
        let (sessions, buffer, changed) = (Mutex::default(), Mutex::default(), Notify::new());
        let shared = Arc::new(Shared { watched, sessions, buffer, changed });
        self.traces.traces.write().push(Arc::clone(&shared));
        self.traces.count.fetch_add(1, Ordering::Relaxed);
        // Those that were there before; who comes meanwhile is seen to come.
        if let Watched::Client(_) = &shared.watched {
            for session in self.registry.all() {
                let link = session.lock().link.clone();
                if let Some(client_id) = link.and_then(|link| link.client_id()) {
                    shared.follow(&client_id, &session.key().client_id);
                }
            }
        }
        Trace { shared, all: Arc::clone(&self.traces) }
    }
}

impl Trace {
    /// What has happened since this was asked last; waits until there is something.
    pub async fn next(&self) -> Vec<TraceEvent> {
        loop {
            let changed = self.shared.changed.notified();
            let Buffer { events, left_out } = std::mem::take(&mut *self.shared.buffer.lock());
            let mut events = Vec::from(events);
            if let Some(last) = events.last().filter(|_| left_out > 0) {
                let (at, event, left_out) = (last.at, Happened::LeftOut, Some(left_out));
                let none = TraceEvent { at, event, left_out, ..last.without_details() };
                events.push(none);
            }
            if !events.is_empty() {
                return events;
            }
            changed.await;
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.all.traces.write().retain(|shared| !Arc::ptr_eq(shared, &self.shared));
        self.all.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// A client has this client-id: what is known by its session's name is about the client that is watched, if it is that.
    fn follow(&self, client_id: &str, session: &Arc<str>) {
        if !matches!(&self.watched, Watched::Client(wanted) if **wanted == *client_id) {
            return;
        }
        let mut sessions = self.sessions.lock();
        if sessions.len() < SESSIONS_MAX {
            sessions.insert(Arc::clone(session));
        }
    }

    fn is_about(&self, client_id: &str) -> bool {
        match &self.watched {
            Watched::Client(wanted) => **wanted == *client_id || self.sessions.lock().contains(client_id),
            Watched::Topic(_) => false,
        }
    }

    /// Leaves it out where the watcher does not keep up.
    fn push(&self, event: TraceEvent) {
        let mut buffer = self.buffer.lock();
        match buffer.events.len() < EVENTS_MAX {
            true => buffer.events.push_back(event),
            false => buffer.left_out += 1,
        }
        drop(buffer);
        self.changed.notify_one();
    }
}

impl TraceEvent {
    fn empty(now: Now, event: Happened) -> Self {
        Self {
            at: Timestamp(now.unix_ms),
            event,
            client_id: None,
            packet: None,
            topic: None,
            qos: None,
            size: None,
            detail: None,
            left_out: None,
        }
    }

    fn new(now: Now, event: Happened, session: &Session) -> Self {
        Self { client_id: Some(Arc::clone(&session.key().client_id)), ..Self::empty(now, event) }
    }

    fn without_details(&self) -> Self {
        Self {
            client_id: None,
            packet: None,
            topic: None,
            qos: None,
            size: None,
            detail: None,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Gate;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::store::MemoryStore;

    fn broker() -> Broker {
        let store = Arc::new(MemoryStore::default());
        Broker::new(Config::default(), Arc::new(Gate::default()), store, Clock::system())
    }

    /// A client of STOMP comes or goes.
    fn note(broker: &Broker, event: Happened, client_id: &str, number: usize) {
        let session = format!("session-{number}");
        broker.traces.note_presence(broker.now(), event, Some(client_id), Some(&session), "");
    }

    #[test]
    fn a_session_is_followed_until_it_ends_and_so_many_are_at_once() {
        let broker = broker();
        let trace = broker.trace(Watched::Client("news".into()));
        for number in 0..10 * SESSIONS_MAX {
            note(&broker, Happened::Connect, "news", number);
            note(&broker, Happened::Connect, "other", number + 1);
            note(&broker, Happened::Disconnect, "news", number);
        }
        assert_eq!(trace.shared.sessions.lock().len(), 0);
        (0..2 * SESSIONS_MAX).for_each(|number| note(&broker, Happened::Connect, "news", number));
        assert_eq!(trace.shared.sessions.lock().len(), SESSIONS_MAX);
    }

    #[tokio::test]
    async fn the_end_of_a_session_is_seen_by_whoever_follows_its_client() {
        let broker = broker();
        let trace = broker.trace(Watched::Client("news".into()));
        note(&broker, Happened::Connect, "news", 1);
        note(&broker, Happened::Disconnect, "news", 1);
        note(&broker, Happened::Disconnect, "other", 2);
        let seen = trace.next().await;
        let seen: Vec<_> = seen.iter().map(|event| (event.event, event.client_id.as_deref())).collect();
        let name = Some("session-1");
        assert_eq!(seen, [(Happened::Connect, name), (Happened::Disconnect, name)]);
    }
}
