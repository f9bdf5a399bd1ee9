//! Copies of a store: export, import, and a backup while it is in use.

use std::io::{BufReader, Cursor, Write};
use std::sync::{Arc, Mutex};

use tidewire::store::{DiskStore, ImportError, Store};
use tidewire_tests::kept::Kept;
use tidewire_tests::records::Records;

use crate::model::{apply, open, options, wait_for};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("nobody panics").clone()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A store with something of everything, partly in the archive.
fn filled(dir: &std::path::Path, seed: u64) -> (Arc<DiskStore>, Records, Kept) {
    let (store, _) = open(dir);
    let (mut records, mut kept) = (Records::new(seed), Kept::default());
    fill(&store, &mut records, &mut kept, 4_000);
    (store, records, kept)
}

fn fill(store: &DiskStore, records: &mut Records, kept: &mut Kept, batches: usize) {
    for _ in 0..batches {
        let batch = records.batch();
        batch.iter().for_each(|record| kept.apply(record));
        let commit = apply(store, batch);
        wait_for(store, commit);
    }
}

#[test]
fn an_export_makes_the_same_store_elsewhere() {
    let (dir, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (store, _, kept) = filled(dir.path(), 11);
    let text = Shared::default();
    let exported = store.export(text.clone()).expect("it is written");
    assert_eq!(exported.unreadable, 0);
    let text = text.bytes();
    let (copy, _) = open(other.path());
    let lines = copy.import(BufReader::new(Cursor::new(&text))).expect("it is read");
    assert_eq!(lines, exported.lines);
    assert!(matches!(copy.import(Cursor::new(&text)), Err(ImportError::NotEmpty)));
    copy.close();
    drop(copy);
    let (copy, recovered) = open(other.path());
    assert_eq!(Kept::of(&recovered, copy.as_ref()).differences(&kept), [""; 0]);
}

#[test]
fn a_backup_of_a_store_in_use_is_one_moment_of_it() {
    let (dir, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (store, mut records, mut kept) = filled(dir.path(), 12);
    let file = dir.path().join("backup.jsonl");
    let mut moments = vec![kept.clone()];
    std::thread::scope(|scope| {
        let backup = scope.spawn(|| store.backup(&file).expect("it is written"));
        while !backup.is_finished() {
            fill(&store, &mut records, &mut kept, 1);
            moments.push(kept.clone());
        }
    });
    let (copy, _) = open(other.path());
    copy.import(BufReader::new(std::fs::File::open(&file).expect("it is there"))).expect("it is read");
    copy.close();
    drop(copy);
    let (copy, recovered) = open(other.path());
    let found = Kept::of(&recovered, copy.as_ref());
    assert!(moments.contains(&found), "{:?}", found.differences(&moments[0]));
}

#[test]
fn text_that_is_wrong_is_refused_with_its_line() {
    let first = "{\"tidewire\":{\"format\":1}}\n";
    let wrong = [
        ("", "line 0"),
        ("{\"end\":{\"lines\":1}}\n", "line 1: this is no export"),
        ("{\"tidewire\":{\"format\":99}}\n", "newer"),
        (first, "cut short"),
        (&format!("{first}{{\"end\":{{\"lines\":7}}}}\n"), "line 2: 7 lines were written"),
        (&format!("{first}nonsense\n"), "line 2: "),
        (
            &format!(
                "{first}{{\"queued\":{{\"queue\":\"q\",\"sequence\":1,\"priority\":4,\"deliveries\":0,\"message\":5}}}}\n"
            ),
            "line 2: there is no message 5",
        ),
    ];
    for (text, expected) in wrong {
        let dir = tempfile::tempdir().expect("a folder");
        let (store, _) = DiskStore::open(dir.path(), options()).expect("it opens");
        let error = store.import(Cursor::new(text)).expect_err("it is wrong").to_string();
        assert!(error.contains(expected), "{error} does not contain {expected}");
    }
}
