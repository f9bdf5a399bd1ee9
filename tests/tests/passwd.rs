//! `tidewire passwd`: the file it keeps is the one that the broker reads.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tidewire::auth::ScramUsers;
use tidewire_tests::binary::binary;

/// Runs the command with this on standard input.
fn passwd(file: &Path, arguments: &[&str], input: &str) -> Output {
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
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    process.wait_with_output().expect("it ends")
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn users_are_added_changed_and_removed() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("users.scram");
    for user in ["ann", "bob", "ann"] {
        let output = passwd(&file, &[user, "--scram"], "correct horse\n");
        assert!(output.status.success(), "{output:?}");
    }
    let text = std::fs::read_to_string(&file).expect("it was made");
    assert!(!text.contains("correct horse"));
    assert_eq!(ScramUsers::load(&file).expect("it is right").len(), 2);
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else can read it: {mode:o}");

    std::fs::write(&file, format!("# staff\n{text}")).expect("it can be written");
    assert!(passwd(&file, &["ann", "--delete"], "").status.success());
    let text = std::fs::read_to_string(&file).expect("it is there");
    assert!(text.starts_with("# staff\nbob:SCRAM-SHA-256$4096:"), "{text}");
    assert!(complaint(&passwd(&file, &["ann", "--delete"], "")).contains("there is no user ann"));
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("users.scram");
    let refused = |arguments: &[&str], input: &str| complaint(&passwd(&file, arguments, input));
    assert!(refused(&["ann", "--scram"], "\n").contains("the password is empty"));
    assert!(refused(&["ann", "--scram"], "a\u{7}b\n").contains("SASLprep"));
    assert!(refused(&["a:b", "--scram"], "secret\n").contains("a user's name"));
    assert!(refused(&["ann", "--scram", "--iterations", "1"], "secret\n").contains("from 4096"));
    assert!(refused(&["ann"], "secret\n").contains("--scram"));
    assert!(!file.exists());
}
