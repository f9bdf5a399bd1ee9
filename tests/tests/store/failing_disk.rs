//! A disk whose system calls fail for a while: strace answers in its place.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tidewire::store::{Batch, DiskStore, Options, Owner, Record, Store};
use tidewire_tests::kept::{Kept, fetch};
use tidewire_tests::records::Records;

/// Where the process that runs under strace works.
const DIRECTORY: &str = "TIDEWIRE_FAILING_DISK";
const SEED: u64 = 41;
const BATCHES: u64 = 400;

fn options() -> Options {
    Options { segment_bytes: 64 << 10, segments_max: 2, ..Options::default() }
}

/// Runs a process of this very test under strace with these faults, all of them of one file if one is named; what it has
/// promised at its end.
fn run(directory: &Path, file: Option<&str>, faults: &[&str]) -> u64 {
    let injected = faults.iter().flat_map(|fault| ["-e".to_owned(), format!("inject={fault}")]);
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync,pwrite64,pread64"])
        .args(injected)
        .args(file.iter().flat_map(|file| [PathBuf::from("-P"), directory.join(file)]))
        .arg(std::env::current_exe().expect("this test has a file"))
        .args(["failing_disk::worked_on", "--exact", "--nocapture"])
        .env(DIRECTORY, directory)
        .output()
        .expect("strace is installed: tests/foreign/install");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let promised = said.lines().filter_map(|line| line.strip_prefix("promised ")?.parse().ok()).max();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let is_read = faults.iter().all(|fault| fault.starts_with("pread64"));
    assert!(is_read || said.contains("it has failed"), "no fault was seen: {faults:?}");
    promised.unwrap_or_default()
}

/// Not a test of its own: the process that runs under strace.
#[test]
fn worked_on() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let (store, _) = DiskStore::open(Path::new(&directory), options()).expect("it opens");
    let (mut records, mut kept, mut has_failed) = (Records::new(SEED), Kept::default(), false);
    for number in 1..=BATCHES {
        let records = records.batch();
        let deadline = Instant::now() + Duration::from_secs(30);
        // Whoever is refused tries again.
        let commit = loop {
            let mut batch = Batch::default();
            records.iter().for_each(|record| batch.push(record.clone()));
            match store.apply(&mut batch) {
                Ok(commit) => break commit,
                Err(_) => has_failed = true,
            }
            assert!(Instant::now() < deadline, "batch {number} is refused for too long");
            std::thread::sleep(Duration::from_millis(1));
        };
        while !store.wait_until_durable(commit, Duration::from_millis(10)) {
            has_failed |= store.is_failing();
            assert!(Instant::now() < deadline, "batch {number} is not durable in time");
        }
        println!("promised {number}");
        records.iter().for_each(|record| kept.apply(record));
        for record in &records {
            let Record::Queued { session, sequence, .. } = record else { continue };
            let found = fetch(store.as_ref(), Owner::Session(*session), vec![*sequence]).remove(0).1;
            assert!(found.is_some() || !kept.waits(*session, *sequence), "{sequence} of {session} is gone");
        }
    }
    println!(
        "{}",
        if has_failed || store.stats().failures > 0 { "it has failed" } else { "it has not failed" }
    );
    std::process::exit(0);
}

fn survives(file: Option<&str>, faults: &[&str]) {
    let directory = tempfile::tempdir().expect("a folder");
    let promised = run(directory.path(), file, faults);
    assert_eq!(promised, BATCHES, "{faults:?}");
    let (mut records, mut kept) = (Records::new(SEED), Kept::default());
    (0..BATCHES).for_each(|_| records.batch().iter().for_each(|record| kept.apply(record)));
    let (store, recovered) = DiskStore::open(directory.path(), options()).expect("it opens");
    assert_eq!(store.damaged(), [""; 0], "{faults:?}");
    assert_eq!(Kept::of(&recovered, store.as_ref()).differences(&kept), [""; 0], "{faults:?}");
}

#[test]
fn syncs_that_fail_lose_nothing() {
    survives(None, &["fdatasync:error=EIO:when=20..24"]);
    survives(None, &["fdatasync:error=EIO:when=5+7"]);
}

#[test]
fn writes_that_fail_lose_nothing() {
    survives(None, &["pwrite64:error=ENOSPC:when=30..33"]);
    survives(None, &["pwrite64:error=EIO:when=11+13"]);
}

#[test]
fn reads_that_fail_are_tried_again() {
    survives(None, &["pread64:error=EIO:when=40..42"]);
}

#[test]
fn segments_that_cannot_be_begun_lose_nothing() {
    let segment = Some("journal/0000000003.journal");
    survives(segment, &["fsync:error=EIO:when=1..2"]);
    survives(segment, &["pwrite64:error=ENOSPC:when=1..3"]);
}
