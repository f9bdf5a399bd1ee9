//! A small log that keeps its word, and the same with single planted mistakes: what the harness must let pass, and what
//! it must catch.
//!
//! A record is its checksum, its number and its payload, 700 bytes in all, so that most of them lie in two or three
//! sectors. Every eighth record the log's length is noted in a file that is replaced by a rename.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tidewire_tests::power::{Promises, Subject};
use tidewire_tests::random::Random;

const RECORD: usize = 700;
const NOTED_EVERY: u64 = 8;
const RECORDS: u64 = 40;
/// What is overwritten in place, in four sectors.
const SLOT: usize = 2048;

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toy {
    /// As it should be.
    Right,
    /// A promise goes out before the sync that it stands for.
    PromisesEarly,
    /// Nobody syncs the log.
    NeverSyncs,
    /// The directory is not synced after the log was made.
    ForgetsDirectory,
    /// Records are taken on trust.
    ForgetsChecksums,
    /// The note is renamed into its place before it is synced.
    RenamesUnsynced,
    /// One slot is written over again and again.
    OverwritesInPlace,
}

impl Toy {
    fn make_log(self, directory: &Path) -> File {
        let log = File::options().create(true).append(true).open(directory.join("log")).expect("a log");
        if self != Self::ForgetsDirectory {
            sync(directory);
        }
        log
    }

    fn note(self, directory: &Path, number: u64) {
        let (new, path) = (directory.join("note.new"), directory.join("note"));
        let mut file = File::create(&new).expect("a note");
        file.write_all(&record(0, number)).expect("a note can be written");
        if self != Self::RenamesUnsynced {
            file.sync_all().expect("a note can be synced");
        }
        fs::rename(&new, &path).expect("a note can be replaced");
        sync(directory);
    }

    fn overwrite(directory: &Path, promises: &mut Promises) {
        let slot = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join("slot"))
            .expect("a slot");
        sync(directory);
        for number in promises.last() + 1..=RECORDS {
            slot.write_all_at(&number.to_le_bytes().repeat(SLOT / 8), 0).expect("a slot can be written");
            slot.sync_data().expect("a slot can be synced");
            promises.promise(number);
        }
    }
}

impl Subject for Toy {
    fn workload(&self, directory: &Path, seed: u64, promises: &mut Promises) {
        if *self == Self::OverwritesInPlace {
            return Self::overwrite(directory, promises);
        }
        let found = fs::read(directory.join("log")).unwrap_or_default();
        let whole = read(&found, seed, true).expect("it is right");
        let mut log = self.make_log(directory);
        log.set_len(whole * RECORD as u64).expect("a log can be cut");
        // The power may have gone between the last record and its note.
        if whole > 0 {
            self.note(directory, whole / NOTED_EVERY * NOTED_EVERY);
        }
        for number in whole + 1..=whole.max(promises.last()) + RECORDS {
            log.write_all(&record(seed, number)).expect("a log can be written");
            if *self == Self::PromisesEarly {
                promises.promise(number);
            }
            if *self != Self::NeverSyncs {
                log.sync_data().expect("a log can be synced");
            }
            if number.is_multiple_of(NOTED_EVERY) {
                self.note(directory, number);
            }
            promises.promise(number);
        }
    }

    fn check(&self, image: &Path, seed: u64, promised: u64) -> Result<(), String> {
        if *self == Self::OverwritesInPlace {
            let slot = fs::read(image.join("slot")).unwrap_or_default();
            let numbers: Vec<_> = slot.chunks(8).collect();
            let number =
                numbers.first().and_then(|number| Some(u64::from_le_bytes((*number).try_into().ok()?)));
            let is_whole =
                numbers.windows(2).all(|pair| pair[0] == pair[1]) && [0, SLOT].contains(&slot.len());
            return hold(is_whole && number.unwrap_or_default() >= promised, || {
                format!("a torn slot: {number:?}")
            });
        }
        let log = fs::read(image.join("log")).unwrap_or_default();
        let count = read(&log, seed, *self != Self::ForgetsChecksums)?;
        hold(count >= promised, || format!("{count} records"))?;
        let noted = match fs::read(image.join("note")) {
            Err(_) => 0,
            Ok(note) => number_of(&note).ok_or("the note is torn")?,
        };
        hold(noted >= promised / NOTED_EVERY * NOTED_EVERY, || format!("{noted} records are noted"))
    }
}

fn hold(is_true: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_true { Ok(()) } else { Err(otherwise()) }
}

fn sync(directory: &Path) {
    File::open(directory).and_then(|directory| directory.sync_all()).expect("a directory can be synced");
}

fn record(seed: u64, number: u64) -> Vec<u8> {
    let payload = Random::new(seed, number).bytes(RECORD - 16);
    let checked = [&number.to_le_bytes()[..], &payload].concat();
    [&sum(&checked).to_le_bytes()[..], &checked].concat()
}

/// FNV-1a.
fn sum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// How many records there are. One whose checksum is wrong ends the log; what is left must be what was written.
fn read(log: &[u8], seed: u64, has_checksums: bool) -> Result<u64, String> {
    let mut count = 0;
    for bytes in log.chunks_exact(RECORD) {
        if has_checksums && number_of(bytes).is_none() {
            break;
        }
        count += 1;
        hold(bytes == record(seed, count), || format!("record {count} is not what was written"))?;
    }
    Ok(count)
}

/// The number of a whole record.
fn number_of(bytes: &[u8]) -> Option<u64> {
    let (checksum, checked) = bytes.split_first_chunk()?;
    let number = checked.first_chunk()?;
    (bytes.len() == RECORD && u64::from_le_bytes(*checksum) == sum(checked))
        .then(|| u64::from_le_bytes(*number))
}
