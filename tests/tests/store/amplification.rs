//! Room on disk: what a queue leaves behind when messages have come and gone for hours.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tidewire::message::{Message, MessageParts, Qos, SessionId};
use tidewire::store::{Batch, CommitId, DiskStore, Options, Record, Store};
use tidewire_protocols::topic::TopicName;
use tidewire_tests::random::Random;

use crate::model::wait_for;

/// Bytes of one message.
const BYTES: usize = 1_000;

fn message(serial: u64) -> Arc<Message> {
    let mut payload = serial.to_string().into_bytes();
    payload.resize(BYTES, b'x');
    Arc::new(Message::of(&MessageParts {
        topic: TopicName::parse("$queue/orders").expect("it is a topic name"),
        payload: &payload,
        attributes: &[],
        qos: Qos::AtLeastOnce,
        retain: false,
        expires_at: None,
        publisher: SessionId(1),
    }))
}

/// So many messages wait at a time in a queue through which `messages` go, most of them in order; a few stay for long.
/// `TIDEWIRE_STORE_MESSAGES=1000000` is an hour of 280 a second.
#[test]
fn a_queue_s_room_on_disk_stays_in_proportion() {
    let messages =
        std::env::var("TIDEWIRE_STORE_MESSAGES").ok().and_then(|count| count.parse().ok()).unwrap_or(60_000);
    let waiting_max = 10_000;
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options { segment_bytes: 1 << 20, segments_max: 3, ..Options::default() };
    let (store, _) = DiskStore::open(dir.path(), options).expect("it opens");
    let (mut random, mut waiting) = (Random::new(5, 5), VecDeque::new());
    let (mut batch, queue): (_, Arc<str>) = (Batch::default(), "orders".into());
    let (mut last, mut worst) = (CommitId::NONE, 0.0f64);
    for serial in 1..=messages {
        let (queue, sequence) = (Arc::clone(&queue), serial);
        batch.push(Record::Enqueued {
            queue,
            priority: 4,
            sequence,
            message: message(serial),
            deliveries: 0,
        });
        waiting.push_back(serial);
        if waiting.len() > waiting_max {
            // One in fifty is passed over.
            let which = if random.percent(2) { random.below(waiting.len()) } else { 0 };
            if let Some(sequence) = waiting.remove(which) {
                batch.push(Record::Dequeued { queue: "orders".into(), sequence });
            }
        }
        last = store.apply(&mut batch).expect("the disk takes it");
        if serial % 50 == 0 {
            wait_for(&store, last);
        }
        if serial % 5_000 == 0 && serial >= 20_000 {
            let live = waiting.len() * BYTES;
            wait_for(&store, last);
            // However long the checkpoints take here.
            while store.stats().segments > options.segments_max {
                std::thread::sleep(Duration::from_millis(1));
            }
            let stats = store.stats();
            let disk = stats.archive_disk_bytes + stats.segments as u64 * options.segment_bytes;
            worst = worst.max(disk as f64 / live as f64);
            println!("{serial}: {disk} bytes on disk for {live} that wait; {stats:?}");
        }
    }
    wait_for(&store, last);
    println!("at most {worst:.2} times the live bytes");
    assert!(worst < 3.0, "{worst}");
}
