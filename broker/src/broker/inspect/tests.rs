//! What operators do to queues and retained messages, with a store on disk and across restarts, and with one that refuses.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::Mutex;
use tidewire_protocols::mqtt::Property;
use tidewire_protocols::topic::{TopicFilter, TopicName};

use crate::broker::{Broker, PublishRefused};
use crate::clock::Clock;
use crate::config::Config;
use crate::message::{Attributes, AttributesBuf, Message, Publication, Qos, SessionId};
use crate::queue::{DeadLetter, DeadReason};
use crate::session::Place;
use crate::store::{Batch, CommitId, DiskStore, Fetch, Options, Record, Store, StoreError};

/// A broker whose store is on disk.
struct World {
    folder: tempfile::TempDir,
    config: Config,
    broker: Broker,
}

impl World {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        change(&mut config);
        let broker = open(folder.path(), &config);
        Self { folder, config, broker }
    }

    /// What waits is in the store alone afterwards.
    fn restart(self) -> Self {
        let Self { folder, config, broker } = self;
        broker.store().close();
        drop(broker);
        let broker = open(folder.path(), &config);
        Self { folder, config, broker }
    }
}

fn open(folder: &Path, config: &Config) -> Broker {
    let (store, recovered) = DiskStore::open(folder, Options::default()).unwrap();
    let broker = Broker::new(config.clone(), config.authority().unwrap(), store, Clock::system());
    broker.restore(recovered);
    broker
}

fn publish(broker: &Broker, topic: &str, payload: &str, properties: &[(&str, &str)]) {
    let mut attributes = AttributesBuf::default();
    for (name, value) in properties {
        attributes.push(Property::UserProperty(name, value));
    }
    let topic = TopicName::parse(topic).unwrap();
    let mut publication = Publication::new(topic, payload.as_bytes(), SessionId::BROKER);
    publication.qos = Qos::AtLeastOnce;
    publication.retain = publication.queue_name().is_none();
    publication.attributes = Attributes::of(&attributes);
    let mut turn = broker.turn();
    broker.publish(&mut turn, &publication).unwrap();
    turn.finish().unwrap();
}

/// The queue `orders` gives up so many messages.
fn bury(broker: &Broker, count: usize) {
    for number in 0..count {
        let mut attributes = AttributesBuf::default();
        attributes.push(Property::UserProperty("colour", "red"));
        let payload = format!("letter {number}");
        let topic = TopicName::parse("$queue/orders").unwrap();
        let mut publication = Publication::new(topic, payload.as_bytes(), SessionId::BROKER);
        publication.qos = Qos::AtLeastOnce;
        publication.attributes = Attributes::of(&attributes);
        let (place, message) = (Place::new(4, 1), Some(Arc::clone(publication.keep())));
        let letter = DeadLetter { place, message, deliveries: 10, reason: DeadReason::Deliveries };
        let mut turn = broker.turn();
        broker.bury(&mut turn, &"orders".into(), &letter);
        turn.finish().unwrap();
    }
}

fn depth(broker: &Broker, queue: &str) -> usize {
    broker.queue_view(queue).map_or(0, |view| view.status.depth)
}

fn payloads(broker: &Broker, queue: &str) -> Vec<String> {
    let peeked = broker.peek_queue(queue, None, 10_000).unwrap();
    let text = |message: &Arc<Message>| String::from_utf8_lossy(message.parts().payload).into_owned();
    peeked.messages.iter().map(|waiting| waiting.message.as_ref().map_or_else(String::new, text)).collect()
}

#[tokio::test]
async fn a_peek_reads_what_lies_on_disk_and_takes_nothing() {
    let world = World::new(|_| ());
    let sent: Vec<_> = (0..40).map(|number| format!("message {number}")).collect();
    sent.iter().for_each(|payload| publish(&world.broker, "$queue/q", payload, &[]));
    assert_eq!(payloads(&world.broker, "q"), sent);
    let world = world.restart();
    for _ in 0..2 {
        assert_eq!(payloads(&world.broker, "q"), sent);
    }
    let view = world.broker.queue_view("q").unwrap();
    assert_eq!((view.status.depth, view.dead_letter.as_deref()), (40, Some("/queue/dead.q")));
    assert!(world.broker.peek_queue("none", None, 1).is_none());
}

#[tokio::test]
async fn queues_are_listed_by_name_in_pages() {
    let world = World::new(|_| ());
    for name in ["b", "a", "c.d", "c"] {
        publish(&world.broker, &format!("$queue/{name}"), "x", &[]);
    }
    for (after, limit, expected, has_more) in [
        (None, 9, &["a", "b", "c", "c.d"][..], false),
        (None, 2, &["a", "b"], true),
        (Some("b"), 2, &["c", "c.d"], false),
        (Some("bb"), 1, &["c"], true),
        (Some("d"), 1, &[], false),
    ] {
        let page = world.broker.list_queues(after, limit);
        assert_eq!((page.has_more, page.total), (has_more, 4), "{after:?} {limit}");
        assert!(page.items.iter().map(|view| &*view.name).eq(expected.iter().copied()), "{after:?} {limit}");
    }
}

#[tokio::test]
async fn a_purge_takes_what_waits_and_holds_across_a_restart() {
    let world = World::new(|_| ());
    (0..2_500).for_each(|_| publish(&world.broker, "$queue/q", "x", &[]));
    let world = world.restart();
    publish(&world.broker, "$queue/other", "stays", &[]);
    let purged = world.broker.purge_queue("q").unwrap().unwrap();
    assert_eq!(purged.messages, 2_500);
    world.broker.wait_until_durable(purged.commit).await;
    assert!(world.broker.purge_queue("q").is_none(), "nothing is to be remembered of it");
    publish(&world.broker, "$queue/q", "later", &[]);
    let world = world.restart();
    assert_eq!(payloads(&world.broker, "q"), ["later"]);
    assert_eq!(payloads(&world.broker, "other"), ["stays"]);
}

#[tokio::test]
async fn dead_letters_go_back_once_and_to_where_they_came_from() {
    let world = World::new(|_| ());
    bury(&world.broker, 300);
    let says = |destination| [("dead-letter-destination", destination)];
    publish(&world.broker, "$queue/dead.orders", "forged", &says("/queue/vault"));
    publish(&world.broker, "$queue/dead.orders", "forged", &says("/topic/orders"));
    publish(&world.broker, "$queue/dead.orders", "forged", &says("/queue/dead.orders"));
    publish(&world.broker, "$queue/dead.orders", "strange", &[]);
    let world = world.restart();
    let first = world.broker.requeue("dead.orders", None, 10).unwrap();
    assert_eq!((first.moved, first.left, first.stopped), (10, 0, None));
    let rest = world.broker.requeue("dead.orders", None, usize::MAX).unwrap();
    assert_eq!((rest.moved, rest.left, rest.stopped), (290, 4, None));
    world.broker.wait_until_durable(rest.commit).await;
    let world = world.restart();
    let expected: Vec<_> = (0..300).map(|number| format!("letter {number}")).collect();
    assert_eq!(payloads(&world.broker, "orders"), expected);
    assert_eq!(payloads(&world.broker, "dead.orders"), ["forged", "forged", "forged", "strange"]);
    let peeked = world.broker.peek_queue("orders", None, 1).unwrap();
    assert_eq!(peeked.messages[0].deliveries, 0);
    let message = peeked.messages[0].message.as_ref().unwrap();
    let properties: Vec<_> = Attributes::assume_valid(message.parts().attributes).iter().collect();
    assert!(matches!(properties[..], [Property::UserProperty("colour", "red")]), "{properties:?}");
}

#[tokio::test]
async fn messages_can_be_moved_to_another_queue() {
    let world = World::new(|_| ());
    (0..3).for_each(|_| publish(&world.broker, "$queue/q", "x", &[]));
    for to in ["q", "", "$durable/a", "a+b", "a/#"] {
        assert!(world.broker.requeue("q", Some(to), 9).is_none(), "{to}");
    }
    assert!(world.broker.requeue("none", Some("r"), 9).is_none());
    let moved = world.broker.requeue("q", Some("r"), 2).unwrap();
    assert_eq!((moved.moved, depth(&world.broker, "q"), depth(&world.broker, "r")), (2, 1, 2));
    let none = world.broker.requeue("q", Some("temp.of-nobody"), 2).unwrap();
    assert_eq!((none.moved, none.left, depth(&world.broker, "q")), (0, 1, 1));
}

#[tokio::test]
async fn what_has_no_room_where_it_came_from_stays_a_dead_letter() {
    let world = World::new(|config| config.queues.length_max = 5);
    bury(&world.broker, 4);
    (0..3).for_each(|_| publish(&world.broker, "$queue/orders", "new", &[]));
    let requeued = world.broker.requeue("dead.orders", None, usize::MAX).unwrap();
    assert_eq!((requeued.moved, requeued.stopped), (2, Some(PublishRefused::QueueFull)));
    let world = world.restart();
    assert_eq!((depth(&world.broker, "orders"), depth(&world.broker, "dead.orders")), (5, 2));
    assert_eq!(payloads(&world.broker, "dead.orders"), ["letter 2", "letter 3"]);
}

#[tokio::test]
async fn what_is_cleared_is_gone_after_a_restart_and_the_rest_is_there() {
    let world = World::new(|_| ());
    for number in 0..700 {
        publish(&world.broker, &format!("a/{number}"), "x", &[]);
    }
    for topic in ["b", "b/c", "$SYS/x"] {
        publish(&world.broker, topic, "x", &[]);
    }
    let topic = |text| TopicName::parse(text).unwrap();
    let filter = |text| TopicFilter::parse(text).unwrap();
    assert!(world.broker.clear_retained(topic("b")).unwrap().is_some());
    assert_eq!(world.broker.clear_retained(topic("b")).unwrap(), None);
    let (cleared, commit) = world.broker.clear_retained_matching(filter("a/#")).unwrap();
    assert_eq!(cleared, 700);
    world.broker.wait_until_durable(commit).await;
    let world = world.restart();
    let left = world.broker.list_retained(filter("#"), None, 10).items;
    assert!(left.iter().map(|message| message.topic().as_str()).eq(["b/c"]));
    assert!(world.broker.retained_message(topic("$SYS/x")).is_some());
}

/// Keeps what it was told, batch by batch, and refuses when it is told to.
#[derive(Default)]
struct Told {
    batches: Mutex<Vec<Vec<Record>>>,
    refuses: AtomicBool,
    count: AtomicU64,
}

impl Store for Told {
    fn apply(&self, batch: &mut Batch) -> Result<CommitId, StoreError> {
        let records: Vec<_> = batch.drain().collect();
        if self.refuses.load(Ordering::Relaxed) && records.iter().any(Record::grows) {
            return Err(StoreError::Unavailable);
        }
        self.batches.lock().push(records);
        Ok(CommitId(self.count.fetch_add(1, Ordering::Relaxed) + 1))
    }
    fn durable(&self) -> CommitId {
        CommitId(u64::MAX)
    }
    fn wake_when_durable(&self, _: CommitId, waker: &Waker) {
        waker.wake_by_ref();
    }
    fn applied(&self) -> CommitId {
        CommitId(self.count.load(Ordering::Relaxed))
    }
    fn fetch(&self, fetch: Fetch) {
        fetch.find(|_| None);
    }
    fn promise(&self) -> String {
        "what it was told".to_owned()
    }
}

/// The last turn of each finds nothing to do.
#[tokio::test]
async fn what_is_said_depends_on_all_turns_and_not_on_the_last() {
    let (config, told) = (Config::default(), Arc::new(Told::default()));
    let broker = Broker::new(config.clone(), config.authority().unwrap(), told, Clock::system());
    (0..1_000).for_each(|_| publish(&broker, "$queue/q", "x", &[]));
    let purged = broker.purge_queue("q").unwrap().unwrap();
    assert!(purged.messages == 1_000 && purged.commit > CommitId::NONE, "{purged:?}");
    // Their bodies are in memory: few.
    bury(&broker, 4);
    (0..3).for_each(|_| publish(&broker, "$queue/dead.orders", "strange", &[]));
    let requeued = broker.requeue("dead.orders", None, 5).unwrap();
    assert_eq!((requeued.moved, requeued.left), (4, 3));
    assert!(requeued.commit > CommitId::NONE);
}

#[tokio::test]
async fn a_message_leaves_one_queue_and_enters_the_other_in_one_batch_or_stays() {
    let (config, told) = (Config::default(), Arc::new(Told::default()));
    let broker =
        Broker::new(config.clone(), config.authority().unwrap(), Arc::clone(&told) as _, Clock::system());
    bury(&broker, 3);
    told.refuses.store(true, Ordering::Relaxed);
    let refused = broker.requeue("dead.orders", None, 9).unwrap();
    let unavailable = PublishRefused::Store(StoreError::Unavailable);
    assert_eq!((refused.moved, refused.stopped), (0, Some(unavailable)));
    assert_eq!((depth(&broker, "dead.orders"), depth(&broker, "orders")), (3, 0));
    assert_eq!(payloads(&broker, "dead.orders"), ["letter 0", "letter 1", "letter 2"]);
    told.refuses.store(false, Ordering::Relaxed);
    told.batches.lock().clear();
    assert_eq!(broker.requeue("dead.orders", None, 9).unwrap().moved, 3);
    let batches = told.batches.lock();
    for batch in batches.iter() {
        let comes =
            |record: &&Record| matches!(record, Record::Enqueued { queue, .. } if &**queue == "orders");
        let goes =
            |record: &&Record| matches!(record, Record::Dequeued { queue, .. } if &**queue == "dead.orders");
        assert_eq!(batch.iter().filter(comes).count(), batch.iter().filter(goes).count(), "{batch:?}");
    }
    assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 6, "{batches:?}");
}
