//! Everything that is durable, as small entries in memory: who has subscribed to what, what waits for whom, and where
//! each message lies. Bodies of waiting messages stay on disk.
//!
//! The committer applies each group here once it is durable, a restart applies the archive and then the journal. So the
//! image never says more than the disk, and a checkpoint, an export and a restart all begin from the same thing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::backlog::{Backlog, Entry};
use super::codec::Malformed;
use super::fact::{Body, Fact, Name};
use super::place::{Location, Place, Whereabouts};
use crate::message::{Message, Qos};
use crate::store::fetch::Owner;
use crate::store::record::{SessionKind, SettledState};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
type Set<K> = HashSet<K, foldhash::fast::RandomState>;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    pub(super) sessions: Map<u64, SessionImage>,
    pub(super) queues: Map<Arc<str>, Backlog>,
    pub(super) retained: Map<Arc<str>, Arc<Message>>,
    /// Messages that wait, by number.
    pub(super) messages: Map<u64, StoredMessage>,
    /// The archive's chunks of messages.
    pub(super) chunks: Map<u32, MessageChunk>,
    /// What the archive does not know yet.
    pub(super) unsaved: Unsaved,
    /// Entries and messages that only a segment of the journal holds, by its number.
    pub(super) live_in_segment: BTreeMap<u32, u64>,
    /// Messages that nobody refers to at this point of a group: something further on in it may.
    pub(super) orphans: Vec<u64>,
    pub(super) next_message: u64,
    pub(super) next_session: u64,
    /// The archive and the journal are being read: nothing is counted until that is over.
    pub(super) is_replaying: bool,
}

/// A session.
#[derive(Clone, Debug)]
pub(super) struct SessionImage {
    pub(super) kind: SessionKind,
    pub(super) client_id: Arc<str>,
    pub(super) expiry_secs: u32,
    pub(super) closed_at: Option<u64>,
    pub(super) sent_to: u64,
    pub(super) next_sequence: u64,
    pub(super) subscriptions: BTreeMap<Arc<str>, SubscriptionImage>,
    pub(super) received: BTreeSet<u16>,
    pub(super) will: Option<WillImage>,
    pub(super) backlog: Backlog,
}

/// What was asked for with a subscription.
#[derive(Clone, Debug)]
pub(super) struct SubscriptionImage {
    pub(super) qos: Qos,
    pub(super) options: u8,
    pub(super) identifier: u32,
    pub(super) selector: Option<Arc<str>>,
}

/// A will.
#[derive(Clone, Debug)]
pub(super) struct WillImage {
    pub(super) message: Arc<Message>,
    pub(super) delay_secs: u32,
    pub(super) expiry_secs: Option<u32>,
}

/// A message that waits for somebody.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoredMessage {
    pub(super) location: Location,
    /// Entries that refer to it.
    pub(super) references: u32,
    /// It counts where it lies.
    pub(super) is_counted: bool,
    pub(super) weight: u32,
    pub(super) expires_at: Option<u64>,
}

/// A chunk of messages in the archive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MessageChunk {
    pub(super) bytes: u32,
    pub(super) live_bytes: u32,
    pub(super) live: u32,
}

/// What has changed since it was last written to the archive.
#[derive(Clone, Debug, Default)]
pub(super) struct Unsaved {
    pub(super) sessions: Set<u64>,
    pub(super) wills: Set<u64>,
    pub(super) retained: Set<Arc<str>>,
    /// Chunks of entries, some of which are settled.
    pub(super) entry_chunks: Set<(Owner, u32)>,
    /// Chunks of messages that nobody waits for any more.
    pub(super) dead_chunks: Vec<u32>,
}

impl Image {
    /// Applies one fact. `at` is where a [`Fact::Message`]'s bytes lie, and the segment that holds the fact.
    pub(super) fn apply(&mut self, fact: Fact<'_>, at: Location) -> Result<(), Malformed> {
        match fact {
            Fact::Message { message, body } => self.add_message(message, body, at)?,
            Fact::SessionOpened { session, kind, client_id, expiry_secs } => {
                self.open_session(session, kind, client_id, expiry_secs);
            }
            Fact::SessionClosed { session, at_unix_ms, sent_to } => self.change(session, |session| {
                session.closed_at = Some(at_unix_ms);
                session.sent_to = session.sent_to.max(sent_to);
            }),
            Fact::SessionEnded { session } => self.end_session(session),
            Fact::Subscribed { session, filter, qos, options, identifier, selector } => {
                let selector = selector.map(Name::to_arc);
                self.change(session, |session| {
                    let subscription = SubscriptionImage { qos, options, identifier, selector };
                    session.subscriptions.insert(filter.to_arc(), subscription);
                });
            }
            Fact::Unsubscribed { session, filter } => self.change(session, |session| {
                session.subscriptions.remove(filter.as_str());
            }),
            Fact::Queued { session, sequence, message, terms } => {
                let Some(image) = self.sessions.get_mut(&session) else { return Ok(()) };
                image.next_sequence = image.next_sequence.max(sequence + 1);
                let entry = Entry::of_session(message, at.place, &terms);
                self.add_entry(&Owner::Session(session), sequence, entry);
            }
            Fact::Settled { session, sequence, state: SettledState::Done } => {
                self.remove_entry(&Owner::Session(session), sequence);
            }
            Fact::Settled { session, sequence, state: SettledState::Received } => {
                self.change_entry(&Owner::Session(session), sequence, |entry| entry.is_received = true);
            }
            Fact::Received { session, packet_id } => self.change(session, |session| {
                session.received.insert(packet_id);
            }),
            Fact::Released { session, packet_id } => self.change(session, |session| {
                session.received.remove(&packet_id);
            }),
            Fact::Retained { body } => {
                let message = body.to_arc()?;
                self.note_publisher(&message);
                let topic: Arc<str> = message.topic().as_str().into();
                self.retained.insert(Arc::clone(&topic), message);
                self.unsaved.retained.insert(topic);
            }
            Fact::RetainedCleared { topic } => {
                if let Some((topic, _)) = self.retained.remove_entry(topic.as_str()) {
                    self.unsaved.retained.insert(topic);
                }
            }
            Fact::Enqueued { queue, priority, sequence, message, deliveries } => {
                let owner = Owner::Queue(queue.to_arc());
                self.remove_entry(&owner, sequence);
                self.add_entry(&owner, sequence, Entry::of_queue(message, at.place, priority, deliveries));
            }
            Fact::Delivered { queue, sequence, deliveries } => {
                self.change_entry(&Owner::Queue(queue.to_arc()), sequence, |entry| {
                    entry.deliveries = deliveries;
                });
            }
            Fact::Dequeued { queue, sequence } => self.remove_entry(&Owner::Queue(queue.to_arc()), sequence),
            Fact::WillSet { session, body, delay_secs, expiry_secs } => {
                let message = body.to_arc()?;
                self.note_publisher(&message);
                if let Some(image) = self.sessions.get_mut(&session) {
                    image.will = Some(WillImage { message, delay_secs, expiry_secs });
                    self.unsaved.wills.insert(session);
                }
            }
            Fact::WillCleared { session } => {
                if self.sessions.get_mut(&session).is_some_and(|image| image.will.take().is_some()) {
                    self.unsaved.wills.insert(session);
                }
            }
        }
        Ok(())
    }

    fn open_session(&mut self, session: u64, kind: SessionKind, client_id: Name<'_>, expiry_secs: u32) {
        self.next_session = self.next_session.max(session + 1);
        self.unsaved.sessions.insert(session);
        let image = self.sessions.entry(session).or_insert_with(|| SessionImage {
            kind,
            client_id: client_id.to_arc(),
            expiry_secs,
            closed_at: None,
            sent_to: 0,
            next_sequence: 1,
            subscriptions: BTreeMap::new(),
            received: BTreeSet::new(),
            will: None,
            backlog: Backlog::default(),
        });
        (image.expiry_secs, image.closed_at) = (expiry_secs, None);
    }

    fn end_session(&mut self, session: u64) {
        let Some(image) = self.sessions.remove(&session) else { return };
        self.unsaved.sessions.insert(session);
        if image.will.is_some() {
            self.unsaved.wills.insert(session);
        }
        for chunk in image.backlog.chunks.keys() {
            self.unsaved.entry_chunks.insert((Owner::Session(session), *chunk));
        }
        for entry in image.backlog.entries.values() {
            self.release(entry);
        }
    }

    fn change(&mut self, session: u64, change: impl FnOnce(&mut SessionImage)) {
        if let Some(image) = self.sessions.get_mut(&session) {
            change(image);
            self.unsaved.sessions.insert(session);
        }
    }

    fn add_message(&mut self, number: u64, body: Body<'_>, location: Location) -> Result<(), Malformed> {
        self.next_message = self.next_message.max(number + 1);
        let (weight, expires_at) = match body {
            Body::Shared(message) => (message.weight(), message.expires_at()),
            Body::Read(bytes) => {
                let parts = super::body::parse(bytes)?;
                self.next_session = self.next_session.max(parts.publisher.0.saturating_add(1));
                (parts.weight(), parts.expires_at)
            }
        };
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        let stored = StoredMessage { location, references: 0, is_counted: false, weight, expires_at };
        // One that the archive has already was moved there; its segment was not given up before the process ended.
        self.messages.entry(number).or_insert(stored);
        if !self.is_replaying {
            self.orphans.push(number);
        }
        Ok(())
    }

    /// Sessions get numbers that no publisher of a stored message has had: No Local looks at them.
    pub(super) fn note_publisher(&mut self, message: &Message) {
        self.next_session = self.next_session.max(message.parts().publisher.0.saturating_add(1));
    }

    /// What waits for `owner`.
    pub(super) fn backlog(&self, owner: &Owner) -> Option<&Backlog> {
        match owner {
            Owner::Session(session) => self.sessions.get(session).map(|image| &image.backlog),
            Owner::Queue(queue) => self.queues.get(queue),
        }
    }

    pub(super) fn backlog_mut(&mut self, owner: &Owner) -> Option<&mut Backlog> {
        match owner {
            Owner::Session(session) => self.sessions.get_mut(session).map(|image| &mut image.backlog),
            Owner::Queue(queue) => self.queues.get_mut(queue),
        }
    }

    /// Adds an entry, unless it is there.
    pub(super) fn add_entry(&mut self, owner: &Owner, sequence: u64, entry: Entry) {
        let (message, place) = (entry.message, entry.place);
        if let Owner::Queue(queue) = owner
            && !self.queues.contains_key(queue)
        {
            self.queues.insert(Arc::clone(queue), Backlog::default());
        }
        let Some(backlog) = self.backlog_mut(owner) else { return };
        if let std::collections::btree_map::Entry::Vacant(vacant) = backlog.entries.entry(sequence) {
            vacant.insert(entry);
            if let Whereabouts::Chunk(chunk) = place.whereabouts() {
                backlog.note_in_chunk(chunk, sequence);
            }
            if !self.is_replaying {
                self.retain(message, place);
            }
        }
    }

    fn change_entry(&mut self, owner: &Owner, sequence: u64, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.backlog_mut(owner).and_then(|backlog| backlog.entries.get_mut(&sequence))
        else {
            return;
        };
        change(entry);
        if let Whereabouts::Chunk(chunk) = entry.place.whereabouts() {
            self.unsaved.entry_chunks.insert((owner.clone(), chunk));
        }
    }

    fn remove_entry(&mut self, owner: &Owner, sequence: u64) {
        let Some(backlog) = self.backlog_mut(owner) else { return };
        let Some(entry) = backlog.entries.remove(&sequence) else { return };
        if let Whereabouts::Chunk(number) = entry.place.whereabouts() {
            if let Some(chunk) = backlog.chunks.get_mut(&number) {
                chunk.live -= 1;
                if chunk.live == 0 {
                    backlog.chunks.remove(&number);
                }
            }
            self.unsaved.entry_chunks.insert((owner.clone(), number));
        }
        self.release(&entry);
        if let Owner::Queue(queue) = owner
            && self.queues.get(queue).is_some_and(|backlog| backlog.entries.is_empty())
        {
            self.queues.remove(queue);
        }
    }

    /// An entry that refers to a message and is durable at `place` counts.
    pub(super) fn retain(&mut self, message: u64, place: Place) {
        if let Whereabouts::Segment(segment) = place.whereabouts() {
            *self.live_in_segment.entry(segment).or_default() += 1;
        }
        let Some(stored) = self.messages.get_mut(&message) else { return };
        stored.references += 1;
        if !std::mem::replace(&mut stored.is_counted, true) {
            let location = stored.location;
            self.count_message(location, true);
        }
    }

    /// An entry is gone. Its message goes with the last one, at the end of the group: see [`Image::finish_group`].
    fn release(&mut self, entry: &Entry) {
        if self.is_replaying {
            return;
        }
        if let Whereabouts::Segment(segment) = entry.place.whereabouts() {
            self.forget_in_segment(segment);
        }
        let Some(stored) = self.messages.get_mut(&entry.message) else { return };
        stored.references -= 1;
        if stored.references == 0 {
            self.orphans.push(entry.message);
        }
    }

    /// A group was applied: messages that nobody refers to now are gone. Not sooner, since what one session leaves to
    /// another is settled before it is queued anew.
    pub(super) fn finish_group(&mut self) {
        for message in std::mem::take(&mut self.orphans) {
            if self.messages.get(&message).is_none_or(|stored| stored.references > 0) {
                continue;
            }
            if let Some(StoredMessage { location, is_counted: true, .. }) = self.messages.remove(&message) {
                self.count_message(location, false);
            }
        }
    }

    /// A message lies there, or does so no longer.
    pub(super) fn count_message(&mut self, at: Location, is_there: bool) {
        match at.place.whereabouts() {
            Whereabouts::Segment(segment) if is_there => {
                *self.live_in_segment.entry(segment).or_default() += 1;
            }
            Whereabouts::Segment(segment) => self.forget_in_segment(segment),
            Whereabouts::Chunk(number) => {
                let chunk = self.chunks.entry(number).or_default();
                if is_there {
                    chunk.live += 1;
                    chunk.live_bytes += at.len;
                    return;
                }
                chunk.live -= 1;
                chunk.live_bytes -= at.len;
                if chunk.live == 0 {
                    self.chunks.remove(&number);
                    self.unsaved.dead_chunks.push(number);
                }
            }
        }
    }

    pub(super) fn forget_in_segment(&mut self, segment: u32) {
        if let Some(live) = self.live_in_segment.get_mut(&segment) {
            *live -= 1;
            if *live == 0 {
                self.live_in_segment.remove(&segment);
            }
        }
    }
}
