//! A disk that is full for a while: a file system of a few MiB, most of which somebody else takes and gives back.

use std::time::{Duration, Instant};

use tidewire::store::{Batch, CommitId, DiskStore, Options, Record, Store, StoreError};
use tidewire_tests::kept::Kept;
use tidewire_tests::records::Records;
use tidewire_tests::small_disk::SmallDisk;

use crate::model::wait_for;

fn options() -> Options {
    Options { segment_bytes: 1 << 20, segments_max: 3, ..Options::default() }
}

fn try_apply(store: &DiskStore, records: &[Record]) -> Result<CommitId, StoreError> {
    let mut batch = Batch::default();
    records.iter().for_each(|record| batch.push(record.clone()));
    store.apply(&mut batch)
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_full_disk_refuses_loses_nothing_and_is_served_again() {
    let disk = SmallDisk::of(24);
    let data = disk.path().join("data");
    let (mut records, mut kept) = (Records::new(21), Kept::default());
    let (store, _) = DiskStore::open(&data, options()).expect("it opens");
    for round in 0..3 {
        let mut last = CommitId::NONE;
        let mut accept = |store: &DiskStore, records: &mut Records, kept: &mut Kept| {
            let batch = records.batch();
            let taken = try_apply(store, &batch);
            if let Ok(commit) = taken {
                batch.iter().for_each(|record| kept.apply(record));
                last = commit;
            }
            taken.map(|_| batch)
        };
        for _ in 0..1_000 {
            let _ = accept(&store, &mut records, &mut kept);
        }
        let file = disk.fill();
        wait_until("the disk is found to be full", || {
            let _ = accept(&store, &mut records, &mut kept);
            std::thread::sleep(Duration::from_micros(200));
            store.is_failing()
        });
        let growing = Record::SessionOpened {
            session: 1 << 40,
            kind: tidewire::store::SessionKind::Mqtt,
            client_id: "late".into(),
            expiry_secs: 1,
        };
        assert_eq!(try_apply(&store, &[growing]), Err(StoreError::Unavailable), "round {round}");
        // What settles is taken, and waits.
        let settling = Record::Released { session: 1 << 40, packet_id: 1 };
        let settled = try_apply(&store, &[settling]).expect("it makes nothing more");
        std::thread::sleep(Duration::from_millis(100));
        assert!(store.durable() < settled);
        std::fs::remove_file(file).expect("it gives its room back");
        wait_until("the disk is served again", || !store.is_failing());
        wait_for(&store, settled);
    }
    drop(store);
    let (store, recovered) = DiskStore::open(&data, options()).expect("it opens");
    assert_eq!(store.damaged(), [""; 0]);
    assert_eq!(Kept::of(&recovered, store.as_ref()).differences(&kept), [""; 0]);
}
