//! A group of records, gathered from all connections, on its way into the journal.
//!
//! What was settled before it was written need not be written at all: a message that its subscriber has acknowledged
//! within the same group leaves no trace. A group survives as a whole or not at all, so nothing can tell the difference.

use std::collections::HashMap;
use std::sync::Arc;

use super::fact::{Body, Fact};
use super::frame::FRAME_HEADER;
use super::image::Image;
use super::journal::Written;
use super::place::{Location, Place};
use crate::message::Message;
use crate::store::record::{Record, SettledState};

/// See the module. Kept from one group to the next for its memory.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) records: Vec<Record>,
    /// Which records need not be written.
    is_settled: Vec<bool>,
    /// Bodies that are written with this group: their numbers, and where they lie in the frame.
    bodies: Vec<(u64, std::ops::Range<usize>)>,
    frame: Vec<u8>,
    open: HashMap<Key, usize, foldhash::fast::RandomState>,
}

/// What a record is about, where it can be settled: the session or the queue (by its name's address, which the records
/// keep alive), and the place in its order.
type Key = (u64, u64, bool);

/// Memory that a group keeps between its uses.
const KEPT_BYTES: usize = 4 << 20;

impl Group {
    /// Whether nothing is left that must be written.
    pub(super) fn is_void(&self) -> bool {
        self.frame.len() <= FRAME_HEADER
    }

    /// The bytes for the journal.
    pub(super) fn frame(&mut self) -> &mut Vec<u8> {
        &mut self.frame
    }

    /// Makes the bytes for the journal.
    pub(super) fn encode(&mut self, image: &mut Image) {
        self.settle();
        let Self { records, is_settled, bodies, frame, .. } = self;
        bodies.clear();
        frame.clear();
        frame.resize(FRAME_HEADER, 0);
        let first = image.next_message;
        for (record, is_settled) in records.iter().zip(is_settled) {
            if *is_settled {
                continue;
            }
            let message = message_of(record).map_or(0, |message| {
                let number = message.stored_as();
                // Stored with this group already, or before and still there.
                if number >= first.max(1) || (number > 0 && image.messages.contains_key(&number)) {
                    return number;
                }
                let number = image.next_message.max(1);
                image.next_message = number + 1;
                message.set_stored_as(number);
                let fact = Fact::Message { message: number, body: Body::Shared(message) };
                bodies.push((number, fact.put(frame)));
                number
            });
            Fact::of(record, message).put(frame);
        }
    }

    /// Applies the group to the image, now that it is durable.
    pub(super) fn apply(&self, image: &mut Image, written: Written) {
        let place = Place::segment(written.segment);
        let at = |range: &std::ops::Range<usize>| Location {
            place,
            offset: u32::try_from(written.offset).unwrap_or(u32::MAX) + range.start as u32,
            len: range.len() as u32,
        };
        let mut bodies = self.bodies.iter().peekable();
        for (record, is_settled) in self.records.iter().zip(&self.is_settled) {
            if *is_settled {
                continue;
            }
            let message = message_of(record);
            let number = message.map_or(0, |message| message.stored_as());
            if let (Some(message), Some((_, range))) = (message, bodies.next_if(|(new, _)| *new == number)) {
                let fact = Fact::Message { message: number, body: Body::Shared(message) };
                apply(image, fact, at(range));
            }
            apply(image, Fact::of(record, number), at(&(0..0)));
        }
        image.finish_group();
    }

    /// Empties it for the next use.
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.is_settled.clear();
        self.bodies.clear();
        self.frame.clear();
        self.frame.shrink_to(KEPT_BYTES);
        self.records.shrink_to(KEPT_BYTES / size_of::<Record>());
    }

    /// Finds pairs of records that come to nothing together.
    fn settle(&mut self) {
        let Self { records, is_settled, open, .. } = self;
        is_settled.clear();
        is_settled.resize(records.len(), false);
        open.clear();
        for index in 0..records.len() {
            match &records[index] {
                Record::Queued { session, sequence, .. } => {
                    open.insert((*session, *sequence, false), index);
                }
                Record::Enqueued { queue, sequence, .. } => {
                    open.insert((address(queue), *sequence, true), index);
                }
                Record::Settled { session, sequence, state: SettledState::Done } => {
                    if let Some(opened) = open.remove(&(*session, *sequence, false)) {
                        (is_settled[opened], is_settled[index]) = (true, true);
                    }
                }
                Record::Delivered { queue, sequence, deliveries } => {
                    let (opened, delivered) = (open.get(&(address(queue), *sequence, true)), *deliveries);
                    if let Some(opened) = opened
                        && let Record::Enqueued { deliveries, .. } = &mut records[*opened]
                    {
                        *deliveries = delivered;
                        is_settled[index] = true;
                    }
                }
                Record::Dequeued { queue, sequence } => {
                    if let Some(opened) = open.remove(&(address(queue), *sequence, true)) {
                        (is_settled[opened], is_settled[index]) = (true, true);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The image refuses only what cannot be read, and these were never written yet.
fn apply(image: &mut Image, fact: Fact<'_>, at: Location) {
    if let Err(error) = image.apply(fact, at) {
        tracing::error!(%error, "a record could not be applied to the image of the store");
    }
}

fn address(name: &Arc<str>) -> u64 {
    name.as_ptr() as u64
}

/// The message that a record refers to by number.
fn message_of(record: &Record) -> Option<&Arc<Message>> {
    match record {
        Record::Queued { message, .. } | Record::Enqueued { message, .. } => Some(message),
        _ => None,
    }
}
