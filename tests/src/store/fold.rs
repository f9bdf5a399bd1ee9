//! What batches of records amount to, by plain maps: what a store must find when it is opened. Written apart from every
//! store and from the broker, so that they do not share a mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidewire::message::Message;
use tidewire::store::{
    Fetched, Owner, QueuedTerms, Record, Recovered, RecoveredDelivery, RecoveredMessage, RecoveredQueue,
    RecoveredSession, RecoveredSubscription, RecoveredWill, SessionKind, SettledState,
};

/// See the module.
#[derive(Clone, Default)]
pub struct Fold {
    sessions: BTreeMap<u64, Session>,
    queues: BTreeMap<Arc<str>, Queue>,
    retained: BTreeMap<String, Arc<Message>>,
    /// The highest number of a session, or of a message's publisher.
    last_session: u64,
}

#[derive(Clone)]
struct Session {
    kind: SessionKind,
    client_id: Arc<str>,
    expiry_secs: u32,
    closed: Option<(u64, u64)>,
    last_sequence: u64,
    subscriptions: BTreeMap<Arc<str>, RecoveredSubscription>,
    will: Option<(Arc<Message>, u32, Option<u32>)>,
    received: BTreeSet<u16>,
    deliveries: BTreeMap<u64, Delivery>,
}

#[derive(Clone)]
struct Delivery {
    message: Arc<Message>,
    terms: QueuedTerms,
    is_received: bool,
}

#[derive(Clone, Default)]
struct Queue {
    last_sequence: u64,
    messages: BTreeMap<u64, Waiting>,
}

#[derive(Clone)]
struct Waiting {
    message: Arc<Message>,
    priority: u8,
    deliveries: u32,
}

impl Fold {
    /// What a batch of records makes of it.
    pub fn apply_all<'r>(&mut self, records: impl IntoIterator<Item = &'r Record>) {
        records.into_iter().for_each(|record| self.apply(record));
    }

    /// What one record makes of it.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::SessionOpened { session, kind, client_id, expiry_secs } => {
                self.last_session = self.last_session.max(*session);
                let opened = self.sessions.entry(*session).or_insert_with(|| Session {
                    kind: *kind,
                    client_id: Arc::clone(client_id),
                    expiry_secs: *expiry_secs,
                    closed: None,
                    last_sequence: 0,
                    subscriptions: BTreeMap::new(),
                    will: None,
                    received: BTreeSet::new(),
                    deliveries: BTreeMap::new(),
                });
                (opened.expiry_secs, opened.closed) = (*expiry_secs, None);
            }
            Record::SessionEnded { session } => {
                self.sessions.remove(session);
            }
            Record::Enqueued { queue, priority, sequence, message, deliveries } => {
                self.note_publisher(message);
                let queue = self.queues.entry(Arc::clone(queue)).or_default();
                queue.last_sequence = queue.last_sequence.max(*sequence);
                let (message, priority, deliveries) = (Arc::clone(message), *priority, *deliveries);
                queue.messages.insert(*sequence, Waiting { message, priority, deliveries });
            }
            Record::Delivered { queue, sequence, deliveries } => {
                let queue = self.queues.get_mut(queue);
                if let Some(waiting) = queue.and_then(|queue| queue.messages.get_mut(sequence)) {
                    waiting.deliveries = *deliveries;
                }
            }
            Record::Dequeued { queue, sequence } => {
                if let Some(queue) = self.queues.get_mut(queue) {
                    queue.messages.remove(sequence);
                }
            }
            Record::Retained { message } => {
                self.note_publisher(message);
                self.retained.insert(message.topic().as_str().to_owned(), Arc::clone(message));
            }
            Record::RetainedCleared { topic } => {
                self.retained.remove(&**topic);
            }
            Record::SessionClosed { session, .. }
            | Record::Subscribed { session, .. }
            | Record::Unsubscribed { session, .. }
            | Record::Queued { session, .. }
            | Record::Settled { session, .. }
            | Record::Received { session, .. }
            | Record::Released { session, .. }
            | Record::WillSet { session, .. }
            | Record::WillCleared { session } => {
                if let Record::Queued { message, .. } | Record::WillSet { message, .. } = record {
                    self.note_publisher(message);
                }
                if let Some(session) = self.sessions.get_mut(session) {
                    session.apply(record);
                }
            }
        }
    }

    fn note_publisher(&mut self, message: &Arc<Message>) {
        self.last_session = self.last_session.max(message.publication().publisher.0);
    }

    /// A message that waits for `owner`.
    pub fn find(&self, owner: &Owner, sequence: u64) -> Option<Fetched> {
        match owner {
            Owner::Session(session) => {
                let delivery = self.sessions.get(session)?.deliveries.get(&sequence)?;
                let (message, terms) = (Arc::clone(&delivery.message), Some(delivery.terms.clone()));
                Some(Fetched { message, terms })
            }
            Owner::Queue(queue) => {
                let waiting = self.queues.get(queue)?.messages.get(&sequence)?;
                Some(Fetched { message: Arc::clone(&waiting.message), terms: None })
            }
        }
    }

    /// What waits for `owner`, in order.
    pub fn messages(&self, owner: &Owner) -> Vec<&Arc<Message>> {
        match owner {
            Owner::Session(session) => {
                let deliveries =
                    self.sessions.get(session).into_iter().flat_map(|one| one.deliveries.values());
                deliveries.map(|delivery| &delivery.message).collect()
            }
            Owner::Queue(queue) => {
                let messages = self.queues.get(queue).into_iter().flat_map(|one| one.messages.values());
                messages.map(|waiting| &waiting.message).collect()
            }
        }
    }

    /// The same with a copy of each message.
    pub fn copied(mut self) -> Self {
        for session in self.sessions.values_mut() {
            session.deliveries.values_mut().for_each(|delivery| copy(&mut delivery.message));
            session.will.iter_mut().for_each(|(message, ..)| copy(message));
        }
        for queue in self.queues.values_mut() {
            queue.messages.values_mut().for_each(|waiting| copy(&mut waiting.message));
        }
        self.retained.values_mut().for_each(copy);
        self
    }

    /// As a store says it.
    pub fn recovered(&self) -> Recovered {
        let queues = self.queues.iter().filter(|(_, queue)| !queue.messages.is_empty());
        Recovered {
            sessions: self.sessions.iter().map(|(number, session)| session.recovered(*number)).collect(),
            queues: queues.map(|(name, queue)| queue.recovered(name)).collect(),
            retained: self.retained.values().cloned().collect(),
            next_session: self.last_session + 1,
        }
    }
}

impl Session {
    fn apply(&mut self, record: &Record) {
        match record {
            Record::SessionClosed { at_unix_ms, sent_to, .. } => self.closed = Some((*at_unix_ms, *sent_to)),
            Record::Subscribed { filter, qos, options, identifier, selector, .. } => {
                let (filter, selector) = (Arc::clone(filter), selector.clone());
                let (qos, options, identifier) = (*qos, *options, *identifier);
                let subscription =
                    RecoveredSubscription { filter: Arc::clone(&filter), qos, options, identifier, selector };
                self.subscriptions.insert(filter, subscription);
            }
            Record::Unsubscribed { filter, .. } => {
                self.subscriptions.remove(filter);
            }
            Record::Queued { sequence, message, terms, .. } => {
                self.last_sequence = self.last_sequence.max(*sequence);
                let (message, terms) = (Arc::clone(message), terms.clone());
                self.deliveries.insert(*sequence, Delivery { message, terms, is_received: false });
            }
            Record::Settled { sequence, state: SettledState::Done, .. } => {
                self.deliveries.remove(sequence);
            }
            Record::Settled { sequence, state: SettledState::Received, .. } => {
                if let Some(delivery) = self.deliveries.get_mut(sequence) {
                    delivery.is_received = true;
                }
            }
            Record::Received { packet_id, .. } => {
                self.received.insert(*packet_id);
            }
            Record::Released { packet_id, .. } => {
                self.received.remove(packet_id);
            }
            Record::WillSet { message, delay_secs, expiry_secs, .. } => {
                self.will = Some((Arc::clone(message), *delay_secs, *expiry_secs));
            }
            Record::WillCleared { .. } => self.will = None,
            other => unreachable!("{other:?} is of no one session"),
        }
    }

    fn recovered(&self, session: u64) -> RecoveredSession {
        let deliveries = self.deliveries.iter().map(|(sequence, delivery)| RecoveredDelivery {
            sequence: *sequence,
            weight: weight(&delivery.message),
            qos: delivery.terms.qos,
            state: delivery.is_received.then_some(SettledState::Received),
            is_for_others: delivery.terms.share.is_some() || delivery.terms.origin.is_some(),
        });
        let will = self.will.clone();
        RecoveredSession {
            session,
            kind: self.kind,
            client_id: Arc::clone(&self.client_id),
            expiry_secs: self.expiry_secs,
            closed_at_unix_ms: self.closed.map(|(at, _)| at),
            sent_to: self.closed.map_or(0, |(_, sent_to)| sent_to),
            next_sequence: self.last_sequence + 1,
            subscriptions: self.subscriptions.values().cloned().collect(),
            will: will.map(|(message, delay_secs, expiry_secs)| RecoveredWill {
                message,
                delay_secs,
                expiry_secs,
            }),
            received: self.received.iter().copied().collect(),
            deliveries: deliveries.collect(),
        }
    }
}

impl Queue {
    fn recovered(&self, name: &Arc<str>) -> RecoveredQueue {
        let messages = self.messages.iter().map(|(sequence, waiting)| RecoveredMessage {
            sequence: *sequence,
            priority: waiting.priority,
            deliveries: waiting.deliveries,
            weight: weight(&waiting.message),
            expires_at: waiting.message.expires_at(),
        });
        RecoveredQueue {
            name: Arc::clone(name),
            next_sequence: self.last_sequence + 1,
            messages: messages.collect(),
        }
    }
}

fn copy(message: &mut Arc<Message>) {
    let copied = Arc::clone(message.publish_again(message.expires_at()).keep());
    *message = copied;
}

fn weight(message: &Message) -> u32 {
    u32::try_from(message.weight()).expect("a test's messages are small")
}
