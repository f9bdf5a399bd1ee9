//! The half of STOMP that lives in the session: subscriptions with their ack modes, what is unacknowledged, and how a
//! message becomes a MESSAGE frame.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use tidewire_protocols::stomp::{Command, FrameWriter, Version, encode_header};

use super::Travel;
use super::layout::{Layout, Own};
use super::serial::Serial;
use crate::clock::Now;
use crate::config::{Config, Separator};
use crate::keyed_list::{Keyed, KeyedList};
use crate::message::{Deflating, Message, Publication};
use crate::output::Output;
use crate::selection::Selection;
use crate::session::{Claim, Deliver, Delivered, DeliveryOptions, Guard, Tie};

/// How a subscription's messages are acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckMode {
    /// A message counts as received once sent. [STOMP12-SUBSCRIBE-7]
    Auto,
    /// An ACK covers the message and all before it. [STOMP12-SUBSCRIBE-8]
    Client,
    /// An ACK covers the message alone. [STOMP12-SUBSCRIBE-10]
    ClientIndividual,
}

/// See the module.
pub struct StompDeliver {
    version: Version,
    travel: Travel,
    separator: Separator,
    /// By their number.
    subscriptions: KeyedList<Subscription>,
    /// Subscriptions there have been. A number is used once: a message of an ended subscription must not be taken for
    /// one of a new one. 0 is nobody's.
    numbered: u32,
    /// Of the next message, for its id.
    serial: Serial,
    /// Counts acknowledgements and endings: see [`Deliver::openings`].
    openings: u64,
    prefetch_max: usize,
    /// Whether bodies are compressed.
    deflating: Option<Deflating>,
    guard: Option<Guard>,
}

struct Subscription {
    /// Its number.
    local: u32,
    id: Option<Box<str>>,
    /// What its MESSAGE frames begin with: up to where the message's serial number stands in `message-id`.
    head: Box<[u8]>,
    destination: Box<str>,
    ack: AckMode,
    prefetch: usize,
    /// Which messages it wants; all, where there is none. A queue looks at that itself.
    selection: Option<Arc<Selection>>,
    /// Messages that are not acknowledged, in order.
    unacknowledged: VecDeque<Unacknowledged>,
}

/// A message that was sent and is not acknowledged.
struct Unacknowledged {
    serial: u64,
    /// What a work queue is owed, or the other members of a shared subscription.
    owed: Option<(Arc<Message>, DeliveryOptions)>,
}

/// What an ACK or NACK has settled.
#[derive(Default)]
pub(super) struct Settled {
    /// Messages.
    pub(super) count: usize,
    /// Those of them that others may have.
    pub(super) owed: Vec<(Arc<Message>, DeliveryOptions)>,
}

/// A message as the client names it: `<subscription>-<serial>`, in `message-id` and `ack` alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessageId {
    pub(super) local: u32,
    serial: u64,
}

impl MessageId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (local, serial) = text.split_once('-')?;
        Some(Self { local: local.parse().ok()?, serial: serial.parse().ok()? })
    }
}

impl StompDeliver {
    pub(super) fn new(
        version: Version,
        config: &Config,
        travel: Travel,
        deflating: Option<Deflating>,
    ) -> Self {
        Self {
            version,
            travel,
            separator: config.stomp.separator,
            subscriptions: KeyedList::default(),
            numbered: 0,
            serial: Serial::FIRST,
            openings: 0,
            prefetch_max: config.session.inflight_max.into(),
            deflating,
            guard: None,
        }
    }

    /// Messages that a subscription may have unacknowledged: what it asks for, within what there may be; 0 is as many as
    /// there may be.
    pub(super) fn prefetch(&self, wanted: usize) -> usize {
        if wanted == 0 { self.prefetch_max } else { wanted.min(self.prefetch_max) }
    }

    /// Adds a subscription and returns its number.
    pub(super) fn add(
        &mut self,
        id: Option<&str>,
        destination: &str,
        ack: AckMode,
        prefetch: usize,
        selection: Option<Arc<Selection>>,
    ) -> u32 {
        let prefetch = self.prefetch(prefetch);
        let unacknowledged = VecDeque::new();
        self.numbered += 1;
        let head = head(self.version, id, self.numbered);
        let (id, destination) = (id.map(Into::into), destination.into());
        let local = self.numbered;
        let subscription =
            Subscription { local, id, head, destination, ack, prefetch, selection, unacknowledged };
        self.subscriptions.insert(subscription);
        local
    }

    /// Ends a subscription. What it was sent and has not acknowledged goes back to where it came from.
    pub(super) fn remove(&mut self, local: u32) -> Vec<(Arc<Message>, DeliveryOptions)> {
        self.openings += 1;
        self.subscriptions.remove(&local).into_iter().flat_map(Subscription::into_owed).collect()
    }

    /// Whether an ACK or NACK of that message means anything; acknowledging is [`StompDeliver::acknowledge`].
    pub(super) fn is_acknowledgeable(&self, id: MessageId) -> bool {
        self.subscriptions.find(&id.local).is_some_and(|subscription| match subscription.ack {
            // Harmless: it has been acknowledged by being sent, or by an ACK for a later one.
            AckMode::Auto | AckMode::Client => id.serial > 0 && id.serial < self.serial.number(),
            AckMode::ClientIndividual => subscription.position(id.serial).is_ok(),
        })
    }

    /// What an acknowledgement of that message would settle for work queues.
    pub(super) fn claims(&self, id: MessageId) -> impl Iterator<Item = &Claim> {
        let covered = self.subscriptions.find(&id.local).map(|subscription| subscription.covered(id.serial));
        let unacknowledged = covered.into_iter().flatten();
        unacknowledged.filter_map(|one| one.owed.as_ref()?.1.claim().map(Arc::as_ref))
    }

    /// The subscription id that a message went to.
    pub(super) fn subscription_id(&self, local: u32) -> Option<&str> {
        self.subscriptions.find(&local)?.id.as_deref()
    }

    /// Acknowledges a message, and all before it in mode `client`.
    pub(super) fn acknowledge(&mut self, id: MessageId) -> Settled {
        self.openings += 1;
        let Some(subscription) = self.subscriptions.find_mut(&id.local) else { return Settled::default() };
        let range = subscription.range(id.serial);
        let count = range.len();
        let owed = match count {
            // The usual case, without moving what lies behind it.
            1 => {
                subscription.unacknowledged.remove(range.start).and_then(|one| one.owed).into_iter().collect()
            }
            _ => subscription.unacknowledged.drain(range).filter_map(|one| one.owed).collect(),
        };
        Settled { count, owed }
    }
}

fn head(version: Version, id: Option<&str>, local: u32) -> Box<[u8]> {
    let mut head = BytesMut::new();
    head.put_slice(Command::Message.as_str().as_bytes());
    head.put_u8(b'\n');
    if let Some(id) = id {
        encode_header(version, "subscription", id, &mut head);
    }
    head.put_slice(format!("message-id:{local}-").as_bytes());
    Vec::from(head).into()
}

impl Keyed for Subscription {
    type Key = u32;

    #[inline]
    fn has_key(&self, local: &u32) -> bool {
        self.local == *local
    }

    fn is_same(&self, other: &Self) -> bool {
        self.local == other.local
    }

    fn hash(&self, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one(self.local)
    }

    fn hash_key(local: &u32, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one(local)
    }
}

impl Subscription {
    fn is_open(&self) -> bool {
        self.ack == AckMode::Auto || self.unacknowledged.len() < self.prefetch
    }

    fn position(&self, serial: u64) -> Result<usize, usize> {
        self.unacknowledged.binary_search_by_key(&serial, |one| one.serial)
    }

    /// What an acknowledgement of that message covers.
    fn range(&self, serial: u64) -> Range<usize> {
        match (self.ack, self.position(serial)) {
            (AckMode::Auto, _) | (AckMode::ClientIndividual, Err(_)) => 0..0,
            (AckMode::Client, Ok(position)) => 0..position + 1,
            (AckMode::Client, Err(position)) => 0..position,
            (AckMode::ClientIndividual, Ok(position)) => position..position + 1,
        }
    }

    fn covered(&self, serial: u64) -> impl Iterator<Item = &Unacknowledged> {
        self.unacknowledged.range(self.range(serial))
    }

    fn into_owed(self) -> impl Iterator<Item = (Arc<Message>, DeliveryOptions)> {
        self.unacknowledged.into_iter().filter_map(|one| one.owed)
    }
}

impl Deliver for StompDeliver {
    fn deliver(
        &mut self,
        _now: Now,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        output: &mut Output,
    ) -> Delivered {
        let Some(subscription) = self.subscriptions.find_mut(&options.local) else {
            return Delivered::Discarded;
        };
        if self.guard.as_ref().is_some_and(|guard| !guard(publication.topic)) {
            return Delivered::Denied;
        }
        if options.claim().is_none() {
            if subscription.selection.as_ref().is_some_and(|selection| !selection.selects(publication)) {
                return Delivered::Discarded;
            }
            if !subscription.is_open() {
                return Delivered::SubscriptionClosed;
            }
        }
        let Self { version, travel, separator, deflating, .. } = *self;
        let is_acknowledged = subscription.ack != AckMode::Auto;
        let own = Own { head: &subscription.head, serial: &self.serial, is_acknowledged };
        Layout { version, travel, separator, deflating }.write(publication, options, own, output);
        if is_acknowledged {
            let is_owed = match &options.tie {
                Tie::Share(_) => true,
                Tie::Claim(claim) => claim.is_owed,
                Tie::None | Tie::Origin(_) => false,
            };
            let owed = is_owed.then(|| (Arc::clone(publication.keep()), options.clone()));
            subscription.unacknowledged.push_back(Unacknowledged { serial: self.serial.number(), owed });
        }
        self.serial.advance();
        Delivered::Sent
    }

    fn resend(&mut self, _now: Now, _output: &mut Output, _settled: &mut Vec<u64>) -> bool {
        true
    }

    fn abandon(&mut self) -> Vec<(Arc<Message>, DeliveryOptions)> {
        let subscriptions = std::mem::take(&mut self.subscriptions).into_entries().into_iter();
        let mut owed: Vec<_> = subscriptions.flat_map(Subscription::into_owed).collect();
        // One queue after the other, and each's in order.
        owed.sort_by(|(_, left), (_, right)| {
            let key = |options: &DeliveryOptions| {
                options.claim().map(|claim| (Arc::clone(&claim.queue), claim.place))
            };
            key(left).cmp(&key(right))
        });
        owed
    }

    fn openings(&self) -> u64 {
        self.openings
    }

    fn set_guard(&mut self, guard: Option<Guard>) {
        self.guard = guard;
    }

    fn has_long_heads(&self) -> bool {
        true
    }

    /// As the brokers say it that know browsing: an empty MESSAGE with `browser:end`.
    fn end_of_browse(&mut self, local: u32, output: &mut Output) {
        let Some(subscription) = self.subscriptions.find(&local) else { return };
        self.travel.write(output, |out| {
            let mut writer = FrameWriter::new(out, self.version, Command::Message);
            if let Some(id) = &subscription.id {
                writer.header("subscription", id);
            }
            writer.header("message-id", &format!("{local}-{}", self.serial.number()));
            writer.header("destination", &subscription.destination).header("browser", "end");
            writer.finish();
        });
        self.serial.advance();
    }

    fn inflight(&self) -> usize {
        self.subscriptions.as_slice().iter().map(|subscription| subscription.unacknowledged.len()).sum()
    }
}
