//! What a store must have kept, written down line by line, so that two can be compared and a difference read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::channel;

use tidewire::message::Message;
use tidewire::store::{Fetch, Fetched, Owner, QueuedTerms, Record, Recovered, SettledState, Store};

/// See the module: a name for each thing, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept(BTreeMap<String, String>);

impl Kept {
    /// Applies a record, as the words of [`Record`] have it.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::SessionOpened { session, kind, client_id, expiry_secs } => {
                self.put(format!("{session} session"), format!("{kind:?} {client_id} {expiry_secs}"));
                self.0.remove(&format!("{session} closed"));
            }
            Record::SessionEnded { session } => {
                let prefix = format!("{session} ");
                self.0.retain(|name, _| !name.starts_with(&prefix));
            }
            Record::SessionClosed { session, at_unix_ms, sent_to } => {
                self.put_of(*session, "closed", at_unix_ms.to_string());
                let known = self.0.get(&format!("{session} sent")).and_then(|known| known.parse().ok());
                let sent_to = known.unwrap_or(0).max(*sent_to);
                if sent_to > 0 {
                    self.put_of(*session, "sent", sent_to.to_string());
                }
            }
            Record::Subscribed { session, filter, qos, options, identifier, selector } => {
                let terms = format!("{qos:?} {options} {identifier} {selector:?}");
                self.put_of(*session, &format!("filter {filter}"), terms);
            }
            Record::Unsubscribed { session, filter } => self.remove_of(*session, &format!("filter {filter}")),
            Record::Queued { session, sequence, message, terms } => {
                self.put_of(*session, &delivery(*sequence), describe_delivery(message, terms, false));
            }
            Record::Settled { session, sequence, state: SettledState::Done } => {
                self.remove_of(*session, &delivery(*sequence));
            }
            Record::Settled { session, sequence, state: SettledState::Received } => {
                let name = format!("{session} {}", delivery(*sequence));
                if let Some(known) = self.0.get_mut(&name) {
                    *known = known.replace("waiting", "received");
                }
            }
            Record::Received { session, packet_id } => {
                self.put_of(*session, &format!("packet {packet_id}"), String::new());
            }
            Record::Released { session, packet_id } => {
                self.remove_of(*session, &format!("packet {packet_id}"));
            }
            Record::Retained { message } => {
                self.put(format!("retained {}", message.topic()), describe(message));
            }
            Record::RetainedCleared { topic } => {
                self.0.remove(&format!("retained {topic}"));
            }
            Record::Enqueued { queue, priority, sequence, message, deliveries } => {
                let text = format!("{} {priority} {deliveries}", describe(message));
                self.put(in_queue(queue, *sequence), text);
            }
            Record::Delivered { queue, sequence, deliveries } => {
                if let Some(known) = self.0.get_mut(&in_queue(queue, *sequence)) {
                    let until_count = known.rfind(' ').unwrap_or_default();
                    known.truncate(until_count);
                    known.push_str(&format!(" {deliveries}"));
                }
            }
            Record::Dequeued { queue, sequence } => {
                self.0.remove(&in_queue(queue, *sequence));
            }
            Record::WillSet { session, message, delay_secs, expiry_secs } => {
                let will = format!("{} {delay_secs} {expiry_secs:?}", describe(message));
                self.put_of(*session, "will", will);
            }
            Record::WillCleared { session } => self.remove_of(*session, "will"),
        }
    }

    /// What a store says that it has, with the bodies that it gives when it is asked for them.
    pub fn of(recovered: &Recovered, store: &dyn Store) -> Self {
        let mut kept = Self::default();
        for session in &recovered.sessions {
            let number = session.session;
            let terms = format!("{:?} {} {}", session.kind, session.client_id, session.expiry_secs);
            kept.put(format!("{number} session"), terms);
            if let Some(at) = session.closed_at_unix_ms {
                kept.put_of(number, "closed", at.to_string());
            }
            if session.sent_to > 0 {
                kept.put_of(number, "sent", session.sent_to.to_string());
            }
            for one in &session.subscriptions {
                let terms = format!("{:?} {} {} {:?}", one.qos, one.options, one.identifier, one.selector);
                kept.put_of(number, &format!("filter {}", one.filter), terms);
            }
            if let Some(will) = &session.will {
                let text = format!("{} {} {:?}", describe(&will.message), will.delay_secs, will.expiry_secs);
                kept.put_of(number, "will", text);
            }
            for packet_id in &session.received {
                kept.put_of(number, &format!("packet {packet_id}"), String::new());
            }
            let sequences: Vec<_> = session.deliveries.iter().map(|delivery| delivery.sequence).collect();
            let is_received: BTreeSet<_> = session
                .deliveries
                .iter()
                .filter(|delivery| delivery.state == Some(SettledState::Received))
                .map(|delivery| delivery.sequence)
                .collect();
            for (sequence, fetched) in fetch(store, Owner::Session(number), sequences) {
                let text = match fetched {
                    Some(Fetched { message, terms: Some(terms) }) => {
                        describe_delivery(&message, &terms, is_received.contains(&sequence))
                    }
                    other => format!("not to be had: {other:?}"),
                };
                kept.put_of(number, &delivery(sequence), text);
            }
        }
        for queue in &recovered.queues {
            let sequences = queue.messages.iter().map(|message| message.sequence).collect();
            let fetched = fetch(store, Owner::Queue(Arc::clone(&queue.name)), sequences);
            for ((sequence, fetched), known) in fetched.into_iter().zip(&queue.messages) {
                let body =
                    fetched.map_or_else(|| "not to be had".to_owned(), |fetched| describe(&fetched.message));
                let text = format!("{body} {} {}", known.priority, known.deliveries);
                kept.put(in_queue(&queue.name, sequence), text);
            }
        }
        for message in &recovered.retained {
            kept.put(format!("retained {}", message.topic()), describe(message));
        }
        kept
    }

    /// Whether a delivery waits for a session.
    pub fn waits(&self, session: u64, sequence: u64) -> bool {
        self.0.contains_key(&format!("{session} {}", delivery(sequence)))
    }

    /// The first things in which two differ; none where they are the same.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let differing = names.into_iter().filter(|name| self.0.get(*name) != other.0.get(*name));
        differing
            .map(|name| format!("{name}: {:?} / {:?}", self.0.get(name), other.0.get(name)))
            .take(10)
            .collect()
    }

    fn put(&mut self, name: String, value: String) {
        self.0.insert(name, value);
    }

    /// Nothing is put down of a session that is not there.
    fn put_of(&mut self, session: u64, name: &str, value: String) {
        if self.0.contains_key(&format!("{session} session")) {
            self.put(format!("{session} {name}"), value);
        }
    }

    fn remove_of(&mut self, session: u64, name: &str) {
        self.0.remove(&format!("{session} {name}"));
    }
}

/// Asks a store for messages and waits for the answer.
pub fn fetch(store: &dyn Store, owner: Owner, sequences: Vec<u64>) -> Vec<(u64, Option<Fetched>)> {
    let (answer, answered) = channel();
    store.fetch(Fetch::new(owner, sequences, move |found| {
        let _ = answer.send(found);
    }));
    answered.recv().expect("a store answers every question")
}

fn delivery(sequence: u64) -> String {
    format!("delivery {sequence:08}")
}

fn in_queue(queue: &str, sequence: u64) -> String {
    format!("queue {queue} {sequence:08}")
}

/// The payload by its beginning and a sum, since it may be long.
fn describe(message: &Message) -> String {
    let parts = message.parts();
    let sum = parts.payload.iter().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    let beginning = String::from_utf8_lossy(&parts.payload[..parts.payload.len().min(12)]);
    format!(
        "{} \"{beginning}\" {} {sum:x} {:?} {:?} {} {:?} {}",
        parts.topic,
        parts.payload.len(),
        parts.attributes,
        parts.qos,
        parts.retain,
        parts.expires_at,
        parts.publisher.0
    )
}

fn describe_delivery(message: &Message, terms: &QueuedTerms, is_received: bool) -> String {
    let state = if is_received { "received" } else { "waiting" };
    format!("{} {terms:?} {state}", describe(message))
}
