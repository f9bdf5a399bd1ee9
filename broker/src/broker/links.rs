//! The network connections that there are, in the order in which they came, each with the session that it serves.

use std::sync::{Arc, Weak};

use crate::numbered::Numbered;
use crate::session::{Link, Session};

/// See the module.
#[derive(Default)]
pub(super) struct Links(Numbered<OnList>);

/// A connection on the list.
#[derive(Clone)]
pub(super) struct OnList {
    pub(super) link: Arc<Link>,
    /// The session that it was given; it may have lost that to another connection since.
    session: Weak<Session>,
}

impl Links {
    /// Puts a connection on the list.
    pub(super) fn insert(&self, link: &Arc<Link>) {
        self.0.insert(link.id(), OnList { link: Arc::clone(link), session: Weak::new() });
    }

    /// Takes it off.
    pub(super) fn remove(&self, link: &Link) {
        self.0.remove(link.id());
    }

    /// Says that a connection was given this session.
    pub(super) fn attach(&self, link: &Link, session: &Arc<Session>) {
        self.0.change(link.id(), |on_list| on_list.session = Arc::downgrade(session));
    }

    /// So many of them behind the one with this number. Takes time for those alone.
    pub(super) fn behind(&self, number: u64, limit: usize) -> Vec<OnList> {
        self.0.from(number.saturating_add(1), limit)
    }

    /// All of them at present.
    pub(super) fn all(&self) -> Vec<Arc<Link>> {
        self.0.all().into_iter().map(|on_list| on_list.link).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl OnList {
    /// The session that it serves at present.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.session.upgrade().filter(|session| session.lock().is_attached(&self.link))
    }
}
