//! The model and the reading of calls, by examples.

use std::path::Path;

use super::*;
use crate::random::Random;

/// A disk that begins empty and does what `strace` would say of files in `/d`.
fn disk_after(lines: &str, rules: Rules) -> (Disk, History) {
    disk_after_lives(&[lines], rules)
}

/// The same of several processes, one after the other.
fn disk_after_lives(lives: &[&str], rules: Rules) -> (Disk, History) {
    let empty = tempfile::tempdir().unwrap();
    let root = empty.path();
    let mut translator = Translator::new(root, Path::new("/promises")).unwrap();
    for lines in lives {
        let text = lines.replace("/d", root.to_str().unwrap());
        translator.translate(&parse(&text).unwrap()).unwrap();
    }
    let history = translator.finish();
    let mut disk = Disk::read(root, rules).unwrap();
    history.steps.iter().for_each(|step| disk.step(&history.operations, *step));
    (disk, history)
}

/// Names and contents of an image's files.
fn files(disk: &Disk, variant: Variant, seed: u64) -> Vec<(String, Vec<u8>)> {
    let image = tempfile::tempdir().unwrap();
    disk.save(variant, &mut Random::new(seed, 1), image.path()).unwrap();
    let mut found: Vec<_> = disk::list(image.path())
        .unwrap()
        .into_iter()
        .filter(|listed| !listed.is_directory)
        .map(|listed| {
            let name = listed.path.strip_prefix(image.path()).unwrap().display().to_string();
            (name, std::fs::read(&listed.path).unwrap())
        })
        .collect();
    found.sort();
    found
}

fn durable(lines: &str) -> Vec<(String, Vec<u8>)> {
    files(&disk_after(lines, Rules::default()).0, Variant::Durable, 0)
}

fn written(lines: &str) -> Vec<(String, Vec<u8>)> {
    files(&disk_after(lines, Rules::default()).0, Variant::Written, 0)
}

fn file(name: &str, content: &[u8]) -> (String, Vec<u8>) {
    (name.to_owned(), content.to_vec())
}

const CREATE: &str = "1 openat(AT_FDCWD</>, \"/d/a\", O_RDWR|O_CREAT, 0666) = 3</d/a>\n\
                      1 openat(AT_FDCWD</>, \"/d\", O_RDONLY) = 4</d>\n";
const KEEP_NAME: &str = "1 fsync(4</d>) = 0\n";
const HELLO: &str = "1 write(3</d/a>, \"hello\", 5) = 5\n";
const SYNC: &str = "1 fdatasync(3</d/a>) = 0\n";

#[test]
fn nothing_is_durable_without_both_syncs() {
    let run = |lines: &[&str]| durable(&lines.concat());
    assert_eq!(run(&[CREATE, HELLO]), []);
    assert_eq!(run(&[CREATE, HELLO, SYNC]), []);
    assert_eq!(run(&[CREATE, KEEP_NAME, HELLO]), [file("a", b"")]);
    assert_eq!(run(&[CREATE, KEEP_NAME, HELLO, SYNC]), [file("a", b"hello")]);
    assert_eq!(run(&[CREATE, HELLO, SYNC, KEEP_NAME]), [file("a", b"hello")]);
    assert_eq!(written(&[CREATE, HELLO].concat()), [file("a", b"hello")]);
}

#[test]
fn ext4_keeps_a_synced_files_name() {
    let rules = Rules { file_sync_keeps_names: true };
    let (disk, _) = disk_after(&[CREATE, HELLO, SYNC].concat(), rules);
    assert_eq!(files(&disk, Variant::Durable, 0), [file("a", b"hello")]);
}

#[test]
fn a_range_that_was_synced_is_not_durable() {
    let range = "1 sync_file_range(3</d/a>, 0, 5, SYNC_FILE_RANGE_WRITE|SYNC_FILE_RANGE_WAIT_AFTER) = 0\n";
    assert_eq!(durable(&[CREATE, KEEP_NAME, HELLO, range].concat()), [file("a", b"")]);
}

#[test]
fn a_sync_covers_what_had_come_back_when_it_began() {
    let overlap = "1 write(3</d/a>, \"one\", 3 <unfinished ...>\n\
                   2 pwrite64(3</d/a>, \"T\", 1, 8) = 1\n\
                   2 fdatasync(3</d/a> <unfinished ...>\n\
                   1 <... write resumed>) = 3\n\
                   3 pwrite64(3</d/a>, \"L\", 1, 9) = 1\n";
    let end = "2 <... fdatasync resumed>) = 0\n";
    assert_eq!(durable(&[CREATE, KEEP_NAME, overlap].concat()), [file("a", b"")]);
    assert_eq!(durable(&[CREATE, KEEP_NAME, overlap, end].concat()), [file("a", b"\0\0\0\0\0\0\0\0T")]);
    assert_eq!(written(&[CREATE, overlap].concat()), [file("a", b"one\0\0\0\0\0TL")]);
}

#[test]
fn what_a_process_was_about_at_its_end_lies_before_what_the_next_one_does() {
    let unsure = "1 write(3</d/a>, \"hello\", 5) = ?\n";
    let open = "2 openat(AT_FDCWD</>, \"/d/a\", O_RDWR) = 3</d/a>\n";
    let (other, sync) = ("2 write(3</d/a>, \"other\", 5) = 5\n", "2 fdatasync(3</d/a>) = 0\n");
    let (first, second) = ([CREATE, KEEP_NAME, unsure].concat(), [open, other, sync].concat());
    let (disk, _) = disk_after_lives(&[&first, &second], Rules::default());
    for variant in [Variant::Durable, Variant::Written] {
        assert_eq!(files(&disk, variant, 0), [file("a", b"other")]);
    }
    // But a sync that never came back has made nothing durable.
    let (disk, _) = disk_after_lives(
        &[&[CREATE, KEEP_NAME, HELLO, "1 fdatasync(3</d/a>) = ?\n"].concat(), open],
        Rules::default(),
    );
    assert_eq!(files(&disk, Variant::Durable, 0), [file("a", b"")]);
}

#[test]
fn promises_count_from_their_beginning() {
    let marker = "1 write(9</promises>, \"promised 4\\n\", 11 <unfinished ...>\n";
    let (disk, _) = disk_after(&[CREATE, marker].concat(), Rules::default());
    assert_eq!(disk.promised(), 4);
}

#[test]
fn places_in_files_are_followed() {
    let calls = "1 write(3</d/a>, \"abc\", 3) = 2\n\
                 1 dup(3</d/a>) = 5</d/a>\n\
                 1 write(5</d/a>, \"d\", 1) = 1\n\
                 1 lseek(3</d/a>, 1, SEEK_CUR) = 4\n\
                 1 writev(5</d/a>, [{iov_base=\"e\", iov_len=1}, {iov_base=\"f\", iov_len=1}], 2) = 2\n\
                 1 close(3</d/a>) = 0\n\
                 1 openat(AT_FDCWD</d>, \"a\", O_WRONLY|O_APPEND) = 3</d/a>\n\
                 1 write(3</d/a>, \"g\", 1) = 1\n\
                 1 write(3</d/a>, \"x\", 1) = -1 ENOSPC (No space left on device)\n";
    assert_eq!(written(&[CREATE, calls].concat()), [file("a", b"abd\0efg")]);
}

#[test]
fn lengths_are_followed() {
    let calls = "1 ftruncate(3</d/a>, 2) = 0\n\
                 1 fallocate(3</d/a>, 0, 0, 4) = 0\n\
                 1 fallocate(3</d/a>, FALLOC_FL_KEEP_SIZE, 0, 4096) = 0\n";
    assert_eq!(written(&[CREATE, HELLO, calls].concat()), [file("a", b"he\0\0")]);
    let again = "1 openat(AT_FDCWD</>, \"/d/a\", O_WRONLY|O_TRUNC) = 5</d/a>\n";
    assert_eq!(written(&[CREATE, HELLO, again].concat()), [file("a", b"")]);
    assert_eq!(durable(&[CREATE, HELLO, SYNC, KEEP_NAME, again].concat()), [file("a", b"hello")]);
}

#[test]
fn files_keep_their_content_through_renames() {
    let rename = "1 mkdir(\"/d/sub\", 0777) = 0\n\
                  1 rename(\"/d/a\", \"/d/sub/b\") = 0\n\
                  1 write(3</d/sub/b>, \"!\", 1) = 1\n";
    let keep_sub = "1 openat(AT_FDCWD</>, \"/d/sub\", O_RDONLY) = 5</d/sub>\n1 fsync(5</d/sub>) = 0\n";
    let start = [CREATE, KEEP_NAME, HELLO, SYNC].concat();
    assert_eq!(written(&[&start, rename].concat()), [file("sub/b", b"hello!")]);
    assert_eq!(durable(&[&start, rename].concat()), [file("a", b"hello")]);
    assert_eq!(durable(&[&start, rename, KEEP_NAME, keep_sub].concat()), [file("sub/b", b"hello")]);
}

#[test]
fn an_unlink_may_have_happened_or_not() {
    let start = [CREATE, KEEP_NAME, HELLO, SYNC].concat();
    let unlink = "1 unlink(\"/d/a\") = 0\n1 write(3</d/a>(deleted), \"x\", 1) = 1\n";
    let (disk, _) = disk_after(&[&start, unlink].concat(), Rules::default());
    let counts: Vec<_> = (0..20).map(|seed| files(&disk, Variant::Torn, seed).len()).collect();
    assert!(counts.contains(&0) && counts.contains(&1), "{counts:?}");
    assert_eq!(durable(&[&start, unlink, KEEP_NAME].concat()), []);
}

#[test]
fn names_change_in_order() {
    let calls = "1 openat(AT_FDCWD</>, \"/d/b\", O_RDWR|O_CREAT, 0666) = 5</d/b>\n\
                 1 unlink(\"/d/a\") = 0\n";
    let (disk, _) = disk_after(&[CREATE, KEEP_NAME, calls].concat(), Rules::default());
    let mut seen: Vec<Vec<String>> = (0..40)
        .map(|seed| files(&disk, Variant::Torn, seed).into_iter().map(|(name, _)| name).collect())
        .collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, [vec!["a"], vec!["a", "b"], vec!["b"]]);
}

#[test]
fn writes_tear_at_sectors_and_nowhere_else() {
    let write = format!("1 pwrite64(3</d/a>, \"{}\", 2048, 0) = 2048\n", "\\x31".repeat(2048));
    let (disk, _) = disk_after(&[CREATE, KEEP_NAME, &write].concat(), Rules::default());
    let (mut lengths, mut is_torn) = (Vec::new(), false);
    for seed in 0..200 {
        let found = files(&disk, Variant::Torn, seed);
        let content = &found[0].1;
        lengths.push(content.len());
        let sectors: Vec<_> = content
            .chunks(512)
            .map(|sector| (sector[0], sector.iter().all(|byte| *byte == sector[0])))
            .collect();
        assert!(sectors.iter().all(|(_, is_whole)| *is_whole), "seed {seed}");
        is_torn |=
            sectors.iter().any(|(byte, _)| *byte == 0) && sectors.iter().any(|(byte, _)| *byte == b'1');
    }
    lengths.sort_unstable();
    lengths.dedup();
    assert!(is_torn && lengths.first() == Some(&0) && lengths.last() == Some(&2048), "{lengths:?}");
    assert!(lengths.iter().all(|length| length % 512 == 0));
}

#[test]
fn a_later_write_of_a_sector_brings_the_earlier_one_with_it() {
    let writes = "1 pwrite64(3</d/a>, \"a\", 1, 0) = 1\n1 pwrite64(3</d/a>, \"b\", 1, 1) = 1\n";
    let (disk, _) = disk_after(&[CREATE, KEEP_NAME, writes].concat(), Rules::default());
    for seed in 0..100 {
        let found = files(&disk, Variant::Torn, seed);
        assert_ne!(found[0].1, b"\0b", "seed {seed}");
    }
}

#[test]
fn garbage_stands_only_where_room_was_new() {
    let old = format!("1 pwrite64(3</d/a>, \"{}\", 512, 0) = 512\n", "\\x31".repeat(512));
    let new = format!("1 pwrite64(3</d/a>, \"{}\", 1024, 0) = 1024\n", "\\x32".repeat(1024));
    let (disk, _) = disk_after(&[CREATE, KEEP_NAME, &old, SYNC, &new].concat(), Rules::default());
    let mut has_garbage = false;
    for seed in 0..100 {
        let content = files(&disk, Variant::Garbage, seed).remove(0).1;
        assert!(
            content[..512].iter().all(|byte| *byte == b'1')
                || content[..512].iter().all(|byte| *byte == b'2')
        );
        has_garbage |= content[512..].iter().any(|byte| ![0, b'2'].contains(byte));
    }
    assert!(has_garbage);
}

#[test]
fn what_is_not_understood_is_an_error() {
    let fault = |line: &str| {
        let empty = tempfile::tempdir().unwrap();
        let root = empty.path().to_str().unwrap();
        let hexadecimal: String = root.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        let text = line.replace("/d", &hexadecimal);
        let mut translator = Translator::new(empty.path(), Path::new("/promises")).unwrap();
        translator.translate(&parse(&text).unwrap()).unwrap_err()
    };
    assert!(fault("1 link(\"/d/a\", \"/d/b\") = 0").contains("not understood"));
    assert!(
        fault("1 mmap(NULL, 8, PROT_READ|PROT_WRITE, MAP_SHARED, 3</d/a>, 0) = 0x7f00")
            .contains("without system")
    );
    assert!(fault("1 write(3</d/a>, \"x\", 1) = 1").contains("disagree"));
    assert!(fault("1 vfork() = 5").contains("not understood"));
    assert!(fault("1 rename(\"/elsewhere\", \"/d/b\") = 0").contains("from elsewhere"));
}
