//! All sessions, by protocol and client identifier.

use std::sync::Arc;

use dashmap::DashMap;

use super::Session;
pub use crate::store::SessionKind as ProtocolKind;

/// Names a session among all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// Its protocol.
    pub protocol: ProtocolKind,
    /// Its client identifier.
    pub client_id: Arc<str>,
}

/// The sessions there are. Hands out clones of `Arc`, never guards of the map, since a guard is a lock.
#[derive(Default)]
pub struct Registry {
    sessions: DashMap<SessionKey, Arc<Session>, foldhash::fast::RandomState>,
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
            make()
        });
        (Arc::clone(&entry), made)
    }

    /// The session of that name.
    pub fn find(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.sessions.get(key).map(|session| Arc::clone(&session))
    }

    /// All of them at present.
    pub fn all(&self) -> Vec<Arc<Session>> {
        self.sessions.iter().map(|entry| Arc::clone(&entry)).collect()
    }

    /// Removes this very session; one that has taken its name since stays.
    pub fn remove(&self, session: &Session) {
        self.sessions.remove_if(session.key(), |_, found| std::ptr::eq(Arc::as_ptr(found), session));
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
