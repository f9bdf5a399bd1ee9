//! Messages of a long queue that only the store holds: those beyond a window at its head.
//!
//! A consumer that comes to one waits: its queue asks the store for that and the next ones, one request at a time, and
//! puts the consumer back into its connection's line when they have come. What a consumer was granted stays its own
//! meanwhile. A message that is given up is fetched as well, where dead letters go anywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Queue;
use super::attention::NEVER;
use super::state::{DeadLetter, DeadReason, Entry, State, weight_of};
use crate::session::{Link, Place, chunk};
use crate::store::{Answers, Fetch, Owner, RecoveredMessage};

/// Stored messages that are held in memory while they wait. Those that consumers have come on top.
const RESIDENT_MESSAGES_MAX: usize = if cfg!(test) { 8 } else { 1_000 };
/// Bytes of those messages.
const RESIDENT_BYTES_MAX: usize = 1 << 20;

/// What a queue knows of messages that are not in memory.
#[derive(Default)]
pub(super) struct Absence {
    /// Its dead letters go somewhere.
    pub(super) buries: bool,
    /// Given up; their messages are still to be fetched.
    pub(super) dying: BTreeMap<Place, Dying>,
    /// Stored messages that wait, and are in memory.
    resident: usize,
    resident_bytes: usize,
    /// Messages that wait, and are not.
    absent: usize,
    /// Where a consumer waits for a message.
    pub(super) wanted: Option<Place>,
    /// What was asked for and has not come.
    asked: Vec<Place>,
    /// What has come last. It is let go of where it was only looked at, by a consumer that chooses or a browser.
    fetched: Vec<Place>,
}

/// See [`Absence::dying`].
pub(super) struct Dying {
    pub(super) deliveries: u32,
    pub(super) weight: u32,
    pub(super) reason: DeadReason,
}

impl Absence {
    /// Whether one more message may stay in memory.
    pub(super) fn has_room(&self) -> bool {
        self.resident < RESIDENT_MESSAGES_MAX && self.resident_bytes < RESIDENT_BYTES_MAX
    }

    /// Whether messages that were given up are to be fetched, and nobody has asked for them.
    pub(super) fn wants_dying(&self) -> bool {
        !self.dying.is_empty() && self.asked.is_empty()
    }

    fn is_short(&self) -> bool {
        self.resident < RESIDENT_MESSAGES_MAX / 2 && self.resident_bytes < RESIDENT_BYTES_MAX / 2
    }

    pub(super) fn note_inserted(&mut self, entry: &Entry) {
        match (&entry.message, entry.is_stored) {
            (None, _) => self.absent += 1,
            (Some(_), true) => {
                self.resident += 1;
                self.resident_bytes += entry.weight();
            }
            (Some(_), false) => {}
        }
    }

    pub(super) fn note_removed(&mut self, entry: &Entry) {
        match (&entry.message, entry.is_stored) {
            (None, _) => self.absent -= 1,
            (Some(_), true) => {
                self.resident -= 1;
                self.resident_bytes -= entry.weight();
            }
            (Some(_), false) => {}
        }
    }
}

impl State {
    /// The numbers of messages that should be fetched now, if any should: those that were given up, and where
    /// `has_consumer` those that a consumer waits for or soon will.
    pub(super) fn next_fetch(&mut self, has_consumer: bool) -> Option<Vec<u64>> {
        if !self.absence.asked.is_empty() {
            return None;
        }
        let wanted = self.absence.wanted.take();
        let is_short = has_consumer && self.absence.absent > 0 && self.absence.is_short();
        let from = wanted.or(is_short.then_some(Place::FIRST));
        let dying = self.absence.dying.iter().map(|(place, dying)| (*place, dying.weight as usize));
        // Where nothing is absent so far ahead, there is no hurry.
        let ahead =
            from.into_iter().flat_map(|from| self.ready.range(from..).take(2 * RESIDENT_MESSAGES_MAX));
        let absent = ahead.filter(|(_, entry)| entry.message.is_none());
        let absent = absent.map(|(place, entry)| (*place, entry.weight()));
        let asked = chunk(dying.chain(absent));
        self.absence.asked = asked;
        let sequences: Vec<_> = self.absence.asked.iter().map(|place| place.sequence()).collect();
        (!sequences.is_empty()).then_some(sequences)
    }

    /// What was asked for has come; `None` for what the store does not have. Returns how many those are.
    fn fill(&mut self, answers: Answers, wake: &mut Vec<Arc<Link>>) -> usize {
        self.let_go();
        let mut lost = 0;
        let asked = std::mem::take(&mut self.absence.asked);
        for (place, (_, fetched)) in asked.into_iter().zip(answers) {
            let message = fetched.map(|fetched| fetched.message);
            if let Some(Dying { deliveries, reason, .. }) = self.absence.dying.remove(&place) {
                lost += usize::from(message.is_none());
                self.dead.push(DeadLetter { place, message, deliveries, reason });
                continue;
            }
            // It may have been given up meanwhile.
            let Some(entry) = self.ready.get_mut(&place).filter(|entry| entry.message.is_none()) else {
                continue;
            };
            let Some(message) = message else {
                lost += 1;
                self.kill(place, DeadReason::Unreadable);
                continue;
            };
            self.absence.note_removed(entry);
            // What the store says of the weight should be right, but sums must come out even.
            let former = entry.weight();
            entry.weight = weight_of(&message);
            entry.message = Some(message);
            self.absence.note_inserted(entry);
            self.absence.fetched.push(place);
            let weight = entry.weight();
            self.correct_bytes(former, weight);
        }
        for slot in self.consumers.values_mut() {
            if std::mem::take(&mut slot.waits_for_store) {
                slot.feed.push(Arc::clone(&slot.consumer) as _);
                wake.push(Arc::clone(slot.feed.link()));
            }
        }
        self.dispatch(wake);
        lost
    }

    /// Lets go of what was fetched last and has not been taken, where too much is in memory.
    fn let_go(&mut self) {
        for place in std::mem::take(&mut self.absence.fetched) {
            let Some(entry) = self.ready.get_mut(&place) else { continue };
            if self.absence.has_room() || !entry.is_stored || entry.message.is_none() {
                continue;
            }
            self.absence.note_removed(entry);
            entry.message = None;
            self.absence.note_inserted(entry);
        }
    }
}

impl Queue {
    /// Takes over the messages that the store has found; they stay there until they are needed.
    pub fn restore(&self, next_sequence: u64, messages: &[RecoveredMessage]) {
        let mut state = self.state.lock();
        state.set_next_sequence(next_sequence);
        for message in messages {
            let entry = Entry {
                message: None,
                weight: message.weight,
                deliveries: message.deliveries,
                expires_at: message.expires_at.unwrap_or(NEVER),
                since_secs: self.totals.now_secs(),
                is_stored: true,
            };
            state.insert_entry(Place::new(message.priority, message.sequence), entry);
        }
        self.attend(&mut state);
    }

    /// Asks the store for messages with these numbers.
    pub(super) fn fetch(self: &Arc<Self>, sequences: Vec<u64>) -> Fetch {
        let queue = Arc::clone(self);
        Fetch::new(Owner::Queue(Arc::clone(&self.name)), sequences, move |answers| queue.fill(answers))
    }

    fn fill(&self, answers: Answers) {
        let mut wake = Vec::new();
        let lost = {
            let mut state = self.state.lock();
            let lost = state.fill(answers, &mut wake);
            self.attend(&mut state);
            lost
        };
        if lost > 0 {
            tracing::error!(queue = &*self.name, lost, "stored messages cannot be read, and are dropped");
        }
        for link in wake {
            link.wake();
        }
    }
}
