//! One turn of a connection: everything that has arrived is handled before one commit, one round of wake-ups and one
//! write.

use std::sync::Arc;

use crate::clock::Now;
use crate::session::Link;
use crate::store::{Batch, CommitId, Record, Store, StoreError};

/// What a turn gathers: records for the store, and the connections to wake once it is over. Waking inside a fan-out
/// loop would let the woken tasks fight for the locks that the loop still needs.
pub struct Turn<'s> {
    /// The time of this turn.
    pub now: Now,
    store: &'s dyn Store,
    batch: Batch,
    commit: CommitId,
    durable: CommitId,
    touched: Vec<Arc<Link>>,
}

impl<'s> Turn<'s> {
    /// Begins a turn.
    pub fn new(now: Now, store: &'s dyn Store) -> Self {
        let durable = store.durable();
        Self { now, store, batch: Batch::default(), commit: CommitId::NONE, durable, touched: Vec::new() }
    }

    /// Adds the record that `make` makes, if the store keeps records.
    pub fn record(&mut self, make: impl FnOnce() -> Record) {
        if self.store.keeps_records() {
            self.batch.push(make());
        }
    }

    /// Whether the store keeps records, so that numbering what is stored has a purpose.
    pub fn keeps_records(&self) -> bool {
        self.store.keeps_records()
    }

    /// Applies what was recorded so far. Call it before anybody else can see the change: stored before seen.
    /// Returns the commit that all of this turn's changes so far depend on.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store takes nothing; the recorded changes are gone.
    pub fn apply(&mut self) -> Result<CommitId, StoreError> {
        if !self.batch.is_empty() {
            self.commit = self.store.apply(&mut self.batch)?;
        }
        Ok(self.commit)
    }

    /// The last commit of this turn.
    pub fn commit(&self) -> CommitId {
        self.commit
    }

    /// How far the store was durable when the turn began.
    pub fn durable(&self) -> CommitId {
        self.durable
    }

    /// Remembers the connection of a session whose outbox has got something, to wake it at the end.
    pub fn touch(&mut self, link: &Arc<Link>) {
        self.touched.push(Arc::clone(link));
    }

    /// Ends the turn: applies what is left and wakes every connection that was touched, once each.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store took nothing of what was left; they are woken all the same.
    pub fn finish(mut self) -> Result<CommitId, StoreError> {
        let applied = self.apply();
        for link in self.touched.drain(..) {
            link.wake();
        }
        applied
    }
}
