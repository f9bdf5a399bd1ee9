//! What is inside a queue's mutex: its messages by place, and the bounds of their number.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::absent::{Absence, Dying};
use super::attention::NEVER;
use super::dispatch::Slot;
use crate::clock::Now;
use crate::message::{Message, Qos};
use crate::session::{Claim, Place};

/// The highest priority of a message.
pub const HIGHEST_PRIORITY: u8 = 9;

/// The bounds of one queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Messages it holds, those with a consumer included.
    pub length_max: usize,
    /// Bytes of those messages.
    pub bytes_max: usize,
    /// What happens beyond them.
    pub overflow: QueueOverflow,
    /// Deliveries of one message, after which it is given up; `None`: it never is.
    pub deliveries_max: Option<u32>,
    /// Whether a store keeps what it holds.
    pub is_stored: bool,
    /// Whether its dead letters go anywhere.
    pub buries: bool,
}

/// What happens to a message that finds a queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum QueueOverflow {
    /// Its sender is told that it was refused.
    Reject,
    /// The message at the head makes room, and becomes a dead letter.
    DropHead,
}

/// Why a queue has given a message up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadReason {
    /// It was delivered as often as it may be, and never acknowledged.
    Deliveries,
    /// Its consumer said that nobody should have it.
    Rejected,
    /// Its time was over.
    Expired,
    /// The queue was full.
    Length,
    /// It cannot be sent to its consumer, being larger than that takes.
    TooLarge,
    /// The store cannot give it back.
    Unreadable,
}

impl DeadReason {
    /// As it stands in the header `dead-letter-reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deliveries => "deliveries",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Length => "length",
            Self::TooLarge => "too-large",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A message that a queue has given up.
pub struct DeadLetter {
    /// The place it had.
    pub place: Place,
    /// The message, where it is known and anybody wants it.
    pub message: Option<Arc<Message>>,
    /// How often it was delivered.
    pub deliveries: u32,
    /// Why.
    pub reason: DeadReason,
}

/// A message that waits for a consumer.
pub(super) struct Entry {
    /// Absent where only the store holds it: see [`absent`](super::absent).
    pub(super) message: Option<Arc<Message>>,
    pub(super) weight: u32,
    /// How often it was delivered.
    pub(super) deliveries: u32,
    /// In milliseconds since the epoch; [`NEVER`] if it does not expire.
    pub(super) expires_at: u64,
    /// When it came, or came back, in whole seconds since the epoch.
    pub(super) since_secs: u32,
    /// The store keeps it.
    pub(super) is_stored: bool,
}

impl Entry {
    pub(super) fn weight(&self) -> usize {
        self.weight as usize
    }

    pub(super) fn is_expired(&self, now: Now) -> bool {
        self.expires_at <= now.unix_ms
    }
}

/// See the module.
pub(super) struct State {
    limits: QueueLimits,
    /// It is no longer in the registry.
    pub(super) is_gone: bool,
    /// In order. Both ends of the tree are touched again and again and so are near, however many lie between.
    pub(super) ready: BTreeMap<Place, Entry>,
    /// The messages among them that expire, by when.
    expiries: BTreeSet<(u64, Place)>,
    /// Places that were taken and are not filled yet.
    places: usize,
    /// Messages that a consumer has and has not acknowledged.
    pub(super) unsettled: usize,
    /// Bytes of everything.
    bytes: usize,
    last_sequence: u64,
    /// Messages that consumers were given since the process began.
    pub(super) delivered: u64,
    /// Given up, and to be seen to.
    pub(super) dead: Vec<DeadLetter>,
    pub(super) consumers: HashMap<u64, Slot, foldhash::fast::RandomState>,
    /// Consumers with credit, in turn.
    pub(super) line: VecDeque<u64>,
    /// Deliveries granted and not fetched.
    pub(super) granted: usize,
    /// Consumers that choose.
    pub(super) selective: usize,
    /// It goes with its last consumer.
    pub(super) is_auto_delete: bool,
    pub(super) absence: Absence,
    /// What of it is in the totals of all queues: messages and bytes.
    pub(super) reported: (u64, u64),
}

impl State {
    pub(super) fn new(limits: QueueLimits) -> Self {
        let mut absence = Absence::default();
        absence.buries = limits.buries;
        Self {
            limits,
            is_gone: false,
            ready: BTreeMap::new(),
            expiries: BTreeSet::new(),
            places: 0,
            unsettled: 0,
            bytes: 0,
            last_sequence: 0,
            delivered: 0,
            dead: Vec::new(),
            consumers: HashMap::default(),
            line: VecDeque::new(),
            granted: 0,
            selective: 0,
            is_auto_delete: false,
            absence,
            reported: (0, 0),
        }
    }

    pub(super) fn limits(&self) -> &QueueLimits {
        &self.limits
    }

    /// What it holds beyond them stays; they count for what comes.
    pub(super) fn set_limits(&mut self, limits: QueueLimits) {
        self.absence.buries = limits.buries;
        self.limits = limits;
    }

    /// Whether the store keeps that message.
    pub(super) fn keeps(&self, message: &Message) -> bool {
        self.limits.is_stored && message.qos() > Qos::AtMostOnce
    }

    /// Messages, those with a consumer included.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.unsettled + self.places
    }

    /// Bytes of those messages.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the message that waits longest came. Within a priority that is the first.
    pub(super) fn oldest_secs(&self) -> Option<u32> {
        let first_of = |priority| self.ready.range(Place::new(priority, 0)..).next();
        (0..=HIGHEST_PRIORITY).filter_map(first_of).map(|(_, entry)| entry.since_secs).min()
    }

    /// The number of the last message that came.
    pub(super) fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_idle(&self) -> bool {
        self.len() == 0 && self.consumers.is_empty() && self.dead.is_empty() && self.absence.dying.is_empty()
    }

    /// Whether it was to go with its last consumer, and that has gone.
    pub(super) fn is_abandoned(&self, is_owned: bool) -> bool {
        self.consumers.is_empty() && (self.is_auto_delete || is_owned)
    }

    pub(super) fn take_place(&mut self, priority: u8, weight: usize) -> Result<Place, super::Full> {
        let limits = &self.limits;
        let has_room = self.len() < limits.length_max && self.bytes + weight <= limits.bytes_max;
        if !has_room && (limits.overflow == QueueOverflow::Reject || weight > limits.bytes_max) {
            return Err(super::Full);
        }
        self.places += 1;
        self.bytes += weight;
        self.last_sequence += 1;
        Ok(Place::new(priority, self.last_sequence))
    }

    pub(super) fn give_up_place(&mut self, weight: usize) {
        self.places -= 1;
        self.bytes -= weight;
    }

    /// Puts a message in its place. `is_stored` says whether the store keeps it.
    pub(super) fn insert(
        &mut self,
        place: Place,
        message: Arc<Message>,
        deliveries: u32,
        is_stored: bool,
        since_secs: u32,
    ) {
        self.note_arrival(place, &message);
        // One that comes back was in memory all the time.
        let is_near = !is_stored || deliveries > 0 || self.absence.has_room();
        let entry = Entry {
            weight: weight_of(&message),
            deliveries,
            expires_at: message.expires_at().unwrap_or(NEVER),
            since_secs,
            is_stored,
            message: is_near.then_some(message),
        };
        self.insert_entry(place, entry);
    }

    pub(super) fn insert_entry(&mut self, place: Place, entry: Entry) {
        self.bytes += entry.weight();
        if entry.expires_at != NEVER {
            self.expiries.insert((entry.expires_at, place));
        }
        self.absence.note_inserted(&entry);
        self.last_sequence = self.last_sequence.max(place.sequence());
        self.ready.insert(place, entry);
    }

    /// Numbers go on from here.
    pub(super) fn set_next_sequence(&mut self, next: u64) {
        self.last_sequence = self.last_sequence.max(next.saturating_sub(1));
    }

    /// Takes a message out of its place. Its bytes count until it is settled.
    pub(super) fn remove(&mut self, place: Place) -> Option<Entry> {
        let entry = self.ready.remove(&place)?;
        if entry.expires_at != NEVER {
            self.expiries.remove(&(entry.expires_at, place));
        }
        self.absence.note_removed(&entry);
        Some(entry)
    }

    /// Bytes are no longer the queue's.
    pub(super) fn forget_bytes(&mut self, weight: usize) {
        self.bytes -= weight;
    }

    /// A message weighs something else than was thought.
    pub(super) fn correct_bytes(&mut self, former: usize, weight: usize) {
        self.bytes = self.bytes - former + weight;
    }

    /// Gives a message up that waits. Where its message is wanted and absent, it must be fetched first.
    pub(super) fn kill(&mut self, place: Place, reason: DeadReason) {
        let Some(entry) = self.remove(place) else { return };
        self.forget_bytes(entry.weight());
        let Entry { message, deliveries, weight, .. } = entry;
        if message.is_none() && self.absence.buries && reason != DeadReason::Unreadable {
            self.absence.dying.insert(place, Dying { deliveries, weight, reason });
        } else {
            self.dead.push(DeadLetter { place, message, deliveries, reason });
        }
    }

    /// A message that a consumer had is its no longer.
    pub(super) fn settle(&mut self, claim: &Claim, weight: usize) {
        self.unsettled -= 1;
        self.forget_bytes(weight);
        self.give_credit_back(claim.consumer);
    }

    /// Drops from the head until the bounds are kept.
    pub(super) fn shorten(&mut self) {
        while self.len() > self.limits.length_max || self.bytes > self.limits.bytes_max {
            let Some((place, _)) = self.ready.first_key_value() else { return };
            self.kill(*place, DeadReason::Length);
        }
    }

    /// Gives up what has expired.
    pub(super) fn expire(&mut self, now: Now) {
        while let Some((at, place)) = self.expiries.first().copied() {
            if at > now.unix_ms {
                return;
            }
            self.kill(place, DeadReason::Expired);
        }
    }

    pub(super) fn purge(&mut self) -> Vec<DeadLetter> {
        let mut purged = std::mem::take(&mut self.dead);
        let dying = std::mem::take(&mut self.absence.dying).into_keys();
        let waiting: Vec<_> = self.ready.keys().copied().collect();
        for place in dying.chain(waiting) {
            if let Some(entry) = self.remove(place) {
                self.forget_bytes(entry.weight());
            }
            purged.push(DeadLetter { place, message: None, deliveries: 0, reason: DeadReason::Rejected });
        }
        purged
    }

    /// When somebody should look after the queue.
    pub(super) fn attention_at(&self) -> u64 {
        if !self.dead.is_empty() || self.absence.wants_dying() {
            return 0;
        }
        self.expiries.first().map_or(NEVER, |(at, _)| *at)
    }
}

/// What a message weighs against a queue's bounds.
pub(super) fn weight_of(message: &Message) -> u32 {
    u32::try_from(message.weight()).unwrap_or(u32::MAX)
}
