//! What a session goes by when its connection can write, and what follows from it.

use crate::clock::Now;
use crate::store::{Batch, CommitId, Fetch, Record};

/// See the module. It belongs to a turn, which applies the records at its end.
pub struct Transmit<'t> {
    /// The time.
    pub now: Now,
    /// How far the store is durable.
    pub durable: CommitId,
    /// Messages that are wanted from the store, to be asked for once no lock is held.
    pub fetches: Vec<Fetch>,
    /// None where the store keeps no records.
    batch: Option<&'t mut Batch>,
}

impl<'t> Transmit<'t> {
    /// At that time, with a store that is durable so far; records go into `batch`, where they are kept.
    pub fn new(now: Now, durable: CommitId, batch: Option<&'t mut Batch>) -> Self {
        Self { now, durable, fetches: Vec::new(), batch }
    }

    /// Adds the record that `make` makes, if the store keeps records.
    pub fn record(&mut self, make: impl FnOnce() -> Record) {
        if let Some(batch) = &mut self.batch {
            batch.push(make());
        }
    }
}
