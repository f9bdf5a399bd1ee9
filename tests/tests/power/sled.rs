//! sled 0.34.7, and why its `flush` is no promise.
//!
//! * `flush` asks for `sync_file_range`, which makes nothing durable: the database file must be synced after it.
//! * What is larger than a quarter of a segment goes into a file of its own, which is never synced. That is said of whole
//!   leaves, and a leaf holds up to 16 values before it is split: values must be smaller than a 70th of a segment.
//! * Opening is not safe: see `opening`. A snapshot that sled has renamed must not be removed, and must not be lost.

use std::collections::BTreeMap;
use std::path::Path;

use tidewire_tests::power::{Promises, Subject};
use tidewire_tests::random::Random;

use crate::opening::{Opening, sync};

/// In one batch at most.
const CHANGES_MAX: usize = 12;
const KEYS: usize = 60;
/// Where the number of the last batch is kept.
const LAST: &[u8] = b"last";

/// How a database is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sled {
    /// Whether the files are synced after each flush.
    pub(crate) syncs: bool,
    /// How it is opened.
    pub(crate) opening: Opening,
    /// Batches of each life.
    pub(crate) batches: u64,
    /// The largest values.
    pub(crate) value_bytes_max: usize,
    /// How many processes use it, one after another.
    pub(crate) lives: u64,
}

type State = BTreeMap<Vec<u8>, Vec<u8>>;

impl Sled {
    /// The changes of a batch: new values, and keys that go.
    fn changes(self, seed: u64, number: u64) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let mut random = Random::new(seed, number);
        let count = random.below(CHANGES_MAX) + 1;
        let first = random.below(KEYS);
        // Each key once: what is done a second time after a loss of power then changes nothing.
        (0..count)
            .map(|place| {
                let key = format!("key {}", (first + 7 * place) % KEYS).into_bytes();
                let longest = if random.percent(60) { 200 } else { self.value_bytes_max };
                let length = random.below(longest);
                let value = random.percent(80).then(|| [random.byte()].repeat(length));
                (key, value)
            })
            .collect()
    }
}

impl Subject for Sled {
    fn lives(&self) -> u64 {
        self.lives
    }

    fn workload(&self, directory: &Path, seed: u64, promises: &mut Promises) {
        let path = directory.join("sled");
        let database = self.opening.start(directory).expect("it opens");
        let first = last(&database).expect("it can be read") + 1;
        for number in first..first + self.batches {
            for (key, value) in self.changes(seed, number) {
                match value {
                    Some(value) => database.insert(key, value).map(drop),
                    None => database.remove(key).map(drop),
                }
                .expect("it takes changes");
            }
            database.insert(LAST, &number.to_be_bytes()).expect("it takes changes");
            database.flush().expect("it flushes");
            if self.syncs {
                sync(&path.join("db")).expect("it can be synced");
            }
            promises.promise(number);
        }
        // Killed, for what is dropped flushes and syncs.
        std::process::exit(0);
    }

    fn check(&self, image: &Path, seed: u64, promised: u64) -> Result<(), String> {
        let database = self.opening.start(image)?;
        let number = last(&database).map_err(|error| format!("it cannot be read: {error}"))?;
        if number < promised {
            return Err(format!("{number} batches"));
        }
        let found: State = database
            .iter()
            .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
            .collect::<sled::Result<_>>()
            .map_err(|error| format!("it cannot be read: {error}"))?;
        // Changes of the batch that was under way may be there, from the first up to one of them.
        let mut state = State::new();
        (1..=number).for_each(|number| apply(&mut state, self.changes(seed, number)));
        if number > 0 {
            state.insert(LAST.to_vec(), number.to_be_bytes().to_vec());
        }
        let next = self.changes(seed, number + 1);
        for change in next {
            if state == found {
                return Ok(());
            }
            apply(&mut state, vec![change]);
        }
        if state == found {
            Ok(())
        } else {
            Err(format!("{number} batches, but not what was in them: {}", difference(&state, &found)))
        }
    }
}

fn last(database: &sled::Db) -> sled::Result<u64> {
    let value = database.get(LAST)?;
    Ok(value.and_then(|value| value.as_ref().try_into().ok().map(u64::from_be_bytes)).unwrap_or_default())
}

fn apply(state: &mut State, changes: Vec<(Vec<u8>, Option<Vec<u8>>)>) {
    for (key, value) in changes {
        match value {
            Some(value) => state.insert(key, value),
            None => state.remove(&key),
        };
    }
}

fn difference(expected: &State, found: &State) -> String {
    let keys = expected.keys().chain(found.keys());
    let mut wrong: Vec<_> = keys.filter(|key| expected.get(*key) != found.get(*key)).collect();
    wrong.sort();
    wrong.dedup();
    let words: Vec<_> = wrong
        .iter()
        .map(|key| {
            let length = |state: &State| state.get(*key).map(Vec::len);
            format!("{}: {:?} bytes for {:?}", String::from_utf8_lossy(key), length(found), length(expected))
        })
        .collect();
    words.join("; ")
}
