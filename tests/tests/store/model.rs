//! Random records, with restarts in between, against what must have been kept.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidewire::store::{Batch, CommitId, DiskStore, Options, Record, Recovered, Store};
use tidewire_tests::kept::Kept;
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
    let deadline = Instant::now() + Duration::from_secs(20);
    while store.durable() < commit {
        assert!(Instant::now() < deadline, "commit {commit} is not durable in time");
        std::thread::yield_now();
    }
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
