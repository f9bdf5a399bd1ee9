//! What the store on disk costs by itself: a message that is queued and settled within one group, one that is settled
//! later, and one that stays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidewire::message::{Message, MessageParts, Qos, SessionId};
use tidewire::store::{
    Batch, CommitId, DiskStore, MemoryStore, Options, QueuedTerms, Record, SessionKind, SettledState, Store,
};
use tidewire_protocols::topic::TopicName;

const SESSION: u64 = 7;
const BATCHES: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(20);

fn message() -> Arc<Message> {
    Arc::new(Message::of(&MessageParts {
        topic: TopicName::parse("benches/store/1").expect("it is a topic name"),
        payload: &[b'x'; 64],
        attributes: &[],
        qos: Qos::AtLeastOnce,
        retain: false,
        expires_at: None,
        publisher: SessionId(1),
    }))
}

fn queued(sequence: u64) -> Record {
    let terms = QueuedTerms {
        qos: Qos::AtLeastOnce,
        retain: false,
        identifiers: Default::default(),
        share: None,
        origin: None,
    };
    Record::Queued { session: SESSION, sequence, message: message(), terms }
}

fn settled(sequence: u64) -> Record {
    Record::Settled { session: SESSION, sequence, state: SettledState::Done }
}

fn apply(store: &dyn Store, batch: &mut Batch, record: Record) -> CommitId {
    batch.push(record);
    store.apply(batch).expect("the disk takes it")
}

/// Applies a thousand messages and waits until they are durable; each is settled `lag` messages later, if ever.
fn run(
    store: &dyn Store,
    wait: impl Fn(CommitId),
    rounds: u64,
    lag: Option<u64>,
    sequence: &mut u64,
) -> Duration {
    let mut batch = Batch::default();
    let started = Instant::now();
    for _ in 0..rounds {
        let mut last = CommitId::NONE;
        for _ in 0..BATCHES {
            *sequence += 1;
            last = apply(store, &mut batch, queued(*sequence));
            if let Some(lag) = lag.filter(|lag| *sequence > *lag) {
                last = apply(store, &mut batch, settled(*sequence - lag));
            }
        }
        wait(last);
    }
    started.elapsed()
}

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(BATCHES)).sample_size(20);
    for (name, lag) in [("settled at once", Some(2)), ("settled later", Some(5_000)), ("kept", None)] {
        let dir = tempfile::tempdir().expect("a folder");
        let (disk, _) = DiskStore::open(dir.path(), Options::default()).expect("it opens");
        let stores: [(&str, &dyn Store); 2] = [("disk", disk.as_ref()), ("memory", &MemoryStore::default())];
        for (kind, store) in stores {
            let client_id = "bench".into();
            let opened = Record::SessionOpened {
                session: SESSION,
                kind: SessionKind::Mqtt,
                client_id,
                expiry_secs: 100,
            };
            apply(store, &mut Batch::default(), opened);
            let mut sequence = 0;
            group.bench_function(format!("{name}/{kind}"), |bencher| {
                bencher.iter_custom(|rounds| {
                    let wait = |commit| {
                        let is_durable =
                            store.durable() >= commit || disk.wait_until_durable(commit, PATIENCE);
                        assert!(is_durable, "{commit} is not durable in time");
                    };
                    run(store, wait, rounds, lag, &mut sequence)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(store, benches);
criterion_main!(store);
