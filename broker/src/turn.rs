//! One turn of a connection: everything that has arrived is handled before one commit, one round of wake-ups and one
//! write.

use std::sync::Arc;
use std::time::Instant;

use crate::clock::Now;
use crate::counters::{Counters, Moved, Tally};
use crate::router::LastMatch;
use crate::session::{Link, Transmit};
use crate::store::{Batch, CommitId, Record, Store, StoreError};

/// What a turn gathers: records for the store, and the connections to wake once it is over. Waking inside a fan-out
/// loop would let the woken tasks fight for the locks that the loop still needs.
pub struct Turn<'s> {
    /// The time of this turn.
    pub now: Now,
    store: &'s dyn Store,
    batch: Batch,
    /// Records in the batch that belong to packets before the one at hand.
    earlier: usize,
    /// Records of earlier packets were lost; what they promised must not be said.
    is_broken: bool,
    /// The store refuses some batches at present.
    is_failing: bool,
    commit: CommitId,
    durable: CommitId,
    keeps_records: bool,
    touched: Vec<Arc<Link>>,
    /// Who received the message before, for a client that goes on publishing to one topic.
    pub last_match: LastMatch,
    /// What is counted in this turn.
    pub tally: Tally,
    /// What the connection whose turn it is has carried so far, of this turn what was read.
    pub carried: Moved,
    counters: &'s Counters,
    /// When the turn began, where it is measured, until the first publish in it takes that.
    measured: Option<Instant>,
    /// See [`Turn::is_observed`].
    is_observed: bool,
}

impl<'s> Turn<'s> {
    /// Begins a turn.
    #[inline]
    pub fn new(now: Now, store: &'s dyn Store, counters: &'s Counters) -> Self {
        let durable = store.durable();
        Self {
            now,
            store,
            batch: Batch::default(),
            earlier: 0,
            is_broken: false,
            is_failing: store.is_failing(),
            commit: CommitId::NONE,
            durable,
            keeps_records: store.keeps_records(),
            touched: Vec::new(),
            last_match: LastMatch::default(),
            tally: Tally::default(),
            carried: Moved::default(),
            counters,
            measured: None,
            is_observed: false,
        }
    }

    /// The turn is one whose first publish is measured.
    pub fn measure(&mut self) {
        self.measured = Some(self.now.instant);
        self.is_observed = true;
    }

    /// Somebody watches what happens in this turn, as far as is known at its beginning.
    pub fn watch(&mut self) {
        self.is_observed = true;
    }

    /// Whether what happens may be worth more than being done: the turn is measured, or somebody watches. One look for each
    /// message, and no more, is what turns cost that are not.
    #[inline]
    pub fn is_observed(&self) -> bool {
        self.is_observed
    }

    /// When the turn began that is measured, for the first who asks.
    pub fn take_measured(&mut self) -> Option<Instant> {
        self.measured.take()
    }

    /// The next packet or frame is handled: what is recorded from here on is its own.
    #[inline]
    pub fn next_packet(&mut self) {
        // While the store refuses what adds to it, what settles something must not share a batch with that.
        if self.is_failing {
            // Whether it was taken, `finish` says.
            let _ = self.apply_or_end();
        }
        self.earlier = self.batch.len();
    }

    /// Adds the record that `make` makes, if the store keeps records.
    #[inline]
    pub fn record(&mut self, make: impl FnOnce() -> Record) {
        if self.keeps_records {
            self.batch.push(make());
        }
    }

    /// Whether the store keeps records, so that numbering what is stored has a purpose.
    #[inline]
    pub fn keeps_records(&self) -> bool {
        self.keeps_records
    }

    /// Applies what was recorded so far. Call it before anybody else can see the change: stored before seen.
    /// Returns the commit that all of this turn's changes so far depend on.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store takes nothing; the recorded changes are gone. The packet at hand can say so; if
    /// changes of earlier ones were among them, [`Turn::finish`] fails as well.
    pub fn apply(&mut self) -> Result<CommitId, StoreError> {
        if self.batch.is_empty() {
            return Ok(self.commit);
        }
        let has_earlier = std::mem::take(&mut self.earlier) > 0;
        match self.store.apply(&mut self.batch) {
            Ok(commit) => {
                self.commit = commit;
                Ok(commit)
            }
            Err(error) => {
                self.is_broken |= has_earlier;
                Err(error)
            }
        }
    }

    /// What a session goes by that sends what waits for its client.
    pub fn transmit<'t>(&'t mut self) -> Transmit<'t> {
        let batch = self.keeps_records.then_some(&mut self.batch);
        Transmit::new(self.now, self.durable, batch)
    }

    /// The same where nothing can be refused any more: if the store takes nothing, the connection ends with the turn.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as for [`Turn::apply`]; [`Turn::finish`] fails then.
    pub fn apply_or_end(&mut self) -> Result<CommitId, StoreError> {
        let applied = self.apply();
        self.is_broken |= applied.is_err();
        applied
    }

    /// How far the store was durable when the turn began.
    #[inline]
    pub fn durable(&self) -> CommitId {
        self.durable
    }

    /// Remembers the connection of a session whose outbox has got something, to wake it at the end.
    #[inline]
    pub fn touch(&mut self, link: &Arc<Link>) {
        self.touched.push(Arc::clone(link));
    }

    /// Ends the turn: applies what is left, and wakes every connection that was touched, once each.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when something that was promised in this turn could not be stored.
    pub fn finish(mut self) -> Result<CommitId, StoreError> {
        let commit = self.apply()?;
        if self.is_broken { Err(StoreError::Unavailable) } else { Ok(commit) }
    }
}

/// Wakes whoever was touched however the turn ends: after a panic as well, since their sessions count on it.
impl Drop for Turn<'_> {
    fn drop(&mut self) {
        for link in self.touched.drain(..) {
            link.wake();
        }
        self.counters.add_tally(&self.tally);
    }
}
