//! Records that cannot be read are named, set aside and counted; the rest is served. And files of another version, or in
//! use by another process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tidewire::store::{DiskStore, OpenError, Options, Policy, Record, Store};
use tidewire_tests::binary::binary;
use tidewire_tests::kept::Kept;
use tidewire_tests::records::Records;

use crate::model::{apply, open, options, wait_for};

/// Bytes before the first frame, and of a frame before its facts.
const HEADERS: usize = 32 + 24;

fn segment(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir.join("journal")).expect("there is a journal").flatten();
    let segments =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|of| of == "journal"));
    segments.min().expect("it has a segment")
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("it can be read");
    change(&mut bytes);
    fs::write(path, bytes).expect("it can be written");
}

fn topic_of(record: &Record) -> Option<String> {
    let Record::Retained { message } = record else { return None };
    Some(message.topic().to_string())
}

/// Retained messages, each a group of its own.
fn retained(dir: &Path, count: usize) -> Vec<String> {
    let (store, _) = open(dir);
    let (mut records, mut topics) = (Records::new(51), Vec::new());
    while topics.len() < count {
        for record in records.batch() {
            let Some(topic) = topic_of(&record).filter(|topic| !topics.contains(topic)) else { continue };
            topics.push(topic);
            let commit = apply(&store, vec![record]);
            wait_for(&store, commit);
        }
    }
    topics
}

#[test]
fn a_damaged_group_is_set_aside_and_the_others_are_served() {
    let dir = tempfile::tempdir().expect("a folder");
    let topics = retained(dir.path(), 3);
    change(&segment(dir.path()), |bytes| bytes[HEADERS + 4] ^= 0xff);
    let (store, recovered) = DiskStore::open(dir.path(), options()).expect("it opens all the same");
    let found: Vec<_> = recovered.retained.iter().map(|message| message.topic().to_string()).collect();
    assert_eq!(found.len(), 2);
    assert!(!found.contains(&topics[0]) && found.contains(&topics[1]) && found.contains(&topics[2]));
    assert!(
        store.damaged().len() == 1 && store.damaged()[0].starts_with("journal-1-32: "),
        "{:?}",
        store.damaged()
    );
    assert!(dir.path().join("damaged/journal-1-32").metadata().is_ok_and(|file| file.len() > 0));
    drop(store);
    let check = Command::new(binary()).args(["store", "check", "--data-dir"]).arg(dir.path()).output();
    let check = check.expect("the binary can be run");
    assert_eq!(check.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&check.stderr).contains("journal-1-32: "));
}

#[test]
fn a_group_that_was_torn_at_the_end_was_never_acknowledged() {
    let dir = tempfile::tempdir().expect("a folder");
    retained(dir.path(), 3);
    change(&segment(dir.path()), |bytes| {
        let last = bytes.iter().rposition(|byte| *byte != 0).expect("there is something");
        bytes[last - 3] ^= 0xff;
    });
    let (store, recovered) = DiskStore::open(dir.path(), options()).expect("it opens");
    assert_eq!((recovered.retained.len(), store.damaged()), (2, &[][..]));
}

#[test]
fn a_damaged_row_of_the_archive_is_set_aside() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = open(dir.path());
    let (mut records, mut last) = (Records::new(52), None);
    for _ in 0..3_000 {
        last = Some(apply(&store, records.batch()));
        if let Some(last) = last {
            wait_for(&store, last);
        }
    }
    assert!(last.is_some() && store.stats().checkpoints > 0);
    store.close();
    drop(store);
    {
        let entries = fs::read_dir(dir.path()).expect("it can be read").flatten().map(|entry| entry.path());
        let archives = entries.filter(|path| path.to_string_lossy().contains("archive-"));
        let config =
            sled::Config::default().path(archives.max().expect("there is one")).segment_size(512 << 10);
        let archive = config.open().expect("the archive is sled's");
        let (key, value) =
            archive.scan_prefix("S").next().expect("there is a session").expect("it can be read");
        let mut value = value.to_vec();
        value[12] ^= 0xff;
        archive.insert(key, value).expect("it can be written");
        archive.flush().expect("it can be flushed");
    }
    let (store, recovered) = DiskStore::open(dir.path(), options()).expect("it opens all the same");
    assert!(!recovered.sessions.is_empty());
    assert!(store.damaged().iter().any(|damaged| damaged.starts_with("archive-53")), "{:?}", store.damaged());
    drop(store);
    // A later version's rows are no damage.
    change_row(dir.path(), "M", |value| value[0] = 99);
    let error = DiskStore::open(dir.path(), options()).expect_err("nobody knows what is in it");
    assert!(error.to_string().contains("the archive has format 99"), "{error}");
}

/// Changes the first row of the archive whose key begins so.
fn change_row(dir: &Path, prefix: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let entries = fs::read_dir(dir).expect("it can be read").flatten().map(|entry| entry.path());
    let archives = entries.filter(|path| path.to_string_lossy().contains("archive-"));
    let config = sled::Config::default().path(archives.max().expect("there is one")).segment_size(512 << 10);
    let archive = config.open().expect("the archive is sled's");
    let (key, value) = archive.scan_prefix(prefix).next().expect("there is one").expect("it can be read");
    let mut value = value.to_vec();
    change(&mut value);
    archive.insert(key, value).expect("it can be written");
    archive.flush().expect("it can be flushed");
}

#[test]
fn a_newer_format_is_refused_with_its_name() {
    let dir = tempfile::tempdir().expect("a folder");
    retained(dir.path(), 1);
    let path = segment(dir.path());
    change(&path, |bytes| {
        bytes[8..12].copy_from_slice(&99u32.to_le_bytes());
        let checksum = crc32c(&bytes[..16]);
        bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
    });
    let error = DiskStore::open(dir.path(), options()).expect_err("nobody knows what is in it");
    assert!(matches!(error, OpenError::TooNew { found: 99, .. }));
    let said = error.to_string();
    assert!(said.contains("0000000001.journal has format 99") && said.contains("up to 1"), "{said}");
}

/// CRC32C bit by bit: the harness has its own.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}

#[test]
fn a_store_has_one_user_at_a_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, _) = open(dir.path());
    let error = DiskStore::open(dir.path(), options()).expect_err("it is in use");
    assert!(error.to_string().contains("is in use by another process"), "{error}");
    drop(store);
    open(dir.path());
}

#[test]
fn weaker_promises_survive_the_end_of_the_process() {
    for policy in [Policy::Interval(Duration::from_millis(20)), Policy::Never] {
        let dir = tempfile::tempdir().expect("a folder");
        let options = Options { policy, ..options() };
        let (store, _) = DiskStore::open(dir.path(), options).expect("it opens");
        assert!(store.promise().contains("loss of power"), "{}", store.promise());
        let (mut records, mut kept) = (Records::new(53), Kept::default());
        for _ in 0..1_000 {
            let batch = records.batch();
            batch.iter().for_each(|record| kept.apply(record));
            let commit = apply(&store, batch);
            wait_for(&store, commit);
        }
        drop(store);
        let (store, recovered) = open(dir.path());
        assert_eq!(Kept::of(&recovered, store.as_ref()).differences(&kept), [""; 0], "{policy:?}");
    }
}
