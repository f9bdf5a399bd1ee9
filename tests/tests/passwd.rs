//! `tidewire passwd`: the file it keeps is the one that the broker reads.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tidewire::auth::{PasswordFile, ScramUsers};
use tidewire_tests::binary::binary;

/// Runs the command with this on standard input.
fn passwd(file: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut process = Command::new(binary())
        .arg("passwd")
        .arg(file)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be run");
    let mut stdin = process.stdin.take().expect("the pipe was asked for");
    // What it refuses it may refuse before it reads.
    let _ = stdin.write_all(input);
    drop(stdin);
    process.wait_with_output().expect("it ends")
}

/// The same, which is to succeed; what it has to say all the same.
fn done(file: &Path, arguments: &[&str], input: &[u8]) -> String {
    let output = passwd(file, arguments, input);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).expect("the file is there")
}

#[test]
fn users_are_added_changed_and_removed() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("users");
    for (user, password) in [("ann", &b"first\n"[..]), ("bob", b"caf\xe9"), ("ann", b"correct horse\r\n")] {
        assert_eq!(done(&file, &[user], password), "");
    }
    let users = PasswordFile::load(&file).expect("it is right");
    assert_eq!(users.len(), 2);
    assert!(users.find("ann").verify(b"correct horse"));
    assert!(!users.find("ann").verify(b"first"));
    assert!(users.find("bob").verify(b"caf\xe9"));
    let mode = fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else can read it: {mode:o}");

    let before = text(&file);
    assert!(before.starts_with("ann:$argon2id$v=19$m=19456,t=2,p=1$"), "{before}");
    let (ann, bob) = before.split_once('\n').expect("there are two lines");
    fs::write(&file, format!("# staff\n{ann}\n\n{bob}")).expect("it can be written");
    done(&file, &["ann", "--delete"], b"");
    assert_eq!(text(&file), format!("# staff\n\n{bob}"));
    assert!(complaint(&passwd(&file, &["ann", "--delete"], b"")).contains("there is no user ann"));
}

#[test]
fn verifiers_for_scram_are_kept_as_well() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("users.scram");
    done(&file, &["ann", "--scram"], b"correct horse\n");
    done(&file, &["bob", "--scram", "--iterations", "5000"], b"correct horse\n");
    assert_eq!(ScramUsers::load(&file).expect("it is right").len(), 2);
    let text = text(&file);
    assert!(
        text.starts_with("ann:SCRAM-SHA-256$4096:") && text.contains("\nbob:SCRAM-SHA-256$5000:"),
        "{text}"
    );
    // One file serves both: by password they are the same users.
    let users = PasswordFile::load(&file).expect("it is right");
    assert!(users.find("ann").verify(b"correct horse"));
    // A file for SCRAM alone has no place for others.
    done(&file, &["carl"], b"battery\n");
    let error = ScramUsers::load(&file).expect_err("carl has no verifier").to_string();
    assert!(error.contains("users.scram:3:6: user carl: expected SCRAM-SHA-256$"), "{error}");
}

#[test]
fn a_file_of_mosquittos_goes_on() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("passwd");
    // mosquitto_passwd -H sha512 -c -b passwd ann pencil; mosquitto_passwd -b passwd bob pencil
    let of_mosquitto = "ann:$6$6ENoGVzvKzF6jWyY$zhokTBNeodzWHJeQ+4F0s7X3X6vTUw7nI7i4lgZot507wScRGN1lz4GvQDUJGB8xM+mpJXO\
                        /U9UQEUiBloPexw==\n\
                        bob:$7$101$mvLTA+wjN+wG2Oca$WbHo0gR5egJznr1bhPj7AO0t4AzCYqECQzX5g/kUxs2sYitpFTSOkixKC3qfZZsck1q\
                        fHH34SvTIDkqK4AqHaA==\n";
    fs::write(&file, of_mosquitto).expect("it can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let warning = done(&file, &["carl"], b"battery\n");
    assert!(warning.contains("everybody on this machine may read"), "{warning}");
    let text = text(&file);
    assert!(text.starts_with(&format!("{of_mosquitto}carl:$argon2id$")), "{text}");
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o644);
    let users = PasswordFile::load(&file).expect("it is right");
    for (user, password) in [("ann", "pencil"), ("bob", "pencil"), ("carl", "battery")] {
        assert!(users.find(user).verify(password.as_bytes()), "{user}");
    }
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("users");
    let long = [b'x'; 4097];
    for (arguments, input, fault) in [
        (&["ann"][..], &b"\n"[..], "the password is empty"),
        (&["ann"], b"", "the password is empty"),
        (&["ann"], &long, "longer than 4096 bytes"),
        (&["a:b"], b"secret\n", "a user's name"),
        (&["#ann"], b"secret\n", "a user's name"),
        (&["ann", "--scram"], b"\n", "the password is empty"),
        (&["ann", "--scram"], b"a\x07b\n", "SASLprep"),
        (&["ann", "--scram"], b"caf\xe9\n", "UTF-8"),
        (&["a:b", "--scram"], b"secret\n", "a user's name"),
        (&["\u{2168}", "--scram"], b"secret\n", "\"IX\""),
        (&["ann", "--scram", "--iterations", "1"], b"secret\n", "from 4096"),
        (&["ann", "--iterations", "5000"], b"secret\n", "--scram"),
        (&["ann", "--scram", "--delete"], b"secret\n", "cannot be used with"),
        (&["ann", "--delete"], b"", "there is no user ann"),
    ] {
        let complaint = complaint(&passwd(&file, arguments, input));
        assert!(complaint.contains(fault), "{complaint} for {arguments:?}");
        assert!(!complaint.contains("secret"), "{complaint}");
    }
    assert_eq!(fs::read_dir(&directory).expect("it is there").count(), 0, "no file is left behind");
}

#[test]
fn a_file_that_is_being_changed_is_left_alone() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("users");
    fs::write(directory.path().join("users.new"), "of another").expect("it can be written");
    let complaint = complaint(&passwd(&file, &["ann"], b"secret\n"));
    assert!(complaint.contains("users.new is there"), "{complaint}");
    assert_eq!(text(&directory.path().join("users.new")), "of another");
}
