//! Tidewire's own store on disk, under loss of power.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidewire::store::{Batch, CommitId, DiskStore, Options, Record, Recovered, Store as _};
use tidewire_tests::kept::Kept;
use tidewire_tests::power::{Promises, Subject};
use tidewire_tests::records::Records;

/// See the module.
pub(crate) struct Durable {
    /// Batches that a life applies.
    pub(crate) batches: u64,
    /// Processes that do so one after the other.
    pub(crate) lives: u64,
}

impl Durable {
    /// Small segments, so that checkpoints come often.
    fn open(directory: &Path) -> Result<(Arc<DiskStore>, Recovered), String> {
        let options = Options { segment_bytes: 16 << 10, segments_max: 2, ..Options::default() };
        let (store, recovered) = DiskStore::open(directory, options).map_err(|error| error.to_string())?;
        match store.damaged() {
            [] => Ok((store, recovered)),
            damaged => Err(format!("damaged: {damaged:?}")),
        }
    }

    /// How many batches there must have been for what is found, at least `promised`.
    fn find(found: &Kept, seed: u64, promised: u64, applied_max: u64) -> Result<u64, String> {
        let (mut records, mut kept) = (small(seed), Kept::default());
        let mut nearest = None;
        for number in 0..=applied_max {
            if number >= promised {
                let differences = kept.differences(found);
                if differences.is_empty() {
                    return Ok(number);
                }
                nearest.get_or_insert(differences);
            }
            batch(&mut records).iter().for_each(|record| kept.apply(record));
        }
        Err(format!("after {promised} batches that were promised: {:?}", nearest.unwrap_or_default()))
    }
}

fn small(seed: u64) -> Records {
    Records::new(seed).with_bodies_up_to(3_000)
}

/// The next batch that has anything in it.
fn batch(records: &mut Records) -> Vec<Record> {
    loop {
        let batch = records.batch();
        if !batch.is_empty() {
            return batch;
        }
    }
}

/// No more are ever applied than were promised, and these besides.
const UNPROMISED_MAX: u64 = 40;

impl Subject for Durable {
    fn lives(&self) -> u64 {
        self.lives
    }

    fn workload(&self, directory: &Path, seed: u64, promises: &mut Promises) {
        let (store, recovered) = Self::open(directory).expect("it opens");
        let found = Kept::of(&recovered, store.as_ref());
        let from = Self::find(&found, seed, promises.last(), promises.last() + UNPROMISED_MAX)
            .expect("it is as it was left");
        let mut records = small(seed);
        (0..from).for_each(|_| drop(batch(&mut records)));
        let mut applied = Vec::new();
        for number in from + 1..=from + self.batches {
            let mut taken = Batch::default();
            batch(&mut records).into_iter().for_each(|record| taken.push(record));
            applied.push((number, store.apply(&mut taken).expect("the disk takes it")));
            // Groups of several sizes; never so many that are not promised.
            if number % 7 < 4 || applied.len() as u64 > UNPROMISED_MAX / 2 {
                promise(&store, &mut applied, promises);
            }
        }
        promise(&store, &mut applied, promises);
        std::process::exit(0);
    }

    fn check(&self, image: &Path, seed: u64, promised: u64) -> Result<(), String> {
        let (store, recovered) = Self::open(image)?;
        let found = Kept::of(&recovered, store.as_ref());
        Self::find(&found, seed, promised, promised + UNPROMISED_MAX).map(drop)
    }
}

fn promise(store: &DiskStore, applied: &mut Vec<(u64, CommitId)>, promises: &mut Promises) {
    let Some((number, commit)) = applied.last().copied() else { return };
    assert!(
        store.wait_until_durable(commit, Duration::from_secs(20)),
        "batch {number} is not durable in time"
    );
    promises.promise(number);
    applied.clear();
}
