//! A queue against a model: whatever senders and consumers do, no message is lost or had by two, each consumer has as
//! many as it may, and what is fetched is the first that waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tidewire_protocols::mqtt::Property;
use tidewire_protocols::topic::TopicName;

use super::*;
use crate::clock::Now;
use crate::message::{Attributes, AttributesBuf, Publication, Qos};
use crate::output::Output;
use crate::selection::Selection;
use crate::session::{Deliver, Delivered, DeliveryOptions, Feed, ProtocolKind, SessionKey, Source, Transmit};
use crate::store::{CommitId, Fetched};

const STEPS: usize = 4_000;
const PREFETCH: usize = 3;

/// Xorshift, so that a seed gives the same steps on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

/// A client that takes so many before its window is closed.
#[derive(Default)]
struct Hand {
    room: usize,
    taken: Vec<(Arc<Message>, Arc<Claim>)>,
}

impl Deliver for Hand {
    fn deliver(
        &mut self,
        _: Now,
        publication: &Publication<'_>,
        options: &DeliveryOptions,
        _: &mut Output,
    ) -> Delivered {
        if self.room == 0 {
            return Delivered::WindowClosed;
        }
        self.room -= 1;
        self.taken.push((Arc::clone(publication.keep()), options.claim().cloned().expect("a claim")));
        Delivered::Sent
    }

    fn resend(&mut self, _: Now, _: &mut Output, _: &mut Vec<u64>) -> bool {
        true
    }
}

struct Client {
    feed: Arc<Feed>,
    consumer: Arc<Consumer>,
    colour: Option<usize>,
    holds: Vec<(Arc<Message>, Arc<Claim>)>,
}

fn client() -> SessionKey {
    SessionKey::new(ProtocolKind::Stomp, "test".into())
}

const COLOURS: [&str; 2] = ["red", "blue"];

struct World {
    queue: Arc<Queue>,
    now: Now,
    clients: Vec<Client>,
    /// What waits, by place, with its colour.
    waiting: BTreeMap<Place, usize>,
    /// The colour of everything that is there.
    colours: BTreeMap<Place, usize>,
    /// What a store keeps, by number, and what it was asked for and has not answered yet.
    stored: BTreeMap<u64, Arc<Message>>,
    fetches: Vec<Fetch>,
}

impl World {
    /// `is_stored`: what is beyond a window at the head has to be fetched from a store.
    fn new(is_stored: bool) -> Self {
        let limits = || QueueLimits {
            length_max: usize::MAX,
            bytes_max: usize::MAX,
            overflow: QueueOverflow::Reject,
            deliveries_max: None,
            is_stored,
            buries: false,
        };
        let queue = Queues::default().with("q", None, limits, |queue| Ok(Arc::clone(queue)));
        let now = Now { instant: Instant::now(), unix_ms: 1 };
        Self {
            queue,
            now,
            clients: Vec::new(),
            waiting: BTreeMap::new(),
            colours: BTreeMap::new(),
            stored: BTreeMap::new(),
            fetches: Vec::new(),
        }
    }

    fn send(&mut self, priority: u8, colour: usize) {
        let mut attributes = AttributesBuf::default();
        attributes.push(Property::UserProperty("colour", COLOURS[colour]));
        let mut publication = Publication::new(TopicName::parse("q").unwrap(), b"x", SessionId(1));
        publication.qos = Qos::AtLeastOnce;
        publication.attributes = Attributes::of(&attributes);
        let message = Arc::clone(publication.keep());
        let place = self.queue.take_place(priority, message.weight()).unwrap().unwrap();
        self.stored.insert(place.sequence(), Arc::clone(&message));
        let outcome = self.queue.push(place, message);
        self.fetches.extend(outcome.fetch);
        self.waiting.insert(place, colour);
        self.colours.insert(place, colour);
    }

    fn join(&mut self, colour: Option<usize>) {
        let feed = Arc::new(Feed::new(Arc::new(Link::new(1, "test".into(), Instant::now()))));
        let selection = colour.map(|colour| format!("colour = '{}'", COLOURS[colour]));
        let terms = ConsumerTerms {
            session: SessionId(1),
            local: 0,
            qos: Qos::ExactlyOnce,
            identifiers: Default::default(),
            acknowledged: Acknowledged::ByClient,
            prefetch: PREFETCH,
            selection: selection.map(|text| Arc::new(Selection::parse(&text).unwrap())),
            is_exclusive: false,
            is_auto_delete: false,
            is_browser: false,
        };
        let consumer = self.queue.join(client(), terms, &feed, &mut Vec::new()).unwrap().unwrap();
        self.clients.push(Client { feed, consumer, colour, holds: Vec::new() });
    }

    /// One client's connection can write so many.
    fn fetch(&mut self, index: usize, room: usize) {
        let client = &mut self.clients[index];
        let mut hand = Hand { room, taken: Vec::new() };
        let mut transmit = Transmit::new(self.now, CommitId::NONE, None);
        client.feed.pull(&mut transmit, &mut hand, &mut Output::default(), usize::MAX);
        self.fetches.append(&mut transmit.fetches);
        for (message, claim) in hand.taken {
            assert!(Arc::ptr_eq(&message, &self.stored[&claim.place.sequence()]));
            let is_for = |colour: usize| client.colour.is_none_or(|wanted| wanted == colour);
            let first = self.waiting.iter().find(|(_, colour)| is_for(**colour)).map(|(place, _)| *place);
            assert_eq!(Some(claim.place), first, "the first that waits for it");
            self.waiting.remove(&claim.place);
            client.holds.push((message, claim));
        }
        assert!(client.holds.len() <= PREFETCH, "it has as many as it may");
    }

    /// The store answers what it was asked for first; whether there was anything.
    fn answer(&mut self) -> bool {
        if self.fetches.is_empty() {
            return false;
        }
        let fetch = self.fetches.remove(0);
        fetch
            .find(|sequence| Some(Fetched { message: Arc::clone(self.stored.get(&sequence)?), terms: None }));
        true
    }

    fn settle(&mut self, index: usize, position: usize) {
        let held = self.clients[index].holds.remove(position);
        self.colours.remove(&held.1.place);
        let outcome = self.queue.settle(&[held]);
        self.fetches.extend(outcome.fetch);
    }

    fn put_back(&mut self, held: Vec<(Arc<Message>, Arc<Claim>)>) {
        for (_, claim) in &held {
            self.waiting.insert(claim.place, self.colours[&claim.place]);
        }
        let outcome = self.queue.put_back(held, None);
        self.fetches.extend(outcome.fetch);
    }

    fn leave(&mut self, index: usize) {
        let client = self.clients.swap_remove(index);
        self.put_back(client.holds);
        client.consumer.leave();
    }

    /// Everybody fetches until nobody gets anything: then nobody has credit left for a message that waits.
    fn check(&mut self) {
        loop {
            let before = self.waiting.len();
            (0..self.clients.len()).for_each(|index| self.fetch(index, usize::MAX));
            if !self.answer() && self.waiting.len() == before {
                break;
            }
        }
        for client in self.clients.iter().filter(|client| client.holds.len() < PREFETCH) {
            let is_for = |colour: &usize| client.colour.is_none_or(|wanted| wanted == *colour);
            assert!(!self.waiting.values().any(is_for), "a message waits, and a consumer for it has credit");
        }
        assert_eq!(self.queue.len(), self.colours.len(), "nothing is lost");
        let status = self.queue.status(self.now);
        let held = self.clients.iter().map(|client| client.holds.len()).sum::<usize>();
        assert_eq!((status.depth, status.inflight), (self.waiting.len(), held));
        assert_eq!(status.oldest_age_secs.is_some(), !self.waiting.is_empty());
        let unacknowledged = self.queue.consumers(100).iter().map(|consumer| consumer.unacknowledged).sum();
        assert_eq!((status.consumers, held), (self.clients.len(), unacknowledged));
    }

    /// Whoever runs the broker looks through it, in pages of that size.
    fn peek(&self, limit: usize) {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let peeked = self.queue.peek(after, limit, usize::MAX);
            assert!(peeked.messages.len() <= limit);
            assert_eq!(peeked.total, self.waiting.len());
            seen.extend(peeked.messages.iter().map(|message| message.place));
            after = seen.last().copied();
            if !peeked.has_more {
                break;
            }
        }
        assert!(seen.iter().eq(self.waiting.keys()), "all that wait, in order");
    }

    /// Whoever runs the broker takes some out: one, or the first.
    fn withdraw(&mut self, random: &mut Random) {
        let newest = self.queue.last_sequence() - 1;
        let old: Vec<_> = self.waiting.keys().filter(|place| place.sequence() <= newest).copied().collect();
        let (withdrawn, expected) = if random.below(2) == 0 {
            (self.queue.withdraw_first(2, newest), old.into_iter().take(2).collect::<Vec<_>>())
        } else {
            let place = old.get(random.below(old.len().max(1))).copied();
            (
                place.and_then(|place| self.queue.withdraw(place)).into_iter().collect(),
                place.into_iter().collect(),
            )
        };
        assert!(withdrawn.iter().map(|one| one.place).eq(expected));
        for Withdrawn { place, .. } in withdrawn {
            self.waiting.remove(&place);
            self.colours.remove(&place);
        }
    }
}

#[test]
fn whatever_happens_each_message_is_had_once_and_in_order() {
    for seed in [1, 0x5EED, 0xDEAD_BEEF, 0xC0FF_EE00_1234] {
        goes_on(seed, false);
        goes_on(seed, true);
    }
}

/// Random steps; where what waits is stored, most of it is not in memory.
fn goes_on(seed: u64, is_stored: bool) {
    println!("seed {seed:#x}, stored: {is_stored}");
    let (mut world, mut random) = (World::new(is_stored), Random(seed));
    for step in 0..STEPS {
        let client = random.below(world.clients.len().max(1));
        match random.below(15) {
            0..=3 => world.send(random.below(3) as u8, random.below(2)),
            4 if world.clients.len() < 5 => {
                let colour = [None, None, Some(0), Some(1)][random.below(4)];
                world.join(colour);
            }
            12 => {
                world.answer();
            }
            13 => world.peek(1 + random.below(4)),
            14 if world.queue.last_sequence() > 0 => world.withdraw(&mut random),
            _ if world.clients.is_empty() => {}
            5 if random.below(4) == 0 => world.leave(client),
            6..=8 => world.fetch(client, random.below(4)),
            9 | 10 if !world.clients[client].holds.is_empty() => {
                let position = random.below(world.clients[client].holds.len());
                world.settle(client, position);
            }
            11 if !world.clients[client].holds.is_empty() => {
                let count = 1 + random.below(world.clients[client].holds.len());
                let held = world.clients[client].holds.drain(..count).collect();
                world.put_back(held);
            }
            _ => {
                let source = Arc::clone(&world.clients[client].consumer);
                if random.below(2) == 0 { source.stall() } else { source.resume() }
            }
        }
        if step % 50 == 0 {
            world.clients.iter().for_each(|client| client.consumer.resume());
            world.check();
        }
    }
}

#[test]
fn a_peek_is_bounded_in_bytes_and_takes_nothing() {
    let mut world = World::new(false);
    (0..4).for_each(|_| world.send(4, 0));
    let weight = world.queue.bytes() / 4;
    for (bytes_max, expected) in [(0, 1), (weight, 2), (2 * weight + 1, 3), (usize::MAX, 4)] {
        let peeked = world.queue.peek(None, 10, bytes_max);
        assert_eq!((peeked.messages.len(), peeked.has_more), (expected, expected < 4), "{bytes_max}");
    }
    assert_eq!((world.queue.len(), world.queue.bytes()), (4, 4 * weight));
    world.queue.withdraw_first(9, 2);
    assert_eq!((world.queue.len(), world.queue.bytes()), (2, 2 * weight));
}
