//! What a session goes by when its connection can write, and what follows from it.

use std::sync::Arc;

use super::{Delivery, DeliveryOptions, Session, Tie};
use crate::clock::Now;
use crate::counters::ByQos;
use crate::message::{Message, Publication, Qos};
use crate::store::{Batch, CommitId, Fetch, Origin, QueuedTerms, Record};

/// See the module. It belongs to a turn, which applies the records at its end.
pub struct Transmit<'t> {
    /// The time.
    pub now: Now,
    /// How far the store is durable.
    pub durable: CommitId,
    /// Messages that are wanted from the store, to be asked for once no lock is held.
    pub fetches: Vec<Fetch>,
    /// Messages that were taken from work queues for this session, and recorded so. They are put into its outbox once the
    /// records are applied, and sent when those are durable.
    pub taken: Vec<Delivery>,
    /// Messages that were written.
    pub sent: ByQos,
    /// The same one by one, where somebody watches the session.
    pub observed: Option<Vec<(Arc<Message>, Qos)>>,
    /// Messages that expired while they waited in the outbox.
    pub expired: u64,
    /// The session that messages may be taken for: one that outlives its connection.
    taker: Option<&'t Session>,
    /// None where the store keeps no records.
    batch: Option<&'t mut Batch>,
}

impl<'t> Transmit<'t> {
    /// At that time, with a store that is durable so far; records go into `batch`, where they are kept.
    pub fn new(now: Now, durable: CommitId, batch: Option<&'t mut Batch>) -> Self {
        let (fetches, taken, sent) = (Vec::new(), Vec::new(), ByQos::default());
        Self { now, durable, fetches, taken, sent, observed: None, expired: 0, taker: None, batch }
    }

    /// For a session whose messages must survive, and may be taken from work queues for good.
    pub fn set_taker(&mut self, session: &'t Session) {
        self.taker = self.batch.is_some().then_some(session);
    }

    /// Whether [`Transmit::take`] may be called.
    pub fn may_take(&self) -> bool {
        self.taker.is_some()
    }

    /// Takes a message from a work queue for the session. The queue has let go of it.
    pub fn take(&mut self, message: &Arc<Message>, options: DeliveryOptions, origin: Origin) {
        let Some(session) = self.taker else { return };
        let origin = Arc::new(origin);
        let sequence = session.next_sequence();
        let terms = QueuedTerms {
            qos: options.qos,
            retain: options.retain,
            identifiers: options.identifiers.clone(),
            share: None,
            origin: Some(Arc::clone(&origin)),
        };
        let (queue, place) = (Arc::clone(&origin.queue), origin.sequence);
        self.record(|| Record::Dequeued { queue, sequence: place });
        let kept = Arc::clone(message);
        self.record(|| Record::Queued { session: session.id().0, sequence, message: kept, terms });
        let options = DeliveryOptions { sequence, tie: Tie::Origin(origin), ..options };
        self.taken.push(Delivery { message: Arc::clone(message), options, commit: CommitId::NONE });
    }

    /// A message was written.
    pub fn note_sent(&mut self, message: &Publication<'_>, qos: Qos) {
        self.sent.note(qos, message.payload.len());
        if let Some(observed) = &mut self.observed {
            observed.push((message.to_kept(), qos));
        }
    }

    /// Adds the record that `make` makes, if the store keeps records.
    pub fn record(&mut self, make: impl FnOnce() -> Record) {
        if let Some(batch) = &mut self.batch {
            batch.push(make());
        }
    }
}
