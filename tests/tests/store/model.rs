//! Random records, with restarts in between, against what must have been kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidewire::store::{Batch, CommitId, DiskStore, Options, Owner, Record, Recovered, Store};
use tidewire_tests::kept::{Kept, fetch};
use tidewire_tests::records::Records;

/// Small segments, so that checkpoints come often.
pub(crate) fn options() -> Options {
    Options { segment_bytes: 256 << 10, segments_max: 3, ..Options::default() }
}

pub(crate) fn open(dir: &Path) -> (Arc<DiskStore>, Recovered) {
    let (store, recovered) = DiskStore::open(dir, options()).expect("a store opens");
    assert_eq!(store.damaged(), [""; 0], "nothing is damaged");
    (store, recovered)
}

pub(crate) fn apply(store: &DiskStore, records: Vec<Record>) -> CommitId {
    let mut batch = Batch::default();
    records.into_iter().for_each(|record| batch.push(record));
    store.apply(&mut batch).expect("the disk takes it")
}

pub(crate) fn wait_for(store: &DiskStore, commit: CommitId) {
    assert!(
        store.wait_until_durable(commit, Duration::from_secs(20)),
        "commit {commit} is not durable in time"
    );
}

#[test]
fn whatever_is_applied_is_there_after_a_restart() {
    let seeds = std::env::var("TIDEWIRE_STORE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(3);
    for seed in 1..=seeds {
        println!("seed {seed}");
        run(seed);
    }
}

fn run(seed: u64) {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut records, mut kept) = (Records::new(seed), Kept::default());
    for round in 0..4 {
        let (store, recovered) = open(dir.path());
        let found = Kept::of(&recovered, store.as_ref());
        assert_eq!(found.differences(&kept), [""; 0], "seed {seed}, restart {round}");
        let mut last = CommitId::NONE;
        for number in 0..2_000 {
            let batch = records.batch();
            batch.iter().for_each(|record| kept.apply(record));
            if !batch.is_empty() {
                last = apply(&store, batch);
            }
            // Groups of all sizes.
            if number % 17 == round {
                wait_for(&store, last);
            }
        }
        store.close();
    }
    let (store, recovered) = open(dir.path());
    let found = Kept::of(&recovered, store.as_ref());
    assert_eq!(found.differences(&kept), [""; 0], "seed {seed}, at the end");
    assert!(format!("{store:?}").contains("checkpoints: 0"), "nothing is moved before anything is applied");
}

/// What is asked for while the journal goes on is what was written last, not what lay there before.
#[test]
fn messages_can_be_read_while_more_are_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = open(dir.path());
    let (mut records, mut kept, mut queued) = (Records::new(31), Kept::default(), Vec::new());
    for _ in 0..3_000 {
        let batch = records.batch();
        for record in &batch {
            kept.apply(record);
            if let Record::Queued { session, sequence, message, .. } = record {
                queued.push((*session, *sequence, format!("{:?}", message.parts())));
            }
        }
        apply(&store, batch);
        let Some((session, sequence, expected)) = queued.last().cloned() else { continue };
        let found = fetch(store.as_ref(), Owner::Session(session), vec![sequence]).remove(0).1;
        // It may be settled by now, or its session over.
        if let Some(found) = found {
            let is_same = format!("{:?}", found.message.parts()) == expected;
            assert!(is_same, "message {sequence} of session {session} is another one");
        }
    }
    assert!(format!("{:?}", store.stats()).contains("unreadable: 0"), "{:?}", store.stats());
}
