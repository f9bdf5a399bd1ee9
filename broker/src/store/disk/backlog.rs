//! What waits for one session, or in one work queue: small entries in order; the messages themselves lie elsewhere.

use std::collections::{BTreeMap, HashMap};

use super::codec::{Malformed, Reader, put_number};
use super::fact::{put_terms, read_terms};
use super::place::Place;
use crate::message::Qos;
use crate::store::record::{QueuedTerms, SettledState};

/// One delivery, or one message of a queue. There may be millions.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The stored message's number.
    pub(super) message: u64,
    /// Where the entry itself is durable.
    pub(super) place: Place,
    /// For a queue: how often it was delivered.
    pub(super) deliveries: u32,
    /// For a queue: 0 to 9.
    pub(super) priority: u8,
    /// For a session: PUBREC has come.
    pub(super) is_received: bool,
    qos: Qos,
    retain: bool,
    /// What most deliveries do not have: identifiers, a share, an origin.
    extra: Option<Box<QueuedTerms>>,
}

impl Entry {
    /// A delivery to a session.
    pub(super) fn of_session(message: u64, place: Place, terms: &QueuedTerms) -> Self {
        let is_plain = terms.identifiers.is_empty() && terms.share.is_none() && terms.origin.is_none();
        Self {
            message,
            place,
            deliveries: 0,
            priority: 0,
            is_received: false,
            qos: terms.qos,
            retain: terms.retain,
            extra: (!is_plain).then(|| Box::new(terms.clone())),
        }
    }

    /// A message of a queue.
    pub(super) fn of_queue(message: u64, place: Place, priority: u8, deliveries: u32) -> Self {
        Self {
            message,
            place,
            deliveries,
            priority,
            is_received: false,
            qos: Qos::AtMostOnce,
            retain: false,
            extra: None,
        }
    }

    pub(super) fn qos(&self) -> Qos {
        self.qos
    }

    pub(super) fn state(&self) -> Option<SettledState> {
        self.is_received.then_some(SettledState::Received)
    }

    /// Whether another member of a shared subscription, or another consumer, may have it.
    pub(super) fn is_for_others(&self) -> bool {
        self.extra.as_ref().is_some_and(|terms| terms.share.is_some() || terms.origin.is_some())
    }

    /// How it goes to its session.
    pub(super) fn terms(&self) -> QueuedTerms {
        match &self.extra {
            Some(terms) => terms.as_ref().clone(),
            None => QueuedTerms {
                qos: self.qos,
                retain: self.retain,
                identifiers: Default::default(),
                share: None,
                origin: None,
            },
        }
    }

    /// Appends the entry as it stands in a chunk of the archive.
    pub(super) fn put(&self, sequence: u64, out: &mut Vec<u8>) {
        put_number(out, sequence);
        put_number(out, self.message);
        put_number(out, self.deliveries.into());
        out.push(self.priority << 1 | u8::from(self.is_received));
        put_terms(out, &self.terms());
    }

    /// Reads an entry and its place in the order.
    pub(super) fn read(reader: &mut Reader<'_>, place: Place) -> Result<(u64, Self), Malformed> {
        let (sequence, message, deliveries) = (reader.number()?, reader.number()?, reader.small()?);
        let flags = reader.byte()?;
        let entry = Self::of_session(message, place, &read_terms(reader)?);
        Ok((sequence, Self { deliveries, priority: flags >> 1, is_received: flags & 1 != 0, ..entry }))
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Backlog {
    pub(super) entries: BTreeMap<u64, Entry>,
    /// The archive's chunks that hold entries of this backlog.
    pub(super) chunks: HashMap<u32, Chunk, foldhash::fast::RandomState>,
}

/// A chunk of entries in the archive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// The first and the last place in the order that it holds.
    pub(super) first: u64,
    pub(super) last: u64,
    /// Entries that are still there.
    pub(super) live: u32,
}

impl Backlog {
    /// The entries that a chunk holds, in order.
    pub(super) fn in_chunk(&self, number: u32) -> impl Iterator<Item = (u64, &Entry)> {
        let range = self.chunks.get(&number).map(|chunk| chunk.first..=chunk.last);
        let entries = range.into_iter().flat_map(|range| self.entries.range(range));
        let place = Place::chunk(number);
        entries.filter(move |(_, entry)| entry.place == place).map(|(sequence, entry)| (*sequence, entry))
    }

    /// Notes that a chunk holds an entry.
    pub(super) fn note_in_chunk(&mut self, number: u32, sequence: u64) {
        let chunk = self.chunks.entry(number).or_insert(Chunk { first: sequence, last: sequence, live: 0 });
        chunk.first = chunk.first.min(sequence);
        chunk.last = chunk.last.max(sequence);
        chunk.live += 1;
    }
}
