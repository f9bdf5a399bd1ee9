//! All sessions, by protocol and client identifier, and in the order in which they began.

use std::sync::Arc;

use dashmap::DashMap;

use super::Session;
use crate::numbered::Numbered;
pub use crate::store::SessionKind as ProtocolKind;

/// Names a session among all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// Its protocol.
    pub protocol: ProtocolKind,
    /// Its client identifier.
    pub client_id: Arc<str>,
    /// Whether its client is whoever runs the broker: neither it nor another of its name takes the other's session over.
    pub is_operator: bool,
}

impl SessionKey {
    /// That of a client, who does not run the broker.
    pub fn new(protocol: ProtocolKind, client_id: Arc<str>) -> Self {
        Self { protocol, client_id, is_operator: false }
    }
}

/// The sessions there are. Hands out clones of `Arc`, never guards of the map, since a guard is a lock.
#[derive(Default)]
pub struct Registry {
    sessions: DashMap<SessionKey, Arc<Session>, foldhash::fast::RandomState>,
    /// The same by their numbers. Changed under the lock of the other's entry, so that each is in both or in neither.
    in_order: Numbered<Arc<Session>>,
}

impl Registry {
    /// The session of that name, or the one that `make` makes, and whether it was made.
    pub fn find_or_insert(
        &self,
        key: &SessionKey,
        make: impl FnOnce() -> Arc<Session>,
    ) -> (Arc<Session>, bool) {
        let mut made = false;
        let entry = self.sessions.entry(key.clone()).or_insert_with(|| {
            made = true;
            let session = make();
            self.in_order.insert(session.id().0, Arc::clone(&session));
            session
        });
        (Arc::clone(&entry), made)
    }

    /// The session of that name.
    pub fn find(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.sessions.get(key).map(|session| Arc::clone(&session))
    }

    /// All of them at present, in no order.
    pub fn all(&self) -> Vec<Arc<Session>> {
        self.sessions.iter().map(|entry| Arc::clone(&entry)).collect()
    }

    /// So many of them, in the order in which they began, from the one with this number on. Takes time for those alone.
    pub fn from_number(&self, first: u64, limit: usize) -> Vec<Arc<Session>> {
        self.in_order.from(first, limit)
    }

    /// Removes this very session; one that has taken its name since stays.
    pub fn remove(&self, session: &Session) {
        self.sessions.remove_if(session.key(), |_, found| {
            let is_it = std::ptr::eq(Arc::as_ptr(found), session);
            if is_it {
                self.in_order.remove(session.id().0);
            }
            is_it
        });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }
}
