//! Random records as a broker would make them: what a store must keep, whatever happens to it. A seed replays them.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use tidewire::message::{Message, MessageParts, Qos, SessionId};
use tidewire::store::{Origin, QueuedTerms, Record, SessionKind, SettledState};
use tidewire_protocols::topic::TopicName;

use crate::random::Random;

/// Sessions there are at a time, at most.
const SESSIONS_MAX: usize = 12;
/// Messages that wait in one place before more are settled than come.
const WAITING_MAX: usize = 60;
const QUEUES: [&str; 3] = ["orders", "audit/all", "dead.orders"];
const TOPICS: usize = 9;

/// See the module.
pub struct Records {
    random: Random,
    sessions: Vec<Session>,
    queues: [Queue; 3],
    next_session: u64,
    /// Numbers messages, so that no two are the same.
    serial: u64,
    /// Bytes of a payload at most.
    payload_max: usize,
}

struct Session {
    number: u64,
    next_sequence: u64,
    waiting: Vec<Delivery>,
    received: BTreeSet<u16>,
    filters: Vec<String>,
}

#[derive(Default)]
struct Queue {
    next_sequence: u64,
    waiting: Vec<Waiting>,
}

/// A message that waits for a session.
struct Delivery {
    sequence: u64,
    qos: Qos,
    is_received: bool,
    message: Arc<Message>,
}

/// A message that waits in a queue.
struct Waiting {
    sequence: u64,
    deliveries: u32,
    message: Arc<Message>,
}

impl Records {
    /// The records of that seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed, 0x5e_c0_4d),
            sessions: Vec::new(),
            queues: Default::default(),
            next_session: 1,
            serial: 0,
            payload_max: usize::MAX,
        }
    }

    /// The same with payloads of at most that many bytes.
    #[must_use]
    pub fn with_bodies_up_to(self, payload_max: usize) -> Self {
        Self { payload_max, ..self }
    }

    /// The next batch: what one turn of a connection would apply together.
    pub fn batch(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        let changes = if self.random.percent(80) { 1 } else { 1 + self.random.below(6) };
        for _ in 0..changes {
            self.change(&mut records);
        }
        records
    }

    fn change(&mut self, records: &mut Vec<Record>) {
        match self.random.below(100) {
            _ if self.sessions.len() < 2 => self.open(records),
            0..3 => self.open(records),
            3..5 => self.leave(records),
            5 => self.end(records),
            6..12 => self.subscribe(records),
            12..42 => self.publish(records),
            42..64 => self.settle(records),
            64..70 => self.receive(records),
            70..76 => self.retain(records),
            76..79 => self.leave_will(records),
            79..88 => self.enqueue(records),
            88..91 => self.deliver_from_queue(records),
            91..97 => {
                self.dequeue(records);
            }
            // A message moves from a queue to a session, or a transaction replaces it by another.
            97..99 => self.move_message(records),
            // A session leaves one to another session, or to a queue.
            _ => self.pass_on(records),
        }
    }

    fn open(&mut self, records: &mut Vec<Record>) {
        let mut at = self.sessions.len();
        if at < SESSIONS_MAX && self.random.percent(60) || at < 2 {
            let number = self.next_session;
            self.next_session += 1 + self.random.below(3) as u64;
            self.sessions.push(Session {
                number,
                next_sequence: 1,
                waiting: Vec::new(),
                received: BTreeSet::new(),
                filters: Vec::new(),
            });
        } else {
            at = self.random.below(at);
        }
        let number = self.sessions[at].number;
        let kind =
            if number.is_multiple_of(5) { SessionKind::DurableSubscription } else { SessionKind::Mqtt };
        let client_id = format!("client-{number}").into();
        let expiry_secs = self.random.pick(&[10, 3_600, u32::MAX]);
        records.push(Record::SessionOpened { session: number, kind, client_id, expiry_secs });
    }

    fn leave(&mut self, records: &mut Vec<Record>) {
        let session = self.random.below(self.sessions.len());
        let Session { number, next_sequence, .. } = self.sessions[session];
        let at_unix_ms = 1_700_000_000_000 + self.random.below(100_000) as u64;
        let sent_to = next_sequence.saturating_sub(1 + self.random.below(3) as u64);
        records.push(Record::SessionClosed { session: number, at_unix_ms, sent_to });
    }

    fn end(&mut self, records: &mut Vec<Record>) {
        let session = self.random.below(self.sessions.len());
        let session = self.sessions.swap_remove(session);
        records.push(Record::SessionEnded { session: session.number });
    }

    fn subscribe(&mut self, records: &mut Vec<Record>) {
        let at = self.random.below(self.sessions.len());
        let session = self.sessions[at].number;
        if self.random.percent(30) && !self.sessions[at].filters.is_empty() {
            let filter = self.random.below(self.sessions[at].filters.len());
            let filter = self.sessions[at].filters.swap_remove(filter).into();
            records.push(Record::Unsubscribed { session, filter });
            return;
        }
        let filter = self.random.pick(&["a/#", "+/b", "$share/g/t", "long/topic/filter/with/levels"]);
        let filter = format!("{filter}{}", self.random.pick(&["", "", "/x"]));
        self.sessions[at].filters.retain(|known| *known != filter);
        self.sessions[at].filters.push(filter.clone());
        let selector = if session.is_multiple_of(5) { Some("colour = 'red'".into()) } else { None };
        records.push(Record::Subscribed {
            session,
            filter: filter.into(),
            qos: self.qos(),
            options: self.random.byte() & 0x3c,
            identifier: self.random.pick(&[0, 1, 268_435_455]),
            selector,
        });
    }

    fn publish(&mut self, records: &mut Vec<Record>) {
        let message = self.message();
        let receivers = if self.random.percent(70) { 1 } else { self.sessions.len() };
        let first = self.random.below(self.sessions.len());
        for offset in 0..receivers {
            let at = (first + offset) % self.sessions.len();
            if self.sessions[at].waiting.len() < WAITING_MAX {
                let terms = self.terms(None);
                self.queue(at, &message, terms, records);
            }
        }
    }

    fn queue(&mut self, at: usize, message: &Arc<Message>, terms: QueuedTerms, records: &mut Vec<Record>) {
        let session = &mut self.sessions[at];
        let sequence = session.next_sequence;
        session.next_sequence += 1;
        let (qos, kept) = (terms.qos, Arc::clone(message));
        session.waiting.push(Delivery { sequence, qos, is_received: false, message: kept });
        records.push(Record::Queued {
            session: session.number,
            sequence,
            message: Arc::clone(message),
            terms,
        });
    }

    fn settle(&mut self, records: &mut Vec<Record>) {
        let at = self.random.below(self.sessions.len());
        if self.sessions[at].waiting.is_empty() {
            return;
        }
        let count = 1 + self.random.below(self.sessions[at].waiting.len()).min(5);
        for _ in 0..count {
            // As a rule the oldest.
            let near = self.random.below(self.sessions[at].waiting.len());
            let which = if self.random.percent(75) { 0 } else { near };
            let session = &mut self.sessions[at];
            let Delivery { sequence, qos, is_received, .. } = session.waiting[which];
            let state = match qos {
                Qos::ExactlyOnce if !is_received => SettledState::Received,
                _ => SettledState::Done,
            };
            match state {
                SettledState::Received => session.waiting[which].is_received = true,
                SettledState::Done => {
                    session.waiting.remove(which);
                }
            }
            let session = session.number;
            records.push(Record::Settled { session, sequence, state });
            if self.sessions[at].waiting.is_empty() {
                return;
            }
        }
    }

    fn receive(&mut self, records: &mut Vec<Record>) {
        let at = self.random.below(self.sessions.len());
        let packet_id = 1 + self.random.below(20) as u16;
        let session = &mut self.sessions[at];
        if session.received.remove(&packet_id) {
            records.push(Record::Released { session: session.number, packet_id });
        } else {
            session.received.insert(packet_id);
            records.push(Record::Received { session: session.number, packet_id });
            if self.random.percent(80) {
                self.publish(records);
            }
        }
    }

    fn retain(&mut self, records: &mut Vec<Record>) {
        if self.random.percent(25) {
            let topic = self.topic().into();
            records.push(Record::RetainedCleared { topic });
        } else {
            let message = self.message();
            records.push(Record::Retained { message });
        }
    }

    fn leave_will(&mut self, records: &mut Vec<Record>) {
        let at = self.random.below(self.sessions.len());
        let session = self.sessions[at].number;
        if self.random.percent(40) {
            records.push(Record::WillCleared { session });
            return;
        }
        let (message, delay_secs) = (self.message(), self.random.below(100) as u32);
        let expiry_secs = self.random.pick(&[None, Some(5)]);
        records.push(Record::WillSet { session, message, delay_secs, expiry_secs });
    }

    fn enqueue(&mut self, records: &mut Vec<Record>) {
        let at = self.random.below(QUEUES.len());
        if self.queues[at].waiting.len() < WAITING_MAX {
            let message = self.message();
            self.put_into(at, message, records);
        }
    }

    fn put_into(&mut self, at: usize, message: Arc<Message>, records: &mut Vec<Record>) {
        self.queues[at].next_sequence += 1;
        let sequence = self.queues[at].next_sequence;
        self.queues[at].waiting.push(Waiting { sequence, deliveries: 0, message: Arc::clone(&message) });
        let priority = self.random.pick(&[4, 4, 0, 9]);
        records.push(Record::Enqueued {
            queue: QUEUES[at].into(),
            priority,
            sequence,
            message,
            deliveries: 0,
        });
    }

    fn deliver_from_queue(&mut self, records: &mut Vec<Record>) {
        let at = self.random.below(QUEUES.len());
        if let Some(Waiting { sequence, deliveries, .. }) = self.queues[at].waiting.first_mut() {
            *deliveries += 1;
            let (sequence, deliveries) = (*sequence, *deliveries);
            records.push(Record::Delivered { queue: QUEUES[at].into(), sequence, deliveries });
        }
    }

    /// Takes a message out of a queue, as a rule the first.
    fn dequeue(&mut self, records: &mut Vec<Record>) -> Option<Waiting> {
        let at = self.random.below(QUEUES.len());
        let len = self.queues[at].waiting.len();
        if len == 0 {
            return None;
        }
        let which = if self.random.percent(80) { 0 } else { self.random.below(len) };
        let waiting = self.queues[at].waiting.remove(which);
        records.push(Record::Dequeued { queue: QUEUES[at].into(), sequence: waiting.sequence });
        Some(waiting)
    }

    fn move_message(&mut self, records: &mut Vec<Record>) {
        let Some(Waiting { sequence, deliveries, message }) = self.dequeue(records) else { return };
        if self.random.percent(50) {
            let at = self.random.below(self.sessions.len());
            let origin = Origin { queue: QUEUES[0].into(), priority: 4, sequence, deliveries };
            let terms = self.terms(Some(Arc::new(origin)));
            self.queue(at, &message, terms, records);
        } else {
            let (at, message) = (self.random.below(QUEUES.len()), self.message());
            self.put_into(at, message, records);
        }
    }

    /// The very message that is settled is the one that is stored anew, in one batch.
    fn pass_on(&mut self, records: &mut Vec<Record>) {
        let at = self.random.below(self.sessions.len());
        let session = &mut self.sessions[at];
        if session.waiting.is_empty() {
            return;
        }
        let Delivery { sequence, message, .. } = session.waiting.remove(0);
        records.push(Record::Settled { session: session.number, sequence, state: SettledState::Done });
        if self.random.percent(50) {
            let (to, terms) = ((at + 1) % self.sessions.len(), self.terms(None));
            self.queue(to, &message, terms, records);
        } else {
            let to = self.random.below(QUEUES.len());
            self.put_into(to, message, records);
        }
    }

    fn terms(&mut self, origin: Option<Arc<Origin>>) -> QueuedTerms {
        let identifiers = match self.random.below(6) {
            0 => [NonZeroU32::MIN, NonZeroU32::MAX].into_iter().collect(),
            _ => Default::default(),
        };
        let share = self.random.percent(10).then(|| Arc::from("$share/g/t"));
        QueuedTerms { qos: self.qos(), retain: self.random.percent(10), identifiers, share, origin }
    }

    fn qos(&mut self) -> Qos {
        self.random.pick(&[Qos::AtLeastOnce, Qos::AtLeastOnce, Qos::ExactlyOnce])
    }

    fn topic(&mut self) -> String {
        format!("a/b/{}", self.random.below(TOPICS))
    }

    fn message(&mut self) -> Arc<Message> {
        self.serial += 1;
        let len = match self.random.below(100) {
            0 => 40_000 + self.random.below(200_000),
            1..10 => 2_000 + self.random.below(6_000),
            _ => self.random.below(300),
        }
        .min(self.payload_max);
        let mut payload = format!("{} ", self.serial).into_bytes();
        payload.resize(payload.len() + len, b'a' + (self.serial % 26) as u8);
        let topic = self.topic();
        let expires_at = self.random.pick(&[None, None, Some(1_900_000_000_000 + self.serial)]);
        let publisher = SessionId(self.random.below(40) as u64);
        Arc::new(Message::of(&MessageParts {
            topic: TopicName::parse(&topic).expect("it has no wildcards"),
            payload: &payload,
            attributes: &[],
            qos: Qos::AtLeastOnce,
            retain: self.random.percent(10),
            expires_at,
            publisher,
        }))
    }
}
